// Command estategen writes an estate of any size, for benchmarks and trials: the same arguments write the same bytes.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"

	"writ.dev/writ/cmd/estategen/estate"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "estategen: "+err.Error())
		}
		os.Exit(2)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("estategen", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: estategen [-preset bench|proof] [-services N] [-clusters K] [-seed S] [-personal] DIR\n\nestategen writes DIR/policies. DIR is made; it must not hold policies yet.")
		flags.PrintDefaults()
	}
	preset := flags.String("preset", "", "`bench`: one cluster of 4,000 Services with five rules on average, or proof: 10,000 with twelve; the other flags change it")
	services := flags.Int("services", 0, "how many Services (400 unless said)")
	clusters := flags.Int("clusters", 0, "in how many Clusters, two in each trust domain (4 unless said)")
	seed := flags.Uint64("seed", 0, "another estate of the same shape (1 unless said)")
	personal := flags.Bool("personal", false, "say of every Service which personal data it processes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	shape := estate.Shape{Services: 400, Clusters: 4, Seed: 1}
	switch *preset {
	case "":
	case "bench":
		shape = estate.Bench
	case "proof":
		shape = estate.Proof
	default:
		return fmt.Errorf("unknown preset %q; expected one of bench, proof", *preset)
	}
	shape.Services = cmp.Or(*services, shape.Services)
	shape.Clusters = cmp.Or(*clusters, shape.Clusters)
	shape.Seed = cmp.Or(*seed, shape.Seed)
	shape.Personal = *personal
	switch {
	case flags.NArg() != 1:
		return errors.New("expected one folder; see estategen -help")
	case shape.Services < 2:
		return fmt.Errorf("an estate has at least 2 services, not %d", shape.Services)
	case shape.Clusters < 1:
		return fmt.Errorf("an estate has at least 1 cluster, not %d", shape.Clusters)
	}
	return shape.Write(flags.Arg(0))
}
