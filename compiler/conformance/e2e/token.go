package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"writ.dev/writ/compiler/prove/authz"
)

// issuer signs tokens, for issuers of whatever name.
type issuer struct {
	key  *ecdsa.PrivateKey
	keys string // the JSON Web Key Set
}

func newIssuer() (*issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	point, err := key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		return nil, err
	}
	keys, err := json.Marshal(object{"keys": []object{{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1", "x": base64URL(point[1:33]), "y": base64URL(point[33:]),
	}}})
	return &issuer{key, string(keys)}, err
}

func base64URL(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// token is the token, signed.
func (i *issuer) token(t *authz.Token) (string, error) {
	claims := object{"iss": t.Issuer}
	if t.Subject != "" {
		claims["sub"] = t.Subject
	}
	if t.Presenter != "" {
		claims["azp"] = t.Presenter
	}
	if t.Audiences != nil {
		claims["aud"] = t.Audiences
	}
	for _, path := range slices.Sorted(maps.Keys(t.Claims)) {
		at, keys := claims, strings.Split(strings.Trim(path, "[]"), "][")
		for _, key := range keys[:len(keys)-1] {
			next, ok := at[key].(object)
			if !ok {
				next = object{}
				at[key] = next
			}
			at = next
		}
		at[keys[len(keys)-1]] = t.Claims[path]
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed := base64URL([]byte(`{"alg":"ES256","typ":"JWT","kid":"1"}`)) + "." + base64URL(body)
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, sum[:])
	if err != nil {
		return "", err
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + base64URL(signature[:]), nil
}
