package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/query"
)

func (a *app) explain() *cobra.Command {
	var q query.Question
	cmd := &cobra.Command{
		Use:   "explain FROM TO [METHOD PATH]",
		Short: "Say whether somebody may call something, and why",
		Long: "explain says what is meant for calls from FROM to TO, with the line that decides at each station of their way. For a no it\n" +
			"shows the smallest edit that would allow the call, and what else that edit would allow.\n\n" +
			"FROM is a Service as namespace/name (the name alone where one namespace has it), outsider/NAME, an identity like\n" +
			"example.org/ns/shop/sa/checkout, or plaintext for a peer without one. TO is a Service, or one of its endpoints as\n" +
			"namespace/name:endpoint. With METHOD and PATH the answer is about one request.\n\n" +
			"It exits with 0 for a yes and with 1 for a no, in any of the clusters that the answer is about.",
		Example: "  writ explain shop/checkout identity/customers\n" +
			"  writ explain checkout customers:read-address --cluster eu-1\n" +
			"  writ explain outsider/edge storefront/frontend POST /cart",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 || len(args) == 4 {
				return nil
			}
			return fmt.Errorf("%q takes FROM and TO, and METHOD and PATH for one request; see %q", cmd.CommandPath(), cmd.CommandPath()+" --help")
		},
		ValidArgsFunction: a.completion(explainWords),
		RunE: func(cmd *cobra.Command, args []string) error {
			q.From, q.To = args[0], args[1]
			if len(args) == 4 {
				q.Method, q.Path = args[2], args[3]
			}
			return a.runExplain(cmd.Context(), q)
		},
	}
	cmd.Flags().StringVar(&q.Cluster, "cluster", "", "keep to one `CLUSTER` of the callee")
	must(cmd.RegisterFlagCompletionFunc("cluster", a.completion(clusterWords)))
	return cmd
}

func (a *app) runExplain(ctx context.Context, q query.Question) error {
	if q.Method == "" && q.Path != "" {
		return errors.New("the method is empty")
	}
	asked, err := a.asked(ctx)
	if err != nil {
		return err
	}
	answer, err := asked.Explain(q)
	if err != nil {
		return err
	}
	if a.format == formatJSON {
		err = a.json(newAnswerJSON(answer))
	} else {
		a.tellAnswer(answer)
	}
	if err == nil && !answer.Yes {
		return errFails
	}
	return err
}

func (a *app) tellAnswer(answer *query.Answer) {
	for i, p := range answer.Parts {
		if i > 0 {
			a.printf("\n")
		}
		a.printf("%s\n", diag.Visible(p.Headline))
		a.steps(p.Steps, "  ")
		a.steps(p.Warnings, "  ! ")
		if p.Remedy != nil {
			a.remedy(p.Remedy)
		}
	}
}

// steps prints each station on a line, and the place that decides there below it.
func (a *app) steps(steps []query.Step, lead string) {
	for _, s := range steps {
		label := s.Name + " "
		if lead != "  " {
			label = s.Name + ": "
		}
		text := fmt.Sprintf("%s%-11s%s", lead, label, diag.Visible(s.Text))
		if s.Span.IsZero() {
			a.printf("%s\n", text)
			continue
		}
		a.printf("%s\n%s%-11s  %s\n", text, strings.Repeat(" ", len(lead)), "", diag.Visible(s.Span.String()))
	}
}

func (a *app) remedy(r *query.Remedy) {
	if r.Instead != "" {
		a.printf("  to allow it: %s\n", strings.ReplaceAll(r.Instead, "\n", "\n  "))
		return
	}
	a.printf("  to allow it, write\n")
	for _, c := range r.Changes {
		if !strings.Contains(c.Lines, ":") { // one word more in a list
			a.printf("    in %s, %s: %s\n", diag.Visible(c.Span.String()), c.Where, c.Lines)
			continue
		}
		a.printf("    in %s, %s:\n", diag.Visible(c.Span.String()), c.Where)
		for line := range strings.SplitSeq(c.Lines, "\n") {
			a.printf("      %s\n", diag.Visible(line))
		}
	}
	if len(r.Data) > 0 {
		a.printf("  which moves personal data: %s; the caller declares it in its personalData, and names the activity\n", strings.Join(r.Data, ", "))
	}
	if len(r.Also) == 0 {
		a.printf("  which would allow nothing else\n")
		return
	}
	a.printf("  which would also allow\n")
	for _, s := range r.Also {
		a.printf("    %s\n", diag.Visible(s))
	}
}

// answerJSON is an answer for machines. Within a version fields are added, never renamed or removed.
type answerJSON struct {
	Version int        `json:"version"` // 1
	Yes     bool       `json:"yes"`
	Parts   []partJSON `json:"parts"`
}

type partJSON struct {
	Yes       bool        `json:"yes"`
	Outcome   string      `json:"outcome"` // meant, withheld, no consent, refused, no intent, not offered, no way
	Headline  string      `json:"headline"`
	Clusters  []string    `json:"clusters"`
	Endpoints []string    `json:"endpoints"`
	Steps     []stepJSON  `json:"steps"`
	Warnings  []stepJSON  `json:"warnings"`
	Remedy    *remedyJSON `json:"remedy"` // null for a yes, and where nobody knows one
}

type stepJSON struct {
	Name string `json:"name"`
	Text string `json:"text"`
	Path string `json:"path"` // "" where no document decides
	Line int    `json:"line"`
}

type remedyJSON struct {
	Edits   []diag.JSONEdit `json:"edits"`
	Also    []string        `json:"also"`
	Data    []string        `json:"data"`    // categories of personal data that come with it
	Instead string          `json:"instead"` // what to do where no edit of documents would do
}

func newAnswerJSON(answer *query.Answer) answerJSON {
	doc := answerJSON{Version: 1, Yes: answer.Yes, Parts: []partJSON{}}
	for _, p := range answer.Parts {
		j := partJSON{
			Yes: p.Yes, Outcome: p.Outcome.String(), Headline: p.Headline, Clusters: list(p.Clusters), Endpoints: list(p.Endpoints),
			Steps: newStepsJSON(p.Steps), Warnings: newStepsJSON(p.Warnings),
		}
		if r := p.Remedy; r != nil {
			j.Remedy = &remedyJSON{Edits: []diag.JSONEdit{}, Also: list(r.Also), Data: list(r.Data), Instead: r.Instead}
			for _, c := range r.Changes {
				j.Remedy.Edits = append(j.Remedy.Edits, diag.JSONEdit{Path: c.Span.File, Start: c.Span.Start.Offset(), End: c.Span.End.Offset(), New: c.New})
			}
		}
		doc.Parts = append(doc.Parts, j)
	}
	return doc
}

func newStepsJSON(steps []query.Step) []stepJSON {
	all := []stepJSON{}
	for _, s := range steps {
		all = append(all, stepJSON{s.Name, s.Text, s.Span.File, s.Span.Start.Line()})
	}
	return all
}
