package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"writ.dev/writ/compiler"
	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/gitops"
	"writ.dev/writ/compiler/prove"
)

func (a *app) prove() *cobra.Command {
	var cluster, revision, proxies string
	cmd := &cobra.Command{
		Use:   "prove [DIR | -]",
		Short: "Prove that a folder of manifests, or what runs in a cluster, allows exactly what policies/ says",
		Long: "prove reads the manifests of a folder, out/ unless another is named, and compares what they allow with what\n" +
			"policies/ says: over all callers, ports, methods and paths, at every place where a cluster enforces something.\n" +
			"It may be anybody's folder, with a folder for each cluster in it, or one cluster's with --cluster. DIR is taken from where you\n" +
			"stand, also with -C.\n\n" +
			"With - it reads what runs in one cluster, as kubectl prints it with -o yaml or -o json: Istio's objects, the Kubernetes Services,\n" +
			"the pods, and the ConfigMap with the mesh's configuration. What a proof of a folder takes on trust is looked at too: sidecars,\n" +
			"labels, accounts, ports, settings, and whether the cluster holds what the documents are rendered to. Give all objects of the\n" +
			"cluster: what is not printed counts as not there. --proxies has it read what sidecars run too, and hold it against the policies\n" +
			"of the cluster.\n\n" +
			"A build proves its own manifests in the same way, so out/ as a build left it is always proved.",
		Example: "  writ prove                             # out/ as it lies there\n" +
			"  writ prove ../manifests                # a folder for each cluster, like ../manifests/eu-1/\n" +
			"  writ prove --cluster eu-1 ../istio     # all of it is of one cluster\n" +
			"  writ prove --cluster eu-1 - <printed   # what runs there\n" +
			"  writ prove --cluster eu-1 --revision v7 - <printed\n" +
			"  writ prove --cluster eu-1 --proxies dumps/ - <printed",
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
			if proxies != "" && dir != "-" {
				return errors.New("--proxies is for what runs: prove -")
			}
			return a.runProve(cmd.Context(), cmd.InOrStdin(), dir, cluster, revision, proxies)
		},
	}
	cmd.Flags().StringVar(&cluster, "cluster", "", "the `CLUSTER` that all of the folder's manifests are of")
	must(cmd.RegisterFlagCompletionFunc("cluster", a.completion(clusterWords)))
	cmd.Flags().StringVar(&revision, "revision", "", "the git `REVISION` whose policies/ it is proved against (default: what lies there)")
	cmd.Flags().StringVar(&proxies, "proxies", "", "the folder `DIR` with what proxies of the cluster answer to /config_dump, a .json file each")
	return cmd
}

func (a *app) runProve(ctx context.Context, in io.Reader, dir, cluster, revision, proxies string) error {
	repo, err := a.open()
	if err != nil {
		return err
	}
	defer repo.Close()
	documents := repo.FS()
	if revision != "" {
		if documents, _, err = gitops.Revision(a.dir, revision); err != nil {
			return err
		}
	}
	opts := compiler.ProveOptions{Options: compiler.Options{AsOf: a.asOf}, Cluster: cluster}
	if proxies != "" {
		folder, err := os.OpenRoot(proxies)
		if err != nil {
			return fmt.Errorf("open %q: %w", proxies, bare(err))
		}
		defer folder.Close()
		opts.Proxies = folder.FS()
	}
	var p *compiler.Proved
	if dir == "-" {
		p, err = a.proveLive(ctx, documents, in, opts)
	} else {
		p, err = a.proveFolder(ctx, repo, documents, dir, opts)
	}
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

func (a *app) proveFolder(ctx context.Context, repo *os.Root, documents fs.FS, dir string, opts compiler.ProveOptions) (*compiler.Proved, error) {
	folder, name, err := a.folder(repo, dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	hear, done := a.progress()
	defer done()
	opts.Dir, opts.Progress = name, hear
	return compiler.Prove(ctx, documents, folder.FS(), opts)
}

// largestPrinted is how much of what kubectl prints is read. A document of it has at most 64 MiB.
const largestPrinted = 512 << 20

func (a *app) proveLive(ctx context.Context, documents fs.FS, in io.Reader, opts compiler.ProveOptions) (*compiler.Proved, error) {
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return nil, fmt.Errorf("nothing is piped into %s: pass what kubectl prints, as %s says", a.command("prove -"), a.command("help prove"))
	}
	printed, err := io.ReadAll(io.LimitReader(in, largestPrinted+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read standard input: %w", err)
	case len(printed) > largestPrinted:
		return nil, fmt.Errorf("standard input has more than %d MiB: print one cluster, and of its pods what matters", largestPrinted>>20)
	case len(bytes.TrimSpace(printed)) == 0:
		return nil, errors.New("standard input is empty: pass what kubectl prints with -o yaml")
	}
	hear, done := a.progress()
	defer done()
	opts.Dir, opts.Progress = "stdin", hear
	return compiler.ProveLive(ctx, documents, printed, opts)
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
