package gitops

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/crypto/ssh"
)

// Credentials are what lets writ in. The zero value has none.
type Credentials struct {
	// Username and Token are for HTTPS. They go to the host of the URL alone, and never over plain HTTP.
	Username, Token string
	// Helpers is the folder whose git configuration says which credential helpers to ask where a server asks and there is no Token;
	// "" to ask none.
	Helpers string
	// Key is a file with a private key for SSH, Passphrase what opens it. Without one the agent is asked, and where
	// that has none, ~/.ssh.
	Key, Passphrase string
	// Agent says that there is an SSH agent.
	Agent bool
}

// githubUser is what GitHub and GitLab take beside a token where nobody says a name; others look at the token alone.
const githubUser = "x-access-token"

// auth is what is shown at once, nil for nothing.
func (c *Credentials) auth(ep *transport.Endpoint) (transport.AuthMethod, error) {
	switch ep.Protocol {
	case "ssh":
		return c.ssh(ep)
	case "http", "https":
		if c.Token == "" {
			return nil, nil
		}
		return c.basic(ep, c.Username, c.Token)
	default:
		return nil, nil
	}
}

func (c *Credentials) basic(ep *transport.Endpoint, user, token string) (transport.AuthMethod, error) {
	if ep.Protocol == "http" && !loopback(ep) {
		return nil, errors.New("credentials are not sent over plain http; use https")
	}
	if user == "" {
		user = githubUser
	}
	return &githttp.BasicAuth{Username: user, Password: token}, nil
}

// ask asks git's credential helpers, and GIT_ASKPASS, for what a server wants. Nobody is asked on the terminal: most of the time
// nobody is there. nil where they know nothing.
func (c *Credentials) ask(ctx context.Context, ep *transport.Endpoint) (transport.AuthMethod, error) {
	if c.Helpers == "" || c.Token != "" || ep.Protocol != "http" && ep.Protocol != "https" {
		return nil, nil
	}
	cmd := exec.CommandContext(ctx, "git", "-C", c.Helpers, "credential", "fill")
	host := ep.Host
	if ep.Port != 0 {
		host += ":" + strconv.Itoa(ep.Port)
	}
	cmd.Stdin = strings.NewReader("protocol=" + ep.Protocol + "\nhost=" + host + "\npath=" + strings.TrimPrefix(ep.Path, "/") + "\n\n")
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return nil, ctx.Err() // no git, or it knows none
	}
	said := map[string]string{}
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		said[key] = value
	}
	if said["password"] == "" {
		return nil, nil
	}
	return c.basic(ep, said["username"], said["password"])
}

// ssh is the key to show, and the known hosts to hold the server against: SSH_KNOWN_HOSTS, else ~/.ssh/known_hosts and
// /etc/ssh/ssh_known_hosts. An unknown host is an error, never a question.
func (c *Credentials) ssh(ep *transport.Endpoint) (transport.AuthMethod, error) {
	if c.Key == "" && c.Agent {
		auth, err := gitssh.NewSSHAgentAuth(ep.User)
		if err != nil {
			return nil, fmt.Errorf("ask the SSH agent: %w", err)
		}
		if keys, err := auth.Callback(); err != nil || len(keys) > 0 {
			return patient{auth}, err
		}
	}
	files := []string{c.Key}
	if c.Key == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, err
		}
		files = nil
		for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
			files = append(files, filepath.Join(home, ".ssh", "id_"+kind))
		}
	}
	for _, file := range files {
		pem, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) && c.Key == "" {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the SSH key: %w", err)
		}
		auth, err := gitssh.NewPublicKeys(ep.User, pem, c.Passphrase)
		if err != nil {
			return nil, fmt.Errorf("read the SSH key %s: %w", file, passphrase(err, c.Passphrase))
		}
		return patient{auth}, nil
	}
	return nil, errors.New("no SSH agent has a key, and there is none in ~/.ssh")
}

// passphrase says what is missing rather than that bytes do not fit.
func passphrase(err error, given string) error {
	var missing *ssh.PassphraseMissingError
	if errors.As(err, &missing) || given == "" && bytes.Contains([]byte(err.Error()), []byte("passphrase")) {
		return errors.New("it is encrypted, and no passphrase is given")
	}
	return err
}

// patient is an SSH identity that waits for a server only so long.
type patient struct{ gitssh.AuthMethod }

func (p patient) ClientConfig() (*ssh.ClientConfig, error) {
	config, err := p.AuthMethod.ClientConfig()
	if err == nil {
		config.Timeout = 30 * time.Second
	}
	return config, err
}
