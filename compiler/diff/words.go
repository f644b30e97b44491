package diff

import (
	"fmt"
	"strings"

	"writ.dev/writ/compiler/diag"
)

// Where says in words where a change holds: `in eu-1, eu-2`, or `from us-1 to eu-1` where callers and callee are apart.
func (c *Change) Where() string {
	var parts []string
	for _, r := range c.Routes {
		to := strings.Join(r.To, ", ")
		if from := strings.Join(r.From, ", "); from != "" && from != to {
			parts = append(parts, "from "+from+" to "+to)
		} else {
			parts = append(parts, "in "+to)
		}
	}
	return strings.Join(parts, "; ")
}

// Title says a change in a line: `shop/checkout -> identity/customers read-address`.
func (c *Change) Title() string {
	title := fmt.Sprintf("%s -> %s %s", c.Caller, c.Callee, c.Endpoint)
	if c.Part {
		title += " (in part)"
	}
	return title
}

// Words says a switch in a line: `Service shop/checkout in eu-1: authz off -> enforce`.
func (s *Switch) Words() string {
	in := ""
	if s.Subject != "Cluster "+strings.Join(s.Clusters, ", ") {
		in = " in " + strings.Join(s.Clusters, ", ")
	}
	switch {
	case s.What == declared && s.Before == "":
		return fmt.Sprintf("%s%s is new: %s", s.Subject, in, s.After)
	case s.What == declared && s.After == "" && s.Looser:
		return fmt.Sprintf("%s%s is gone, and what it enforced with it: nothing refuses a caller of its pods, if they still run", s.Subject, in)
	case s.What == declared && s.After == "":
		return fmt.Sprintf("%s%s is gone", s.Subject, in)
	}
	return fmt.Sprintf("%s%s: %s %s -> %s", s.Subject, in, s.What, orNone(s.Before), orNone(s.After))
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return diag.Visible(s)
}
