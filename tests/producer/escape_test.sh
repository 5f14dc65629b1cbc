#!/bin/bash
# A whole build under a TPM whose training tries to get out: each attempt, what
# stopped it, and the control that it succeeds outside.  The sandbox alone is
# tried in test_sandbox.c.
#
# usage: escape_test.sh ESCAPE: the program that tries
set -eu
PATH=$AICERT_BIN:$PATH
for tool in bwrap swtpm swtpm_setup python3 tpm2_pcrextend tpm2_pcrread; do
	command -v "$tool" >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
work=$(mktemp -d)
server=
finish() {
	[ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" || :; }
	aicert tpm-sim stop "$work/tpm" >/dev/null 2>&1 || :
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
cd "$work"
cp "$1" escape
chmod 755 . escape
aicert keygen key >/dev/null
aicert tpm-sim init tpm >/dev/null
aicert tpm-sim start tpm >started
tcti=$(grep -oE 'swtpm:path=[^ ]+' started | head -n 1)
socket=${tcti#swtpm:path=}
abstract=@aicert-escape-$$
# Somebody to be reached: on loopback, and by an abstract name.
cat >listen.py <<'END'
import socket, sys, threading
tcp = socket.create_server(("127.0.0.1", 0))
unix = socket.socket(socket.AF_UNIX)
unix.bind("\0" + sys.argv[1][1:])
unix.listen()
def serve(s):
    while True:
        s.accept()[0].close()
threading.Thread(target=serve, args=(unix,), daemon=True).start()
print(tcp.getsockname()[1], flush=True)
serve(tcp)
END
mkfifo ready
python3 listen.py "$abstract" >ready &
server=$!
read -r port <ready

# try NAME STOPPED-BY ERRNO WORDS...: in the job, "NAME: what came of it".
cat >attempts <<END
a listener on loopback|its network namespace has a loopback of its own|ECONNREFUSED|tcp 127.0.0.1 $port
an abstract socket|its network namespace|ECONNREFUSED|unix $abstract
the TPM's socket|it is not in its mount namespace|ENOENT|unix $socket
the TPM's device|it is not in its /dev|ENOENT|read /dev/tpmrm0
the builder's key|it is not in its mount namespace|ENOENT|read $work/key
the configuration|it is not in its mount namespace|ENOENT|read $work/job.yaml
writing an input|it is a read-only copy, mounted read-only|E(ROFS)?(ACCES)?|write /inputs/escape
adding an input|the root is read-only|EROFS|create /inputs/new
tracing another process|the filter of system calls|EPERM|ptrace
a namespace of its own|the filter of system calls|EPERM|unshare
END
{
	echo 'cp /inputs/escape /tmp/escape; chmod +x /tmp/escape'
	while IFS='|' read -r name by error words; do
		echo "echo \"try $name: \$(/tmp/escape $words 2>&1)\""
	done <attempts
	echo "if tpm2_pcrextend -T '$tcti' 14:sha256=$(printf x | sha256sum | cut -d' ' -f1) >/dev/null 2>&1"
	echo 'then echo "try extending PCR 14: escaped"; else echo "try extending PCR 14: stopped"; fi'
	# It survives its parent, and would go on with the output.
	echo 'echo model > m.bin'
	echo '/tmp/escape survive /workspace/m.bin'
} >job.sh
digest() { sha256sum "$1" | cut -d' ' -f1; }
cat >job.yaml <<END
version: 2
trainer: command
command: [sh, /inputs/job]
inputs:
  - {name: escape, type: file, uri: escape, role: code, pin: "sha256:$(digest escape)"}
  - {name: job, type: file, uri: job.sh, role: code, pin: "sha256:$(digest job.sh)"}
outputs: [m.bin]
END
aicert build job.yaml --key key --tpm-sim tpm --out model >out 2>&1 ||
    { cat out; echo "FAIL: no build"; exit 1; }

bad=0
while IFS='|' read -r name by error words; do
	if grep -qE "^  \| try $name: $error$" out; then
		echo "ok   $name, for $by ($error)"
	else
		echo "FAIL $name: $(grep -F "try $name" out)"
		bad=1
	fi
	# The control.  A TPM of the machine's own is not touched.
	case $words in
	*/inputs/* | 'read /dev/'*) continue ;;
	esac
	# shellcheck disable=SC2086
	said=$(./escape $words 2>&1) || :
	[ "$said" = escaped ] || echo "     no control: $name is not open here either ($said)"
done <attempts
grep -qF '| try extending PCR 14: stopped' out ||
    { echo "FAIL: PCR 14 was extended"; bad=1; }
echo "ok   extending PCR 14, for no way leads to the TPM"

# The survivor was ended before the output was hashed, and is not there.
survivor=$(grep -oE '^  \| [0-9]+$' out | tail -n 1 | tr -dc 0-9)
[ -n "$survivor" ] || { echo "FAIL: no survivor"; bad=1; }
for words in /proc/[0-9]*/cmdline; do
	if { tr '\0' ' ' <"$words"; } 2>/dev/null | grep -q '/tmp/escape survive'; then
		echo "FAIL: it lives: $words"
		bad=1
	fi
done
one=$(digest model/m.bin)
sleep 0.2
[ "$one" = "$(digest model/m.bin)" ] || { echo "FAIL: the output grows"; bad=1; }
python3 - "$one" <<'END' || { echo "FAIL: another output was signed"; bad=1; }
import base64, json, sys
with open("model/model.sig") as f:
    listed = json.loads(base64.b64decode(json.load(f)["dsseEnvelope"]["payload"]))
sys.exit(listed["predicate"]["resources"][0]["digest"] != sys.argv[1])
END
echo "ok   surviving the end of the run, for its PID namespace ended with it"

# PCR 14 is what the evidence says: nothing else was extended.
tpm2_pcrread -T "$tcti" sha256:8,14 >pcrs
python3 - <<'END' || { echo "FAIL: PCRs 8 and 14 are not of these events"; bad=1; }
import base64, hashlib, json, re, sys
with open("model/aicert.jsonl") as f:
    line = json.loads(f.read().splitlines()[1])
said = json.loads(base64.b64decode(line["dsseEnvelope"]["payload"]))["predicate"]
with open("pcrs") as f:
    read = dict(re.findall(r"(\d+)\s*: 0x([0-9A-F]{64})", f.read()))
for pcr, log in (("14", "inputsLog"), ("8", "outputsLog")):
    value = bytes(32)
    for event in said[log]:
        value = hashlib.sha256(value + hashlib.sha256(event.encode()).digest()).digest()
    if value.hex() != read[pcr].lower():
        sys.exit(1)
END
tpm2_pcrextend -T "$tcti" "14:sha256=$one" ||
    echo "     no control: tpm2_pcrextend fails here as well"
[ $bad -eq 0 ] && echo "all passed"
exit $bad
