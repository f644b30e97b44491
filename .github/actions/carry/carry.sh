#!/usr/bin/env bash
# Makes out/ of the branch current by a commit of its own. Names of branches and files are somebody's: they stay in variables.
set -euo pipefail

say() { printf '::%s title=writ::%s\n' "$1" "$2"; }

fail() {
	say error "$1"
	exit 2
}

# quiet runs a command, and keeps the runner from reading commands of its own in what it prints.
quiet() {
	local word code=0
	word=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
	echo "::stop-commands::$word"
	"$@" 2>&1 || code=$?
	printf '\n::%s::\n' "$word"
	return "$code"
}

# merge brings what the branch will be merged into. Where the two conflict in out/, either side will do: it is built anew.
merge() {
	quiet git merge --no-commit --no-ff --quiet "$base" || [ -e "$(git rev-parse --git-dir)/MERGE_HEAD" ] || fail 'git cannot merge: the log says why'
	local path
	while IFS= read -r -d '' path; do
		[[ "$path" == "$out"/* ]] || fail "the branch conflicts with $BASE outside of out/: merge it by hand, then run writ build"
		conflicts=true
	done < <(git diff --name-only --diff-filter=U -z)
	[ "$conflicts" = false ] || git restore --source=HEAD --staged --worktree -- ":(top)$out"
}

push() {
	local told
	if told=$(GIT_ASKPASS="$GITHUB_ACTION_PATH/askpass.sh" GIT_TERMINAL_PROMPT=0 TOKEN="$TOKEN" \
		git -c credential.helper= push --porcelain "$SERVER/$REPOSITORY.git" "$1:refs/heads/$BRANCH" 2>&1); then
		return
	fi
	if grep -qE '\[rejected\] \((fetch first|non-fast-forward)\)' <<<"$told"; then
		say notice 'somebody has pushed meanwhile; the run for their push makes out/ current'
		exit 0
	fi
	quiet printf '%s\n' "$told" || true
	fail 'out/ could not be pushed: the log says why'
}

command -v writ >/dev/null || fail 'there is no writ on the PATH: run the action setup before'
if [ -z "$TOKEN" ]; then
	say notice 'there is no token to push with, so out/ stays as it is; the check offers a patch'
	exit 0
fi
export GIT_AUTHOR_NAME='github-actions[bot]' GIT_AUTHOR_EMAIL='41898282+github-actions[bot]@users.noreply.github.com'
export GIT_COMMITTER_NAME="$GIT_AUTHOR_NAME" GIT_COMMITTER_EMAIL="$GIT_AUTHOR_EMAIL"
cd "$DIR"
out="$(git rev-parse --show-prefix)out"
base="refs/remotes/origin/$BASE"
conflicts=false
parents=(-p HEAD)
if [ "$BRANCH" != "$BASE" ]; then
	git rev-parse --quiet --verify "$base^{commit}" >/dev/null || fail "origin/$BASE is not in this clone: check out with fetch-depth 0"
	merge
	git merge-base --is-ancestor "$base" HEAD || parents+=(-p "$base")
	# Where out/ is published by a job of its own, no pull request carries it, and its check lacks nothing.
	lacks=$(mktemp "$RUNNER_TEMP/writ-carry.XXXXXX")
	quiet writ check --format "patch=$lacks" || true
	if [ ! -s "$lacks" ] && [ "$conflicts" = false ]; then
		echo 'out/ is current'
		exit 0
	fi
fi
before=$(git write-tree)
quiet writ build || fail 'nothing is built while a finding stops: the check says which'
git add -A -- ":(top)$out"
after=$(git write-tree)
if [ "$before" = "$after" ] && [ "$conflicts" = false ]; then
	echo 'out/ is current'
	exit 0
fi
if [ "$BRANCH" != "$BASE" ] && ! quiet writ check --base "$base"; then
	say notice 'the check fails for more than out/: mend that first'
	exit 0
fi
commit=$(printf 'out/: what policies/ says\n\nBuilt by %s.\n' "$(writ version)" | git commit-tree "$after" "${parents[@]}")
push "$commit"
echo "commit=$commit" >>"$GITHUB_OUTPUT"
