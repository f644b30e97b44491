package report

import "writ.dev/writ/compiler/diag"

// gap is something that is required and that nobody says.
type gap struct {
	register *Register
	column   *Column
	row      *Row
}

// gaps are what is missing in the registers, each once: a register that only repeats another's declaration has no gap of its own.
func gaps(registers []*Register) *Register {
	var all []gap
	told := map[string]bool{}
	for _, r := range registers {
		for i := range r.Rows {
			for j, c := range r.Rows[i].Cells {
				g := gap{r, &r.Columns[j], &r.Rows[i]}
				if key := g.key(); c.Missing && g.column.Law != "" && !told[key] {
					told[key] = true
					all = append(all, g)
				}
			}
		}
	}
	return about[gap]{
		name: "gaps", title: "Gaps",
		text: "What the registers lack: a declaration that is required and that nobody has made. Whoever owns the document fills it.",
		columns: []column[gap]{
			says("object", "Of what", func(g gap) Cell { return required(g.object()) }).main(),
			says("lacks", "Lacks", func(g gap) Cell { return required(g.column.Title) }).main(),
			says("state", "State", func(gap) Cell { return Cell{Items: []string{missing}} }).main(),
			says("law", "Asked for by", func(g gap) Cell { return required(g.column.Law) }).main(),
			says("register", "Register", func(g gap) Cell { return required(g.register.Title) }).main(),
			says("owner", "Filled by", func(g gap) Cell { return or("the platform", g.row.Owner) }).main(),
			source(func(g gap) diag.Span { return g.at() }).main(),
		},
		row: func(g gap) Row {
			return Row{Key: g.key(), Label: g.object() + " lacks " + g.column.Title, Owner: g.row.Owner, Source: g.at(), Facets: g.row.Facets}
		},
	}.of(all)
}

// key is the same for what one document lacks in all rows.
func (g gap) key() string {
	if g.ofOrganisation() {
		return g.column.Key
	}
	return g.register.Name + " " + g.row.Key + " " + g.column.Key
}

// ofOrganisation reports whether the column says the same in every row, of the one organisation.
func (g gap) ofOrganisation() bool {
	switch g.column.Key {
	case "controller", "controllerContact", "representative", "processor", "processorContact":
		return true
	default:
		return false
	}
}

func (g gap) object() string {
	if g.ofOrganisation() {
		return "the organisation"
	}
	return g.row.Label
}

func (g gap) at() diag.Span {
	if g.ofOrganisation() {
		return diag.Span{}
	}
	return g.row.Source
}
