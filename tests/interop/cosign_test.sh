#!/bin/bash
# cosign verifies the provenance of a weight file by its digest; needs cosign
# 3.0 or newer in PATH.
#
# usage: cosign_test.sh DIR
# Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
set -eu
dir=${1-}
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
command -v cosign >/dev/null || skip "no cosign"

head -n 1 "$dir/model/aicert.jsonl" >line
weights=$(find "$dir/model" -name '*.safetensors' | head -n 1)
[ -n "$weights" ] || skip "no weight file that cosign could be shown"
# verify KEY FILE: as somebody who has that key and that file.
verify() {
	cosign verify-blob-attestation --key "$1" --bundle line \
	    --insecure-ignore-tlog=true \
	    --type https://slsa.dev/provenance/v1 "$2"
}
accepts "the provenance of a weight file" verify "$dir/builder.pub" "$weights"
cp "$weights" other
echo >>other
refuses "another file" 'digest|subject' verify "$dir/builder.pub" other
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null |
	openssl pkey -pubout -out other.pub
refuses "another builder's key" 'signature|key' verify other.pub "$weights"
finish
