#!/bin/bash
# aicert finetune and verify: the first AICert's names for what build and
# aicert-verify do.  Needs the programs in $AICERT_BIN.
set -eu
PATH=$AICERT_BIN:$PATH
command -v bwrap >/dev/null || { echo "skipped: no bwrap"; exit 77; }
command -v aicert-verify >/dev/null ||
    { echo "skipped: no aicert-verify in this build"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work"

# check NAME CODE PATTERN COMMAND...
check() {
	local name=$1 want=$2 says=$3 got=0
	shift 3
	"$@" >out 2>&1 || got=$?
	if [ "$got" -ne "$want" ] || ! grep -Eq -- "$says" out; then
		echo "FAIL $name: exit code $got, expected $want and /$says/"
		cat out
		exit 1
	fi
	echo "ok   $name"
}

mkdir job
printf 'version: 2\ntrainer: command\ncommand: [sh, -c, "echo m > m.bin"]\ninputs: []\noutputs: [m.bin]\n' >job/aicert.yaml
check "no key" 1 'builder.key' aicert finetune --dir job
aicert keygen job/builder.key >/dev/null
check "from and to one folder" 0 'job/model' aicert finetune --dir job
[ -f job/model/m.bin ] && [ -f job/model/aicert.jsonl ] && [ -f job/model/model.sig ]
check "nothing is overwritten" 1 'is there already' aicert finetune --dir job
(cd job && check "in this folder" 1 '"model" is there already' aicert finetune)
check "other names" 0 '"certificate":' aicert finetune --dir job --config aicert.yaml --out other --key job/builder.key --json --quiet --time-limit 100
[ -f other/m.bin ]
check "an option of build, with a wrong value" 2 'time-limit takes' aicert finetune --dir job --out x --time-limit 0
check "a value with =" 2 'memory takes' aicert finetune --dir job --out x --memory=lots
check "no such option" 2 'no such option' aicert finetune --frobnicate
check "a word too many" 2 'by --config' aicert finetune aicert.yaml
check "no such folder" 1 '"none"' aicert finetune --dir none
check "help" 0 'as the first AICert did' aicert help finetune
# The original's file comes as far as its inputs, which are not there.
sha=0123456789abcdef0123456789abcdef01234567
mkdir original
cp job/builder.key original
printf 'base_model: org/base@main\ndatasets:\n  - path: org/data@sha1:%s\n' $sha >original/aicert.yaml
check "the original's file, with a model that floats" 1 'original/aicert.yaml":1:13: expected repo@sha1' aicert finetune --dir original

# ---- verify
# The words are aicert-verify's own, and so is its exit status.
for words in "model" "--dir model" "--dir=model" "--json model" "--policy none model" ""; do
	(
	cd job
	got=0 direct=0
	# shellcheck disable=SC2086
	env -u AICERT_POLICY HOME="$work" aicert verify $words >../by-aicert 2>&1 || got=$?
	words=${words#--dir }
	words=${words#--dir=}
	# shellcheck disable=SC2086
	env -u AICERT_POLICY HOME="$work" aicert-verify ${words:-.} >../alone 2>&1 || direct=$?
	[ "$got" = "$direct" ] && cmp ../by-aicert ../alone
	) || { echo "FAIL verify $words"; exit 1; }
	echo "ok   verify $words"
done
check "verify, help" 0 'runs aicert-verify' aicert help verify
check "verify, a folder that is not said" 2 'needs a folder' aicert verify --dir
check "verify, nothing there" 2 'COULD NOT RUN' aicert verify --dir none --policy policy
echo "all passed"
