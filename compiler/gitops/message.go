package gitops

import (
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"time"

	"writ.dev/writ/compiler/diag"
)

// The trailers by which a later publication finds this one.
const (
	trailerSource = "Writ-Source-Revision"
	trailerPath   = "Writ-Path"
)

// Provenance is what a publication says of itself in its message.
type Provenance struct {
	Source *Source
	// SourceURL is where people find the source; "" where that is not known.
	SourceURL string
	// Writ and Istio are versions.
	Writ, Istio                 string
	Clusters, Objects, Accesses int
	// Access is what changes since the last publication; nil where there is none to compare with.
	Access *AccessChange
}

// AccessChange is who gains and who loses what since a revision, each in a line.
type AccessChange struct {
	Since                  string
	Lead                   string // what changes for personal data, "" for nothing
	Gained, Lost, Switched []string
}

// shown is how many changes of a kind a message lists.
const shown = 20

// message is the whole message of a commit. What people wrote stands in it as one line each, behind words of ours or in from the
// margin, with control characters escaped: it can neither end a paragraph nor begin a line, so it forges no trailer.
func (p *Provenance) message(path string, written, removed, unchanged int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Publish %s: %s\n\n", p.Source.Commit[:12], line(p.Source.Subject, 72))
	if a := p.Access; a != nil {
		if a.Lead != "" {
			fmt.Fprintf(&b, "Personal data: %s\n", line(a.Lead, 500))
		}
		fmt.Fprintf(&b, "Access since %s: %d gained, %d lost, %d opened, closed or renamed\n", a.Since[:12], len(a.Gained), len(a.Lost), len(a.Switched))
		listed(&b, "+", a.Gained)
		listed(&b, "-", a.Lost)
		listed(&b, "*", a.Switched)
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "Files in %s: %d written, %d removed, %d unchanged\n\n", line(path, 200), written, removed, unchanged)
	p.trailers(&b, path)
	return b.String()
}

func listed(b *strings.Builder, mark string, all []string) {
	for _, s := range all[:min(len(all), shown)] {
		fmt.Fprintf(b, "  %s %s\n", mark, line(s, 200))
	}
	if more := len(all) - shown; more > 0 {
		fmt.Fprintf(b, "  %s and %d more\n", mark, more)
	}
}

// trailers are ours, and those by which Argo CD shows the commit behind a commit
// (https://argo-cd.readthedocs.io/en/stable/user-guide/source-hydrator/#commit-tracing).
func (p *Provenance) trailers(b *strings.Builder, path string) {
	s := p.Source
	author := (&mail.Address{Name: cut(s.Author.Name), Address: cut(s.Author.Email)}).String()
	all := [][2]string{
		{"Argocd-reference-commit-author", author},
		{"Argocd-reference-commit-date", s.Written.Format(time.RFC3339)},
		{"Argocd-reference-commit-subject", s.Subject},
		{"Argocd-reference-commit-sha", s.Commit},
	}
	if p.SourceURL != "" {
		all = append(all, [2]string{"Argocd-reference-commit-repourl", p.SourceURL})
	}
	all = append(all, [][2]string{
		{trailerSource, s.Commit},
		{trailerPath, path},
		{"Writ-Version", p.Writ},
		{"Writ-Istio-Version", p.Istio},
		{"Writ-Clusters", fmt.Sprint(p.Clusters)},
		{"Writ-Objects", fmt.Sprint(p.Objects)},
		{"Writ-Accesses", fmt.Sprint(p.Accesses)},
	}...)
	if a := p.Access; a != nil {
		all = append(all, [][2]string{
			{"Writ-Since-Revision", a.Since},
			{"Writ-Access-Gained", fmt.Sprint(len(a.Gained))},
			{"Writ-Access-Lost", fmt.Sprint(len(a.Lost))},
		}...)
	}
	for _, t := range all {
		fmt.Fprintf(b, "%s: %s\n", t[0], line(t[1], 1000))
	}
}

// line is a text that somebody else wrote, as one line of so many characters at most.
func line(s string, longest int) string {
	runes := []rune(strings.TrimSpace(diag.Visible(strings.ToValidUTF8(s, "\ufffd"))))
	if len(runes) > longest {
		return string(runes[:longest-3]) + "..."
	}
	return string(runes)
}

// trailer is `Key: value` in the last paragraph of a message.
var trailer = regexp.MustCompile(`^([A-Za-z0-9-]+): *(.*)$`)

// readTrailers reads the last paragraph of a message. Of two with one key the last counts, as git's own --only-trailers would show it
// nearest to the end.
func readTrailers(message string) map[string]string {
	message = strings.TrimRight(strings.ReplaceAll(message, "\r\n", "\n"), "\n")
	last := message[strings.LastIndex(message, "\n\n")+1:]
	all := map[string]string{}
	for l := range strings.Lines(last) {
		if m := trailer.FindStringSubmatch(strings.TrimSuffix(l, "\n")); m != nil {
			all[m[1]] = strings.TrimSpace(m[2])
		}
	}
	return all
}
