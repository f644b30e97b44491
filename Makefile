# `make` says what there is. Nothing here needs more of the network than Go modules, and distcheck a little of PyPI.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
ACTIONLINT    := go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

FUZZTIME ?= 60s
FUZZ ?= .*
BENCHFLAGS ?=

# with_tests lists the folders of this module whose tests match a pattern, so that no target keeps a list of its own.
with_tests = go list -f '{{.Dir}}' ./... | while read -r dir; do \
	grep -qsE '$(1)' "$$dir"/*_test.go && echo "$$dir" || true; done

.PHONY: help
help: ## say what there is
	@sed -nE 's/^([a-z0-9]+):.*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

.PHONY: run
run: ## compile policies/ into out/, then check that nothing fails
	@go run ./cmd/writ build
	@go run ./cmd/writ check

.PHONY: build
build: ## build bin/writ, stripped
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/writ ./cmd/writ

.PHONY: test
test: ## run the tests
	go test -timeout 30m ./...

CLASSES ?= 5000000
SEED ?= 1

.PHONY: conformance
conformance: ## hold the evaluator of policies against Istio's own compiler: CLASSES=5000000 from SEED=1 (or SEED=fresh)
	cd compiler/conformance && CLASSES=$(CLASSES) SEED=$(SEED) go test -count=1 -timeout 1h -v ./...

.PHONY: e2e
e2e: ## hold the example against real Envoys, istiods, API servers and Argo CD in a network of its own; needs root, and minutes
	cd compiler/conformance && E2E=1 go test -count=1 -timeout 2h -v ./e2e

.PHONY: action
action: ## run the workflows that people copy, by act and against a GitHub of its own
	cd compiler/conformance/action && go test -count=1 -timeout 20m ./...

.PHONY: mutants
mutants: ## plant mistakes into the evaluator of policies, one at a time; the corpus has to tell each
	cd compiler/conformance && MUTANTS=1 go test -count=1 -timeout 1h -run '^TestMutantsDie$$' .

.PHONY: faults
faults: ## plant every fault into what the proof trusts (model, check, plan), one at a time; a test has to notice each: SHARE=0/4 for a part, FAULTS=<pattern> for some
	WRIT_MUTATION=1 go test ./compiler/mutation -count=1 -timeout 1h -v -run '^TestEveryFaultIsNoticed$$'

.PHONY: corpus
corpus: ## write the corpus of decided requests anew, from Istio's answers
	cd compiler/conformance && CORPUS=$(CURDIR)/compiler/prove/authz/testdata/corpus.json go test -count=1 -timeout 1h -run '^TestWriteCorpus$$' .

.PHONY: race
race: ## run the tests under the race detector, which needs a C compiler
	go test -race -short -timeout 40m ./...

.PHONY: lint
lint: ## look at format, Go code and workflows
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then echo "not formatted, run make fmt:" >&2; echo "$$unformatted" >&2; exit 1; fi
	go vet ./...
	$(GOLANGCI_LINT) run ./...
	cd compiler/conformance && go vet ./... && $(GOLANGCI_LINT) run --config ../../.golangci.yml ./...
	cd compiler/conformance/argocd && $(GOLANGCI_LINT) run --config ../../../.golangci.yml ./...
	cd cmd/dist && $(GOLANGCI_LINT) run --config ../../.golangci.yml ./...
	cd compiler/conformance/action && go vet ./... && $(GOLANGCI_LINT) run --config ../../../.golangci.yml ./...
	$(ACTIONLINT) -shellcheck= -pyflakes=

.PHONY: fmt
fmt: ## format the Go code
	$(GOLANGCI_LINT) fmt ./...

.PHONY: golden
golden: ## write the golden files anew; read the diff before you commit it
	@dirs=$$($(call with_tests,flag\.Bool."update")); \
	if [ -z "$$dirs" ]; then echo "no package has golden files" >&2; exit 1; fi; \
	go test $$dirs -update

.PHONY: bench
bench: ## measure writ against other tools and against the last record; takes minutes
	@go run ./cmd/estategen/bench $(BENCHFLAGS)

.PHONY: record
record: ## run the benchmarks of the stages and keep them for make bench to compare with
	@go run ./cmd/estategen/bench -record

# Before Go 1.27 a fuzzer can end its time with "context deadline exceeded" though it found nothing (golang/go#75804). What it finds
# it writes down and says so; that alone, or any other failure, is one.
fuzzed = { said=$$($(1) 2>&1) && echo "$$said"; } || { echo "$$said"; \
	echo "$$said" | grep -q '^ *context deadline exceeded$$' && ! echo "$$said" | grep -qE 'Failing input|panic:' && \
	echo "ok: its time was over, and nothing was found"; }

.PHONY: fuzz
fuzz: ## run every fuzz target that FUZZ=<pattern> names, all unless said, for FUZZTIME=60s each
	@dirs=$$($(call with_tests,^func Fuzz)); \
	if [ -z "$$dirs" ]; then echo "no package has a fuzz target" >&2; exit 1; fi; \
	for dir in $$dirs; do \
		for target in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*).*/\1/p' "$$dir"/*_test.go | grep -xE '$(FUZZ)'); do \
			$(call fuzzed,go test "$$dir" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s) || exit 1; \
		done; \
	done

.PHONY: dist
dist: ## make the archives of a release in bin/dist, for every platform, of the last commit
	cd cmd/dist && go run . -C ../..

.PHONY: distcheck
distcheck: ## hold what a release is made of: the same bytes twice, licences, go install; DIST_ALL=1 for every platform
	cd cmd/dist && go test -count=1 -timeout 1h ./...

.PHONY: argocd
argocd: ## hold what writ argocd writes against Argo CD's own code
	cd compiler/conformance/argocd && go test -count=1 -timeout 1h ./...

.PHONY: clean
clean: ## remove what make build built
	rm -rf bin
