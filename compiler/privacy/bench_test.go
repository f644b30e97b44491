package privacy_test

import (
	"fmt"
	"testing"

	"writ.dev/writ/compiler/model"
	"writ.dev/writ/compiler/privacy"
	"writ.dev/writ/compiler/syntax"
)

// large is an estate of Services that each call ten others, of which every tenth holds personal data, and most of the others declare
// what comes to them or do not, as said.
func large(services int, declared bool) *model.Estate {
	m := &model.Mesh{Name: "main"}
	n := &model.Namespace{Name: "shop"}
	for i := range services {
		s := &model.Service{Mesh: m, Namespace: n, Name: fmt.Sprintf("s%05d", i)}
		for j := range 5 {
			e := &model.Endpoint{Service: s, Name: fmt.Sprintf("e%d", j), Doc: &syntax.Endpoint{}}
			if j > 0 {
				e.Returns = &model.Data{Categories: []string{words[(i+j)%6]}}
			}
			s.Endpoints = append(s.Endpoints, e)
		}
		s.PersonalData = &model.PersonalData{Doc: &syntax.PersonalData{}}
		if declared || i%10 == 0 {
			declare(s, "user")
		}
		m.Services = append(m.Services, s)
	}
	for i, s := range m.Services {
		for j := range 10 {
			to := m.Services[(i*31+j*1009+7)%services]
			m.Accesses = append(m.Accesses, &model.Access{Caller: model.Caller{Service: s}, Endpoint: to.Endpoints[j%5]})
		}
	}
	return &model.Estate{Meshes: []*model.Mesh{m}, Privacy: &model.Privacy{}}
}

func BenchmarkTrace(b *testing.B) {
	for name, declared := range map[string]bool{"declared": true, "undeclared": false} {
		b.Run(name, func(b *testing.B) {
			e := large(10_000, declared)
			b.ReportAllocs()
			for b.Loop() {
				gaps := privacy.Trace(e).Gaps()
				if declared == (len(gaps) > 0) {
					b.Fatalf("%d gaps", len(gaps))
				}
			}
		})
	}
}
