#!/bin/bash
# aicert build from the command line: what it refuses, what it says, and what
# it leaves behind, which is nothing.  Needs the programs in $AICERT_BIN; starts
# swtpm and ends it.
set -eu
PATH=$AICERT_BIN:$PATH
for tool in swtpm swtpm_setup bwrap setsid python3 gcc; do
	command -v "$tool" >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
work=$(mktemp -d)
finish() {
	aicert tpm-sim stop "$work/tpm" >/dev/null 2>&1 || :
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
cd "$work"
# Part of a number of seconds that nobody else sleeps.
mark=$$$RANDOM

# check NAME CODE PATTERN COMMAND...: it ends so, says so, and leaves no file.
check() {
	local name=$1 want=$2 says=$3 got=0 before
	shift 3
	before=$(ls -A | grep -v '^made-')
	"$@" >../"${work##*/}".out 2>&1 || got=$?
	mv ../"${work##*/}".out made-out
	if [ "$got" -ne "$want" ] || ! grep -Eq -- "$says" made-out ||
	    [ "$(ls -A | grep -v '^made-')" != "$before" ]; then
		echo "FAIL $name: exit code $got, expected $want and /$says/"
		cat made-out
		ls -A
		exit 1
	fi
	echo "ok   $name"
}

says() {
	grep -Eq -- "$1" made-out || { echo "FAIL: no /$1/"; cat made-out; exit 1; }
}

says_not() {
	if grep -Eq -- "$1" made-out; then
		echo "FAIL: /$1/"
		cat made-out
		exit 1
	fi
}

# job FILE COMMAND [PIN]
job() {
	cat >"$1" <<END
version: 2
trainer: command
command: [sh, -c, "$2"]
inputs:
  - name: text
    type: dataset
    uri: text
    pin: ${3-sha256:$pin}
    role: dataset
outputs: ["*.bin"]
END
}

build() {
	aicert build "$@" --key key
}

printf 'some text\n' >text
pin=$(sha256sum text | cut -d' ' -f1)
other=$(printf x | sha256sum | cut -d' ' -f1)
aicert keygen key >/dev/null
job good.yaml 'cat /inputs/text > m.bin'

# ---- the command line
check "help" 0 "--tpm-sim DIR" aicert build --help
check "no configuration" 2 "name one configuration" build --out made-m
check "two configurations" 2 "name one" build good.yaml good.yaml --out made-m
check "no --out" 2 "are needed" build good.yaml
check "no such option" 2 "no such option" build good.yaml --out made-m --frobnicate
check "--tcti without --ak-chain" 2 "go together" build good.yaml --out made-m --tcti device:/dev/null
check "two TPMs" 2 "one TPM" build good.yaml --out made-m --tpm-sim t --tcti x --ak-chain y
check "two checkpoints" 2 "not both" build good.yaml --out made-m --log http://127.0.0.1:1 --log-checkpoint text
check "a time limit of nothing" 2 "time-limit takes" build good.yaml --out made-m --time-limit 0
check "a memory limit in words" 2 "memory takes" build good.yaml --out made-m --memory lots
check "a memory limit beyond all" 2 "memory takes" build good.yaml --out made-m --memory 99999999999G

# ---- inputs and configuration
job nopin.yaml 'cat /inputs/text > m.bin' ''
check "an empty pin" 1 '"nopin.yaml":(8|9):[0-9]+: expected a pin, found nothing' build nopin.yaml --out made-m
grep -v pin: good.yaml >made-missing.yaml
check "no pin" 1 '"made-missing.yaml":5:5: this input has no "pin"' build made-missing.yaml --out made-m
job wrong.yaml 'touch /workspace/ran; cat /inputs/text > m.bin' "sha256:$other"
check "a wrong pin: file, line, both values" 1 '"wrong.yaml":8:10: input "text"' build wrong.yaml --out made-m
says "$other.*$pin"
says "nothing was run"
says_not training
sed s/trainer/trianer/ good.yaml >made-typo.yaml
check "a typo" 1 '":2:1: unknown key "trianer"; did you mean "trainer"' build made-typo.yaml --out made-m
sed 's/uri: text/uri: nothing/' good.yaml >made-absent.yaml
check "an absent input" 1 '":8:10: input "text": cannot read "nothing": No such file' build made-absent.yaml --out made-m
mkfifo fifo
sed 's/uri: text/uri: fifo/' good.yaml >made-fifo.yaml
check "an input that is a FIFO" 1 "neither a regular" build made-fifo.yaml --out made-m
check "no configuration file" 1 'cannot read the configuration "none.yaml"' build none.yaml --out made-m
check "no key" 1 "made-key" aicert build good.yaml --out made-m --key made-key
check "a log that is down" 1 "127.0.0.1" build good.yaml --out made-m --log http://127.0.0.1:1
check "no signed note" 1 "no signed note" build good.yaml --out made-m --log-checkpoint text

# ---- the training
job fails.yaml 'echo before; echo the last word >\&2; exit 7'
sed -i 's/\\&/\&/' fails.yaml
check "a failing command" 1 "exit status 7.*no certificate" build fails.yaml --out made-m
says "  \| the last word"
check "a failing command, quietly" 1 "exit status 7" build fails.yaml --out made-m --quiet
says "  \| the last word"
job signal.yaml 'kill -9 $$'
check "a killed command" 1 "signal 9" build signal.yaml --out made-m
job absent.yaml 'true'
sed -i 's/\[sh, -c, .*\]/[no-such-program]/' absent.yaml
check "a command that is not there" 1 "no-such-program|cannot be executed" build absent.yaml --out made-m
job nothing.yaml 'touch other.txt'
check "no outputs" 1 "no file that outputs match" build nothing.yaml --out made-m
job link.yaml 'ln -s /etc/passwd m.bin'
check "an output that is a link" 1 '"m.bin" is a link' build link.yaml --out made-m
job many.yaml 'i=0; while [ $i -lt 1023 ]; do : > $i.bin; i=$((i+1)); done'
check "too many weight files" 1 "1023 weight files" build many.yaml --out made-m
job slow.yaml 'sleep 60; touch m.bin'
check "the time limit" 1 "time limit of 1 seconds" build slow.yaml --out made-m --time-limit 1
printf 'echo "\033[2Jclear \302\2332J caf\303\251"; exit 1\n' >script
job control.yaml 'sh /inputs/text' "sha256:$(sha256sum script | cut -d' ' -f1)"
sed -i 's/uri: text/uri: script/' control.yaml
check "control characters are shown, not obeyed" 1 '\\x1b\[2Jclear \\xc2\\x9b2J café' build control.yaml --out made-m
says_not "$(printf '\033')"

mkdir there
check "an existing folder" 1 '"there" is there already' build good.yaml --out there
check "the same with a slash" 1 "is there already" build good.yaml --out there/
ln -s nowhere dangling
check "an existing link" 1 "is there already" build good.yaml --out dangling
check "no folder for it" 1 "cannot make a folder" build good.yaml --out no/such/m

# ---- the TPM
check "no such TPM" 1 "." build good.yaml --out made-m --tpm-sim tpm
aicert tpm-sim init tpm >/dev/null
check "a TPM that is not started" 1 "tpm-sim start|does not|not run|refused|No such" build good.yaml --out made-m --tpm-sim tpm
aicert tpm-sim start tpm >/dev/null

# ---- interruptions: nothing of it lives, no file is left
cat >end.py <<'END'
"""Start aicert build in a session of its own, wait for the training, signal."""
import os, signal, subprocess, sys, time
number, whom, mark = getattr(signal, sys.argv[1]), sys.argv[2], sys.argv[3]
p = subprocess.Popen(sys.argv[4:], stderr=subprocess.PIPE, text=True,
                     start_new_session=True)
for line in p.stderr:
    if "| go" in line:
        break
else:
    sys.exit("no training")
(os.killpg if whom == "group" else os.kill)(p.pid, number)
rest = p.stderr.read()
code = p.wait()
def alive():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read()
        except OSError:
            continue
        if int(pid) != os.getpid() and mark.encode() in words and b"end.py" not in words:
            return True
    return False
end = time.monotonic() + (10 if number == signal.SIGKILL else 0)
while alive() and time.monotonic() < end:
    time.sleep(0.02)
if alive():
    sys.exit("something is alive: " + rest)
print(code, rest)
sys.exit(0)
END
# The mark is in every process of the job.
job long.yaml "echo go; setsid sleep 9999.$mark & exec sleep 9999.$mark"
for signal in SIGINT SIGTERM SIGHUP; do
	check "$signal to aicert" 0 "^1 .*" python3 end.py $signal one "$mark" aicert build long.yaml --out made-m --key key
	says interrupted
	check "$signal as from a terminal" 0 "^1 .*" python3 end.py $signal group "$mark" aicert build long.yaml --out made-m --key key
done
mkdir kill
check "SIGKILL to aicert: no process" 0 "^-9" python3 end.py SIGKILL one "$mark" aicert build long.yaml --out kill/m --key key

# ---- what is right
check "the training example under the TPM" 0 "SIMULATED" \
    build "$AICERT_SOURCE/examples/charlm/aicert.yaml" --out made-model --tpm-sim tpm
says "difference  "
[ "$(ls made-model | tr '\n' ' ')" = "aicert.jsonl config.json model.safetensors model.sig trainer_state.json " ]
check "one boot, one build" 1 "aicert tpm-sim reset" build good.yaml --out made-m --tpm-sim tpm
check "self-asserted, as JSON" 0 '"measured":false' build good.yaml --out made-self --json --quiet
sed -n '/^{/p' made-out | python3 -c '
import json, sys
r = json.load(sys.stdin)
assert sorted(r) == ["certificate", "files", "logCheckpoint", "measured", "out", "root", "simulated"], r
assert r["files"] == 1 and r["out"] == "made-self"'
says SELF-ASSERTED
(umask 077; build good.yaml --out made-umask >/dev/null 2>&1)
cmp made-umask/m.bin text
mkdir -p data/sub && cp text data/a && cp text data/sub/b
tree=$( { sha256sum data/a data/sub/b | cut -c-64 | tr -d '\n' | python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))'; } | sha256sum | cut -d' ' -f1)
job tree.yaml 'umask 077; cat /inputs/text/a /inputs/text/sub/b > m.bin' "sha256:$tree"
sed -i 's/uri: text/uri: data/' tree.yaml
check "a folder as input, by the root over its files" 0 "as pinned" build tree.yaml --out made-tree
(umask 077; build tree.yaml --out made-tree2 >/dev/null 2>&1)
cat text text | cmp - made-tree2/m.bin
echo "all passed"
