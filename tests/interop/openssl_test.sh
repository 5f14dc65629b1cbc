#!/bin/bash
# A certificate's signatures, digests and chain by the openssl program alone.
#
# usage: openssl_test.sh DIR
# Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
set -eu
dir=${1-}
. "$(dirname "$0")/lib.sh"
command -v openssl >/dev/null || skip "no openssl program"

sed -n 1p "$dir/model/aicert.jsonl" >line1
sed -n 2p "$dir/model/aicert.jsonl" >line2
statement line1 provenance
statement line2 evidence
statement "$dir/model/model.sig" manifest
quotes

# The builder: DSSE signatures over the PAE.
for s in provenance evidence manifest; do
	accepts "$s: DSSE signature" openssl dgst -sha256 \
	    -verify "$dir/builder.pub" -signature $s.sig $s.pae
	bend $s.pae
	refuses "$s with a byte changed" 'Verification failure' openssl dgst \
	    -sha256 -verify "$dir/builder.pub" -signature $s.sig bent
	refuses "$s without PAE" 'Verification failure' openssl dgst \
	    -sha256 -verify "$dir/builder.pub" -signature $s.sig $s
done
accepts "line 1 names the manifest" grep -q "\"oms-manifest\",\"digest\":{\"\
sha256\":\"$(sha256 manifest)\"}" provenance

# The log: leaf, root, checkpoint, time.
string envelope line1 | sed 's/\\u2014/\xe2\x80\x94/g; s/\\n/\n/g' >note
sed '/^$/,$d' note >text
log_key=$(sed -n 's/^log //p' "$dir/log-keys" | cut -d' ' -f1)
time_key=$(sed -n 's/^log-time //p' "$dir/log-keys" | cut -d' ' -f1)

# key VKEY FILE: an Ed25519 SPKI.
key() {
	{ echo 302a300506032b6570032100 | unhex; echo "$1" | cut -d+ -f3- |
	    base64 -d | tail -c 32; } >"$2"
}
# blob VKEY: the signature line of that key, less its key ID.
blob() {
	sed -n "s|^\xe2\x80\x94 ${1%%+*} ||p" note | base64 -d | tail -c +5
}
key "$log_key" log.der
key "$time_key" time.der
blob "$log_key" >log.sig
accepts "checkpoint: Ed25519" openssl pkeyutl -verify -pubin -keyform DER \
    -inkey log.der -rawin -in text -sigfile log.sig
bend text
refuses "another checkpoint" 'Failure' openssl pkeyutl -verify -pubin \
    -keyform DER -inkey log.der -rawin -in bent -sigfile log.sig
blob "$time_key" >blob
seen=$((16#$(head -c 8 blob | hex)))
tail -c 64 blob >time.sig
printf 'cosignature/v1\ntime %s\n' "$seen" | cat - text >cosigned
accepts "time: Ed25519 over cosignature/v1" openssl pkeyutl -verify -pubin \
    -keyform DER -inkey time.der -rawin -in cosigned -sigfile time.sig
sed "s/^time .*/time $((seen + 1))/" cosigned >bent
refuses "another time" 'Failure' openssl pkeyutl -verify -pubin \
    -keyform DER -inkey time.der -rawin -in bent -sigfile time.sig

string canonicalizedBody line1 | base64 -d >body
accepts "leaf is about D" [ "$(string digest body)" = \
    "$(openssl dgst -sha256 -binary provenance.pae | base64 -w 0)" ]
printf '\0' | cat - body >leaf
openssl dgst -sha256 -binary leaf >node
fn=$(string logIndex line1)
sn=$(($(sed -n 2p text) - 1))
sed 's/.*"hashes":\[\([^]]*\)\].*/\1/' line1 | tr ',' '\n' | tr -d '"' >proof
while read -r hash; do # RFC 9162, 2.1.3.2
	echo "$hash" | base64 -d >p
	if [ $((fn & 1)) -eq 1 ] || [ "$fn" -eq "$sn" ]; then
		{ printf '\1'; cat p node; } >parent
		while [ $((fn & 1)) -eq 0 ] && [ "$fn" -gt 0 ]; do
			fn=$((fn >> 1)) sn=$((sn >> 1))
		done
	else
		{ printf '\1'; cat node p; } >parent
	fi
	fn=$((fn >> 1)) sn=$((sn >> 1))
	openssl dgst -sha256 -binary parent >node
done <proof
accepts "inclusion: leaf and proof lead to the checkpoint's root" \
    [ "$(base64 -w 0 node) $sn" = "$(sed -n 3p text) 0" ]

# The TPM: its chain at the time of logging, its quotes, its nonces.
cat chain[1-9].pem >untrusted.pem
accepts "AK: certificate chain" openssl verify -x509_strict -attime "$seen" \
    -CAfile "$dir/ak-root.pem" -untrusted untrusted.pem chain0.pem
refuses "the chain, later" 'expired' openssl verify -attime $((seen + 630720000)) \
    -CAfile "$dir/ak-root.pem" -untrusted untrusted.pem chain0.pem
refuses "the chain without its root" 'unable to get' openssl verify \
    -no-CAfile -no-CApath -no-CAstore -untrusted untrusted.pem chain0.pem
for when in start end; do
	tail -c +7 $when.signature >$when.rsa
	accepts "$when quote: signature" openssl dgst -sha256 -verify ak.pub \
	    -signature $when.rsa $when.attest
	bend $when.attest
	refuses "$when quote with a byte changed" 'Verification failure' \
	    openssl dgst -sha256 -verify ak.pub -signature $when.rsa bent
	accepts "$when quote: digest of the PCR values" \
	    [ "$(tail -c 32 $when.attest | hex)" = "$(sha256 $when.pcrs)" ]
done
{ printf 'AICERT-TPM-BIND-V1\0'; openssl dgst -sha256 -binary provenance.pae; } \
    >nonce
accepts "end quote: extraData is of D" [ "$(head -c 76 end.attest |
    tail -c 32 | hex)" = "$(sha256 nonce)" ]
finish
