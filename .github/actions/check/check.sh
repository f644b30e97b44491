#!/usr/bin/env bash
# Runs `writ check` once, with every report that a workflow has a use for. What a pull request has written arrives here in files and
# variables alone, and leaves escaped by writ.
set -euo pipefail

fail() {
	printf '::error title=writ::%s\n' "$1"
	echo 'result=error' >>"$GITHUB_OUTPUT"
	exit 2
}

has() { git -C "$DIR" rev-parse --quiet --verify "$1^{commit}" >/dev/null; }

# base_of_event is the revision that the change is judged by.
base_of_event() {
	case "$GITHUB_EVENT_NAME" in
	pull_request)
		has HEAD^2 || fail 'HEAD is no merge commit: check out a pull request with fetch-depth 2, and without a ref'
		echo HEAD^1
		;;
	merge_group)
		has "$GROUP_BASE" || fail 'what the merge group starts from is not in this clone: check out with fetch-depth 0'
		echo "$GROUP_BASE"
		;;
	push)
		# A branch that is new was nothing before, and one that was forced may have been what nobody has any more.
		if [[ "$BEFORE" =~ ^[0-9a-f]{40}$ ]] && has "$BEFORE"; then echo "$BEFORE"; fi
		;;
	pull_request_target)
		fail 'pull_request_target gives a stranger the rights of this repository: use pull_request'
		;;
	esac
}

command -v writ >/dev/null || fail 'there is no writ on the PATH: run the action setup before'
if [ -z "$BASE" ]; then BASE=$(base_of_event) || { printf '%s\n' "$BASE"; exit 2; }; fi
[ "$BASE" != none ] || BASE=

work=$(mktemp -d "$RUNNER_TEMP/writ-check.XXXXXX")
mkdir "$work/reports"
code=0
writ -C "$DIR" check ${BASE:+--base "$BASE"} --format github \
	--format "sarif=$work/writ.sarif" --format "summary=$work/summary.md" --format "markdown=$work/comment.md" \
	--format "review=$work/reports/review.json" --format "patch=$work/reports/out.patch" 2>"$work/errors" || code=$?
# What writ prints of an error may quote somebody: the runner is to find no command in it.
word=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
echo "::stop-commands::$word"
cat "$work/errors"
printf '\n::%s::\n' "$word"

case "$code" in
0) result=clean ;;
1) result=findings ;;
*) fail "writ could not check: the log says why (exit code $code)" ;;
esac
behind=true
[ -s "$work/reports/out.patch" ] || { behind=false && rm "$work/reports/out.patch"; }
cat "$work/summary.md" >>"$GITHUB_STEP_SUMMARY"
{
	echo "result=$result"
	echo "behind=$behind"
	echo "reports=$work/reports"
	echo "sarif=$work/writ.sarif"
	echo "comment=$work/comment.md"
} >>"$GITHUB_OUTPUT"
exit "$code"
