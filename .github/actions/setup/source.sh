#!/usr/bin/env bash
# Says where the binary lies that is built of this commit, and under which key it is cached: the digest of all it is made of.
set -euo pipefail
cd "$GITHUB_ACTION_PATH/../../.."
names=$(find cmd compiler schema go.mod go.sum -type f ! -path 'compiler/conformance/*' ! -name '*_test.go' | LC_ALL=C sort)
digest=$({ printf '%s\n' "$names"; git hash-object --no-filters --stdin-paths <<<"$names"; } | git hash-object --no-filters --stdin)
{
	echo "folder=$RUNNER_TEMP/writ-bin"
	echo "key=writ-$RUNNER_OS-$RUNNER_ARCH-$digest"
} >>"$GITHUB_OUTPUT"
