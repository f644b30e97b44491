package manifest

import (
	"bytes"
	"fmt"
	"testing"

	"go.yaml.in/yaml/v4"
	kubernetes "sigs.k8s.io/yaml"
)

// policy is an object as writ renders it, with twelve rules.
func policy() []byte {
	var b bytes.Buffer
	b.WriteString("# Rendered by writ from policies/; do not edit.\n" + `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: productcatalogservice
  namespace: catalog
  labels:
    app.kubernetes.io/managed-by: writ
  annotations:
    writ.dev/intents: |-
      orders/checkoutservice get-product
      storefront/frontend get-product,list-products
    writ.dev/origin: Service catalog/productcatalogservice
spec:
  selector:
    matchLabels:
      app: productcatalogservice
  action: ALLOW
  rules:
`)
	for i := range 12 {
		fmt.Fprintf(&b, `  - from:
    - source:
        principals:
        - eu.boutique.example/ns/orders/sa/checkoutservice-%d
        - us.boutique.example/ns/orders/sa/checkoutservice-%[1]d
    to:
    - operation:
        ports: ["3550"]
        methods: [GET]
        paths:
        - /v1/products/{*}
        - /v1/categories/{*}/products
`, i)
	}
	return b.Bytes()
}

// BenchmarkRead reads one object of twelve rules, in the ways there are: Read itself where the style is writ's own and where it is
// not, which Kubernetes' reader is asked about, and below it the two libraries alone.
func BenchmarkRead(b *testing.B) {
	data := policy()
	for _, way := range []struct {
		name string
		read func([]byte) error
		data []byte
	}{
		{"tame", readAll, data},
		{"other", readAll, append(bytes.Clone(data), "# the end\n"...)},
		{"go.yaml.in", func(data []byte) error {
			var n yaml.Node
			return yaml.Unmarshal(data, &n)
		}, data},
		{"sigs.k8s.io", func(data []byte) error {
			_, err := kubernetes.YAMLToJSONStrict(data)
			return err
		}, data},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.SetBytes(int64(len(way.data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := way.read(way.data); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "objects/s")
		})
	}
}

func readAll(data []byte) error {
	_, err := Read("a.yaml", data)
	return err
}
