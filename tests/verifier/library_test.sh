#!/bin/bash
# libaicert-verify as a stranger uses it: installed below a prefix, found by
# pkg-config, and showing no symbols but its own three.
#
# usage: library_test.sh BUILD WRITE_FIXTURE SOURCE_OF_USER VERSION
set -u
build=$1 fixture=$(realpath "$2") user=$(realpath "$3") version=$4
command -v pkg-config >/dev/null || { echo "skipped: no pkg-config"; exit 77; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
failures=0

bad() {
	echo "FAILED: $*"
	failures=$((failures + 1))
}

cmake --install "$build" --prefix "$tmp/usr" >"$tmp/log" 2>&1 || {
	cat "$tmp/log"
	exit 1
}
cd "$tmp" || exit 1
pc=$(find usr -name aicert-verify.pc)
[ -n "$pc" ] || { echo "FAILED: no aicert-verify.pc"; exit 1; }
export PKG_CONFIG_PATH=$tmp/${pc%/*}
library=$(find usr -name 'libaicert-verify.so')
if readelf -d "$library" | grep -q 'lib[at]san\|libubsan'; then
	echo "skipped: this build has sanitizers"
	exit 77
fi
[ "$(pkg-config --modversion aicert-verify)" = "$version" ] ||
	bad "the version of aicert-verify.pc"
# The prefix is where it was installed this time.
flags="--define-variable=prefix=$tmp/usr"
# shellcheck disable=SC2046
"${CC:-cc}" -std=c99 -Wall -Wextra -Wpedantic -Werror -o user "$user" \
	$(pkg-config $flags --cflags --libs aicert-verify) \
	-Wl,-rpath,"$tmp/${library%/*}" || exit 1

exported=$(nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' |
	sed 's/@.*//' | sort | tr '\n' ' ')
[ "$exported" = "aicert_verify aicert_verify_free aicert_verify_version " ] ||
	bad "it exports $exported"
needed=$(readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
for name in $needed; do
	case $name in
	libcrypto.so.* | libsodium.so.* | libc.so.* | libm.so.*) ;;
	*) bad "it needs $name" ;;
	esac
done

# expect CODE WORDS WHAT ARGS...
expect() {
	local want=$1 words=$2 what=$3 code
	shift 3
	timeout 60 ./user "$@" >out 2>&1
	code=$?
	if [ $code -ne "$want" ] || ! grep -qF -- "$words" out ||
	    ! grep -qF "\"exitCode\":$want" out; then
		bad "$what: exit code $code, wanted $want and $words"
		head -c 2000 out
	fi
}

for kind in snapshot revoked self-asserted lineage; do
	mkdir $kind
	"$fixture" $kind $kind $kind.policy || exit 1
done
files() {
	(cd "$1" && for f in *; do
		case $f in
		aicert.jsonl | model.sig) ;;
		*) echo "$f=$(sha256sum <"$f" | cut -d ' ' -f 1)" ;;
		esac
	done | sort -r)
}
# shellcheck disable=SC2046
{
	expect 0 '"verdict":"VERIFIED"' 'a right one' \
		snapshot.policy snapshot $(files snapshot)
	expect 0 '"treeSize":30' 'a snapshot' snapshot.policy snapshot \
		-r snapshot.policy.revocations $(files snapshot)
	expect 1 'is revoked by' 'a revoked one' revoked.policy revoked \
		-r revoked.policy.revocations $(files revoked)
	expect 1 '"status":"not reached"' 'no files' snapshot.policy snapshot
	expect 1 'missing file' 'a file missing' snapshot.policy snapshot \
		$(files snapshot | tail -n +2)
	expect 1 'extra file' 'a file more' snapshot.policy snapshot \
		$(files snapshot) "zzz=$(sha256sum </dev/null | cut -c 1-64)"
	expect 3 'SELF-ASSERTED' 'a self-asserted one' self-asserted.policy \
		self-asserted $(files self-asserted)
	expect 0 'is not at hand' 'another ancestor' lineage.policy lineage \
		-a snapshot/aicert.jsonl $(files lineage)
}
echo 'quorum nine' >wrong
expect 2 'line 1, column 8' 'a wrong policy' wrong snapshot
echo 'quorum none
builder a key.pem' >file
expect 2 'line 2, column 11' 'a policy with a file' file snapshot
: >snapshot/aicert.jsonl
expect 1 'the certificate is empty' 'an empty certificate' snapshot.policy \
	snapshot
[ $failures -eq 0 ]
