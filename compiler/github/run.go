package github

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Run is a run of a workflow as the event workflow_run tells of it. A stranger has chosen its branch and what ran; GitHub says the rest.
type Run struct {
	Repository string // owner/name, whose event it is
	ID         int64
	Head       string // commit

	repository, workflow, headRepository int64 // ids
	headBranch, headOwner                string
	event                                string
}

var (
	repositoryName = regexp.MustCompile(`^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$`)
	fullCommit     = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// ReadRun reads the payload of the event workflow_run.
func ReadRun(payload []byte) (*Run, error) {
	type repository struct {
		ID       int64
		FullName string `json:"full_name"`
		Owner    struct{ Login string }
	}
	var e struct {
		Repository  repository
		WorkflowRun *struct {
			ID             int64
			Event          string
			HeadSHA        string      `json:"head_sha"`
			HeadBranch     string      `json:"head_branch"`
			WorkflowID     int64       `json:"workflow_id"`
			Repository     repository  `json:"repository"`
			HeadRepository *repository `json:"head_repository"`
		} `json:"workflow_run"`
	}
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, fmt.Errorf("the event cannot be read: %w", err)
	}
	if e.WorkflowRun == nil {
		return nil, errors.New("the event is no workflow_run")
	}
	w := e.WorkflowRun
	if w.HeadRepository == nil {
		return nil, &NothingError{"the fork that it ran for is gone"}
	}
	r := &Run{
		Repository: e.Repository.FullName, ID: w.ID, Head: w.HeadSHA,
		repository: e.Repository.ID, workflow: w.WorkflowID, headRepository: w.HeadRepository.ID,
		headBranch: w.HeadBranch, headOwner: w.HeadRepository.Owner.Login, event: w.Event,
	}
	switch {
	case !repositoryName.MatchString(r.Repository) || r.repository == 0 || r.ID <= 0 || r.headRepository == 0:
		return nil, errors.New("the event does not say whose it is")
	case w.Repository.ID != r.repository:
		return nil, errors.New("the event tells of another repository's run")
	case !fullCommit.MatchString(r.Head) || r.headBranch == "":
		return nil, errors.New("the event does not say what ran")
	case r.event != "pull_request":
		return nil, &NothingError{fmt.Sprintf("it ran for a %s", r.event)}
	}
	return r, nil
}

// NothingError says why there is nothing to comment on, and that this is nobody's mistake.
type NothingError struct{ Why string }

func (e *NothingError) Error() string { return e.Why }

// Trust refuses the run of another workflow than the one in the file. A fork may bring its own of the same name.
func (c *Client) Trust(ctx context.Context, r *Run, file string) error {
	var workflow struct{ ID int64 }
	if _, err := c.do(ctx, http.MethodGet, "/repos/"+r.Repository+"/actions/workflows/"+url.PathEscape(file), nil, &workflow); err != nil {
		return err
	}
	if workflow.ID != r.workflow {
		return &NothingError{fmt.Sprintf("it is no run of %s", file)}
	}
	return nil
}

// pull is a pull request as far as we ask.
type pull struct {
	Number int
	Head   struct {
		SHA, Ref string
		Repo     *struct{ ID int64 } // nil where the fork is gone
	}
	Base struct {
		Repo struct{ ID int64 }
	}
}

// PullRequest finds the one that the run was for. The event names none for a fork (https://github.com/actions/runner/issues/3444), and the
// commit alone says little: anybody can push somebody else's into a fork. So all must be right: commit, branch, and both repositories.
func (c *Client) PullRequest(ctx context.Context, r *Run) (int, error) {
	var found []int
	stale := false
	query := url.Values{"state": {"open"}, "head": {r.headOwner + ":" + r.headBranch}, "per_page": {"100"}}
	err := pages(ctx, c, "/repos/"+r.Repository+"/pulls?"+query.Encode(), func(page []pull) bool {
		for _, p := range page {
			if p.Head.Repo == nil || p.Head.Repo.ID != r.headRepository || p.Head.Ref != r.headBranch || p.Base.Repo.ID != r.repository {
				continue
			}
			if p.Head.SHA != r.Head {
				stale = true
				continue
			}
			found = append(found, p.Number)
		}
		return false
	})
	switch {
	case err != nil:
		return 0, err
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return 0, &NothingError{"several pull requests have this commit, and the run does not say for which it was"}
	case stale:
		return 0, &NothingError{"the pull request has moved on to another commit, whose own run will say more"}
	}
	return 0, &NothingError{"no open pull request has this commit"}
}

// ErrNoArtifact says that a run has kept nothing of the name.
var ErrNoArtifact = &NothingError{"the run has kept no review"}

// Artifact reads a file of an artifact of the run, up to a size. Nothing of it touches the disk.
func (c *Client) Artifact(ctx context.Context, r *Run, name, file string, limit int64) ([]byte, error) {
	var list struct {
		Artifacts []struct {
			ID      int64
			Name    string
			Size    int64 `json:"size_in_bytes"`
			Expired bool
		}
	}
	query := url.Values{"name": {name}, "per_page": {"100"}}
	address := fmt.Sprintf("/repos/%s/actions/runs/%d/artifacts?%s", r.Repository, r.ID, query.Encode())
	if _, err := c.do(ctx, http.MethodGet, address, nil, &list); err != nil {
		return nil, err
	}
	var newest, size int64
	for _, a := range list.Artifacts { // a run that was started again has several
		if a.Name == name && !a.Expired && a.ID > newest {
			newest, size = a.ID, a.Size
		}
	}
	if newest == 0 {
		return nil, ErrNoArtifact
	}
	if size > limit {
		return nil, fmt.Errorf("the artifact %q has %d bytes, and no review has more than %d", name, size, limit)
	}
	archive, err := c.download(ctx, fmt.Sprintf("/repos/%s/actions/artifacts/%d/zip", r.Repository, newest), limit)
	if err != nil {
		return nil, err
	}
	return unzip(archive, file, limit)
}

// download reads what the API redirects to.
func (c *Client) download(ctx context.Context, address string, limit int64) ([]byte, error) {
	for attempt := 1; ; attempt++ {
		a, err := c.send(ctx, http.MethodGet, address, nil)
		switch {
		case err == nil && a.status == http.StatusOK && int64(len(a.body)) > limit:
			return nil, fmt.Errorf("%s has more than %d bytes", address, limit)
		case err == nil && a.status == http.StatusOK:
			return a.body, nil
		case err == nil && (a.status == http.StatusGone || a.status == http.StatusNotFound):
			return nil, ErrNoArtifact
		case err == nil:
			err = &APIError{a.status, a.message(), "GET " + address}
			if wait := a.wait(attempt, time.Now()); wait < 0 || wait > patience {
				return nil, err
			}
		}
		if attempt == attempts || ctx.Err() != nil {
			return nil, err
		}
		if err := c.pause(ctx, backoff(attempt)); err != nil {
			return nil, err
		}
	}
}

// unzip reads the one plain file of the name. Whatever else the archive has is nobody's business.
func unzip(archive []byte, file string, limit int64) ([]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, fmt.Errorf("the artifact cannot be read: %w", err)
	}
	var found *zip.File
	for _, f := range z.File {
		if f.Name != file {
			continue
		}
		if found != nil || !f.Mode().IsRegular() {
			return nil, fmt.Errorf("the artifact has %q twice, or as no plain file", file)
		}
		found = f
	}
	if found == nil {
		return nil, fmt.Errorf("the artifact has no %q", file)
	}
	in, err := found.Open()
	if err != nil {
		return nil, fmt.Errorf("the artifact cannot be read: %w", err)
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, limit+1)) // whatever size the archive says
	if err != nil {
		return nil, fmt.Errorf("the artifact cannot be read: %w", err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%q in the artifact has more than %d bytes", file, limit)
	}
	return data, nil
}

// comment is one of an issue or a pull request.
type comment struct {
	ID   int64
	Body string
	User *struct{ Login string }
}

// Comment makes the comment that begins with the marker, and that the author wrote, say the body; it creates one where there is none and
// create says so. A comment of somebody else is never touched, whatever it begins with. It says what it did: created, edited, unchanged
// or nothing.
func (c *Client) Comment(ctx context.Context, r *Run, pull int, author, marker, body string, create bool) (string, error) {
	for attempt := 1; ; attempt++ {
		ours, err := c.find(ctx, r, pull, author, marker)
		switch {
		case err != nil:
			return "", err
		case ours == nil && !create:
			return "nothing", nil
		case ours != nil && sameText(ours.Body, body):
			return "unchanged", nil
		case ours != nil:
			_, err = c.do(ctx, http.MethodPatch, fmt.Sprintf("/repos/%s/issues/comments/%d", r.Repository, ours.ID), map[string]string{"body": body}, nil)
			return "edited", err
		}
		_, err = c.do(ctx, http.MethodPost, fmt.Sprintf("/repos/%s/issues/%d/comments", r.Repository, pull), map[string]string{"body": body}, nil)
		var ambiguous ambiguousError
		if !errors.As(err, &ambiguous) || attempt == attempts {
			return "created", err
		}
		// It may stand there already: look again before writing it twice.
		if err := c.pause(ctx, backoff(attempt)); err != nil {
			return "", err
		}
	}
}

// sameText compares bodies: GitHub gives line ends back as it likes.
func sameText(a, b string) bool {
	plain := func(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }
	return plain(a) == plain(b)
}

// find is our first comment, nil where there is none.
func (c *Client) find(ctx context.Context, r *Run, pull int, author, marker string) (*comment, error) {
	var ours *comment
	err := pages(ctx, c, fmt.Sprintf("/repos/%s/issues/%d/comments?per_page=100", r.Repository, pull), func(page []comment) bool {
		for i := range page {
			if page[i].User != nil && page[i].User.Login == author && strings.HasPrefix(page[i].Body, marker) {
				ours = &page[i]
				return true
			}
		}
		return false
	})
	return ours, err
}
