#!/bin/bash
# Attacks aicert-verify from inside: a debug build does what $AICERT_ATTACK
# says in the confined process, where it would read the model.  Each attack is
# stopped, named, and exit code 2.
#
# usage: confine_test.sh AICERT_VERIFY WRITE_FIXTURE
# Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
set -u
verify=$(realpath "$1")
fixture=$(realpath "$2")
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1
failures=0

bad() {
	echo "FAILED: $*"
	sed 's/^/    /' out | head -5
	failures=$((failures + 1))
}

mkdir model
"$fixture" right model policy || exit 1
unset AICERT_ATTACK
timeout 60 "$verify" --policy policy model >out 2>&1 || bad "no attack"
if grep -q 'no Landlock' out; then
	landlock=
	echo "note: this kernel has no Landlock: reading elsewhere is not tested"
else
	landlock=1
fi
AICERT_ATTACK=nothing timeout 60 "$verify" --policy policy model >out 2>&1
if [ "$(head -n 1 out | cut -c 1-8)" = VERIFIED ]; then
	echo "skipped: this is no debug build"
	exit 77
fi

# attack WHAT WORDS: stopped with these words, in text and in JSON.
attack() {
	AICERT_ATTACK=$1 timeout 60 "$verify" --policy policy model >out 2>&1
	[ $? -eq 2 ] || bad "$1: not exit code 2"
	grep -q '^COULD NOT RUN' out || bad "$1: another first line"
	grep -qF -- "$2" out || bad "$1: does not say $2"
	AICERT_ATTACK=$1 timeout 60 "$verify" --json --policy policy model \
		>out 2>&1
	[ $? -eq 2 ] || bad "$1: not exit code 2 with --json"
	grep -qF '"verdict":"COULD NOT RUN"' out || bad "$1: no JSON"
	grep -qF -- "$2" out || bad "$1: JSON does not say $2"
	[ ! -e attacked ] || bad "$1: wrote a file"
}

[ -z "$landlock" ] || attack read "denied what it asked for: Permission denied"
attack write "(openat)"
attack socket "(socket)"
attack exec "(execve)"
attack fork "(clone)"
attack code "(mmap)"
attack crash "ended by signal"
attack lie "without a report that can be printed"
attack nothing "without a report that can be printed"

# Unconfined, the same are not stopped by the kernel; the report still is whole.
timeout 60 "$verify" --no-sandbox --policy policy model >out 2>&1 ||
	bad "--no-sandbox: another exit code"

if [ "$failures" -ne 0 ]; then
	echo "$failures failures"
	exit 1
fi
echo "all passed"
