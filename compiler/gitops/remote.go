package gitops

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"writ.dev/writ/compiler/parallel"
)

// remote is one branch of a repository elsewhere, and what of it has come here.
//
// It speaks git's protocol by go-git's transports and not by go-git's Remote, for three reasons: an update names the tip that it
// builds on, so that the server itself refuses it where somebody was faster; a pack holds just what is new, whatever of the branch is
// here; and what the server says is heard.
type remote struct {
	endpoint  *transport.Endpoint
	transport transport.Transport
	creds     Credentials
	auth      transport.AuthMethod
	asked     bool // credential helpers were
	branch    plumbing.ReferenceName

	dir     string // what was fetched
	storage *filesystem.Storage
	objects *objects
	// whole is the last commit whose tree is here, zero for none.
	whole plumbing.Hash
}

// dial prepares to speak with a repository. Nothing is sent yet.
func dial(where, branch string, creds Credentials) (*remote, error) {
	ep, err := parseURL(where)
	if err != nil {
		return nil, err
	}
	r := &remote{endpoint: ep, transport: transportFor(ep), creds: creds, branch: plumbing.NewBranchReferenceName(branch)}
	if r.auth, err = creds.auth(ep); err != nil {
		return nil, err
	}
	if r.dir, err = os.MkdirTemp("", "writ-publish-"); err != nil {
		return nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	r.storage = filesystem.NewStorageWithOptions(osfs.New(r.dir), cache.NewObjectLRU(8*cache.MiByte), filesystem.Options{KeepDescriptors: true})
	if err := r.storage.Init(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(r.dir))
	}
	r.objects = &objects{stores: []store{&r.storage.ObjectStorage}}
	return r, nil
}

// close takes away what was fetched. Where the context ended, a session may still be at it, whose files are left to the process's end.
func (r *remote) close(ctx context.Context) error {
	if ctx.Err() != nil {
		os.RemoveAll(r.dir)
		return nil
	}
	return errors.Join(r.storage.Close(), os.RemoveAll(r.dir))
}

// tip is the commit that the branch names, zero where there is no such branch.
func (r *remote) tip(ctx context.Context) (plumbing.Hash, error) {
	var tip plumbing.Hash
	err := r.uploads(ctx, func(_ transport.UploadPackSession, refs *packp.AdvRefs) error {
		tip = refs.References[r.branch.String()]
		return nil
	})
	return tip, err
}

// fetch makes the tree of the branch's tip be here, and says which commit it is.
func (r *remote) fetch(ctx context.Context) (plumbing.Hash, error) {
	var tip plumbing.Hash
	err := r.uploads(ctx, func(s transport.UploadPackSession, refs *packp.AdvRefs) error {
		if tip = refs.References[r.branch.String()]; tip.IsZero() {
			return r.room(refs)
		} else if tip == r.whole {
			return nil
		}
		req := request(refs, tip)
		switch {
		case !refs.Capabilities.Supports(capability.Shallow): // all of it, then
		case r.whole.IsZero():
			req.Depth = packp.DepthCommits(1)
		default: // what was pushed since
			req.Haves, req.Shallows = []plumbing.Hash{r.whole}, []plumbing.Hash{r.whole}
		}
		return r.receive(ctx, s, req)
	})
	if err == nil {
		r.whole = tip
	}
	return tip, err
}

// room reports what keeps the branch from being made: names of branches are paths of files, or were once.
func (r *remote) room(refs *packp.AdvRefs) error {
	for name := range refs.References {
		if strings.HasPrefix(name, r.branch.String()+"/") || strings.HasPrefix(r.branch.String(), name+"/") {
			return fmt.Errorf("there cannot be a branch %s beside %s", r.branch.Short(), plumbing.ReferenceName(name).Short())
		}
	}
	return nil
}

// history makes the commits before the tip be here: so many of them, or all for 0. Their files come along only from a server that
// cannot leave them out.
func (r *remote) history(ctx context.Context, depth int) error {
	return r.uploads(ctx, func(s transport.UploadPackSession, refs *packp.AdvRefs) error {
		req := request(refs, r.whole)
		if refs.Capabilities.Supports(capability.Shallow) {
			req.Depth = packp.DepthCommits(depth)
		}
		if refs.Capabilities.Supports(capability.Filter) {
			req.Filter = packp.FilterTreeDepth(0)
			if err := req.Capabilities.Set(capability.Filter); err != nil {
				return err
			}
		}
		return r.receive(ctx, s, req)
	})
}

func request(refs *packp.AdvRefs, want plumbing.Hash) *packp.UploadPackRequest {
	req := packp.NewUploadPackRequestFromCapabilities(refs.Capabilities)
	for _, c := range []capability.Capability{capability.Shallow, capability.NoProgress} {
		if refs.Capabilities.Supports(c) {
			must(req.Capabilities.Set(c))
		}
	}
	req.Wants = []plumbing.Hash{want}
	return req
}

// must is for errors of capabilities with arguments where none are due.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (r *remote) receive(ctx context.Context, s transport.UploadPackSession, req *packp.UploadPackRequest) error {
	res, err := s.UploadPack(ctx, req)
	if err != nil {
		return err
	}
	defer res.Close()
	var pack io.Reader = res
	switch {
	case req.Capabilities.Supports(capability.Sideband64k):
		pack = sideband.NewDemuxer(sideband.Sideband64k, res)
	case req.Capabilities.Supports(capability.Sideband):
		pack = sideband.NewDemuxer(sideband.Sideband, res)
	}
	return packfile.UpdateObjectStorage(r.storage, pack)
}

// uploads opens a session for reading, and closes it. A repository without any commit is one without references.
func (r *remote) uploads(ctx context.Context, do func(transport.UploadPackSession, *packp.AdvRefs) error) error {
	return r.session(ctx, func() error {
		s, err := r.transport.NewUploadPackSession(r.copy(), r.auth)
		if err != nil {
			return err
		}
		defer s.Close()
		refs, err := s.AdvertisedReferencesContext(ctx)
		if errors.Is(err, transport.ErrEmptyRemoteRepository) {
			refs, err = packp.NewAdvRefs(), nil
		}
		if err != nil {
			return err
		}
		return do(s, refs)
	})
}

// copy is the endpoint as it was given: a session changes its own where it is redirected.
func (r *remote) copy() *transport.Endpoint {
	ep := *r.endpoint
	return &ep
}

// session speaks with the server, twice where it asks for credentials that helpers know. It returns when the context ends, whatever
// the server does.
func (r *remote) session(ctx context.Context, do func() error) error {
	var err error
	if ended := parallel.Await(ctx, func() { err = do() }); ended != nil {
		return ended
	}
	if errors.Is(err, transport.ErrAuthenticationRequired) && !r.asked {
		r.asked = true
		auth, asked := r.creds.ask(ctx, r.endpoint)
		if asked != nil {
			return asked
		}
		if auth != nil {
			r.auth = auth
			return r.session(ctx, do)
		}
	}
	return r.explain(err)
}

// errMoved says that somebody else was faster, or is at it right now.
var errMoved = errors.New("the branch moved")

// errSilent says that a server took a push without a word: one that cannot say more, or one that died.
var errSilent = errors.New("the server did not answer")

// contention is what servers say where two pushes meet in one branch: git, its hosts, and go-git's own server.
var contention = regexp.MustCompile(`lock|failed to update ref|incorrect old value|fetch first|non-fast-forward|stale|already exists|is at [0-9a-f]{7,} but expected`)

// Refused says that the server took nothing, and why in its own words: they come from elsewhere, and are not escaped.
type Refused struct {
	Branch, Reason string
	// Told is what the server, or a hook of it, printed.
	Told []string
}

func (e *Refused) Error() string {
	return fmt.Sprintf("%s was refused by the server, and is as it was: %s", e.Branch, e.Reason)
}

// push moves the branch from one commit to another, which the pack has with all that it needs. The server moves it at once and
// only from there. errMoved where it was not there; any other error may be one of the way back, see settle.
func (r *remote) push(ctx context.Context, from, to plumbing.Hash, pack []byte) error {
	told := &heard{}
	var report *packp.ReportStatus
	err := r.session(ctx, func() error {
		s, err := r.transport.NewReceivePackSession(r.copy(), r.auth)
		if err != nil {
			return err
		}
		defer s.Close()
		refs, err := s.AdvertisedReferencesContext(ctx)
		if err != nil && !errors.Is(err, transport.ErrEmptyRemoteRepository) {
			return err
		}
		if refs == nil {
			refs = packp.NewAdvRefs()
		}
		if refs.References[r.branch.String()] != from {
			return errMoved
		}
		req := packp.NewReferenceUpdateRequestFromCapabilities(refs.Capabilities)
		if refs.Capabilities.Supports(capability.Sideband64k) {
			must(req.Capabilities.Set(capability.Sideband64k))
		}
		req.Commands = []*packp.Command{{Name: r.branch, Old: from, New: to}}
		req.Packfile, req.Progress = io.NopCloser(bytes.NewReader(pack)), told
		report, err = s.ReceivePack(ctx, req)
		return err
	})
	switch {
	case report == nil && err == nil:
		return errSilent
	case report == nil:
		return err
	}
	reason := report.UnpackStatus
	if i := slices.IndexFunc(report.CommandStatuses, func(s *packp.CommandStatus) bool { return s.ReferenceName == r.branch }); reason == "ok" && i >= 0 {
		reason = report.CommandStatuses[i].Status
	}
	switch {
	case reason == "ok":
		return nil // what fails once the server said so is no matter
	case contention.MatchString(reason) && !strings.Contains(reason, "hook"):
		return fmt.Errorf("%w: %s", errMoved, reason)
	default:
		return &Refused{Branch: r.branch.Short(), Reason: reason, Told: told.lines()}
	}
}

// heard keeps what a server prints, as much as anybody would read.
type heard struct{ text []byte }

const readable = 16 << 10

func (h *heard) Write(p []byte) (int, error) {
	h.text = append(h.text, p[:min(len(p), readable-len(h.text))]...)
	return len(p), nil
}

func (h *heard) lines() []string {
	return strings.FieldsFunc(string(h.text), func(r rune) bool { return r == '\n' || r == '\r' })
}

// explain makes an error of a transport one that says what to do.
func (r *remote) explain(err error) error {
	where := r.endpoint.String()
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err // without the URL, which is said already
	}
	switch {
	case err == nil || errors.Is(err, errMoved):
		return err
	case errors.Is(err, transport.ErrAuthenticationRequired):
		return fmt.Errorf("%s asks who you are, and does not take what it was told%s", where, r.hint())
	case errors.Is(err, transport.ErrAuthorizationFailed):
		return fmt.Errorf("%s does not let you: %s", where, cut(strings.TrimPrefix(err.Error(), transport.ErrAuthorizationFailed.Error()+": ")))
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return fmt.Errorf("%s is no repository, or none that you may see", where)
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return fmt.Errorf("%s ended the connection too early", where)
	default:
		return fmt.Errorf("%s: %w", where, short{err})
	}
}

func (r *remote) hint() string {
	if r.endpoint.Protocol == "ssh" {
		return ""
	}
	if r.auth == nil {
		return ": give WRIT_GIT_TOKEN, or configure one of git's credential helpers"
	}
	return ": is the token right, and may it write?"
}

// short is an error without the page that a server may have sent with it.
type short struct{ error }

func (s short) Error() string { return cut(s.error.Error()) }
func (s short) Unwrap() error { return s.error }

const longest = 400

// cut is a text of a server, short enough for a line.
func cut(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "..."
	}
	return s
}
