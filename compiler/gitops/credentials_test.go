package gitops

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

func contextFor(t testing.TB, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

// guarded lets one user in, and one only look.
func guarded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, pass, said := r.BasicAuth()
		switch {
		case !said || pass != "s3cret" && pass != "looker":
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who is "+user+"?", http.StatusUnauthorized)
		case pass == "looker" && strings.Contains(r.URL.String(), "git-receive-pack"):
			http.Error(w, "<html>\n"+user+" may only look\n</html>"+strings.Repeat("x", 10000), http.StatusForbidden)
		default:
			h.ServeHTTP(w, r)
		}
	})
}

func TestCredentials(t *testing.T) {
	f, dir := documents(t), bare(t)
	url := overHTTP(t, dir, guarded(backend(t, dir)))
	helper := filepath.Join(t.TempDir(), "helper")
	if err := os.WriteFile(helper, []byte("#!/bin/sh\n[ \"$1\" = get ] && printf 'username=me\\npassword=s3cret\\n'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	t.Setenv("GIT_ASKPASS", "")
	t.Setenv("SSH_ASKPASS", "")
	for i, c := range []struct {
		creds  Credentials
		helper string
		want   string // "" where it gets through
	}{
		{Credentials{}, "", "asks who you are, and does not take what it was told: give WRIT_GIT_TOKEN, or configure"},
		{Credentials{Token: "wrong-one"}, "", "is the token right, and may it write?"},
		{Credentials{Token: "looker"}, "", "does not let you: <html> x-access-token may only look </html>xxx"},
		{Credentials{Token: "s3cret"}, "", ""},
		{Credentials{Token: "s3cret", Username: "somebody"}, "", ""},
		{Credentials{Helpers: f.dir}, "", "give WRIT_GIT_TOKEN"},
		{Credentials{Helpers: f.dir}, helper, ""},
		{Credentials{Helpers: f.dir, Token: "wrong-one"}, helper, "is the token right"},
	} {
		if c.helper != "" && runtime.GOOS == "windows" {
			continue
		}
		gitBinary(t, f.dir, "config", "credential.helper", c.helper)
		p := publication(t, f.dir, "HEAD", url, map[string]string{"a.yaml": fmt.Sprint("ours ", i)})
		p.Credentials = c.creds
		_, err := Publish(t.Context(), p)
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%d: got %v, want %q", i, err, c.want)
		case err != nil && (strings.Contains(err.Error(), "wrong-one") || strings.Contains(err.Error(), "s3cret") || len(err.Error()) > 800):
			t.Errorf("%d: it says too much: %v", i, err)
		}
	}
}

// TestATokenStaysWhereItBelongs: not over plain HTTP, and not to where a server redirects.
func TestATokenStaysWhereItBelongs(t *testing.T) {
	f := documents(t)
	p := publication(t, f.dir, "HEAD", "http://git.boutique.example/x.git", nil)
	p.Credentials.Token = "s3cret"
	if _, err := Publish(t.Context(), p); err == nil || !strings.Contains(err.Error(), "not sent over plain http") {
		t.Errorf("got %v", err)
	}
	heard := make(chan string, 10)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heard <- r.Header.Get("Authorization")
		http.NotFound(w, r)
	}))
	defer elsewhere.Close()
	p.URL = overHTTP(t, "x.git", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.String(), http.StatusFound)
	}))
	if _, err := Publish(t.Context(), p); err == nil {
		t.Error("it published")
	}
	if got := <-heard; got != "" {
		t.Errorf("elsewhere heard %q", got)
	}
}

func TestSSHWithoutTrust(t *testing.T) {
	f, dir := documents(t), bare(t)
	url := overSSH(t, dir)
	p := publication(t, f.dir, "HEAD", url, map[string]string{"a.yaml": "ours"})
	stranger := filepath.Join(t.TempDir(), "stranger")
	sshKey(t, stranger)
	p.Credentials.Key = stranger
	if _, err := Publish(t.Context(), p); err == nil || !strings.Contains(err.Error(), "unable to authenticate") {
		t.Errorf("got %v", err)
	}
	none := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(none, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSH_KNOWN_HOSTS", none)
	if _, err := Publish(t.Context(), publication(t, f.dir, "HEAD", url, nil)); err == nil || !strings.Contains(err.Error(), "knownhosts: key is unknown") {
		t.Errorf("got %v", err)
	}
	t.Setenv("HOME", t.TempDir())
	p.Credentials = Credentials{}
	if _, err := Publish(t.Context(), p); err == nil || !strings.Contains(err.Error(), "no SSH agent has a key, and there is none in ~/.ssh") {
		t.Errorf("got %v", err)
	}
}

// TestSSHKeysAreFound: in the agent, else in ~/.ssh.
func TestSSHKeysAreFound(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("agents have no socket there")
	}
	f, dir := documents(t), bare(t)
	url := overSSH(t, dir)
	pem, err := os.ReadFile(os.Getenv("WRIT_TEST_KEY"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParseRawPrivateKey(pem)
	if err != nil {
		t.Fatal(err)
	}
	home, err := os.MkdirTemp("", "ssh") // short: a socket lies in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	t.Setenv("HOME", home)
	l, err := net.Listen("unix", filepath.Join(home, "agent"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ring := agent.NewKeyring()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(ring, conn) }()
		}
	}()
	t.Setenv("SSH_AUTH_SOCK", filepath.Join(home, "agent"))
	try := func(text string) (*Done, error) {
		p := publication(t, f.dir, "HEAD", url, map[string]string{"a.yaml": "ours " + text})
		p.Credentials = Credentials{Agent: true}
		return Publish(t.Context(), p)
	}
	if _, err := try("of nobody"); err == nil || !strings.Contains(err.Error(), "no SSH agent has a key, and there is none in ~/.ssh") {
		t.Errorf("got %v", err)
	}
	if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	if done, err := try("of the agent"); err != nil || done.Outcome != Published {
		t.Errorf("got %+v, %v", done, err)
	}
	err = errors.Join(ring.RemoveAll(), os.Mkdir(filepath.Join(home, ".ssh"), 0o700), os.WriteFile(filepath.Join(home, ".ssh", "id_ed25519"), pem, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	if done, err := try("of the folder"); err != nil || done.Outcome != Published {
		t.Errorf("got %+v, %v", done, err)
	}
}

// TestSignaturesAreGitsOwn holds them against gpg and ssh-keygen, by git.
func TestSignaturesAreGitsOwn(t *testing.T) {
	f := documents(t)
	verify := func(t *testing.T, key []byte, pass string, again bool, git ...string) {
		t.Helper()
		var ids []string
		for range 2 {
			dir := bare(t)
			p := publication(t, f.dir, "HEAD", dir, map[string]string{"a.yaml": "ours"})
			var err error
			if p.Sign, err = NewSigner(key, pass); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, publish(t, p).Commit)
			gitBinary(t, dir, append(git, "verify-commit", "deploy")...)
			gitBinary(t, dir, "fsck", "--strict")
		}
		if again && ids[0] != ids[1] {
			t.Errorf("two runs made %v", ids)
		}
	}
	t.Run("ssh", func(t *testing.T) {
		if _, err := exec.LookPath("ssh-keygen"); err != nil {
			t.Skip("no ssh-keygen here")
		}
		small, e1 := rsa.GenerateKey(rand.Reader, 2048)
		curve, e2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		_, edwards, e3 := ed25519.GenerateKey(rand.Reader)
		if err := errors.Join(e1, e2, e3); err != nil {
			t.Fatal(err)
		}
		for kind, raw := range map[string]any{"rsa": small, "ecdsa": curve, "ed25519": edwards} {
			for _, pass := range []string{"", "open sesame"} {
				block, err := ssh.MarshalPrivateKey(raw, "")
				if pass != "" {
					block, err = ssh.MarshalPrivateKeyWithPassphrase(raw, "", []byte(pass))
				}
				if err != nil {
					t.Fatal(err)
				}
				key := pem.EncodeToMemory(block)
				s, err := ssh.NewSignerFromKey(raw)
				if err != nil {
					t.Fatal(err)
				}
				allowed := filepath.Join(t.TempDir(), "allowed")
				if err := os.WriteFile(allowed, append([]byte("writ@boutique.example "), ssh.MarshalAuthorizedKey(s.PublicKey())...), 0o600); err != nil {
					t.Fatal(err)
				}
				verify(t, key, pass, kind != "ecdsa", "-c", "gpg.format=ssh", "-c", "gpg.ssh.allowedSignersFile="+allowed)
				if pass != "" {
					if _, err := NewSigner(key, ""); err == nil || !strings.Contains(err.Error(), "no passphrase") {
						t.Errorf("got %v", err)
					}
					if _, err := NewSigner(key, "wrong"); err == nil {
						t.Error("a wrong passphrase opens it")
					}
				}
			}
		}
	})
	t.Run("openpgp", func(t *testing.T) {
		gpg, err := exec.LookPath("gpg")
		if err != nil {
			t.Skip("no gpg here")
		}
		for _, c := range []struct {
			made time.Time
			pass string
		}{
			{time.Unix(1_700_000_000, 0), ""},
			{time.Unix(1_700_000_000, 0), "open sesame"},
			{time.Unix(1_800_000_100, 0), ""}, // younger than the commit
		} {
			home, err := os.MkdirTemp("", "gpg") // short: sockets lie in it
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
				os.RemoveAll(home)
			})
			t.Setenv("GNUPGHOME", home)
			config := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return c.made }}
			entity, err := openpgp.NewEntity("writ", "", "writ@boutique.example", config)
			if err != nil {
				t.Fatal(err)
			}
			public := armored(t, openpgp.PublicKeyType, func(b *bytes.Buffer) error { return entity.Serialize(b) })
			if c.pass != "" {
				if err := entity.EncryptPrivateKeys([]byte(c.pass), config); err != nil {
					t.Fatal(err)
				}
			}
			private := armored(t, openpgp.PrivateKeyType, func(b *bytes.Buffer) error { return entity.SerializePrivateWithoutSigning(b, nil) })
			cmd := exec.Command(gpg, "--batch", "--ignore-time-conflict", "--import")
			cmd.Stdin = bytes.NewReader(public)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			wrapper := filepath.Join(home, "at-that-time") // the commit lies in the future
			if err := os.WriteFile(wrapper, []byte("#!/bin/sh\nexec "+gpg+" --ignore-time-conflict --ignore-valid-from --faked-system-time 1900000000 \"$@\"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			verify(t, private, c.pass, true, "-c", "gpg.program="+wrapper)
			if c.pass != "" {
				if _, err := NewSigner(private, ""); err == nil || !strings.Contains(err.Error(), "no passphrase") {
					t.Errorf("got %v", err)
				}
			}
			if _, err := NewSigner(public, ""); err == nil {
				t.Error("a public key signs")
			}
		}
	})
}

func armored(t *testing.T, kind string, write func(*bytes.Buffer) error) []byte {
	t.Helper()
	var raw, text bytes.Buffer
	if err := write(&raw); err != nil {
		t.Fatal(err)
	}
	w, err := armor.Encode(&text, kind, nil)
	if err == nil {
		_, err = w.Write(raw.Bytes())
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}
