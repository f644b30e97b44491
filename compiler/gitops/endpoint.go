package gitops

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/file"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/plumbing/transport/ssh"
)

// errSecret never says what it found: URLs end up in logs.
var errSecret = errors.New("the URL holds a user or a password; give a URL without, and the credentials as the help says")

// scheme begins a URL, as against a path and the user@host:path of ssh.
var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// parseURL reads where a repository is: https://, ssh://, user@host:path, file:// or a path.
func parseURL(url string) (*transport.Endpoint, error) {
	if url == "" || strings.ContainsFunc(url, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, errors.New("it is empty or has control characters")
	}
	if authority, _, found := strings.Cut(scheme.ReplaceAllString(url, ""), "@"); found && scheme.MatchString(url) {
		ssh := strings.HasPrefix(strings.ToLower(url), "ssh://")
		if !strings.Contains(authority, "/") && (!ssh || strings.Contains(authority, ":")) {
			return nil, errSecret
		}
	}
	ep, err := transport.NewEndpoint(url)
	if err != nil {
		return nil, errors.New("it cannot be read; write https://host/path, ssh://user@host/path or the path of a folder")
	}
	switch {
	case ep.Password != "" || ep.User != "" && ep.Protocol != "ssh":
		return nil, errSecret
	case ep.Protocol == "ssh" && ep.User == "":
		ep.User = ssh.DefaultUsername
	case ep.Protocol == "file":
		ep.Path, err = filepath.Abs(ep.Path)
		return ep, err
	}
	switch {
	case ep.Protocol != "https" && ep.Protocol != "http" && ep.Protocol != "ssh":
		return nil, fmt.Errorf("%s:// is not spoken here; use https://, ssh:// or file://", ep.Protocol)
	case ep.Host == "":
		return nil, errors.New("it names no host")
	}
	return ep, nil
}

// loopback reports whether the endpoint is this machine, where nobody listens in on plain HTTP.
func loopback(ep *transport.Endpoint) bool {
	ip := net.ParseIP(strings.Trim(ep.Host, "[]"))
	return ep.Host == "localhost" || ip != nil && ip.IsLoopback()
}

// transportFor is how the endpoint is spoken with. Nothing global is used, so that nothing else in the process changes it.
func transportFor(ep *transport.Endpoint) transport.Transport {
	switch ep.Protocol {
	case "file":
		return file.NewClient(transport.UploadPackServiceName, transport.ReceivePackServiceName)
	case "ssh":
		return ssh.NewClient(nil)
	default:
		// A redirect on the first request is followed, as git does, and takes no credentials to another host.
		return githttp.NewClientWithOptions(&http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()},
			&githttp.ClientOptions{RedirectPolicy: githttp.FollowInitialRedirects})
	}
}
