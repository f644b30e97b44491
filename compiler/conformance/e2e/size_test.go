package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
)

// size is how much of what istiod sends a sidecar has in force. Listeners that it drains, and routes that these alone lead to, do not count.
type size struct{ bytes, clusters, listeners, routes int }

var routeName = regexp.MustCompile(`"route_config_name":\s*"([^"]+)"`)

func (p *pod) size(ctx context.Context) (s size, err error) {
	status, dump, err := p.inside(ctx, "http://127.0.0.1:15000/config_dump")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the proxy of %s says %d", p.id(), status)
	}
	if err != nil {
		return s, err
	}
	var of struct {
		Configs []struct {
			Clusters  []json.RawMessage `json:"dynamic_active_clusters"`
			Listeners []struct {
				Active json.RawMessage `json:"active_state"`
			} `json:"dynamic_listeners"`
			Routes []struct {
				Config json.RawMessage `json:"route_config"`
			} `json:"dynamic_route_configs"`
		}
	}
	if err := json.Unmarshal([]byte(dump), &of); err != nil {
		return s, fmt.Errorf("%s: %w", p.id(), err)
	}
	led := map[string]bool{}
	count := func(n *int, part json.RawMessage) {
		*n++
		s.bytes += len(part)
	}
	for _, c := range of.Configs {
		for _, cluster := range c.Clusters {
			count(&s.clusters, cluster)
		}
		for _, l := range c.Listeners {
			if len(l.Active) == 0 {
				continue
			}
			count(&s.listeners, l.Active)
			for _, name := range routeName.FindAllSubmatch(l.Active, -1) {
				led[string(name[1])] = true
			}
		}
	}
	for _, c := range of.Configs {
		for _, r := range c.Routes {
			var route struct{ Name string }
			if err := json.Unmarshal(r.Config, &route); err != nil {
				return s, err
			}
			if led[route.Name] {
				count(&s.routes, r.Config)
			}
		}
	}
	return s, nil
}

// sizes are those of all sidecars.
func (e *estate) sizes(t *testing.T) map[*pod]size {
	t.Helper()
	all := map[*pod]size{}
	var mu sync.Mutex
	if err := each(e.allPods(), 2, func(p *pod) error {
		s, err := p.size(t.Context())
		mu.Lock()
		defer mu.Unlock()
		all[p] = s
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// scopeMakesSmaller prints how much configuration the sidecars have with a Sidecar and without, and fails where one has not less with.
func (e *estate) scopeMakesSmaller(t *testing.T, with, without map[*pod]size) {
	t.Helper()
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "sidecar\tbytes\twithout scope\tclusters\twithout\tlisteners\twithout\troutes\twithout\t")
	line := func(name string, a, b size) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n",
			name, a.bytes, b.bytes, a.clusters, b.clusters, a.listeners, b.listeners, a.routes, b.routes)
	}
	var sum, open size
	n := 0
	for _, p := range e.allPods() {
		a, b := with[p], without[p]
		if !e.isScoped(p) {
			continue
		}
		n++
		line(p.id(), a, b)
		if a.bytes >= b.bytes || a.clusters >= b.clusters || a.listeners >= b.listeners || a.routes > b.routes {
			t.Errorf("%s has %+v with its scope and %+v without", p.id(), a, b)
		}
		for s, one := range map[*size]size{&sum: a, &open: b} {
			s.bytes, s.clusters, s.listeners, s.routes = s.bytes+one.bytes, s.clusters+one.clusters, s.listeners+one.listeners, s.routes+one.routes
		}
	}
	if n == 0 {
		t.Fatal("no sidecar has a scope")
	}
	line(fmt.Sprintf("all %d", n), sum, open)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("configuration of the sidecars with their scope, and without:\n%s", table.String())
}
