#!/bin/bash
# Tests what aicert-verify reads beside the model: snapshots of revocations,
# named or kept, and certificates of inputs.
#
# usage: others_test.sh AICERT_VERIFY WRITE_FIXTURE
# Exit code: 0 passed, 1 failed.
set -u

verify=$(realpath "$1")
fixture=$(realpath "$2")
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1
failures=0
export HOME="$tmp/home"
unset AICERT_POLICY XDG_CACHE_HOME
mkdir home m r l

# expect CODE WORDS WHAT ARGS...
expect() {
	local want=$1 words=$2 what=$3
	shift 3
	timeout 60 "$verify" "$@" >out 2>&1 </dev/null
	local code=$?
	if [ $code -ne "$want" ] || ! grep -qF -- "$words" out; then
		echo "FAILED: $what: exit code $code, wanted $want and \"$words\""
		sed 's/^/    /' out | head -40
		failures=$((failures + 1))
	fi
}

"$fixture" snapshot m m.policy && "$fixture" revoked r r.policy &&
	"$fixture" lineage l l.policy || exit 1

expect 0 'no revocation snapshot at hand' 'no snapshot' -p m.policy m
expect 0 'none of 0 revocations concerns this' 'a snapshot' -p m.policy \
	--revocations m.policy.revocations m
expect 1 'the provenance is revoked by' 'a revocation' -p r.policy \
	--revocations r.policy.revocations r
grep -qF 'withdrawn' out || { echo "FAILED: no reason"; failures=1; }
expect 2 'cannot open "none"' 'no such snapshot' -p m.policy \
	--revocations none m
mkfifo fifo
expect 2 'not a regular file' 'a snapshot that is a FIFO' -p m.policy \
	--revocations fifo m
expect 2 'not a regular file' 'a snapshot that is a folder' -p m.policy \
	--revocations m m
: >empty
expect 1 'the snapshot has no line' 'an empty snapshot' -p m.policy \
	--revocations empty m
truncate -s 5G large
expect 2 'over' 'a snapshot of 5 GB' -p m.policy --revocations large m

# What is kept is found by the policy's registry.
kept=.cache/aicert/log.example.org.revocations.jsonl
mkdir -p home/.cache/aicert cache/aicert
cp m.policy.revocations "home/$kept"
expect 0 'none of 0 revocations concerns this' 'a kept snapshot' -p m.policy m
cp r.policy.revocations "home/$kept"
expect 1 'the provenance is revoked by' 'a kept revocation' -p r.policy r
XDG_CACHE_HOME=$tmp/cache expect 0 'no revocation snapshot' 'another cache' \
	-p r.policy r
cp r.policy.revocations "cache/${kept#.cache/}"
XDG_CACHE_HOME=$tmp/cache expect 1 'is revoked by' 'XDG_CACHE_HOME' \
	-p r.policy r
grep -v '^registry' r.policy >no-registry
expect 0 'no revocation snapshot' 'no registry line' -p no-registry r
echo "require revocation-state 7d" >>no-registry
expect 3 'the policy asks for one' 'a state is required' -p no-registry r
chmod 000 "home/$kept"
if [ "$(id -u)" -ne 0 ]; then
	expect 2 'cannot open' 'a kept snapshot that cannot be read' \
		-p r.policy r
fi

# Certificates of inputs.
d=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
mkdir certs
expect 0 'is not at hand' 'no folder of certificates' -p l.policy l
expect 0 'is not at hand' 'an empty folder of them' -p l.policy \
	--lineage certs l
cp m/aicert.jsonl "certs/$d.jsonl"
expect 0 'does not verify under this policy' 'another certificate' \
	-p l.policy --lineage certs l
ln -sf ../m/aicert.jsonl "certs/$d.jsonl"
expect 0 'claimed, not verified' 'a link' -p l.policy --lineage certs l
rm -f "certs/$d.jsonl"
mkfifo "certs/$d.jsonl"
expect 0 'claimed, not verified' 'a FIFO' -p l.policy --lineage certs l
expect 2 'cannot open' 'no such folder' -p l.policy --lineage none l
echo "require certified-inputs" >>l.policy
expect 3 'no certificate is named for the input' 'certified inputs required' \
	-p l.policy --lineage certs l

[ $failures -eq 0 ]
