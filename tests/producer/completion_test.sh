#!/bin/bash
# Completion offers every command, and every option that the sources give to
# getopt: in bash by running it, and in zsh where there is one.
#
# usage: completion_test.sh PRODUCER: the folder with the sources
set -u
PATH=$AICERT_BIN:$PATH
sources=$(cd "$1" && pwd) || exit 1
failures=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 1

fail() {
	echo "FAILED: $*"
	failures=$((failures + 1))
}

# bash WORDS...: what bash offers for the last of them.
in_bash() {
	COMP_WORDS=(aicert "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_aicert
	printf '%s\n' "${COMPREPLY[@]}"
}

# The same of zsh, with compadd and _files as a terminal would have them.
in_zsh() {
	zsh -f -c 'file=$1; shift
	compadd() { if [[ $1 == -a ]]; then print -l -- ${(M)found:#$PREFIX*}
		else print -l -- "$@"; fi }
	_files() { print -l -- $PREFIX*(N) }
	complete_it() { source $file }
	words=(aicert "$@"); CURRENT=$(( $# + 1 )); PREFIX=$words[CURRENT]
	complete_it' zsh "$sources/completion/_aicert" "$@"
}

# offers SHELL WHAT WANTED WORDS...: exactly those, in any order.
offers() {
	local shell=$1 what=$2 want=$3 got
	shift 3
	want=$(tr ' ' '\n' <<<"$want" | grep . | sort -u)
	got=$("in_$shell" "$@" | grep . | sort -u)
	[ "$got" = "$want" ] ||
	    fail "$shell, $what: $(diff <(echo "$want") <(echo "$got"))"
}

# The table of main.c, and each command's table for getopt.  keygen knows an
# option only to say that there is none.
commands=$(sed -n 's/^	{ "\([a-z-]*\)", .*/\1/p' "$sources/main.c")
[ "$(wc -l <<<"$commands")" -gt 8 ] || fail "no commands in main.c"
options_of() {
	local file=$sources/cmd_${1//-/}.c
	[ -e "$file" ] || return 0
	sed -n 's/.*{ "\([a-z-]*\)", [a-z]*_argument,.*/--\1/p' "$file" |
	    grep -vx -e --force -e --help
}

. "$sources/completion/aicert.bash" || exit 1
shells=bash
if command -v zsh >/dev/null; then
	shells="bash zsh"
else
	echo "zsh is not here: its file is not run"
fi
: >afile
for shell in $shells; do
	offers "$shell" commands "$(echo $commands) help --help --version" ''
	offers "$shell" "of help" "$(echo $commands) help --help --version" \
	    help ''
	for command in $commands; do
		offers "$shell" "options of $command" \
		    "--help $(echo $(options_of "$command"))" "$command" x -
	done
	offers "$shell" "a beginning" "--json" show --j
	offers "$shell" formats "card cyclonedx in-toto oms tlog-proof" \
	    export m --format ''
	offers "$shell" "of tpm-sim" "init start stop reset" tpm-sim ''
	offers "$shell" "of policy" init policy ''
	offers "$shell" files afile show a
	offers "$shell" nothing '' show zzz
done
offers bash "no such command" --help frobnicate -
offers bash "no such format" '' export m --format x
for format in $(in_bash export m --format ''); do
	aicert export none --format "$format" >out 2>&1
	[ $? -eq 1 ] || fail "format $format: $(cat out)"
done
[ $failures -eq 0 ]
