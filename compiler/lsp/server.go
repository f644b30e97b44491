// Package lsp makes of an editor's questions about an estate answers in the Language Server Protocol: findings while one types,
// completion, hover, definitions, and the edits of findings as quick fixes.
//
// Open documents lie over the repository, and after each change the whole is compiled again, as in every other command. What is
// asked about the place of the cursor is read from its text alone (cursor.go), because a document that is being written is no
// YAML most of the time; names come from the last compilation.
package lsp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.lsp.dev/jsonrpc2"
	"go.lsp.dev/protocol"
	"go.lsp.dev/uri"
)

// Options are what a session needs from the command line.
type Options struct {
	// Dir is the repository; "" for the folder that the editor opens.
	Dir string
	// Open opens the repository for reading. Its error is shown to the user.
	Open func(dir string) (fs.FS, error)
	// Today is the day to judge dates by, as YYYY-MM-DD. It is asked each time: a session may last for days.
	Today   func() string
	Version string
}

// ErrAbrupt ends a session that its client did not shut down first; the protocol asks for exit code 1.
var ErrAbrupt = errors.New("the client ended without shutdown")

// codeNotInitialized is the protocol's ServerNotInitialized.
const codeNotInitialized jsonrpc2.Code = -32002

// server is the state of a session. The connection's goroutines write it, under the lock; compilations run in Serve's.
type server struct {
	protocol.UnimplementedServer
	opts   Options
	client protocol.Client
	quit   context.CancelFunc // ends the session

	mu       sync.Mutex
	stage    stage
	root     string
	repo     fs.FS
	watches  bool // the client can tell of changed files
	open     map[string]document
	edits    int           // how often something changed
	changed  chan struct{} // holds one element where a change was not looked at
	view     *view         // what the last compilation said
	compiled chan struct{} // is closed when there is a newer view
}

type stage int

const (
	fresh stage = iota
	running
	shutDown
)

// document is an open file.
type document struct {
	uri     uri.URI
	version int32
	data    []byte
}

// Serve speaks the protocol until the client says exit, its pipe closes or the context ends. A message that cannot be read ends
// the session with an error that says why.
func Serve(ctx context.Context, pipe io.ReadWriteCloser, opts Options) error {
	session, quit := context.WithCancel(ctx)
	defer quit()
	s := &server{
		opts: opts, quit: quit, view: &view{}, open: map[string]document{},
		changed: make(chan struct{}, 1), compiled: make(chan struct{}),
	}
	conn := jsonrpc2.NewConn(jsonrpc2.NewStream(pipe), jsonrpc2.WithCodec(codec{}))
	s.client = protocol.ClientDispatcher(conn)
	conn.Go(session, concurrent(s.guard(protocol.ServerHandler(s, nil))))
	go func() { // so that a compilation ends as well
		<-conn.Done()
		quit()
	}()
	s.watch(session)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.ended(conn)
}

// ended says how the session ended.
func (s *server) ended(conn jsonrpc2.Conn) error {
	if err := conn.Err(); err != nil {
		return fmt.Errorf("talk to the client: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stage != shutDown {
		return ErrAbrupt
	}
	return nil
}

// codec is the protocol's encoding of parameters and results.
type codec struct{ jsonrpc2.JSONCodec }

func (c codec) Marshal(v any) ([]byte, error) {
	switch v.(type) {
	case jsonrpc2.RawMessage, *jsonrpc2.RawMessage:
		return c.JSONCodec.Marshal(v)
	}
	return protocol.Marshal(v)
}

func (c codec) Unmarshal(data []byte, v any) error {
	if raw, ok := v.(*jsonrpc2.RawMessage); ok {
		return c.JSONCodec.Unmarshal(data, raw)
	}
	return protocol.Unmarshal(data, v)
}

// concurrent lets requests run beside each other, so that one that waits for a compilation holds up nobody and can be cancelled.
// Notifications are handled in their order: a document has each change in turn. So are the two requests that begin and end a
// session, whose context the library must not be asked to cancel: it is used again for the next message.
func concurrent(handle jsonrpc2.Handler) jsonrpc2.Handler {
	cancellable := protocol.CancelHandler(func(ctx context.Context, req *jsonrpc2.Request) (any, error) {
		if req.IsCall() {
			jsonrpc2.Async(ctx)
		}
		return handle(ctx, req)
	})
	return func(ctx context.Context, req *jsonrpc2.Request) (any, error) {
		switch req.Method() {
		case protocol.MethodInitialize, protocol.MethodShutdown:
			return handle(ctx, req)
		default:
			return cancellable(ctx, req)
		}
	}
}

// guard holds messages to the order that the protocol asks for, and drops notifications that nobody knows.
func (s *server) guard(handle jsonrpc2.Handler) jsonrpc2.Handler {
	return func(ctx context.Context, req *jsonrpc2.Request) (any, error) {
		if err := s.inOrder(req.Method()); err != nil {
			if req.IsCall() {
				return nil, err
			}
			return nil, nil
		}
		result, err := handle(ctx, req)
		var fault *jsonrpc2.Error
		if !req.IsCall() && errors.As(err, &fault) && fault.Code == jsonrpc2.MethodNotFound {
			return nil, nil
		}
		return result, err
	}
}

func (s *server) inOrder(method string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case method == protocol.MethodExit:
		return nil
	case s.stage == fresh && method != protocol.MethodInitialize:
		return jsonrpc2.NewError(codeNotInitialized, "the first request is initialize")
	case s.stage == running && method == protocol.MethodInitialize:
		return jsonrpc2.NewError(jsonrpc2.InvalidRequest, "the session is initialized already")
	case s.stage == shutDown:
		return jsonrpc2.NewError(jsonrpc2.InvalidRequest, "the session is shut down")
	default:
		return nil
	}
}

// Initialize opens the repository and says what the server can do.
func (s *server) Initialize(_ context.Context, params *protocol.InitializeParams) (*protocol.InitializeResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	root, err := filepath.Abs(s.folder(params))
	if err != nil {
		return nil, err
	}
	if s.repo, err = s.opts.Open(root); err != nil {
		return nil, err
	}
	s.root, s.stage = root, running
	if w := params.Capabilities.Workspace; w != nil && w.DidChangeWatchedFiles != nil && w.DidChangeWatchedFiles.DynamicRegistration != nil {
		s.watches = *w.DidChangeWatchedFiles.DynamicRegistration
	}
	yes, incremental := true, protocol.TextDocumentSyncKindIncremental
	return &protocol.InitializeResult{
		Capabilities: protocol.ServerCapabilities{
			PositionEncoding:   protocol.PositionEncodingKindUTF16,
			TextDocumentSync:   &protocol.TextDocumentSyncOptions{OpenClose: &yes, Change: &incremental, Save: protocol.Boolean(true)},
			CompletionProvider: &protocol.CompletionOptions{TriggerCharacters: []string{" ", "/", "[", "{", ","}},
			HoverProvider:      protocol.Boolean(true),
			DefinitionProvider: protocol.Boolean(true),
			CodeActionProvider: &protocol.CodeActionOptions{CodeActionKinds: []protocol.CodeActionKind{protocol.CodeActionKindQuickFix}},
		},
		ServerInfo: protocol.ServerInfo{Name: "writ", Version: protocol.NewOptional(s.opts.Version)},
	}, nil
}

// folder is the repository: what the command line says, or else the first folder of the editor.
func (s *server) folder(params *protocol.InitializeParams) string {
	if s.opts.Dir != "" {
		return s.opts.Dir
	}
	if folders, ok := params.WorkspaceFolders.Get(); ok && len(folders) > 0 {
		return folders[0].URI.FsPath()
	}
	//nolint:staticcheck // clients that know no workspace folders still send it
	if root := params.RootURI; root != nil && *root != "" {
		return root.FsPath()
	}
	return "."
}

// Initialized compiles for the first time, and asks to hear of files that change on the disk.
func (s *server) Initialized(ctx context.Context, _ *protocol.InitializedParams) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.touch()
	if !s.watches {
		return nil
	}
	options, err := protocol.Marshal(&protocol.DidChangeWatchedFilesRegistrationOptions{
		Watchers: []protocol.FileSystemWatcher{{GlobPattern: protocol.Pattern("**/policies/**/*.{yaml,yml}")}},
	})
	if err != nil {
		return err
	}
	session := jsonrpc2.DetachContext(ctx)
	go func() { // the answer comes on the connection that this handler holds up
		_ = s.client.RegisterCapability(session, &protocol.RegistrationParams{Registrations: []protocol.Registration{
			{ID: "policies", Method: protocol.MethodWorkspaceDidChangeWatchedFiles, RegisterOptions: options},
		}}) // a client that refuses still tells of files that it saves
	}()
	return nil
}

// Shutdown answers nothing more than exit.
func (s *server) Shutdown(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stage = shutDown
	return nil
}

// Exit ends the session.
func (s *server) Exit(context.Context) error {
	s.quit()
	return nil
}

// DidOpen lays the document over the file.
func (s *server) DidOpen(_ context.Context, p *protocol.DidOpenTextDocumentParams) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name, ok := s.file(p.TextDocument.URI); ok {
		s.open[name] = document{p.TextDocument.URI, p.TextDocument.Version, []byte(p.TextDocument.Text)}
		s.touch()
	}
	return nil
}

// DidChange applies the changes in their order.
func (s *server) DidChange(_ context.Context, p *protocol.DidChangeTextDocumentParams) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, _ := s.file(p.TextDocument.URI)
	doc, isOpen := s.open[name]
	if !isOpen {
		return nil
	}
	for _, change := range p.ContentChanges {
		switch c := change.(type) {
		case *protocol.TextDocumentContentChangePartial:
			doc.data = newText(doc.data).edited(c.Range, c.Text)
		case *protocol.TextDocumentContentChangeWholeDocument:
			doc.data = []byte(c.Text)
		}
	}
	doc.version = p.TextDocument.Version
	s.open[name] = doc
	s.touch()
	return nil
}

// DidClose gives the word back to the file.
func (s *server) DidClose(_ context.Context, p *protocol.DidCloseTextDocumentParams) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name, ok := s.file(p.TextDocument.URI); ok {
		delete(s.open, name)
		s.touch()
	}
	return nil
}

// DidSave compiles again: with the file, others may have changed.
func (s *server) DidSave(context.Context, *protocol.DidSaveTextDocumentParams) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.touch()
	return nil
}

// DidChangeWatchedFiles compiles again.
func (s *server) DidChangeWatchedFiles(context.Context, *protocol.DidChangeWatchedFilesParams) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.touch()
	return nil
}

// touch asks for a compilation. The lock is held.
func (s *server) touch() {
	s.edits++
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// file is the path of a document below policies/ in the repository, as findings have it. The lock is held.
func (s *server) file(u uri.URI) (string, bool) {
	if u.Scheme() != "file" {
		return "", false
	}
	name, err := filepath.Rel(s.root, u.FsPath())
	if err != nil || !filepath.IsLocal(name) {
		name, err = relLinked(s.root, u.FsPath())
	}
	name = filepath.ToSlash(name)
	return name, err == nil && strings.HasPrefix(name, "policies/")
}

// relLinked is filepath.Rel for an editor that knows the repository by another name, through a symbolic link.
func relLinked(root, file string) (string, error) {
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return "", err
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(file))
	if err != nil {
		return "", err
	}
	return filepath.Rel(root, filepath.Join(dir, filepath.Base(file)))
}

// uri is how the client calls a file. The lock is held.
func (s *server) uri(name string) uri.URI {
	if doc, ok := s.open[name]; ok {
		return doc.uri
	}
	return uri.File(filepath.Join(s.root, filepath.FromSlash(name)))
}

// quiet is how long nobody types before a compilation begins, and patience how long one is put off at most.
const (
	quiet    = 100 * time.Millisecond
	patience = time.Second
)

// watch compiles after changes until the session ends.
func (s *server) watch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.changed:
		}
		latest := time.After(patience)
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				return
			case <-s.changed:
			case <-latest:
				waiting = false
			case <-time.After(quiet):
				waiting = false
			}
		}
		s.compile(ctx)
	}
}
