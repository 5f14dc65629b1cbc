#!/bin/bash
# A certificate is accepted by aicert-verify, under a policy that trusts its
# keys, and by strangers.py; each refuses other keys.
#
# usage: certificate_test.sh DIR, with our programs in $AICERT_BIN
# Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=${1-}
. "$here/lib.sh"
PATH=$AICERT_BIN:$PATH

# The keys to trust, and how another name would get them.
trust() {
	cp "$dir/builder.pub" "$dir/log-keys" "$dir/ak-root.pem" .
}
policy() {
	aicert policy init --builder b=builder.pub --log-keys log-keys \
	    --quorum-none --log-time --ak-root ak-root.pem,simulated \
	    --unmeasured-boot >policy
}
ours() {
	policy && aicert-verify --policy policy "$dir/model" | tee report
}
strangers() {
	"$here/strangers.py" "$dir/model" builder.pub log-keys ak-root.pem
}

trust
accepts "aicert-verify" ours
accepts "... and says VERIFIED of a SIMULATED machine" \
    grep -q '^VERIFIED.*SIMULATED' report
accepts "strangers.py" strangers

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
    -out other.key 2>out
openssl pkey -in other.key -pubout -out builder.pub
refuses "aicert-verify: another builder's key" '^NOT ACCEPTED' ours
refuses "strangers.py: another builder's key" \
    "^FAIL line 1: builder's signature" strangers
trust
"$here/make_model.py" other
cp other/log-keys .
refuses "aicert-verify: another log's keys" '^NOT ' ours
refuses "strangers.py: another log's keys" '^FAIL line 1: leaf' strangers
trust
cp other/ak-root.pem .
refuses "aicert-verify: another root" '^NOT ACCEPTED' ours
refuses "strangers.py: another root" '^FAIL AK: certificate chain' strangers
finish
