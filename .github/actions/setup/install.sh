#!/usr/bin/env bash
# Takes writ from a release archive of the digest that is asked for, or builds it where the cache has none.
set -euo pipefail

fail() {
	printf '::error title=writ::%s\n' "$1"
	exit 2
}

# platform is how archives name the runner's system, like linux_amd64.
platform() {
	local os arch
	case "$RUNNER_OS" in
	Linux) os=linux ;;
	macOS) os=darwin ;;
	Windows) os=windows ;;
	*) fail "no release of writ is for $RUNNER_OS" ;;
	esac
	case "$RUNNER_ARCH" in
	X64) arch=amd64 ;;
	ARM64) arch=arm64 ;;
	*) fail "no release of writ is for $RUNNER_ARCH" ;;
	esac
	echo "${os}_$arch"
}

digest() {
	if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

release() {
	[[ "$VERSION" =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || fail 'version is no release: write it like v1.2.3'
	[[ "$SHA256" =~ ^[0-9a-f]{64}$ ]] || fail 'sha256 is missing: a release is taken by the digest of its archive, 64 hexadecimal digits'
	local name ending=tar.gz got
	[ "$RUNNER_OS" != Windows ] || ending=zip
	name="writ_${VERSION#v}_$(platform).$ending"
	curl --fail --silent --show-error --location --retry 3 --max-time 300 --max-filesize 209715200 \
		--output "$folder/$name" "$RELEASES/$VERSION/$name" || fail "$name could not be fetched"
	got=$(digest "$folder/$name")
	[ "$got" = "$SHA256" ] || fail "$name has the digest $got, and $SHA256 is asked for"
	if [ "$ending" = zip ]; then unzip -q -o "$folder/$name" "$writ" -d "$folder"; else tar -xzf "$folder/$name" -C "$folder" "$writ"; fi
}

build() {
	(cd "$GITHUB_ACTION_PATH/../../.." && CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$folder/$writ" ./cmd/writ)
}

folder=${FOLDER:-$RUNNER_TEMP/writ-bin}
writ=writ
[ "$RUNNER_OS" != Windows ] || writ=writ.exe
mkdir -p "$folder"
if [ -n "$VERSION" ]; then
	release
elif [ ! -x "$folder/$writ" ]; then
	build
fi
"$folder/$writ" version
echo "$folder" >>"$GITHUB_PATH"
echo "writ=$folder/$writ" >>"$GITHUB_OUTPUT"
