package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/yaml"

	"writ.dev/writ/compiler/conformance/e2e/parts"
	"writ.dev/writ/compiler/model"
)

// cluster is one of the estate's that runs: an API server and an istiod.
type cluster struct {
	*api
	name    string
	number  int
	address string
	doc     *model.Cluster
	box     *sandbox
	parts   *parts.Parts
	drain   string // as the estate has it

	server, istiod *process
	root           string // the root certificate that its workloads trust
	authority      *authority
	// adjust changes the mesh's configuration, where a test wants another one than the document says.
	adjust func(mesh object)
	making sync.Mutex
	made   map[string]bool // namespaces and accounts
	pods   []*pod
}

func (c *cluster) trustDomain() string { return c.doc.TrustDomain() }

// debug is where istiod answers whoever is on the same machine.
func (c *cluster) debug() string { return fmt.Sprintf("127.0.0.1:%d", 18080+c.number) }

// rootNamespace is Istio's.
const rootNamespace = "istio-system"

// startEtcd starts the store of all API servers.
func (s *sandbox) startEtcd(ctx context.Context, p *parts.Parts) error {
	const address = "127.0.0.1:2379"
	etcd, err := s.start("etcd", command{path: p.Programs["etcd"], args: []string{
		"--data-dir", s.path("etcd"), "--listen-client-urls", "http://" + address, "--advertise-client-urls", "http://" + address,
		"--listen-peer-urls", "http://127.0.0.1:2380", "--unsafe-no-fsync",
	}})
	if err != nil {
		return err
	}
	return listening(ctx, address, etcd)
}

// startServer starts the cluster's API server, with Istio's kinds.
func (c *cluster) startServer(ctx context.Context) error {
	if err := c.runServer(ctx); err != nil {
		return err
	}
	if err := c.applyFile(ctx, c.parts.IstioCRDs); err != nil {
		return err
	}
	if err := c.established(ctx); err != nil {
		return err
	}
	if err := c.runControllers(); err != nil {
		return err
	}
	return c.namespace(ctx, rootNamespace)
}

// runControllers starts the one of Kubernetes' controllers that Argo CD cannot do without: what it prunes, the collector of garbage
// removes.
func (c *cluster) runControllers() error {
	if err := c.box.write(c.kubeconfig("kube-system"), "controllers", c.name, "kubeconfig"); err != nil {
		return err
	}
	_, err := c.box.start("kube-controller-manager-"+c.name, command{path: c.parts.Programs["kube-controller-manager"], args: []string{
		"--kubeconfig=" + c.box.path("controllers", c.name, "kubeconfig"), "--controllers=garbage-collector-controller",
		"--leader-elect=false", "--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", 10257+c.number),
		"--cert-dir=" + c.box.path("controllers", c.name),
	}})
	return err
}

// runServer starts the API server on what etcd holds.
func (c *cluster) runServer(ctx context.Context) (err error) {
	c.server, err = c.box.start("kube-apiserver-"+c.name, command{path: c.parts.Programs["kube-apiserver"], args: []string{
		"--etcd-servers=http://127.0.0.1:2379", "--etcd-prefix=/" + c.name,
		"--bind-address=" + c.address, "--advertise-address=" + c.address, "--secure-port=6443",
		"--cert-dir=" + c.box.path("apiserver", c.name), "--token-auth-file=" + c.box.path("tokens.csv"), "--authorization-mode=RBAC",
		"--service-account-key-file=" + c.box.path("accounts.pub"), "--service-account-signing-key-file=" + c.box.path("accounts.key"),
		"--service-account-issuer=https://kubernetes.default.svc", "--api-audiences=https://kubernetes.default.svc,istio-ca",
		"--service-cluster-ip-range=" + c.doc.Doc.Spec.ServiceCIDR.Value,
		"--disable-admission-plugins=ServiceAccount", "--endpoint-reconciler-type=none",
	}})
	if err != nil {
		return err
	}
	return until(ctx, c.server.name, func() error {
		return c.get(ctx, "/api/v1/namespaces/default", nil)
	}, c.server)
}

// meshConfig is what the Cluster document says of the mesh's configuration, and a log of what proxies decide.
func (c *cluster) meshConfig() object {
	spec := c.doc.Doc.Spec
	mesh := object{
		"trustDomain": c.trustDomain(), "rootNamespace": c.doc.Mesh.RootNamespace, "accessLogFile": "/dev/stdout",
		"accessLogEncoding": "JSON",
		"accessLogFormat":   `{"case":"%REQ(X-WRIT-CASE)%","code":"%RESPONSE_CODE%","details":"%RESPONSE_CODE_DETAILS%","closed":"%CONNECTION_TERMINATION_DETAILS%","cluster":"%UPSTREAM_CLUSTER%"}`,
	}
	var aliases []string
	for _, a := range spec.TrustDomainAliases.Items {
		aliases = append(aliases, a.Value)
	}
	if len(aliases) > 0 {
		mesh["trustDomainAliases"] = aliases
	}
	if n := spec.PathNormalization.Value; n != "" {
		mesh["pathNormalization"] = object{"normalization": n}
	}
	if c.adjust != nil {
		c.adjust(mesh)
	}
	return mesh
}

// configureMesh writes the mesh's configuration, which istiod follows.
func (c *cluster) configureMesh(ctx context.Context) error {
	mesh, err := yaml.Marshal(c.meshConfig())
	if err != nil {
		return err
	}
	return c.apply(ctx, object{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "istio", "namespace": rootNamespace},
		"data": object{"mesh": string(mesh)},
	})
}

// startIstiod starts the cluster's istiod, under a root that all of them share. It reads the endpoints of the clusters that the
// document lets it discover.
func (c *cluster) startIstiod(ctx context.Context, root *authority, all []*cluster) error {
	own, err := newAuthority(c.name, root)
	if err != nil {
		return err
	}
	c.authority = own
	key, err := own.keyPEM()
	if err != nil {
		return err
	}
	for name, content := range map[string]string{
		"ca-cert.pem": own.pem(), "ca-key.pem": key, "root-cert.pem": root.pem(), "cert-chain.pem": own.pem() + root.pem(),
	} {
		if err := c.box.write(content, "istiod", c.name, "etc", "cacerts", name); err != nil {
			return err
		}
	}
	if err := c.configureMesh(ctx); err != nil {
		return err
	}
	for _, other := range all {
		if other == c || !c.doc.Discovers(other.doc) {
			continue
		}
		secret := object{
			"apiVersion": "v1", "kind": "Secret",
			"metadata": object{
				"name": "remote-" + other.name, "namespace": rootNamespace, "labels": object{"istio/multiCluster": "true"},
				"annotations": object{"networking.istio.io/cluster": other.name},
			},
			"data": object{other.name: base64.StdEncoding.EncodeToString([]byte(other.kubeconfig(rootNamespace)))},
		}
		if err := c.apply(ctx, secret); err != nil {
			return err
		}
	}
	if err := c.box.write(c.kubeconfig(rootNamespace), "istiod", c.name, "kubeconfig"); err != nil {
		return err
	}
	if err := c.runIstiod(ctx); err != nil {
		return err
	}
	return until(ctx, "root of "+c.name, func() error {
		var m struct{ Data map[string]string }
		err := c.get(ctx, "/api/v1/namespaces/"+rootNamespace+"/configmaps/istio-ca-root-cert", &m)
		if err == nil && m.Data["root-cert.pem"] == "" {
			err = fmt.Errorf("it is empty")
		}
		c.root = m.Data["root-cert.pem"]
		return err
	}, c.istiod)
}

// runIstiod starts istiod on what the cluster holds.
func (c *cluster) runIstiod(ctx context.Context) (err error) {
	env := []string{
		"POD_NAMESPACE=" + rootNamespace, "POD_NAME=istiod-0", "CLUSTER_ID=" + c.name, "TRUST_DOMAIN=" + c.trustDomain(),
		"PILOT_CERT_PROVIDER=istiod", "ISTIOD_CUSTOM_HOST=localhost",
		// Upstream Envoy lacks these two extensions of Istio's.
		"PILOT_ENABLE_METADATA_EXCHANGE=false", "PILOT_ENABLE_ALPN_FILTER=false",
		// The API servers' certificates are their own.
		"PILOT_INSECURE_MULTICLUSTER_KUBECONFIG_OPTIONS=insecureSkipTLSVerify",
	}
	if c.doc.Doc.Spec.SkipValidateTrustDomain.Value {
		env = append(env, "PILOT_SKIP_VALIDATE_TRUST_DOMAIN=true")
	}
	dir := c.box.path("istiod", c.name)
	c.istiod, err = c.box.start("istiod-"+c.name, command{
		path: c.parts.Programs["pilot-discovery"], dir: dir, env: env, args: []string{
			"discovery", "--kubeconfig", "kubeconfig", "--clusterID", c.name, "--domain", c.doc.Mesh.Domain, "--ctrlz_port", "0",
			"--httpAddr", c.debug(), "--httpsAddr", c.address + ":15017", "--grpcAddr", c.address + ":15010",
			"--secureGRPCAddr", c.address + ":15012", "--monitoringAddr", c.address + ":15014",
		},
	})
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: time.Second}
	return until(ctx, c.istiod.name, func() error {
		res, err := client.Get("http://" + c.debug() + "/ready")
		if err != nil {
			return err
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("it says %s", res.Status)
		}
		return nil
	}, c.istiod)
}

// namespace makes a namespace that is not there yet.
func (c *cluster) namespace(ctx context.Context, name string) error {
	return c.once(ctx, "namespace "+name, object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": name}})
}

// account makes a service account, and its namespace.
func (c *cluster) account(ctx context.Context, namespace, name string) error {
	if err := c.namespace(ctx, namespace); err != nil {
		return err
	}
	return c.once(ctx, "account "+namespace+"/"+name, object{
		"apiVersion": "v1", "kind": "ServiceAccount", "metadata": object{"name": name, "namespace": namespace},
	})
}

func (c *cluster) once(ctx context.Context, key string, o object) error {
	c.making.Lock()
	defer c.making.Unlock()
	if c.made[key] {
		return nil
	}
	err := c.apply(ctx, o)
	c.made[key] = err == nil
	return err
}

// accountToken is a token of the service account for istiod.
func (c *cluster) accountToken(ctx context.Context, namespace, account string) (string, error) {
	if err := c.account(ctx, namespace, account); err != nil {
		return "", err
	}
	var t struct{ Status struct{ Token string } }
	err := c.post(ctx, fmt.Sprintf("/api/v1/namespaces/%s/serviceaccounts/%s/token", namespace, account), object{
		"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
		"spec": object{"audiences": []string{"istio-ca"}, "expirationSeconds": 24 * 3600},
	}, &t)
	return t.Status.Token, err
}

// syncStatus is which configuration istiod has sent to each sidecar, and which of it they have taken; an error where the two differ.
func (c *cluster) syncStatus(ctx context.Context) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.debug()+"/debug/syncz", nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	var all []map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		return "", fmt.Errorf("%w: %s", err, data)
	}
	var lines []string
	for _, proxy := range all {
		line := fmt.Sprint(proxy["proxy"])
		for _, kind := range []string{"cluster", "listener", "route", "endpoint"} {
			sent, acked := fmt.Sprint(proxy[kind+"_sent"]), fmt.Sprint(proxy[kind+"_acked"])
			if sent != acked {
				return "", fmt.Errorf("%s has not taken its %ss yet", line, kind)
			}
			line += " " + sent
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	sidecars := 0
	for _, p := range c.pods {
		if !p.bare {
			sidecars++
		}
	}
	if len(lines) < sidecars {
		return "", fmt.Errorf("%d of %d sidecars of %s are connected", len(lines), sidecars, c.name)
	}
	return strings.Join(lines, "\n"), nil
}
