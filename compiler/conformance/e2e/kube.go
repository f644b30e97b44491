package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/yaml"
)

// object is one of Kubernetes, as JSON has it.
type object = map[string]any

// api is a Kubernetes API server, as its administrator calls it.
type api struct {
	address string // with https://
	client  *http.Client

	mu    sync.Mutex
	kinds map[string]kind // by apiVersion and kind
}

type kind struct {
	plural     string
	namespaced bool
}

// token is the administrator's, on servers that nobody else reaches.
const token = "e2e"

func newAPI(address string) *api {
	return &api{
		address: "https://" + address,
		client: &http.Client{
			Timeout:   30 * time.Second,
			Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, // its certificate is its own
		},
		kinds: map[string]kind{},
	}
}

// statusError is what an API server says of a request that it refuses.
type statusError struct {
	code int
	said string
}

func (e *statusError) Error() string { return fmt.Sprintf("%d: %s", e.code, e.said) }

// notFound reports whether the API server does not have it.
func notFound(err error) bool {
	var s *statusError
	return errors.As(err, &s) && s.code == http.StatusNotFound
}

func (a *api) do(ctx context.Context, method, path, contentType string, body []byte, result any) error {
	r, err := http.NewRequestWithContext(ctx, method, a.address+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", contentType)
	res, err := a.client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %w", method, path, &statusError{res.StatusCode, string(data[:min(len(data), 500)])})
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(data, result)
}

func (a *api) get(ctx context.Context, path string, result any) error {
	return a.do(ctx, http.MethodGet, path, "application/json", nil, result)
}

func (a *api) post(ctx context.Context, path string, body, result any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return a.do(ctx, http.MethodPost, path, "application/json", data, result)
}

// merge changes fields of an object, as a JSON merge patch.
func (a *api) merge(ctx context.Context, path string, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return a.do(ctx, http.MethodPatch, path, "application/merge-patch+json", data, nil)
}

// put replaces an object as a whole.
func (a *api) put(ctx context.Context, path string, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return a.do(ctx, http.MethodPut, path, "application/json", data, nil)
}

func (a *api) delete(ctx context.Context, path string) error {
	return a.do(ctx, http.MethodDelete, path, "application/json", nil, nil)
}

// apply applies an object, as `kubectl apply --server-side --force-conflicts` does.
func (a *api) apply(ctx context.Context, o object) error {
	path, err := a.pathOf(ctx, o)
	if err != nil {
		return err
	}
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return a.do(ctx, http.MethodPatch, path+"?fieldManager=e2e&force=true", "application/apply-patch+yaml", data, nil)
}

// applyFile applies all objects of a file.
func (a *api) applyFile(ctx context.Context, path string) error {
	all, err := objectsOf(path)
	if err != nil {
		return err
	}
	for _, o := range all {
		if err := a.apply(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// objectsOf reads the objects of a file.
func objectsOf(path string) ([]object, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []object
	for _, document := range strings.Split("\n"+string(data), "\n---") {
		o := object{}
		if err := yaml.Unmarshal([]byte(document), &o); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if len(o) > 0 {
			all = append(all, o)
		}
	}
	return all, nil
}

// pathOf is where the API server has an object.
func (a *api) pathOf(ctx context.Context, o object) (string, error) {
	version, name := fmt.Sprint(o["apiVersion"]), fmt.Sprint(o["kind"])
	group := "/apis/" + version
	if !strings.Contains(version, "/") {
		group = "/api/" + version
	}
	k, err := a.kindOf(ctx, group, name)
	if err != nil {
		return "", err
	}
	meta, _ := o["metadata"].(object)
	path := group
	if k.namespaced {
		path += fmt.Sprintf("/namespaces/%v", meta["namespace"])
	}
	return fmt.Sprintf("%s/%s/%v", path, k.plural, meta["name"]), nil
}

func (a *api) kindOf(ctx context.Context, group, name string) (kind, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if k, ok := a.kinds[group+" "+name]; ok {
		return k, nil
	}
	var list struct {
		Resources []struct {
			Name, Kind string
			Namespaced bool
		}
	}
	if err := a.get(ctx, group, &list); err != nil {
		return kind{}, err
	}
	for _, r := range list.Resources {
		if !strings.Contains(r.Name, "/") {
			a.kinds[group+" "+r.Kind] = kind{r.Name, r.Namespaced}
		}
	}
	k, ok := a.kinds[group+" "+name]
	if !ok {
		return k, fmt.Errorf("%s has no kind %s in %s", a.address, name, group)
	}
	return k, nil
}

// established waits until the kinds of CustomResourceDefinitions are served.
func (a *api) established(ctx context.Context) error {
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Status   struct {
				Conditions []struct{ Type, Status string }
			}
		}
	}
	return until(ctx, "custom resources", func() error {
		if err := a.get(ctx, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &list); err != nil {
			return err
		}
		for _, i := range list.Items {
			there := false
			for _, c := range i.Status.Conditions {
				there = there || c.Type == "Established" && c.Status == "True"
			}
			if !there {
				return fmt.Errorf("%s is not established", i.Metadata.Name)
			}
		}
		return nil
	})
}

// kubeconfig is a file with which others call the API server as its administrator.
func (a *api) kubeconfig(namespace string) string {
	data, err := yaml.Marshal(object{
		"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"clusters": []object{{"name": "c", "cluster": object{"server": a.address, "insecure-skip-tls-verify": true}}},
		"users":    []object{{"name": "u", "user": object{"token": token}}},
		"contexts": []object{{"name": "c", "context": object{"cluster": "c", "user": "u", "namespace": namespace}}},
	})
	if err != nil {
		panic(err)
	}
	return string(data)
}
