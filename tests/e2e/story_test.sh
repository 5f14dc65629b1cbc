#!/bin/bash
# The main job from key to verdict, and the ways it goes wrong, each with its
# exit code and what it says.  Needs the programs in $AICERT_BIN; starts swtpm
# and a registry of its own and ends them.
set -eu
PATH=$AICERT_BIN:$PATH
for tool in swtpm swtpm_setup bwrap curl; do
	command -v "$tool" >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
work=$(mktemp -d)
registry=
finish() {
	[ -z "$registry" ] || { kill -TERM "$registry" 2>/dev/null; wait "$registry" || :; }
	aicert tpm-sim stop "$work/tpm" >/dev/null 2>&1 || :
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
cd "$work"
n=0

# check NAME CODE PATTERN COMMAND...: it ends so and says so.
check() {
	local name=$1 want=$2 says=$3 got=0
	shift 3
	"$@" >out 2>&1 || got=$?
	n=$((n + 1))
	if [ "$got" -ne "$want" ] || { [ -n "$says" ] && ! grep -Eq -- "$says" out; }; then
		echo "FAIL $name: exit code $got, expected $want and /$says/"
		cat out
		exit 1
	fi
	echo "ok   $name"
}

serve() {
	: >registry.out
	aicert-registry serve registry --listen "127.0.0.1:${1:-0}" \
	    --accept-unwitnessed-start >registry.out 2>registry.err &
	registry=$!
	url=$(tail -f -n +1 --pid="$registry" registry.out |
	    sed -n '/http:/{s/.*\(http:[^ ]*\).*/\1/p;q}')
	[ -n "$url" ] || { cat registry.err; exit 1; }
}

printf 'a text to copy\n' >text
pin=$(sha256sum text | cut -d' ' -f1)
cat >job.yaml <<END
version: 2
trainer: command
command: [sh, -c, "cat /inputs/text /inputs/text > model.bin && echo '{}' > config.json"]
inputs:
  - {name: text, type: file, uri: text, pin: "sha256:$pin", role: dataset, license: CC0-1.0}
outputs: ["*.bin", "*.json"]
env: {}
END

check "keygen" 0 fingerprint aicert keygen key
check "keygen refuses to overwrite" 1 exist aicert keygen key
check "another key" 0 fingerprint aicert keygen other
check "tpm-sim init" 0 SIMULATED aicert tpm-sim init tpm
check "tpm-sim start" 0 swtpm aicert tpm-sim start tpm
check "registry init" 0 log-keys aicert-registry init registry --origin log.example.org
check "registry init refuses a used folder" 1 . aicert-registry init registry --origin log.example.org
serve
aicert-registry init registry2 --origin two.example.org >/dev/null
check "port in use" 1 "in use|[Aa]ddress" aicert-registry serve registry2 --listen "${url#http://}"
check "two servers on one folder" 1 . aicert-registry serve registry --listen 127.0.0.1:0
check "build" 0 publish aicert build job.yaml --out model --key key --tpm-sim tpm --log "$url"
check "PCRs not zero: a new boot is needed" 1 "tpm-sim reset" \
    aicert build job.yaml --out model2 --key key --tpm-sim tpm
[ ! -e model2 ]
aicert policy init --builder me=key.pub --log-keys registry/log-keys \
    --quorum-none --log-time --tpm-sim tpm --unmeasured-boot >policy
check "not logged yet" 1 "aicert publish" aicert-verify --policy policy model
cp model/aicert.jsonl unpublished
kill -TERM "$registry"
wait "$registry"
port=${url##*:}
registry=
check "registry is down: the certificate is kept" 1 "again|repeat" \
    aicert publish model --registry "$url" --log-keys registry/log-keys
cmp unpublished model/aicert.jsonl
serve "$port"
check "publish" 0 . aicert publish model --registry "$url" --log-keys registry/log-keys
cp model/aicert.jsonl published
check "publish again" 0 . aicert publish model --registry "$url" --log-keys registry/log-keys
cmp published model/aicert.jsonl
check "verify" 0 "^VERIFIED +.SIMULATED" aicert-verify --policy policy model
check "verify --json" 0 '"verdict":"VERIFIED","exitCode":0' aicert-verify --json --policy policy model
check "show" 0 "wallSeconds: [0-9.]+ s .measured." aicert show model
check "by the weights' digest" 0 "$(sha256sum model/model.bin | cut -d' ' -f1)|dsseEnvelope|statement" \
    curl -sS --fail "$url/api/v1/by-digest/sha256/$(sha256sum model/model.bin | cut -d' ' -f1)"

cp -r model downloaded
rm downloaded/aicert.jsonl
check "a model without a certificate" 2 "aicert.jsonl" aicert-verify --policy policy downloaded
check "its certificate, from the log" 0 "Next: aicert-verify" env XDG_CACHE_HOME="$work/cache" \
    aicert get downloaded --registry "$url" --log-keys registry/log-keys
cmp published downloaded/aicert.jsonl
check "verify what was got" 0 "^VERIFIED +.SIMULATED" aicert-verify --policy policy downloaded

sed "s/^builder.*/builder me $(sha256sum text | cut -d' ' -f1)/" policy >stranger
check "a builder whom the policy does not know" 3 "^NOT ACCEPTED.*" aicert-verify --policy stranger model
grep -v '^log ' policy | grep -v '^log-time' >nolog
check "a policy without a log" 3 "^NOT ACCEPTED" aicert-verify --policy nolog model
grep -v '^log-time' policy >notime
check "no time under quorum none" 3 "no inclusion time" aicert-verify --policy notime model
sed 's/unmeasured-boot//' policy >measured
check "boot not measured" 3 "names no image" aicert-verify --policy measured model
grep -v '^ak-root' policy >noroot
check "an AK root that the policy does not name" 3 "is not in the policy" aicert-verify --policy noroot model
(grep -v '^#' policy; echo "pcr 4 $pin") >pcr
check "a PCR that counts with others only" 2 "column 5: expected PCR 0" aicert-verify --policy pcr model
(grep -v '^#' policy; echo "image x $pin") >image
check "an image, where the boot is waived" 0 "not established" aicert-verify --policy image model
echo "qourum none" >typo
check "a policy with a typo" 2 "line 1, column 1" aicert-verify --policy typo model

cp model/model.bin saved
printf 'A' | dd of=model/model.bin bs=1 conv=notrunc status=none
check "one byte of the weights" 1 "model.bin.*differs: expected sha256 [0-9a-f]{64}, got [0-9a-f]{64}" \
    aicert-verify --policy policy model
mv saved model/model.bin
touch model/extra
check "an extra file" 1 'extra file "extra"' aicert-verify --policy policy model
rm model/extra
mv model/config.json .
check "a missing file" 1 'missing file "config.json"' aicert-verify --policy policy model
mv config.json model/
head -n 1 published >model/aicert.jsonl
check "downgrade" 1 downgrade aicert-verify --policy policy model
cp published model/aicert.jsonl
check "restored" 0 ^VERIFIED aicert-verify --policy policy model

check "tpm-sim reset" 0 . aicert tpm-sim reset tpm
sed 's/text \/inputs/text \/inputs\/text \/inputs/' job.yaml >cheat.yaml
check "a second build" 0 publish aicert build cheat.yaml --out cheat --key key --tpm-sim tpm --log "$url"
cp -r cheat honest
dishonest cheat/aicert.jsonl key
check "the registry logs what is signed" 0 . aicert publish cheat --registry "$url" --log-keys registry/log-keys
check "the dishonest builder" 1 "step 14.*PCR 14" aicert-verify --policy policy cheat
check "his honest evidence comes too late" 1 409\|another aicert publish honest --registry "$url" --log-keys registry/log-keys

check "tpm-sim stop" 0 "" aicert tpm-sim stop tpm
check "a TPM that does not run" 1 "tpm-sim start|not run|does not answer" \
    aicert build job.yaml --out model3 --key key --tpm-sim tpm
check "self-asserted" 0 "SELF-ASSERTED" aicert build job.yaml --out self --key key
check "another log's keys" 1 . aicert publish self --registry "$url" --log-keys registry2/log-keys
check "self-asserted, published" 0 . aicert publish self --registry "$url" --log-keys registry/log-keys
check "self-asserted is not accepted by default" 3 "SELF-ASSERTED" aicert-verify --policy policy self
(cat policy; echo "allow self-asserted me") >lenient
check "self-asserted under an allow line" 0 "^VERIFIED" aicert-verify --policy lenient self
kill -TERM "$registry"
wait "$registry"
registry=
echo "$n passed, 0 failed"
