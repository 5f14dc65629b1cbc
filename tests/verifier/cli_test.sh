#!/bin/bash
# Tests aicert-verify as its user runs it: exit codes, the first line, JSON in
# every case, and that nothing from outside reaches the terminal as it is.
#
# usage: cli_test.sh AICERT_VERIFY WRITE_FIXTURE
# Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
set -u

if [ $# -ne 2 ] || [ ! -x "$1" ] || [ ! -x "$2" ]; then
	echo "usage: cli_test.sh AICERT_VERIFY WRITE_FIXTURE" >&2
	exit 1
fi
verify=$(realpath "$1")
fixture=$(realpath "$2")
if ! command -v python3 >/dev/null; then
	echo "skipped: python3 is not there"
	exit 77
fi

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1
failures=0
export HOME="$tmp/home"
unset AICERT_POLICY
mkdir home

bad() {
	echo "FAILED: $*"
	failures=$((failures + 1))
}

# The word that belongs to an exit code.
headline() {
	case $1 in
	0) echo "VERIFIED" ;;
	1) echo "NOT VERIFIED" ;;
	2) echo "COULD NOT RUN" ;;
	3) echo "NOT ACCEPTED" ;;
	esac
}

# judge CODE: exit code, first line and bytes of what the last run printed.
judge() {
	[ "$code" -eq "$1" ] || {
		bad "$what: exit code $code, wanted $1"
		sed 's/^/    /' out | head -5
	}
	[ "$(head -n 1 out | cut -c "1-$(headline "$1" | wc -m)" |
	    sed 's/[ :]*$//')" = "$(headline "$1")" ] ||
		bad "$what: first line is not $(headline "$1"): $(head -n 1 out)"
	if tail -n +2 out | grep VERIFIED | grep -qv 'NOT VERIFIED' &&
	    [ -z "${evil:-}" ]; then
		bad "$what: says VERIFIED further down"
	fi
	[ "$(LC_ALL=C tr -d '\n -~' <out | wc -c)" -eq 0 ] ||
		bad "$what: prints bytes that are no plain text"
}

# expect CODE WORDS WHAT ARGS...: run, judge, look for the words; then with
# --json, which must be JSON and say the same, from an unconfined process, in
# which sanitizers find leaks.
expect() {
	want=$1 words=$2 what=$3
	shift 3
	timeout 60 "$verify" "$@" >out 2>&1 </dev/null
	code=$?
	judge "$want"
	grep -qF -- "$words" out || {
		bad "$what: does not say \"$words\""
		sed 's/^/    /' out | head -5
	}
	[ -n "${no_json:-}" ] && return
	timeout 60 "$verify" --no-sandbox --json "$@" >json 2>err </dev/null
	[ $? -eq "$want" ] || bad "$what: another exit code with --json"
	[ ! -s err ] || bad "$what: --json prints to stderr"
	python3 -Sc 'import json, sys
j = json.load(open("json"))
sys.exit([j["exitCode"], j["verdict"]] != [int(sys.argv[1]), sys.argv[2]])' \
		"$want" "$(headline "$want")" 2>/dev/null ||
		bad "$what: --json is no JSON, or of another verdict"
}

# fresh: a model that verifies, in ./model, with ./policy.
fresh() {
	rm -rf model
	mkdir model
	cp -a "right/." model/
	cp right.policy policy
}

mkdir right unlogged self evil cvm
"$fixture" right right right.policy || exit 1
"$fixture" unlogged unlogged unlogged.policy || exit 1
"$fixture" self-asserted self self.policy || exit 1
"$fixture" evil-names evil evil.policy || exit 1
"$fixture" confidential cvm cvm.policy || exit 1

# ---- What verifies ----
fresh
expect 0 "SIMULATED" "right" --policy policy model
expect 0 "WHAT THIS DOES NOT SAY" "right, with a slash" --policy policy model/
(cd model && timeout 60 "$verify" --policy ../policy . >../out 2>&1)
code=$? what="the folder itself"
judge 0
head -n 1 out | grep -q SIMULATED || bad "first line does not say SIMULATED"
mkdir -p model/.git model/.cache/huggingface
echo x >model/.git/HEAD
echo x >model/.cache/huggingface/lock
echo x >model/.gitignore
expect 0 "3 files" "ignored paths" --policy policy model
timeout 60 "$verify" --quiet --policy policy model >out 2>&1
[ $? -eq 0 ] && [ ! -s out ] || bad "--quiet prints, or another code"

# ---- Whose policy ----
no_json=1
expect 2 "aicert-verify --help" "no arguments"
expect 2 "aicert-verify --help" "two models" --policy policy model right
expect 2 "aicert-verify --help" "unknown option" --trust-everything model
expect 2 "aicert-verify --help" "option without its value" model --policy
expect 2 "aicert-verify --help" "empty path" --policy policy ""
expect 3 "judged as of 2026-02-01T00:00:00Z" "another time" \
	--at 2026-02-01T00:00:00Z --policy policy model
expect 1 "has expired" "a time after the AK's" \
	--at 2026-06-01T00:00:00Z --policy policy model
expect 1 "not yet valid" "a time before the AK's" \
	--at=2025-01-01T00:00:00Z --policy policy model
expect 2 "such as 2026-01-31T12:00:00Z" "a time that is none" \
	--at yesterday --policy policy model
no_json=
if [ -e /etc/aicert/policy ]; then
	echo "note: /etc/aicert/policy is there: no policy is not tested"
else
	expect 2 "aicert policy init" "no policy" model
fi
mkdir -p home/.config/aicert
cp policy home/.config/aicert/policy
expect 0 "home/.config/aicert/policy" "policy of the user" model
cp policy "policy of the environment"
export AICERT_POLICY="policy of the environment"
expect 0 "policy of the environment" "policy of the environment" model
export AICERT_POLICY=absent
expect 2 "cannot read the policy" "policy of the environment absent" model
expect 0 "" "the option goes first" --policy policy model
unset AICERT_POLICY
rm -rf home/.config
mkdir folder
expect 2 "cannot read the policy" "policy is a folder" --policy folder model
mkfifo fifo
expect 2 "cannot read the policy" "policy is a FIFO" --policy fifo model
: >empty
expect 2 "no quorum line" "policy is empty" --policy empty model
{ cat policy; echo "builder again and again"; } >typo
expect 2 "line 6, column 15: expected a readable PEM file" "policy with a typo" \
	--policy typo model
{ cat policy; echo "pcr 4 $(printf '%064d' 1)"; } >typo
expect 2 "line 6, column 5: expected PCR 0, 1, 2, 3, 5, 6 or 7" \
	"a pcr line of a PCR that counts with others" --policy typo model
{ cat policy; echo "requires witness"; } >typo
expect 2 "line 6, column 1: expected log, witness, group" "an unknown word" \
	--policy typo model
expect 2 "did you mean \"require\"?" "the nearest word" --policy typo model
printf 'log \033[31m\n' >escapes
expect 2 "byte 0x1b is not allowed" "policy with escapes" --policy escapes model
head -c 1100000 /dev/zero | tr '\0' '#' >large
expect 2 "cannot read the policy" "policy over its cap" --policy large model
sed 's/^builder.*//' policy >nobody
expect 3 "the policy names no builder" "no builder line" --policy nobody model
sed 's/^log .*//' policy >nolog
expect 3 "the policy names no log" "no log line" --policy nolog model
sed 's/ simulated.*//' policy >measured
expect 3 "the policy names no image" "a root that is not simulated" --policy measured model
mkdir sub
sed "s/^builder.*/builder test key.pem/" policy >sub/policy
echo "no key" >sub/key.pem
expect 2 "not a P-256 public key" "a PEM that is none" --policy sub/policy model

# ---- What is beside the model ----
expect 2 "" "no such folder" --policy policy absent
expect 2 "" "a file as the model" --policy policy policy
long=$(printf '%05000d' 0)
expect 2 "path" "a path of 5,000 bytes" --policy policy "$long"
rm -f model/aicert.jsonl
expect 2 "there is no aicert.jsonl" "no certificate" --policy policy model
mkfifo model/aicert.jsonl
expect 2 "not a regular file" "a FIFO as certificate" --policy policy model
rm -f model/aicert.jsonl
mkdir model/aicert.jsonl
expect 2 "not a regular file" "a folder as certificate" --policy policy model
rmdir model/aicert.jsonl
: >model/aicert.jsonl
expect 1 "the certificate is empty" "an empty certificate" --policy policy model
head -c 3000 /dev/urandom >model/aicert.jsonl
expect 1 "line 1" "garbage" --policy policy model
head -c 3000 /dev/zero >model/aicert.jsonl
expect 1 "line 1" "zeros" --policy policy model
printf '\n' >model/aicert.jsonl
expect 1 "line 1" "an empty line" --policy policy model
printf '[%.0s' $(seq 100000) >model/aicert.jsonl
echo >>model/aicert.jsonl
expect 1 "line 1" "deep nesting" --policy policy model
head -c 5000000 /dev/zero | tr '\0' ' ' >model/aicert.jsonl
expect 2 "aicert.jsonl" "5 MB of certificate" --policy policy model
fresh
head -c 1000 right/aicert.jsonl >model/aicert.jsonl
expect 1 "cut off" "a certificate cut off" --policy policy model
head -n 1 right/aicert.jsonl >model/aicert.jsonl
expect 1 "downgrade" "the evidence line dropped" --policy policy model
tail -n 1 right/aicert.jsonl >model/aicert.jsonl
expect 1 "line 1" "the provenance dropped" --policy policy model
fresh
rm model/model.sig
expect 1 "model.sig" "no model.sig" --policy policy model
: >model/model.sig
expect 1 "model.sig" "an empty model.sig" --policy policy model
rm model/model.sig
mkdir model/model.sig
expect 2 "model.sig: not a regular file" "a folder as model.sig" \
	--policy policy model
fresh
cp evil/model.sig model/model.sig
expect 1 "step 2" "model.sig of another model" --policy policy model
cp evil/aicert.jsonl model/aicert.jsonl
evil=1
expect 1 "step 5" "another log of the same name" --policy policy model
evil=
fresh
sed "s/^builder.*/builder other $(printf '%064d' 0)/" policy >other
expect 3 "does not name" "another builder" --policy other model
expect 1 "run" "not logged" --policy unlogged.policy unlogged
grep -q 'aicert publish' out || bad "not logged: does not say aicert publish"
expect 3 "SELF-ASSERTED" "self-asserted" --policy self.policy self
{ cat self.policy; echo "allow self-asserted"; } >allowed
expect 0 "SELF-ASSERTED" "self-asserted, allowed" --policy allowed self

expect 0 "SEV-SNP Milan, TCB 4.0.24.219 under amd" "a confidential VM" \
	--policy cvm.policy cvm
sed 's/4.0.24.219/4.0.24.220/' cvm.policy >newer
expect 3 "below the TCB that amd asks for" "an older TCB" --policy newer cvm
{ cat policy; echo "require confidential"; } >demanding
expect 3 "requires a confidential VM" "no confidential VM" \
	--policy demanding model

# ---- The files ----
fresh
printf 'X' | dd of=model/model.safetensors conv=notrunc status=none
expect 1 'file "model.safetensors" differs: expected sha256' "a byte changed" \
	--policy policy model
fresh
: >model/config.json
expect 1 'file "config.json" differs' "a file emptied" --policy policy model
fresh
rm model/trainer_state.json
expect 1 'missing file "trainer_state.json"' "a file missing" \
	--policy policy model
fresh
echo x >model/README.md
expect 1 'extra file "README.md"' "a file more" --policy policy model
fresh
mkdir model/sub
echo x >model/sub/file
expect 1 'extra file "sub/file"' "a file more in a folder" \
	--policy policy model
fresh
mkdir model/sub
expect 0 "3 files" "an empty folder" --policy policy model
fresh
mkdir -p model/.cache/other
echo x >model/.cache/other/file
expect 1 'extra file ".cache/other/file"' "beside an ignored path" \
	--policy policy model
fresh
mv model/model.safetensors weights
ln -s ../weights model/model.safetensors
expect 1 'symbolic link: "model.safetensors"' "a link" --policy policy model
fresh
ln -s nowhere model/dangling
expect 1 'symbolic link: "dangling"' "a dangling link" --policy policy model
fresh
ln -s .. model/up
expect 1 'symbolic link: "up"' "a link to a folder" --policy policy model
fresh
mkfifo model/pipe
expect 1 'neither a file nor a folder: "pipe"' "a FIFO" --policy policy model
fresh
rm model/config.json
mkfifo model/config.json
expect 1 'neither a file nor a folder: "config.json"' "a FIFO for a file" \
	--policy policy model
fresh
rm model/config.json
mkdir model/config.json
expect 1 'missing file "config.json"' "a folder for a file" \
	--policy policy model

# ---- Names ----
evil=1
fresh
echo x >model/$'a\nVERIFIED  model'
expect 1 'a\x0aVERIFIED' "a name with a line feed" --policy policy model
[ "$(grep -c '^VERIFIED' out)" -eq 0 ] || bad "a name makes a first line"
fresh
echo x >model/$'\033[2J\033[1;1HVERIFIED'
expect 1 '\x1b[2J' "a name with escapes" --policy policy model
fresh
echo x >model/$'\xff\xfe'
expect 1 '\xff\xfe' "a name that is not UTF-8" --policy policy model
fresh
echo x >model/$'\u009b2J'
expect 1 '\xc2\x9b' "a name with a C1 control" --policy policy model
cp -a right $'odd\n\033[31m\xff"name'
expect 0 'odd\x0a\x1b[31m\xff' "a model of an odd name" --policy policy \
	$'odd\n\033[31m\xff"name'
expect 2 'odd\x0a\x1b[31m' "a policy of an odd name" \
	--policy $'odd\n\033[31m' model
expect 0 'corpus\x1b[2J\x0aVERIFIED\x7f' "odd names in the certificate" \
	--policy evil.policy evil
[ "$(grep -c '^VERIFIED' out)" -eq 1 ] || bad "a name makes a first line"

if [ "$failures" -ne 0 ]; then
	echo "$failures failures"
	exit 1
fi
echo "all passed"
