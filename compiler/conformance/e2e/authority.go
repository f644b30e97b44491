package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	ca "istio.io/api/security/v1alpha1"
)

// authority is a certificate that signs others, with its key.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// newAuthority is signed by the one above, or by itself where there is none.
func newAuthority(name string, above *authority) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{Organization: []string{name}}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	parent, signer := template, key
	if above != nil {
		parent, signer = above.certificate, above.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &authority{certificate, key}, err
}

func (a *authority) pem() string { return encode("CERTIFICATE", a.certificate.Raw) }

func (a *authority) keyPEM() (string, error) { return keyPEM(a.key) }

func keyPEM(key any) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return encode("PRIVATE KEY", der), err
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// issue signs a certificate for an identity, whatever it is, and returns it with its key.
func (a *authority) issue(id string) (chain, secret string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	uri, err := url.Parse(id)
	if err != nil {
		return "", "", err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return "", "", err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), URIs: []*url.URL{uri},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, a.certificate, key.Public(), a.key)
	if err != nil {
		return "", "", err
	}
	secret, err = keyPEM(key)
	return encode("CERTIFICATE", der) + a.pem(), secret, err
}

// accountKeys are the two halves of the key that signs the tokens of service accounts.
func accountKeys() (private, public string, err error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", "", err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	return encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)), encode("PUBLIC KEY", der), err
}

// identity gets a workload certificate from the cluster's istiod, as a sidecar's agent does, for a service account of the cluster. It
// returns the folder.
func (c *cluster) identity(ctx context.Context, namespace, account string) (string, error) {
	folder := c.box.path("identities", c.name, namespace, account)
	jwt, err := c.accountToken(ctx, namespace, account)
	if err != nil {
		return "", err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	spiffe := &url.URL{Scheme: "spiffe", Host: c.trustDomain(), Path: fmt.Sprintf("/ns/%s/sa/%s", namespace, account)}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{URIs: []*url.URL{spiffe}}, key)
	if err != nil {
		return "", err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(c.root)) {
		return "", fmt.Errorf("%s has no root", c.name)
	}
	conn, err := grpc.NewClient(c.address+":15012", grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		RootCAs: roots, ServerName: "istiod.istio-system.svc", MinVersion: tls.VersionTLS12,
	})))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+jwt, "clusterid", c.name)
	response, err := ca.NewIstioCertificateServiceClient(conn).CreateCertificate(ctx, &ca.IstioCertificateRequest{
		Csr: encode("CERTIFICATE REQUEST", csr), ValidityDuration: int64((12 * time.Hour).Seconds()),
	})
	if err != nil {
		return "", fmt.Errorf("%s signs nothing for %s/%s: %w", c.name, namespace, account, err)
	}
	secret, err := keyPEM(key)
	if err != nil {
		return "", err
	}
	for name, content := range map[string]string{
		"cert.pem": strings.Join(response.CertChain, ""), "key.pem": secret, "root.pem": c.root,
	} {
		if err := c.box.write(content, "identities", c.name, namespace, account, name); err != nil {
			return "", err
		}
	}
	return folder, nil
}
