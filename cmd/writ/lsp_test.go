package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
)

const (
	checkout  = "policies/teams/shop/checkout.yaml"
	customers = "policies/teams/identity/customers.yaml"
)

// editor is a client that talks to a real `writ lsp` over pipes, and does with documents what an editor does.
type editor struct {
	protocol.UnimplementedClient
	t      *testing.T
	cmd    *exec.Cmd
	root   string
	stderr bytes.Buffer
	server protocol.Server
	conn   jsonrpc2.Conn
	stdin  io.Closer

	mu     sync.Mutex
	told   map[uri.URI]protocol.PublishDiagnosticsParams
	heard  chan struct{}
	asked  []string          // what the server asked to be told of
	texts  map[string]string // of open documents
	at     map[string]int32  // their versions
	record strings.Builder
}

// newRepository is what `writ init` makes.
func newRepository(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "shop")
	writ(t, filepath.Dir(root), "init", "shop")
	return root
}

// launch starts the server without a word.
func launch(t *testing.T, root string, args ...string) *editor {
	t.Helper()
	e := &editor{
		t: t, root: root, told: map[uri.URI]protocol.PublishDiagnosticsParams{}, heard: make(chan struct{}, 1),
		texts: map[string]string{}, at: map[string]int32{},
	}
	e.cmd = exec.Command("writ", append([]string{"lsp", "--as-of", "2026-11-23"}, args...)...)
	e.cmd.Dir, e.cmd.Stderr = t.TempDir(), &e.stderr
	in, err := e.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.cmd.Process.Kill() }) // one that has ended is not there to be killed
	e.stdin = in
	toServer, fromServer := e.relay("->", in), e.relay("<-", nil)
	go func() {
		defer fromServer.CloseWithError(io.EOF)
		_, _ = io.Copy(fromServer, out)
	}()
	_, e.conn, e.server = protocol.NewClient(t.Context(), e, jsonrpc2.NewStream(duplex{fromServer.reader, toServer}))
	return e
}

// duplex is the client's end of both pipes.
type duplex struct {
	io.Reader
	io.WriteCloser
}

// recorder keeps the messages that pass through it.
type recorder struct {
	*io.PipeWriter
	reader *io.PipeReader
}

// relay records what is written to it and hands it on: to the writer, or, without one, to its own reader.
func (e *editor) relay(arrow string, to io.WriteCloser) recorder {
	in, w := io.Pipe()
	r := recorder{PipeWriter: w}
	if to == nil {
		r.reader, to = io.Pipe()
	}
	go func() {
		defer to.Close()
		from := bufio.NewReader(in)
		for {
			body, err := readMessage(from)
			if err != nil {
				return
			}
			e.mu.Lock()
			fmt.Fprintf(&e.record, "%s %s\n", arrow, body)
			e.mu.Unlock()
			fmt.Fprintf(to, "Content-Length: %d\r\n\r\n%s", len(body), body)
		}
	}()
	return r
}

func readMessage(from *bufio.Reader) ([]byte, error) {
	header, err := textproto.NewReader(from).ReadMIMEHeader()
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(header.Get("Content-Length"))
	if err != nil {
		return nil, err
	}
	body := make([]byte, n)
	_, err = io.ReadFull(from, body)
	return body, err
}

// edit starts the server as an editor does that opens the folder.
func edit(t *testing.T, root string) *editor {
	t.Helper()
	e := launch(t, root)
	yes := true
	e.initialize(root, protocol.ClientCapabilities{Workspace: &protocol.WorkspaceClientCapabilities{
		DidChangeWatchedFiles: &protocol.DidChangeWatchedFilesClientCapabilities{DynamicRegistration: &yes},
	}})
	return e
}

func (e *editor) initialize(folder string, can protocol.ClientCapabilities) {
	e.t.Helper()
	folders := protocol.NewNullable([]protocol.WorkspaceFolder{{URI: uri.File(folder), Name: "shop"}})
	result, err := e.server.Initialize(e.t.Context(), &protocol.InitializeParams{
		WorkspaceFoldersInitializeParams: protocol.WorkspaceFoldersInitializeParams{WorkspaceFolders: folders}, Capabilities: can,
	})
	e.must(err)
	if result.ServerInfo.Name != "writ" {
		e.t.Fatalf("initialize is answered with %+v", result)
	}
	e.must(e.server.Initialized(e.t.Context(), &protocol.InitializedParams{}))
}

func (e *editor) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatalf("%v\n%s", err, &e.stderr)
	}
}

// PublishDiagnostics is told by the server. The client hears messages in any order; that of versions is theirs.
func (e *editor) PublishDiagnostics(_ context.Context, p *protocol.PublishDiagnosticsParams) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	before, _ := e.told[p.URI].Version.Get()
	if now, versioned := p.Version.Get(); !versioned || now >= before {
		e.told[p.URI] = *p
	}
	select {
	case e.heard <- struct{}{}:
	default:
	}
	return nil
}

// RegisterCapability is asked by the server.
func (e *editor) RegisterCapability(_ context.Context, p *protocol.RegistrationParams) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range p.Registrations {
		e.asked = append(e.asked, r.Method)
	}
	return nil
}

func (e *editor) uri(file string) uri.URI {
	return uri.File(filepath.Join(e.root, filepath.FromSlash(file)))
}

func (e *editor) id(file string) protocol.TextDocumentIdentifier {
	return protocol.TextDocumentIdentifier{URI: e.uri(file)}
}

// show opens a document with a text, be it that of the file or another.
func (e *editor) show(file, text string) {
	e.t.Helper()
	e.texts[file], e.at[file] = text, 1
	e.must(e.server.DidOpen(e.t.Context(), &protocol.DidOpenTextDocumentParams{
		TextDocument: protocol.TextDocumentItem{URI: e.uri(file), LanguageID: "yaml", Version: 1, Text: text},
	}))
}

func (e *editor) read(file string) string { return read(e.t, filepath.Join(e.root, file)) }

// place is where a text stands in an open document, in the protocol's words, counted in another way than the server does.
func (e *editor) place(file string, offset int) protocol.Position {
	before := e.texts[file][:offset]
	line := before[strings.LastIndexByte(before, '\n')+1:]
	units := utf16.Encode([]rune(line))
	return protocol.Position{Line: uint32(strings.Count(before, "\n")), Character: uint32(len(units))}
}

// find is the stretch where the text stands, which it does once.
func (e *editor) find(file, text string) protocol.Range {
	e.t.Helper()
	start := strings.Index(e.texts[file], text)
	if start < 0 || strings.Count(e.texts[file], text) != 1 {
		e.t.Fatalf("%s does not have %q once", file, text)
	}
	return protocol.Range{Start: e.place(file, start), End: e.place(file, start+len(text))}
}

// change replaces a text that stands once, as typing does: only the stretch goes over the wire.
func (e *editor) change(file, old, with string) {
	e.t.Helper()
	at := e.find(file, old)
	e.texts[file] = strings.Replace(e.texts[file], old, with, 1)
	e.at[file]++
	e.must(e.server.DidChange(e.t.Context(), &protocol.DidChangeTextDocumentParams{
		TextDocument:   protocol.VersionedTextDocumentIdentifier{TextDocumentIdentifier: e.id(file), Version: e.at[file]},
		ContentChanges: []protocol.TextDocumentContentChangeEvent{&protocol.TextDocumentContentChangePartial{Range: at, Text: with}},
	}))
}

// diagnostics waits until the file, as it is now, has as many.
func (e *editor) diagnostics(file string, n int) []protocol.Diagnostic {
	e.t.Helper()
	late := time.After(20 * time.Second)
	for {
		e.mu.Lock()
		told, known := e.told[e.uri(file)]
		e.mu.Unlock()
		version, _ := told.Version.Get()
		if known && version >= e.at[file] && len(told.Diagnostics) == n {
			return told.Diagnostics
		}
		select {
		case <-e.heard:
		case <-late:
			e.t.Fatalf("%s has %+v, want %d\n%s", file, told, n, &e.stderr)
		}
	}
}

func (e *editor) here(file, text string) protocol.TextDocumentPositionParams {
	e.t.Helper()
	return protocol.TextDocumentPositionParams{TextDocument: e.id(file), Position: e.find(file, text).Start}
}

func (e *editor) hover(file, text string) string {
	e.t.Helper()
	h, err := e.server.Hover(e.t.Context(), &protocol.HoverParams{TextDocumentPositionParams: e.here(file, text)})
	e.must(err)
	if h == nil {
		return ""
	}
	return h.Contents.(*protocol.MarkupContent).Value
}

// complete is what is proposed behind the text.
func (e *editor) complete(file, text string) []protocol.CompletionItem {
	e.t.Helper()
	p := &protocol.CompletionParams{TextDocumentPositionParams: e.here(file, text)}
	p.Position = e.find(file, text).End
	result, err := e.server.Completion(e.t.Context(), p)
	e.must(err)
	return result.(*protocol.CompletionList).Items
}

func labels(items []protocol.CompletionItem) string {
	var all []string
	for _, i := range items {
		all = append(all, i.Label)
	}
	return strings.Join(all, " ")
}

// definition is the file and the text that a reference leads to.
func (e *editor) definition(file, text string) string {
	e.t.Helper()
	result, err := e.server.Definition(e.t.Context(), &protocol.DefinitionParams{TextDocumentPositionParams: e.here(file, text)})
	e.must(err)
	at, ok := result.(*protocol.Location)
	if !ok {
		return ""
	}
	name, err := filepath.Rel(e.root, at.URI.FsPath())
	e.must(err)
	line := strings.Split(e.read(name), "\n")[at.Range.Start.Line]
	return filepath.ToSlash(name) + " " + line[at.Range.Start.Character:at.Range.End.Character]
}

func (e *editor) actions(file string, d protocol.Diagnostic) []*protocol.CodeAction {
	e.t.Helper()
	result, err := e.server.CodeAction(e.t.Context(), &protocol.CodeActionParams{
		TextDocument: e.id(file), Range: d.Range, Context: protocol.CodeActionContext{Diagnostics: []protocol.Diagnostic{d}},
	})
	e.must(err)
	var all []*protocol.CodeAction
	for _, r := range result {
		all = append(all, r.(*protocol.CodeAction))
	}
	return all
}

// quit ends the session as the protocol asks, and is the exit code.
func (e *editor) quit() int {
	e.t.Helper()
	e.must(e.server.Shutdown(e.t.Context()))
	e.must(e.server.Exit(e.t.Context()))
	return e.exitCode()
}

func (e *editor) exitCode() int {
	e.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- e.cmd.Wait() }()
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode()
		}
		return e.cmd.ProcessState.ExitCode()
	case <-time.After(10 * time.Second):
		e.t.Fatal("the server does not end")
		return -1
	}
}

// TestTheLanguageServerMendsAMisspeltEndpoint is a whole session: the slip is typed behind letters that are one, two and four
// bytes long, told at its place, mended by its quick fix, and no longer told. What went over the wire is in testdata.
func TestTheLanguageServerMendsAMisspeltEndpoint(t *testing.T) {
	e := launch(t, newRepository(t))
	e.initialize(e.root, protocol.ClientCapabilities{})
	_, err := e.server.Hover(t.Context(), &protocol.HoverParams{TextDocumentPositionParams: protocol.TextDocumentPositionParams{TextDocument: e.id(checkout)}})
	e.must(err) // which is answered once all is compiled, so that each session is like the others
	e.show(checkout, e.read(checkout))
	e.diagnostics(checkout, 0)
	e.change(checkout, "- to: identity/customers\n      endpoints: [read-address]\n      because: labels for parcels are printed at checkout\n      activity: ",
		"- {because: \"größere Etiketten 😀\", to: identity/customers, endpoints: [read-adress], activity: order-fulfilment} # ")
	found := e.diagnostics(checkout, 1)[0]
	if found.Range != e.find(checkout, "read-adress") {
		t.Errorf("it is told at %v, want %v", found.Range, e.find(checkout, "read-adress"))
	}
	if found.Code != protocol.String("REF-006") || found.Severity != protocol.DiagnosticSeverityError {
		t.Errorf("it is told as %v of severity %v", found.Code, found.Severity)
	}
	related := found.RelatedInformation
	if len(related) != 1 || related[0].Location.URI != e.uri(customers) {
		t.Errorf("it leads to %+v", related)
	}
	actions := e.actions(checkout, found)
	if len(actions) != 1 || !*actions[0].IsPreferred || *actions[0].Kind != protocol.CodeActionKindQuickFix {
		t.Fatalf("the actions are %+v", actions)
	}
	edits := actions[0].Edit.Changes[e.uri(checkout)]
	if len(edits) != 1 || edits[0].Range != found.Range {
		t.Fatalf("the edits are %+v", edits)
	}
	e.change(checkout, "read-adress", edits[0].NewText)
	e.diagnostics(checkout, 0)
	if code := e.quit(); code != 0 {
		t.Errorf("it ends with code %d", code)
	}
	e.compare("mends_a_misspelt_endpoint.jsonl")
}

var serverVersion = regexp.MustCompile(`"version":"[^"]*"`)

// compare holds what was recorded against the file.
func (e *editor) compare(name string) {
	e.t.Helper()
	e.mu.Lock()
	got := strings.ReplaceAll(e.record.String(), string(uri.File(e.root)), "file:///shop")
	e.mu.Unlock()
	got = serverVersion.ReplaceAllString(got, `"version":"(devel)"`)
	file := filepath.Join("testdata", "lsp", name)
	if *update {
		e.must(os.MkdirAll(filepath.Dir(file), 0o755))
		write(e.t, file, got)
	}
	if d := cmp.Diff(read(e.t, file), got); d != "" {
		e.t.Errorf("another session was recorded (-recorded +now); `make golden` records it anew:\n%s", d)
	}
}

func TestTheLanguageServerAnswers(t *testing.T) {
	e := edit(t, newRepository(t))
	e.show(checkout, e.read(checkout))
	e.show(customers, e.read(customers))

	for text, want := range map[string][]string{
		"identity/customers": {"Service `identity/customers`, team `identity`, contact `#team-identity`", "- `read-address`", "- `shop/checkout (grant)`"},
		"read-address":       {"`read-address` of `identity/customers`", "- `GET /v1/customers/{id}/address`", "Who can call it:\n\n- `shop/checkout (grant)`"},
		"because":            {"The provider reads it before it consents."},

		"user.contact.address": {"data category `user.contact.address`, class personal\n\nWhere"},
		"order-fulfilment  #":  {"Activity `order-fulfilment`"},
	} {
		said := e.hover(checkout, text)
		for _, w := range want {
			if !strings.Contains(said, w) {
				t.Errorf("on %s it says %q, want %q", text, said, w)
			}
		}
	}
	for text, want := range map[string]string{
		"identity/customers": customers + " customers",
		"read-address":       customers + " read-address",
		"because":            "",

		"user.contact.address": "", // which no document declares
		"order-fulfilment  #":  "policies/privacy/activities/order-fulfilment.yaml order-fulfilment",
	} {
		if got := e.definition(checkout, text); got != want {
			t.Errorf("%s leads to %q, want %q", text, got, want)
		}
	}
	if got := e.definition(customers, "shop/checkout"); got != checkout+" checkout" {
		t.Errorf("the grant leads to %q", got)
	}

	items := e.complete(customers, "categories: [")
	if i := slices.IndexFunc(items, func(i protocol.CompletionItem) bool { return i.Label == "user.biometric" }); i < 0 || items[i].Detail != protocol.NewOptional("special") {
		t.Errorf("it proposes the categories %s", labels(items))
	}

	// While it is written, the document is no YAML, and names are known all the same.
	e.change(checkout, "to: identity/customers\n      endpoints: [read-address]", "to: ")
	if got := labels(e.complete(checkout, "- to: ")); got != "checkout identity/customers shop/checkout" {
		t.Errorf("it proposes the services %q", got)
	}
	e.change(checkout, "to: ", "to: identity/customers\n      endpoints: [")
	e.diagnostics(checkout, 1)
	items = e.complete(checkout, "endpoints: [")
	if labels(items) != "read-address" || items[0].Detail != protocol.NewOptional("GET /v1/customers/{id}/address") {
		t.Errorf("it proposes the endpoints %+v", items)
	}
	e.change(checkout, "endpoints: [", "endpoints: [read-address]\n      un")
	items = e.complete(checkout, "]\n      un")
	until := e.find(checkout, "un\n")
	until.End = protocol.Position{Line: until.Start.Line, Character: until.Start.Character + 2}
	if labels(items) != "until" || *items[0].TextEdit.(*protocol.TextEdit) != (protocol.TextEdit{Range: until, NewText: "until: "}) {
		t.Errorf("it proposes the fields %+v", items)
	}
	e.mu.Lock()
	asked := slices.Clone(e.asked)
	e.mu.Unlock()
	if !slices.Equal(asked, []string{"workspace/didChangeWatchedFiles"}) {
		t.Errorf("it asks to be told of %q", asked)
	}
	if code := e.quit(); code != 0 {
		t.Errorf("it ends with code %d", code)
	}
}

// A document is cleared when it is closed, one that was never saved counts while it is open, and a file that changes on the disk
// is read again.
func TestTheLanguageServerSeesTheWholeEstate(t *testing.T) {
	e := edit(t, newRepository(t))
	const unsaved = "policies/teams/shop/new/basket.yaml"
	e.show(customers, e.read(customers))
	e.change(customers, "read-address:", "read-adresses:")
	e.diagnostics(checkout, 1) // which is not open
	e.change(customers, "read-adresses:", "read-address:")
	e.diagnostics(checkout, 0)

	e.show(unsaved, "apiVersion: writ.dev/v1alpha1\nkind: Service\nmetadata: {name: basket, namespace: shop}\nspec:\n"+
		"  personalData: {processes: [{activity: order-fulfilment, categories: [user.contact.address], stored: false}]}\n"+
		"  intents:\n    - {to: identity/customers, endpoints: [read-address], because: a basket knows whose it is, activity: order-fulfilment}\n")
	if found := e.diagnostics(unsaved, 1)[0]; found.Code != protocol.String("ACC-001") || found.Severity != protocol.DiagnosticSeverityWarning {
		t.Errorf("an intent without consent is %+v", found)
	}
	e.must(e.server.DidClose(t.Context(), &protocol.DidCloseTextDocumentParams{TextDocument: e.id(unsaved)}))
	delete(e.at, unsaved)
	e.diagnostics(unsaved, 0)

	substitute(t, filepath.Join(e.root, checkout), "[read-address]", "[read-addres]")
	e.must(e.server.DidChangeWatchedFiles(t.Context(), &protocol.DidChangeWatchedFilesParams{
		Changes: []protocol.FileEvent{{URI: e.uri(checkout), Type: protocol.FileChangeTypeChanged}},
	}))
	e.diagnostics(checkout, 1)
	if code := e.quit(); code != 0 {
		t.Errorf("it ends with code %d", code)
	}
}

// However fast somebody types, what is told last is about what was typed last.
func TestABurstOfChangesEndsWithTheRightDiagnostics(t *testing.T) {
	e := edit(t, newRepository(t))
	e.show(checkout, e.read(checkout))
	for i := range 200 {
		e.change(checkout, "[read-addres", "[😀"+strings.Repeat("é", i%7))
		e.change(checkout, "[😀"+strings.Repeat("é", i%7), "[read-addres")
	}
	e.change(checkout, "[read-address]", "[read-adddress]")
	found := e.diagnostics(checkout, 1)[0]
	if !strings.Contains(string(found.Message.(protocol.String)), `no endpoint "read-adddress"`) || found.Range != e.find(checkout, "read-adddress") {
		t.Errorf("it tells %+v", found)
	}
	if code := e.quit(); code != 0 {
		t.Errorf("it ends with code %d", code)
	}
}

func code(err error) jsonrpc2.Code {
	var e *jsonrpc2.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

func TestTheLanguageServerKeepsToTheProtocol(t *testing.T) {
	ctx := t.Context()
	none := jsonrpc2.RawMessage(`{}`)
	t.Run("nothing before initialize", func(t *testing.T) {
		e := launch(t, newRepository(t))
		if _, err := e.conn.Call(ctx, "textDocument/hover", none, nil); code(err) != -32002 {
			t.Errorf("it answers %v", err)
		}
		e.must(e.server.Exit(ctx))
		if got := e.exitCode(); got != 1 {
			t.Errorf("exit without shutdown ends with code %d", got)
		}
	})
	t.Run("what nobody knows", func(t *testing.T) {
		e := edit(t, newRepository(t))
		for _, method := range []string{"textDocument/typeDefinition", "writ/frobnicate", "$/frobnicate"} {
			if _, err := e.conn.Call(ctx, method, none, nil); code(err) != -32601 {
				t.Errorf("%s: it answers %v", method, err)
			}
			e.must(e.conn.Notify(ctx, method, none))
		}
		if _, err := e.conn.Call(ctx, "initialize", none, nil); code(err) != -32600 {
			t.Errorf("a second initialize is answered with %v", err)
		}
		e.must(e.server.Shutdown(ctx))
		if _, err := e.conn.Call(ctx, "textDocument/hover", none, nil); code(err) != -32600 {
			t.Errorf("after shutdown it answers %v", err)
		}
		e.must(e.server.Exit(ctx))
		if got := e.exitCode(); got != 0 {
			t.Errorf("it ends with code %d", got)
		}
	})
	t.Run("the pipe closes", func(t *testing.T) {
		e := edit(t, newRepository(t))
		e.must(e.stdin.Close())
		if got := e.exitCode(); got != 1 || e.stderr.Len() > 0 {
			t.Errorf("it ends with code %d: %s", got, &e.stderr)
		}
	})
	t.Run("no repository", func(t *testing.T) {
		e := launch(t, t.TempDir())
		folder := uri.File(e.root)
		//nolint:staticcheck // what clients say that know no workspace folders
		_, err := e.server.Initialize(ctx, &protocol.InitializeParams{RootURI: &folder})
		if err == nil || !strings.Contains(err.Error(), "no folder policies/ in") {
			t.Errorf("initialize is answered with %v", err)
		}
	})
	t.Run("the folder of the command line", func(t *testing.T) {
		root := newRepository(t)
		e := launch(t, root, "-C", root)
		e.initialize(t.TempDir(), protocol.ClientCapabilities{})
		e.show(checkout, strings.Replace(e.read(checkout), "read-address", "x", 1))
		e.diagnostics(checkout, 1)
		if got := e.quit(); got != 0 {
			t.Errorf("it ends with code %d", got)
		}
	})
}

// A request that waits for a compilation is given up when its client no longer wants it.
func TestARequestIsCancelled(t *testing.T) {
	e := edit(t, newRepository(t))
	e.show(checkout, e.read(checkout))
	e.hover(checkout, "because")             // everything is compiled
	e.change(checkout, "because", "because") // and is to be again, after a while of quiet
	params, err := protocol.Marshal(&protocol.HoverParams{TextDocumentPositionParams: e.here(checkout, "because")})
	e.must(err)
	answers := make(chan error, 1)
	go func() {
		_, err := e.conn.Call(context.WithoutCancel(t.Context()), "textDocument/hover", jsonrpc2.RawMessage(params), nil)
		answers <- err
	}()
	time.Sleep(20 * time.Millisecond)
	for id := range 20 { // whichever it has
		e.must(e.conn.Notify(t.Context(), "$/cancelRequest", &protocol.CancelParams{ID: protocol.Integer(id)}))
	}
	if err := <-answers; code(err) != -32800 {
		t.Errorf("it answers %v", err)
	}
	if code := e.quit(); code != 0 {
		t.Errorf("it ends with code %d", code)
	}
}

// What is no message ends the session in one line.
func TestAMalformedMessageEndsTheSession(t *testing.T) {
	for _, message := range []string{
		"Content-Length: x\r\n\r\n{}",
		"hello\r\n\r\n",
		"Content-Length: 99999999999999\r\n\r\n",
		"Content-Length: 100\r\n\r\n{\"jsonrpc\":",
		"Content-Length: 5\r\n\r\n{\"a\":",
	} {
		cmd := exec.Command("writ", "lsp")
		var stdout, stderr bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(message), &stdout, &stderr
		err := cmd.Run()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if got := cmd.ProcessState.ExitCode(); got != 2 || !strings.HasPrefix(stderr.String(), "writ: talk to the client: ") || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%q: code %d, %q, %q", message, got, stdout.String(), stderr.String())
		}
	}
}
