package lsp

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"

	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/diag"
)

// view is what a compilation says of the documents as they were after so many edits.
type view struct {
	edits    int
	findings diag.List
	texts    map[string]text
	estate   estate
	told     map[string]protocol.PublishDiagnosticsParams // by file
}

// compile makes a new view and tells the client what differs from the last one.
func (s *server) compile(ctx context.Context) {
	s.mu.Lock()
	last, edits := s.view, s.edits
	next := &view{edits: edits, texts: map[string]text{}}
	fsys := overlay{s.repo, map[string][]byte{}}
	open := maps.Clone(s.open)
	s.mu.Unlock()

	for name, doc := range open {
		fsys.open[name] = doc.data
	}
	err := next.look(ctx, fsys, s.opts.Today(), last)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil: // of the disk, which may be well the next time
		*next = *last
		next.edits = edits
		_ = s.client.ShowMessage(ctx, &protocol.ShowMessageParams{Type: protocol.MessageTypeError, Message: "writ: " + err.Error()})
	default:
		s.publish(ctx, last, next, open)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view = next
	close(s.compiled)
	s.compiled = make(chan struct{})
}

// look compiles. Names that the last view knew stand while a document cannot be read.
func (v *view) look(ctx context.Context, fsys fs.FS, today string, last *view) error {
	result, err := compiler.Compile(ctx, fsys, compiler.Options{AsOf: today, Texts: true})
	if err != nil {
		return err
	}
	about, whole, err := compiler.Describe(ctx, fsys, today)
	if err != nil {
		return err
	}
	for name, data := range result.Sources {
		v.texts[name] = newText(data)
	}
	v.findings, v.estate = result.Findings, last.estate.updated(about, whole)
	return nil
}

// text is a file as it was compiled, empty where it is none.
func (v *view) text(file string) text {
	if t, ok := v.texts[file]; ok {
		return t
	}
	return newText(nil)
}

// publish tells what is found in each file, and clears files in which nothing is found any more. Files that are not open are told
// again only where something changed.
func (s *server) publish(ctx context.Context, last, next *view, open map[string]document) {
	next.told = s.diagnostics(next, open)
	for name := range last.told {
		if _, still := next.told[name]; !still && len(last.told[name].Diagnostics) > 0 {
			next.told[name] = protocol.PublishDiagnosticsParams{URI: last.told[name].URI, Diagnostics: []protocol.Diagnostic{}}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(next.told)) {
		params := next.told[name]
		if _, isOpen := open[name]; isOpen || !reflect.DeepEqual(last.told[name], params) {
			_ = s.client.PublishDiagnostics(ctx, &params) // a client that is gone ends the session elsewhere
		}
	}
}

func (s *server) diagnostics(v *view, open map[string]document) map[string]protocol.PublishDiagnosticsParams {
	s.mu.Lock()
	defer s.mu.Unlock()
	files := map[string]protocol.PublishDiagnosticsParams{}
	for name, doc := range open {
		files[name] = protocol.PublishDiagnosticsParams{
			URI: doc.uri, Version: protocol.NewOptional(doc.version), Diagnostics: []protocol.Diagnostic{},
		}
	}
	for i := range v.findings {
		f := &v.findings[i]
		if f.Ignored != nil {
			continue
		}
		params, ok := files[f.Span.File]
		if !ok {
			params.URI = s.uri(f.Span.File)
		}
		params.Diagnostics = append(params.Diagnostics, v.diagnostic(f, s.uri))
		files[f.Span.File] = params
	}
	return files
}

var severities = map[diag.Level]protocol.DiagnosticSeverity{
	diag.Error:   protocol.DiagnosticSeverityError,
	diag.Warning: protocol.DiagnosticSeverityWarning,
	diag.Notice:  protocol.DiagnosticSeverityInformation,
}

// diagnostic is the finding in the protocol's words. The help belongs to the message: an editor has no other place for it.
func (v *view) diagnostic(f *diag.Finding, uriOf func(string) uri.URI) protocol.Diagnostic {
	message := f.Message
	if f.Help != "" {
		message += "\nhelp: " + f.Help
	}
	d := protocol.Diagnostic{
		Range:    v.text(f.Span.File).rangeOf(f.Span),
		Severity: severities[f.Rule.Severity()],
		Code:     protocol.String(f.Rule.Code),
		Source:   protocol.NewOptional("writ"),
		Message:  protocol.String(message),
	}
	for _, r := range f.Related {
		d.RelatedInformation = append(d.RelatedInformation, protocol.DiagnosticRelatedInformation{
			Location: v.location(r.Span, uriOf), Message: r.Message,
		})
	}
	return d
}

func (v *view) location(s diag.Span, uriOf func(string) uri.URI) protocol.Location {
	return protocol.Location{URI: uriOf(s.File), Range: v.text(s.File).rangeOf(s)}
}

// settled waits for a view of the documents as they are.
func (s *server) settled(ctx context.Context) (*view, error) {
	for {
		s.mu.Lock()
		v, current, compiled := s.view, s.view.edits == s.edits, s.compiled
		s.mu.Unlock()
		if current {
			return v, nil
		}
		select {
		case <-compiled:
		case <-ctx.Done():
			return nil, protocol.ErrRequestCancelled
		}
	}
}

// Completion answers from the last view: nobody waits for names while typing.
func (s *server) Completion(_ context.Context, p *protocol.CompletionParams) (protocol.CompletionResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, _ := s.file(p.TextDocument.URI)
	doc, isOpen := s.open[name]
	list := &protocol.CompletionList{Items: []protocol.CompletionItem{}}
	if !isOpen {
		return list, nil
	}
	t := newText(doc.data)
	c, ok := readCursor(string(doc.data), t.offset(p.Position))
	if !ok {
		return list, nil
	}
	for i, proposal := range c.proposals(s.view.estate) {
		list.Items = append(list.Items, completion(proposal, i, protocol.TextEdit{Range: t.between(c.start, c.end), NewText: proposal.insert}))
	}
	return list, nil
}

// completion keeps the order of the proposals by a text to sort by: an editor sorts by name otherwise.
func completion(p proposal, place int, edit protocol.TextEdit) protocol.CompletionItem {
	i := protocol.CompletionItem{
		Label: p.label, Kind: protocol.CompletionItemKindReference, TextEdit: &edit,
		SortText: protocol.NewOptional(fmt.Sprintf("%06d", place)), FilterText: protocol.NewOptional(p.label),
	}
	if p.isField {
		i.Kind = protocol.CompletionItemKindField
	}
	if p.detail != "" {
		i.Detail = protocol.NewOptional(p.detail)
	}
	if p.documentation != "" {
		i.Documentation = &protocol.MarkupContent{Kind: protocol.MarkupKindMarkdown, Value: p.documentation}
	}
	return i
}

// pointedAt is what the editor points at, in the documents that the view is of.
func (s *server) pointedAt(ctx context.Context, p protocol.TextDocumentPositionParams) (*view, cursor, text, error) {
	v, err := s.settled(ctx)
	if err != nil {
		return nil, cursor{}, text{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name, _ := s.file(p.TextDocument.URI)
	doc, isOpen := s.open[name]
	if !isOpen {
		return v, cursor{}, text{}, nil
	}
	t := newText(doc.data)
	c, _ := readCursor(string(doc.data), t.offset(p.Position))
	return v, c, t, nil
}

// Hover tells what is known of a reference, or what a field means.
func (s *server) Hover(ctx context.Context, p *protocol.HoverParams) (*protocol.Hover, error) {
	v, c, t, err := s.pointedAt(ctx, p.TextDocumentPositionParams)
	if err != nil || c.text == "" {
		return nil, err
	}
	words := c.hover(v.estate)
	if words == "" {
		return nil, nil
	}
	at := t.between(c.start, c.end)
	return &protocol.Hover{Contents: &protocol.MarkupContent{Kind: protocol.MarkupKindMarkdown, Value: words}, Range: &at}, nil
}

// Definition leads from a reference to the name of its document, or to that of the endpoint.
func (s *server) Definition(ctx context.Context, p *protocol.DefinitionParams) (protocol.DefinitionResult, error) {
	v, c, _, err := s.pointedAt(ctx, p.TextDocumentPositionParams)
	if err != nil {
		return nil, err
	}
	ref, ok := c.subject()
	if !ok {
		return nil, nil
	}
	_, said, known := v.estate.find(ref)
	if !known || said.Declared.IsZero() {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := v.location(said.Declared, s.uri)
	return &at, nil
}

// CodeAction offers the edits of the findings in the range.
func (s *server) CodeAction(ctx context.Context, p *protocol.CodeActionParams) ([]protocol.CommandOrCodeAction, error) {
	actions := []protocol.CommandOrCodeAction{}
	only := func(k protocol.CodeActionKind) bool { return k == "" || k == protocol.CodeActionKindQuickFix }
	if len(p.Context.Only) > 0 && !slices.ContainsFunc(p.Context.Only, only) {
		return actions, nil
	}
	v, err := s.settled(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name, _ := s.file(p.TextDocument.URI)
	for i := range v.findings {
		f := &v.findings[i]
		if f.Span.File == name && f.Fix != nil && f.Ignored == nil && meets(v.text(name).rangeOf(f.Span), p.Range) {
			actions = append(actions, v.quickFix(f, s.uri))
		}
	}
	return actions, nil
}

func (v *view) quickFix(f *diag.Finding, uriOf func(string) uri.URI) *protocol.CodeAction {
	kind, preferred := protocol.CodeActionKindQuickFix, true
	changes := map[uri.URI][]protocol.TextEdit{}
	for _, e := range f.Fix.Edits {
		u := uriOf(e.Span.File)
		changes[u] = append(changes[u], protocol.TextEdit{Range: v.text(e.Span.File).rangeOf(e.Span), NewText: e.New})
	}
	return &protocol.CodeAction{
		Title: f.Fix.Title, Kind: &kind, IsPreferred: &preferred,
		Diagnostics: []protocol.Diagnostic{v.diagnostic(f, uriOf)},
		Edit:        &protocol.WorkspaceEdit{Changes: changes},
	}
}

// meets reports whether two ranges share a place, be it the end of one and the beginning of the other.
func meets(a, b protocol.Range) bool { return !before(a.End, b.Start) && !before(b.End, a.Start) }

func before(a, b protocol.Position) bool {
	return a.Line < b.Line || a.Line == b.Line && a.Character < b.Character
}
