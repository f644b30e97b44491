package gitops

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// bare makes an empty repository to publish to.
func bare(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "deploy.git")
	gitBinary(t, ".", "init", "-q", "--bare", dir)
	gitBinary(t, dir, "config", "http.receivepack", "true")
	// A test that looks at every object wants none of them moved meanwhile.
	gitBinary(t, dir, "config", "gc.auto", "0")
	return dir
}

// backend is git's own server of a bare repository over HTTP, run as prefix says if it says anything.
func backend(t testing.TB, dir string, prefix ...string) http.Handler {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("no git binary here")
	}
	args := append(prefix, git, "http-backend")
	return &cgi.Handler{
		Path: args[0], Args: args[1:], InheritEnv: []string{"PATH"},
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(dir), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "HOME=" + t.TempDir()},
	}
}

// overHTTP serves the repository by a handler, and says where.
func overHTTP(t testing.TB, dir string, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL + "/" + filepath.Base(dir)
}

// overSSH serves the repository by an SSH server, lets one key in, and says where. The environment of the test has what a client
// needs.
func overSSH(t *testing.T, dir string) string {
	t.Helper()
	folder := t.TempDir()
	host, user := sshKey(t, ""), sshKey(t, filepath.Join(folder, "key"))
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(user.PublicKey().Marshal()) {
			return nil, errors.New("not that one")
		}
		return nil, nil
	}}
	config.AddHostKey(host)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveSSH(conn, config)
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	known := fmt.Sprintf("[127.0.0.1]:%s %s", port, ssh.MarshalAuthorizedKey(host.PublicKey()))
	if err := os.WriteFile(filepath.Join(folder, "known_hosts"), []byte(known), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSH_KNOWN_HOSTS", filepath.Join(folder, "known_hosts"))
	t.Setenv("WRIT_TEST_KEY", filepath.Join(folder, "key"))
	return "ssh://git@127.0.0.1:" + port + filepath.ToSlash(dir)
}

// serveSSH runs what a client asks for, as sshd would: by the user's shell.
func serveSSH(conn net.Conn, config *ssh.ServerConfig) {
	server, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	defer server.Close()
	go ssh.DiscardRequests(requests)
	for c := range channels {
		channel, requests, err := c.Accept()
		if err != nil {
			return
		}
		for r := range requests {
			if r.Type != "exec" {
				_ = r.Reply(false, nil)
				continue
			}
			_ = r.Reply(true, nil)
			var asked struct{ Command string }
			_ = ssh.Unmarshal(r.Payload, &asked)
			cmd := exec.Command("sh", "-c", asked.Command)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = channel, channel, channel.Stderr()
			cmd.WaitDelay = time.Second
			status := uint32(0)
			if cmd.Run() != nil {
				status = 1
			}
			_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
			channel.Close()
		}
	}
}

// sshKey makes a key, and writes it to the file if there is to be one.
func sshKey(t testing.TB, file string) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if file != "" {
		block, err := ssh.MarshalPrivateKey(key, "")
		if err == nil {
			err = os.WriteFile(file, pem.EncodeToMemory(block), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// publication publishes the files, beginning with "ours", from the revision. What lies there and begins so is removed.
func publication(t testing.TB, dir, rev, url string, files map[string]string) *Publication {
	t.Helper()
	source, err := Open(dir, rev)
	if err != nil {
		t.Fatal(err)
	}
	who := Stamp{Person{"writ", "writ@boutique.example"}, source.Committed}
	return &Publication{
		Source: source, URL: url, Branch: "deploy", Path: "out", Author: who, Committer: who,
		Credentials: Credentials{Key: os.Getenv("WRIT_TEST_KEY")},
		Again: func(ctx context.Context, tries int) error {
			if tries > 200 {
				return errors.New("enough")
			}
			time.Sleep(mathrand.N(10 * time.Millisecond << min(tries, 6)))
			return ctx.Err()
		},
		Render: func(_ context.Context, fsys fs.FS, _ string) (*Contents, error) {
			if _, err := fs.Stat(fsys, "policies"); err != nil {
				return nil, err
			}
			c := &Contents{Written: map[string][]byte{}, Says: Provenance{Source: source, Writ: "v1", Istio: "v2", Objects: len(files)}}
			there := map[string]string{}
			if out, err := fs.Sub(fsys, "out"); err == nil {
				if _, err := fs.Stat(out, "."); err == nil {
					there = contents(t, out)
				}
			}
			for name, data := range files {
				if there[name] != data {
					c.Written[name] = []byte(data)
				}
			}
			for name, data := range there {
				if _, stays := files[name]; !stays && strings.HasPrefix(data, "ours") {
					c.Removed = append(c.Removed, name)
				}
			}
			return c, nil
		},
	}
}

func publish(t testing.TB, p *Publication) *Done {
	t.Helper()
	done, err := Publish(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// documents is a repository with one commit, to publish from.
func documents(t testing.TB) *fixture {
	t.Helper()
	f := newFixture(t)
	f.put("policies/a.yaml", "a\n")
	f.put("out/never.yaml", "ours, and of no matter\n")
	f.commit("the first\n\nof all")
	return f
}
