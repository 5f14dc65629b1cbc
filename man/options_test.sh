#!/bin/sh
# options_test.sh BIN MAN: the options that --help lists are those that the page
# names, but for --help and --version, which every program has.
bin=$1 man=$2 bad=0
if "$bin/aicert" --help | grep -q 'not in this build'; then
	echo "skipped: aicert lacks a command in this build"
	exit 77
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# options PATTERN FILE: those that stand at the end of what matches.
options() {
	grep -oE -- "$1-?-[a-z][a-z-]*" "$2" | grep -oE -- '-?-[a-z][a-z-]*$' |
	    sed 's/^--*//' | grep -vx -e help -e version | sort -u
}

# compare PAGE: help is in $tmp/help.
compare() {
	# Listed at the beginning of a line, or in the usage.
	options '(^ *|^ *-., |\[|\| |DIR )-' "$tmp/help" >"$tmp/in-help"
	options 'Fl ' "$man/$1" >"$tmp/in-page"
	if ! diff "$tmp/in-help" "$tmp/in-page" >"$tmp/diff"; then
		echo "$1: < only in --help, > only in the page"
		grep '^[<>]' "$tmp/diff"
		bad=1
	fi
}

"$bin/aicert-verify" --help >"$tmp/help" || exit 1
compare aicert-verify.1
for command in keygen tpm-sim init pin check build finetune attach verify \
		publish sign show get export revoke policy; do
	"$bin/aicert" help "$command" || exit 1
done >"$tmp/help"
compare aicert.1
for command in follow affected fsck mirror witness compare check-evidence; do
	"$bin/aicert-audit" help "$command" || exit 1
done >"$tmp/help"
compare aicert-audit.1
for command in predict diff run; do
	"$bin/aicert-image" help "$command" || exit 1
done >"$tmp/help"
compare aicert-image.1
"$bin/aicert-producer" --help >"$tmp/help" || exit 1
compare aicert-producer.8
exit $bad
