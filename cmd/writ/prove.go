package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/prove"
)

func (a *app) prove() *cobra.Command {
	var cluster string
	cmd := &cobra.Command{
		Use:   "prove [DIR]",
		Short: "Prove that a folder of manifests allows exactly what policies/ says",
		Long: "prove reads the manifests of a folder, out/ unless another is named, and compares what they allow with what\n" +
			"policies/ says: over all callers, ports, methods and paths, at every place where a cluster enforces something.\n" +
			"It may be anybody's folder, with a folder for each cluster in it, or one cluster's with --cluster. DIR is taken from where you\n" +
			"stand, also with -C.\n\n" +
			"A build proves its own manifests in the same way, so out/ as a build left it is always proved.",
		Example: "  writ prove                             # out/ as it lies there\n" +
			"  writ prove ../manifests                # a folder for each cluster, like ../manifests/eu-1/\n" +
			"  writ prove --cluster eu-1 ../istio     # all of it is of one cluster",
		Args:              atMostOne,
		ValidArgsFunction: folders,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("cluster") && cluster == "" {
				return errors.New("--cluster is empty; name a Cluster, like eu-1")
			}
			dir := ""
			if len(args) > 0 {
				dir = args[0]
			}
			return a.runProve(cmd.Context(), dir, cluster)
		},
	}
	cmd.Flags().StringVar(&cluster, "cluster", "", "the `CLUSTER` that all of the folder's manifests are of")
	must(cmd.RegisterFlagCompletionFunc("cluster", a.completion(clusterWords)))
	return cmd
}

func (a *app) runProve(ctx context.Context, dir, cluster string) error {
	repo, err := a.open()
	if err != nil {
		return err
	}
	defer repo.Close()
	folder, name, err := a.folder(repo, dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	hear, done := a.progress()
	p, err := compiler.Prove(ctx, repo.FS(), folder.FS(), compiler.ProveOptions{
		Options: compiler.Options{AsOf: a.asOf, Progress: hear}, Dir: name, Cluster: cluster,
	})
	done()
	if err != nil {
		return err
	}
	if a.format == formatJSON {
		err = a.proofJSON(p)
	} else {
		err = a.tellProof(p)
	}
	if err == nil && (p.Proof == nil || p.Findings.Stops()) {
		return errFails
	}
	return err
}

// folder opens the folder to prove: the repository's out/, or one that the user names from where they stand.
func (a *app) folder(repo *os.Root, dir string) (*os.Root, string, error) {
	if dir == "" {
		folder, err := repo.OpenRoot("out")
		if errors.Is(err, fs.ErrNotExist) {
			return nil, "", fmt.Errorf("there is no out/: %s writes it", a.command("build"))
		}
		if err != nil {
			return nil, "", fmt.Errorf("open out/: %w", bare(err))
		}
		return folder, "out", nil
	}
	folder, err := os.OpenRoot(dir)
	if err != nil {
		return nil, "", fmt.Errorf("open %q: %w", dir, bare(err))
	}
	return folder, dir, nil
}

func (a *app) tellProof(p *compiler.Proved) error {
	if err := diag.Text(a.stdout, p.Findings, p.Sources, a.textOptions()); err != nil {
		return err
	}
	if p.Proof == nil {
		a.printf("nothing proved: %s\n", count(stopping(p.Findings), "finding stops the documents", "findings stop the documents"))
		return nil
	}
	a.printf("taken on trust:\n")
	for _, t := range p.Proof.Assumptions {
		state := "unchecked"
		if t.Checked {
			state = "checked"
		}
		by := ""
		if t.By != "" {
			by = " (" + t.By + ")"
		}
		a.printf("  %-9s  %s\n", state, diag.Visible(t.What+by))
	}
	word := "proved"
	if !p.Proof.Holds() {
		word = "not proved"
	}
	a.printf("\n%s: %s\n", word, p.Proof.Summary())
	return nil
}

// proofDocument is what `writ prove --format json` prints: the findings' document, and what was proved.
type proofDocument struct {
	diag.Document
	Proof *proofJSON `json:"proof"` // null where the documents cannot be compiled
}

// proofJSON is a proof for machines.
type proofJSON struct {
	Holds    bool  `json:"holds"`
	Clusters int   `json:"clusters"`
	Objects  int   `json:"objects"`
	Points   int   `json:"points"`
	Requests int64 `json:"requests"`
	Wider    int   `json:"wider"`
	Narrower int   `json:"narrower"`
	// Assumptions are what the proof takes on trust.
	Assumptions []prove.Assumption `json:"assumptions"`
}

func newProofJSON(p *prove.Proof) *proofJSON {
	if p == nil {
		return nil
	}
	return &proofJSON{p.Holds(), p.Clusters, p.Objects, p.Points, p.Requests, p.Wider, p.Narrower, p.Assumptions}
}

func (a *app) proofJSON(p *compiler.Proved) error {
	return a.json(proofDocument{diag.NewDocument(p.Findings, nil), newProofJSON(p.Proof)})
}
