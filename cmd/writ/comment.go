package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/github"
)

// commentMarker begins the comment. It is how it is found again.
const commentMarker = "<!-- writ: review -->"

const (
	reviewFile = "review.json"
	// reviewLimit is how large a review may be that a stranger hands over. The largest that anybody could read is far smaller.
	reviewLimit = 8 << 20
	// eventLimit is how large an event may be; GitHub ends at 25 MB.
	eventLimit = 32 << 20
)

func (a *app) comment() *cobra.Command {
	var event, workflow, artifact, author string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "comment",
		Short: "Keep the one comment on a pull request, from a workflow of its own",
		Long: "comment runs in a workflow on workflow_run. It takes the review that the check of a pull request has left as an artifact, and\n" +
			"keeps it on the pull request as one comment, which it edits when there is a newer one. It says nothing where there is nothing\n" +
			"to say.\n\n" +
			"The check may have run for a stranger, who can leave anything: what it left is read as data, up to a size, never as Markdown,\n" +
			"and the pull request is found by what GitHub says of the run. A comment that somebody else wrote is never touched.\n\n" +
			"The token stands in GITHUB_TOKEN and may read actions and write pull requests; GITHUB_API_URL and GITHUB_EVENT_PATH are those\n" +
			"of GitHub Actions.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.runComment(cmd.Context(), commentOptions{event, workflow, artifact, author, dryRun})
		},
	}
	cmd.Flags().StringVar(&event, "event", os.Getenv("GITHUB_EVENT_PATH"), "the `FILE` with the event workflow_run")
	cmd.Flags().Lookup("event").DefValue = "GITHUB_EVENT_PATH"
	cmd.Flags().StringVar(&workflow, "workflow", "writ.yml", "the `FILE` in .github/workflows of the check")
	cmd.Flags().StringVar(&artifact, "artifact", "writ", "the `NAME` of the artifact")
	cmd.Flags().StringVar(&author, "author", "github-actions[bot]", "the `LOGIN` that the token writes as")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print the comment, and write none")
	return cmd
}

type commentOptions struct {
	event, workflow, artifact, author string
	dryRun                            bool
}

func (a *app) runComment(ctx context.Context, opts commentOptions) error {
	run, err := readRun(opts.event)
	if err == nil {
		err = a.keepComment(ctx, run, opts)
	}
	var nothing *github.NothingError
	if errors.As(err, &nothing) {
		a.printf("no comment: %s\n", diag.Visible(nothing.Why))
		return nil
	}
	return err
}

func readRun(event string) (*github.Run, error) {
	if event == "" {
		return nil, errors.New("no event: comment runs in a workflow on workflow_run, or takes --event")
	}
	file, err := os.Open(event)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", event, bare(err))
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, eventLimit))
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", event, bare(err))
	}
	return github.ReadRun(data)
}

func (a *app) keepComment(ctx context.Context, run *github.Run, opts commentOptions) error {
	api := os.Getenv("GITHUB_API_URL")
	if api == "" {
		api = "https://api.github.com"
	}
	client, err := github.New(api, os.Getenv("GITHUB_TOKEN"))
	if err != nil {
		return err
	}
	if err := client.Trust(ctx, run, opts.workflow); err != nil {
		return err
	}
	data, err := client.Artifact(ctx, run, opts.artifact, reviewFile, reviewLimit)
	if err != nil {
		return err
	}
	body, quiet, err := commentBody(data, run)
	if err != nil {
		return err
	}
	pull, err := client.PullRequest(ctx, run) // last, so that what is written is as fresh as can be
	if err != nil {
		return err
	}
	if opts.dryRun {
		a.raw(body)
		return nil
	}
	did, err := client.Comment(ctx, run, pull, opts.author, commentMarker, body, !quiet)
	if err != nil {
		return err
	}
	a.printf("pull request %d: %s\n", pull, map[string]string{
		"created": "commented", "edited": "edited the comment", "unchanged": "the comment says it already", "nothing": "nothing to say",
	}[did])
	return nil
}

// commentBody is the comment that a review makes, and whether there is nothing to say.
func commentBody(data []byte, run *github.Run) (body string, quiet bool, err error) {
	var r review
	if err := json.Unmarshal(data, &r); err != nil {
		return "", false, fmt.Errorf("%s of the artifact cannot be read: %w", reviewFile, err)
	}
	if r.Version != 1 {
		return "", false, fmt.Errorf("%s of the artifact is of version %d, and this writ knows 1: let both workflows run one writ", reviewFile, r.Version)
	}
	page, err := r.markdown(commentLimit)
	if err != nil {
		return "", false, err
	}
	body = commentMarker + "\n" + string(page) + "\n"
	if r.Behind != "" {
		body += "The artifact `writ` of the run has `out.patch`, which is what `out/` lacks: `git apply out.patch`, or `writ build`.\n\n"
	}
	server := os.Getenv("GITHUB_SERVER_URL")
	if server == "" {
		server = "https://github.com"
	}
	body += fmt.Sprintf("<sub>[%s](%s/%s/actions/runs/%d) has the summary.</sub>\n", "The run for "+run.Head[:12], server, run.Repository, run.ID)
	return body, r.quiet(), nil
}
