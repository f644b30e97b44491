package main

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"writ.dev/writ/compiler/gitops"
)

// publishFlags are the flags of publish as they were given.
type publishFlags struct {
	to, branch, path, revision       string
	author, committer, date, signing string
	sourceURL                        string
	rollback, dryRun                 bool
	timeout                          time.Duration
}

func (f *publishFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.to, "to", "", "the repository to publish to, as a `URL` or a path from where you stand")
	flags.StringVar(&f.branch, "branch", "", "the branch there, as a `NAME` like deploy; it begins with the first publication")
	flags.StringVar(&f.path, "path", "out", "the `FOLDER` of the branch that takes what out/ would hold; . for all of it")
	flags.StringVar(&f.revision, "revision", "HEAD", "the git `REV` to compile")
	flags.StringVar(&f.author, "author", "", "who the commit is by, as `'NAME <ADDRESS>'`")
	flags.StringVar(&f.committer, "committer", "", "who makes the commit, as `'NAME <ADDRESS>'`; the author unless said")
	flags.StringVar(&f.date, "date", "", "the `TIME` of the commit, like 2026-12-31T23:59:59Z")
	flags.StringVar(&f.signing, "signing-key", "", "a `FILE` with the private key to sign with, of OpenPGP (armoured) or OpenSSH")
	flags.StringVar(&f.sourceURL, "source-url", "", "the `URL` where people see the source, for the commit's trailers")
	flags.BoolVar(&f.rollback, "rollback", false, "publish also where the branch has a later revision, or one that this clone does not know")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show the commit, and push nothing")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Minute, "give up after this `TIME`")
	must(cmd.MarkFlagFilename("signing-key"))
	for _, name := range []string{"to", "branch", "path", "revision", "author", "committer", "date", "source-url", "timeout"} {
		must(cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions))
	}
}

// publication is what the flags and the environment say, and opens the source.
func (f *publishFlags) publication(dir string) (*gitops.Publication, error) {
	switch {
	case f.to == "":
		return nil, errors.New("--to is missing; name the repository to publish to, like https://github.com/boutique-example/access")
	case f.branch == "":
		return nil, errors.New("--branch is missing; name the branch to publish to, like deploy")
	case f.timeout <= 0:
		return nil, fmt.Errorf("--timeout %s is no time to wait", f.timeout)
	}
	if err := checkSourceURL(f.sourceURL); err != nil {
		return nil, err
	}
	source, err := gitops.Open(dir, f.revision)
	if err != nil {
		return nil, err
	}
	p := &gitops.Publication{
		Source: source, URL: f.to, Branch: f.branch, Path: f.path, Rollback: f.rollback, DryRun: f.dryRun,
		Credentials: gitops.Credentials{
			Username: os.Getenv("WRIT_GIT_USERNAME"), Token: os.Getenv("WRIT_GIT_TOKEN"), Helpers: dir,
			Key: os.Getenv("WRIT_GIT_SSH_KEY"), Passphrase: os.Getenv("WRIT_GIT_SSH_PASSPHRASE"), Agent: os.Getenv("SSH_AUTH_SOCK") != "",
		},
	}
	if p.Author, p.Committer, err = f.stamps(source.Committed); err != nil {
		return nil, err
	}
	if f.signing == "" {
		return p, nil
	}
	key, err := os.ReadFile(f.signing)
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	if p.Sign, err = gitops.NewSigner(key, os.Getenv("WRIT_SIGNING_PASSPHRASE")); err != nil {
		return nil, fmt.Errorf("read the signing key %q: %w", f.signing, err)
	}
	return p, nil
}

func checkSourceURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "ssh" || u.Host == "" {
		return errors.New("--source-url is no URL; write it like https://github.com/boutique-example/access")
	}
	if _, secret := u.User.Password(); secret || u.User != nil && u.Scheme != "ssh" {
		return errors.New("--source-url holds a user or a password, and would be published")
	}
	return nil
}

// stamps are who writes and who makes the commit, and when.
func (f *publishFlags) stamps(usual time.Time) (author, committer gitops.Stamp, err error) {
	if author.Person, err = person("--author", f.author, "GIT_AUTHOR"); err != nil {
		return
	}
	if committer.Person, err = person("--committer", f.committer, "GIT_COMMITTER"); err != nil {
		return
	}
	none := gitops.Person{}
	switch {
	case author.Person == none && committer.Person == none:
		err = errors.New("who commits? write --author 'NAME <ADDRESS>', or set GIT_AUTHOR_NAME and GIT_AUTHOR_EMAIL")
		return
	case author.Person == none:
		author.Person = committer.Person
	case committer.Person == none:
		committer.Person = author.Person
	}
	if author.When, err = f.when("GIT_AUTHOR_DATE", usual); err != nil {
		return
	}
	committer.When, err = f.when("GIT_COMMITTER_DATE", usual)
	return
}

// person reads the flag, else the two variables of the environment. Neither is nobody.
func person(flag, given, env string) (gitops.Person, error) {
	if given == "" {
		p := gitops.Person{Name: os.Getenv(env + "_NAME"), Email: os.Getenv(env + "_EMAIL")}
		if (p.Name == "") != (p.Email == "") {
			return p, fmt.Errorf("%s_NAME and %s_EMAIL go together, and one is missing", env, env)
		}
		return p, nil
	}
	at, err := mail.ParseAddress(given)
	if err != nil || at.Name == "" {
		return gitops.Person{}, fmt.Errorf("%s %q is nobody; write it as 'NAME <ADDRESS>'", flag, given)
	}
	return gitops.Person{Name: at.Name, Email: at.Address}, nil
}

func (f *publishFlags) when(env string, usual time.Time) (time.Time, error) {
	given, from := f.date, "--date"
	if given == "" {
		given, from = os.Getenv(env), env
	}
	if given == "" {
		return usual, nil
	}
	t, ok := parseTime(given)
	if !ok {
		return t, fmt.Errorf("%s %q is no time; write it like 2026-12-31T23:59:59Z or 1798761599 +0000", from, given)
	}
	return t, nil
}

// seconds is git's own spelling of a time.
var seconds = regexp.MustCompile(`^@?(\d{1,12})(?: ([+-])(\d{2})(\d{2}))?$`)

// parseTime reads what git takes without guessing (https://git-scm.com/docs/git-commit#_date_formats). Without a zone it is UTC, on
// every machine.
func parseTime(s string) (time.Time, bool) {
	if m := seconds.FindStringSubmatch(strings.TrimSpace(s)); m != nil {
		at, err := strconv.ParseInt(m[1], 10, 64)
		hours, _ := strconv.Atoi(m[3])
		minutes, _ := strconv.Atoi(m[4])
		offset := hours*3600 + minutes*60
		if m[2] == "-" {
			offset = -offset
		}
		return time.Unix(at, 0).In(time.FixedZone("", offset)), err == nil && minutes < 60
	}
	for _, layout := range []string{
		time.RFC3339, "2006-01-02 15:04:05 -0700", "2006-01-02T15:04:05-0700", time.RFC1123Z, "2006-01-02T15:04:05", time.DateTime, time.DateOnly,
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
