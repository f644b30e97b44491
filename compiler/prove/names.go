package prove

import (
	"fmt"
	"strings"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/prove/authz"
)

// anyIdentity is what a difference calls every caller that has a certificate.
const anyIdentity = "any identity"

// naming finds the Services behind identities.
type naming map[string][]*model.Workload // by namespace/account

// who is the caller of a difference, as people call it.
func (r *prover) who(a *authz.Difference) string {
	peers, matters := a.Box[peerAttribute]
	switch {
	case !matters:
		return "anybody"
	case len(peers) == 1 && peers[0] == anyIdentity:
		return anyIdentity
	}
	q := &a.Request
	if q.Principal == "" {
		if q.Source.IsValid() {
			return fmt.Sprintf("anybody without an identity at %s", q.Source)
		}
		return "anybody without an identity"
	}
	if service := r.service(q.Principal); service != "" {
		return service
	}
	if len(peers) == 1 && strings.HasPrefix(peers[0], anyIdentity+" but not ") {
		return "any other identity"
	}
	for _, o := range r.Cluster.Mesh.Outsiders {
		if o.Doc.Spec.Identity.Value == q.Principal {
			return "outsider " + o.Name
		}
	}
	return "the identity " + q.Principal + ", which is no Service's,"
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// service is the key of the Service that has the identity in the eyes of the cluster, "" where none has.
func (r *prover) service(principal string) string {
	if r.names == nil {
		r.names = naming{}
		for _, s := range r.Cluster.Mesh.Services {
			for _, w := range s.Workloads {
				for _, account := range w.Accounts {
					id := s.Namespace.Name + "/" + account
					r.names[id] = append(r.names[id], w)
				}
			}
		}
	}
	parts := strings.Split(principal, "/")
	if len(parts) != 5 {
		return ""
	}
	for _, w := range r.names[parts[2]+"/"+parts[4]] {
		if r.Cluster.Admits(w.Cluster.TrustDomain(), parts[0]) {
			return w.Service.Key()
		}
	}
	return ""
}

// grouped writes a number with commas between its thousands.
func grouped(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
