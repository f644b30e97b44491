// Standin is what runs in the pods of `make e2e` in place of the applications. As `standin serve` it answers whatever arrives on its
// ports, HTTP, gRPC or TCP, so that a request is refused by policy or not at all. As `standin call` it sends the requests that it reads
// on its standard input, and says what became of each; as `standin stream` it sends them again and again, and as `standin
// hold` it opens streams and keeps them open. As `standin get` it fetches one address, and as `standin authorize` it is an
// external authorizer.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) >= 3 && args[0] == "serve" {
		return serve(args[1], args[2:])
	}
	if len(args) == 1 && args[0] == "call" {
		return callAll(os.Stdin, os.Stdout)
	}
	if len(args) == 1 && args[0] == "stream" {
		return stream(os.Stdin, os.Stdout)
	}
	if len(args) >= 4 && args[0] == "authorize" {
		return authorize(args[1], args[2], args[3:])
	}
	if len(args) == 1 && args[0] == "hold" {
		return hold(os.Stdin, os.Stdout)
	}
	if len(args) == 2 && args[0] == "get" {
		return get(args[1], os.Stdout)
	}
	return fmt.Errorf("usage: standin serve NAME PORT..., standin call, standin stream, standin hold, standin get URL, " +
		"or standin authorize MODE LOG NAME=ADDRESS")
}
