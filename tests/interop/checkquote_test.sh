#!/bin/bash
# tpm2_checkquote accepts both quotes with their nonces and PCR values.
#
# usage: checkquote_test.sh DIR
# Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
set -eu
dir=${1-}
. "$(dirname "$0")/lib.sh"
command -v tpm2_checkquote >/dev/null || skip "no tpm2_checkquote (tpm2-tools)"

# serialized FILE: raw PCR values as tpm2-tools write them with the selection
# 0-9, 11-15: C structures, little endian.  (Raw values with -l do not do:
# version 5.4 loses the eighth.)
serialized() {
	{ # TPML_PCR_SELECTION: one of SHA-256, three octets; room for 15 more
		printf '01000000 0b00 03 fffb0000 00'
		printf '%240s' '' | tr ' ' 0
		printf '02000000' # two TPML_DIGEST, with room for 8 each
		for n in 8 7; do
			printf '%02x000000' "$n"
			for i in 1 2 3 4 5 6 7 8; do
				[ "$i" -gt "$n" ] || printf '2000'
				[ "$i" -gt "$n" ] || dd bs=32 count=1 status=none | hex
				[ "$i" -gt "$n" ] || printf '%64s' '' | tr ' ' 0
				[ "$i" -le "$n" ] || printf '%132s' '' | tr ' ' 0
			done
		done
	} <"$1" | tr -d ' ' | unhex
}

sed -n 1p "$dir/model/aicert.jsonl" >line1
sed -n 2p "$dir/model/aicert.jsonl" >line2
statement line1 provenance
statement line2 evidence
quotes
{ printf 'AICERT-TPM-BIND-V1\0'; sha256 provenance.pae | unhex; } >bind
sha256 bind >end.nonce
grep -o '"config":{[^}]*}' provenance >config
string logCheckpointAtStart provenance | base64 -d >note
{ printf 'AICERT-START-V1\0'; string sha256 config | unhex
    sha256 note | unhex; } >bind
sha256 bind >start.nonce

# quote WHEN NONCE PCRS
quote() {
	serialized "$3" >"$3.list"
	tpm2_checkquote -u ak.pub -g sha256 -m "$1.attest" -s "$1.signature" \
	    -q "$2" -f "$3.list"
}
for when in start end; do
	nonce=$(cat $when.nonce)
	accepts "$when quote" quote $when "$nonce" $when.pcrs
	refuses "$when quote with another nonce" 'nonce|qualif|extra' \
	    quote $when "${nonce%?}$(echo "${nonce#"${nonce%?}"}" |
	    tr 0-9a-f 1-9a-f0)" $when.pcrs
	bend $when.pcrs
	refuses "$when quote with another PCR 15" 'PCR values failed' \
	    quote $when "$nonce" bent
done
cp start.attest mixed.attest
cp end.signature mixed.signature
refuses "a quote with the other's signature" '[Ss]ignature' \
    quote mixed "$(cat start.nonce)" start.pcrs
finish
