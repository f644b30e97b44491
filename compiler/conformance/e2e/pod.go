package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"writ.dev/writ/compiler/conformance/e2e/wire"
	"writ.dev/writ/compiler/model"
)

// pod is a network namespace of its own in which a sidecar and a stand-in run, as Kubernetes would have it.
type pod struct {
	cluster  *cluster
	workload *model.Workload // nil for those that no document names
	name     string
	ns       string
	account  string
	labels   map[string]string
	address  string
	hosts    string // the file that is its /etc/hosts
	ports    []int  // what the stand-in listens on
	redis    []int  // and Redis
	bare     bool   // without a sidecar

	agent *process
	apps  []*process
}

// anyPort is a container port that no Service has.
const anyPort = 65535

// proxyUID is who Istio's sidecars run as, and whose connections are not captured.
const proxyUID = 1337

func (p *pod) id() string { return p.cluster.name + "." + p.ns + "." + p.name }

// netns is a short name: interfaces are called by it too.
func (p *pod) netns() string {
	parts := strings.Split(p.address, ".")
	return "p" + parts[1] + "-" + parts[2] + "-" + parts[3]
}

// deploy makes the pod known to the cluster, which has no kubelet to do so, and sets up its network.
func (p *pod) deploy(ctx context.Context) error {
	if err := p.network(); err != nil {
		return err
	}
	if p.workload == nil && p.bare {
		return nil
	}
	return p.announce(ctx)
}

// announce tells the API server of the pod, as a kubelet would.
func (p *pod) announce(ctx context.Context) error {
	c := p.cluster
	if err := c.account(ctx, p.ns, p.account); err != nil {
		return err
	}
	labels := maps.Clone(p.labels)
	containers := []object{{"name": "app", "image": "app"}}
	if !p.bare {
		labels["security.istio.io/tlsMode"] = "istio"
		containers = append(containers, object{"name": "istio-proxy", "image": "proxy"})
	}
	var ports []object
	for _, port := range slices.Concat(p.ports, p.redis) {
		ports = append(ports, object{"containerPort": port})
	}
	containers[0]["ports"] = ports
	o := object{
		"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": p.name, "namespace": p.ns, "labels": labels},
		"spec": object{
			"serviceAccountName": p.account, "nodeName": "node", "containers": containers,
		},
	}
	if err := c.apply(ctx, o); err != nil {
		return err
	}
	return c.merge(ctx, fmt.Sprintf("/api/v1/namespaces/%s/pods/%s/status", p.ns, p.name), object{"status": object{
		"phase": "Running", "podIP": p.address, "podIPs": []object{{"ip": p.address}},
		"conditions": []object{{"type": "Ready", "status": "True"}},
	}})
}

func (p *pod) network() error {
	c := p.cluster
	p.hosts = c.box.path("hosts-" + c.name)
	if err := c.box.write(fmt.Sprintf("127.0.0.1 localhost\n%s istiod.%s.svc\n", c.address, rootNamespace), "hosts-"+c.name); err != nil {
		return err
	}
	n := p.netns()
	// Capture happens after routing: what no route leads to would not be captured.
	return c.box.shell(fmt.Sprintf(`
		ip netns add %[1]s
		ip link add v%[1]s type veth peer name eth0 netns %[1]s
		ip link set v%[1]s master br0 up
		ip -n %[1]s link set lo up
		ip -n %[1]s addr add %[2]s dev eth0
		ip -n %[1]s link set eth0 up
		ip -n %[1]s route add %[3]s dev eth0 scope link
		ip -n %[1]s route add default via %[3]s
	`, n, p.address+"/32", router))
}

// run starts what runs in the pod, and waits until it is ready.
func (p *pod) run(ctx context.Context) error {
	if err := p.begin(ctx); err != nil {
		return err
	}
	return p.ready(ctx)
}

// begin starts what runs in the pod: Istio's capture and agent, and the applications.
func (p *pod) begin(ctx context.Context) error {
	c := p.cluster
	if !p.bare {
		if err := p.runAgent(ctx); err != nil {
			return err
		}
	}
	args := []string{"serve", p.id()}
	for _, port := range p.ports {
		args = append(args, fmt.Sprint(port))
	}
	app, err := c.box.start("app-"+p.id(), command{path: c.parts.Programs["standin"], args: args, pod: p})
	if err != nil {
		return err
	}
	p.apps = []*process{app}
	for _, port := range p.redis {
		redis, err := c.box.start("redis-"+p.id(), command{path: c.parts.Programs["redis-server"], pod: p, args: []string{
			"--bind", "0.0.0.0", "--protected-mode", "no", "--port", fmt.Sprint(port), "--save", "",
		}})
		if err != nil {
			return err
		}
		p.apps = append(p.apps, redis)
	}
	return nil
}

// ready waits until the pod's sidecar says that it is ready.
func (p *pod) ready(ctx context.Context) error {
	if p.bare {
		return nil
	}
	return until(ctx, "pod "+p.id(), func() error {
		status, body, err := p.inside(ctx, "http://127.0.0.1:15021/healthz/ready")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("its sidecar says %d %s", status, body)
		}
		return err
	}, append(p.apps, p.agent)...)
}

func (p *pod) runAgent(ctx context.Context) error {
	c := p.cluster
	dir := c.box.path("pods", p.id())
	jwt, err := c.accountToken(ctx, p.ns, p.account)
	if err != nil {
		return err
	}
	bootstrap, err := os.ReadFile(c.parts.Bootstrap)
	if err != nil {
		return err
	}
	labels := "security.istio.io/tlsMode=\"istio\"\n"
	for key, value := range p.labels {
		labels += fmt.Sprintf("%s=%q\n", key, value)
	}
	for path, content := range map[string]string{
		"var/run/secrets/tokens/istio-token":            jwt,
		"var/run/secrets/istio/root-cert.pem":           c.root,
		"var/lib/istio/envoy/envoy_bootstrap_tmpl.json": string(bootstrap),
		"etc/istio/pod/labels":                          labels,
		"etc/istio/pod/annotations":                     "",
		"etc/istio/proxy/there":                         "",
	} {
		if err := c.box.write(content, "pods", p.id(), path); err != nil {
			return err
		}
	}
	if err := c.box.shell(fmt.Sprintf("chown -R %d:%d %s", proxyUID, proxyUID, dir)); err != nil {
		return err
	}
	if _, err := (command{path: c.parts.Programs["pilot-agent"], pod: p, args: []string{
		"istio-iptables", "-p", "15001", "-z", "15006", "-u", fmt.Sprint(proxyUID), "-m", "REDIRECT", "-i", "*", "-x", "", "-b", "*",
		"-d", "15090,15021,15020",
	}}).run(ctx, nil); err != nil {
		return err
	}
	// The addresses of Services lead nowhere: no proxy but the sidecars makes pods of them. Who passes a call through to one learns so at
	// once.
	for _, other := range c.doc.Mesh.Clusters {
		if services := other.Doc.Spec.ServiceCIDR.Value; services != "" {
			reject := "ip netns exec %s iptables -A OUTPUT -p tcp -d %s -j REJECT --reject-with tcp-reset"
			if err := c.box.shell(fmt.Sprintf(reject, p.netns(), services)); err != nil {
				return err
			}
		}
	}
	settings := object{
		"binaryPath": c.parts.Programs["envoy"], "discoveryAddress": "istiod." + rootNamespace + ".svc:15012", "concurrency": 1,
		"terminationDrainDuration": "1s", "fileFlushInterval": "0.2s",
	}
	if c.drain != "" {
		settings["drainDuration"] = c.drain
	}
	proxyConfig, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	p.agent, err = c.box.start("sidecar-"+p.id(), command{
		path: c.parts.Programs["pilot-agent"], pod: p, uid: proxyUID, dir: dir,
		args: []string{"proxy", "sidecar", "--domain", p.ns + ".svc." + c.doc.Mesh.Domain, "--proxyLogLevel=warning"},
		env: []string{
			"POD_NAME=" + p.name, "POD_NAMESPACE=" + p.ns, "INSTANCE_IP=" + p.address, "SERVICE_ACCOUNT=" + p.account, "HOME=" + dir,
			"ISTIO_META_CLUSTER_ID=" + c.name, "TRUST_DOMAIN=" + c.trustDomain(), "PILOT_CERT_PROVIDER=istiod",
			"CA_ADDR=istiod." + rootNamespace + ".svc:15012", "PROXY_CONFIG=" + string(proxyConfig),
		},
	})
	return err
}

// inside is what is answered to a request from within the pod, that no sidecar sees.
func (p *pod) inside(ctx context.Context, url string) (status int, body string, err error) {
	out, err := command{path: p.cluster.parts.Programs["standin"], pod: p, args: []string{"get", url}}.run(ctx, nil)
	if err != nil {
		return 0, "", err
	}
	_, err = fmt.Sscan(string(out), &status)
	_, body, _ = strings.Cut(string(out), "\n")
	return status, body, err
}

// call sends requests from within the pod, through its sidecar where it has one, and returns the answers in the order of the requests.
func (p *pod) call(ctx context.Context, requests []wire.Request) ([]wire.Answer, error) {
	var in bytes.Buffer
	e := json.NewEncoder(&in)
	for i := range requests {
		requests[i].ID = i
		if err := e.Encode(&requests[i]); err != nil {
			return nil, err
		}
	}
	out, err := command{path: p.cluster.parts.Programs["standin"], pod: p, args: []string{"call"}}.run(ctx, &in)
	if err != nil {
		return nil, err
	}
	answers := make([]wire.Answer, len(requests))
	d := json.NewDecoder(bytes.NewReader(out))
	for range requests {
		var a wire.Answer
		if err := d.Decode(&a); err != nil {
			return nil, fmt.Errorf("%s answers fewer than %d requests: %w", p.id(), len(requests), err)
		}
		answers[a.ID] = a
	}
	return answers, nil
}
