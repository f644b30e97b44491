package compiler

import (
	"context"
	"strings"

	"writ.dev/writ/compiler/diag"
	"writ.dev/writ/compiler/emit"
	"writ.dev/writ/compiler/parallel"
	"writ.dev/writ/compiler/prove"
)

// onTheWay finds what the change would open or cut off while a cluster holds some of the base's objects and some of its own.
func (r *Result) onTheWay(ctx context.Context, base *Result, opts Options) (diag.List, error) {
	if r.Files == nil || base.Files == nil {
		return nil, nil
	}
	var all diag.List
	declared := map[string]bool{}
	for _, c := range base.estate.Clusters {
		for _, w := range c.Workloads {
			declared[c.Name+" "+w.Service.Key()] = true
		}
	}
	before, after := byCluster(base.Files), byCluster(r.Files)
	meaning := prove.Mean(r.estate, r.checked.Holds)
	stage := opts.Progress.Begin(ctx, "proving the way")
	for i, c := range r.estate.Clusters {
		found, err := prove.OnTheWay(parallel.Quiet(stage), prove.Passage{
			Before: before[c.Name], After: after[c.Name], Meaning: meaning, Cluster: c,
			Declared: func(service string) bool { return declared[c.Name+" "+service] },
		})
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
		parallel.Tell(stage, i+1, len(r.estate.Clusters))
	}
	all.Sort()
	return all, nil
}

func byCluster(files []emit.File) map[string][]prove.File {
	all := map[string][]prove.File{}
	for _, f := range files {
		cluster, _, _ := strings.Cut(f.Path, "/")
		all[cluster] = append(all[cluster], prove.File{Path: "out/" + f.Path, Data: f.Data})
	}
	return all
}
