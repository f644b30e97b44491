// Package github keeps one comment on a pull request, through as much of GitHub's API as that takes.
package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Client speaks with GitHub's REST API.
type Client struct {
	api   *url.URL
	token string
	http  *http.Client
	// pause waits, or returns the context's error.
	pause func(context.Context, time.Duration) error
}

const (
	// apiVersion is the API's: https://docs.github.com/rest/about-the-rest-api/api-versions.
	apiVersion = "2022-11-28"
	// attempts is how often a request is sent that may succeed the next time.
	attempts = 5
	// patience is how long a client waits between two attempts. GitHub's limits may last an hour; a job is not kept for that.
	patience = 2 * time.Minute
	// largest is how much of an answer is read.
	largest = 32 << 20
)

// New returns a client of the API at the address, like https://api.github.com. A token goes over no wire that others read.
func New(api, token string) (*Client, error) {
	u, err := url.Parse(api)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, fmt.Errorf("%q is no address of an API", api)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, fmt.Errorf("%q is not https, and the token would be sent in the clear", api)
	}
	if token == "" {
		return nil, errors.New("there is no token")
	}
	c := &Client{api: u, token: token, pause: sleep}
	c.http = &http.Client{Timeout: time.Minute, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if len(via) > 5 || req.URL.Scheme != "https" && !loopback(req.URL.Hostname()) {
			return errors.New("the redirection leads nowhere good")
		}
		return nil // net/http sends no token to another host
	}}
	return c, nil
}

func loopback(host string) bool { return host == "127.0.0.1" || host == "::1" || host == "localhost" }

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// APIError is an answer that says no.
type APIError struct {
	Status  int
	Message string
	Request string // method and path
}

func (e *APIError) Error() string {
	said := fmt.Sprintf("GitHub answers %d to %s", e.Status, e.Request)
	if e.Message != "" {
		said += ": " + e.Message
	}
	switch e.Status {
	case http.StatusUnauthorized:
		said += "; the token is not valid"
	case http.StatusForbidden, http.StatusNotFound:
		said += "; the job needs `permissions: {actions: read, pull-requests: write}`"
	}
	return said
}

// ambiguousError is a request that may have been carried out.
type ambiguousError struct{ error }

func (e ambiguousError) Unwrap() error { return e.error }

// do sends a request until it is answered, and decodes the answer into the value where one is given. It returns the address of the next
// page. What creates something is sent again only where GitHub has said that it was not carried out.
func (c *Client) do(ctx context.Context, method, address string, body, into any) (next string, err error) {
	var text []byte
	if body != nil {
		if text, err = json.Marshal(body); err != nil {
			return "", err
		}
	}
	for attempt := 1; ; attempt++ {
		answer, err := c.send(ctx, method, address, text)
		var wait time.Duration
		switch {
		case err != nil:
			wait = backoff(attempt)
			err = ambiguousError{err}
		case answer.status/100 == 2:
			if into == nil {
				return answer.next, nil
			}
			if err := json.Unmarshal(answer.body, into); err != nil {
				return "", fmt.Errorf("GitHub's answer to %s cannot be read: %w", method+" "+path(address), err)
			}
			return answer.next, nil
		default:
			err = &APIError{answer.status, answer.message(), method + " " + path(address)}
			if wait = answer.wait(attempt, time.Now()); wait < 0 {
				return "", err
			}
			if answer.status >= 500 {
				err = ambiguousError{err}
			}
		}
		var ambiguous ambiguousError
		if attempt == attempts || wait > patience || method == http.MethodPost && errors.As(err, &ambiguous) || ctx.Err() != nil {
			return "", err
		}
		if err := c.pause(ctx, wait); err != nil {
			return "", err
		}
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
	next   string
}

func (c *Client) send(ctx context.Context, method, address string, body []byte) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.resolve(address), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("X-GitHub-Api-Version", apiVersion)
	req.Header.Set("User-Agent", "writ")
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, largest+1))
	if err != nil {
		return nil, err
	}
	if len(text) > largest {
		return nil, fmt.Errorf("%s answers with more than %d bytes", path(address), largest)
	}
	return &answer{res.StatusCode, res.Header, text, c.following(res.Header.Get("Link"))}, nil
}

// resolve makes an address of a path of the API. It takes whole addresses of the same API alone.
func (c *Client) resolve(address string) string {
	if strings.HasPrefix(address, c.api.String()+"/") {
		return address
	}
	return strings.TrimSuffix(c.api.String(), "/") + address
}

func path(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Path
	}
	return address
}

var linkNext = regexp.MustCompile(`<([^>]*)>;\s*rel="next"`)

// following is the address of the next page, "" behind the last one and where it does not lie within the API.
func (c *Client) following(link string) string {
	m := linkNext.FindStringSubmatch(link)
	if m == nil || !strings.HasPrefix(m[1], strings.TrimSuffix(c.api.String(), "/")+"/") {
		return ""
	}
	return m[1]
}

// message is what GitHub says of a failure.
func (a *answer) message() string {
	var said struct {
		Message string
		Errors  []struct{ Message string }
	}
	_ = json.Unmarshal(a.body, &said)
	all := []string{said.Message}
	for _, e := range said.Errors {
		all = append(all, e.Message)
	}
	return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == "" }), "; ")
}

// wait is how long to wait before another attempt, negative where there is none to make:
// https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately.
func (a *answer) wait(attempt int, now time.Time) time.Duration {
	limited := a.status == http.StatusTooManyRequests || a.status == http.StatusForbidden
	if seconds, err := strconv.Atoi(a.header.Get("Retry-After")); err == nil && (limited || a.status == http.StatusServiceUnavailable) {
		return time.Duration(max(seconds, 0)) * time.Second
	}
	if reset, err := strconv.ParseInt(a.header.Get("X-Ratelimit-Reset"), 10, 64); err == nil && limited && a.header.Get("X-Ratelimit-Remaining") == "0" {
		return max(time.Unix(reset, 0).Sub(now), 0) + time.Second
	}
	if a.status == http.StatusTooManyRequests || a.status >= 500 || a.status == http.StatusForbidden && strings.Contains(a.message(), "secondary rate limit") {
		return backoff(attempt)
	}
	return -1
}

func backoff(attempt int) time.Duration { return time.Second << (attempt - 1) }

// pages calls each with the items of every page, until there are no more or it says stop.
func pages[T any](ctx context.Context, c *Client, address string, each func([]T) (stop bool)) error {
	const most = 300 // pages, of 100 items
	for range most {
		var page []T
		next, err := c.do(ctx, http.MethodGet, address, nil, &page)
		if err != nil || each(page) || next == "" {
			return err
		}
		address = next
	}
	return fmt.Errorf("%s has more than %d pages", path(address), most)
}
