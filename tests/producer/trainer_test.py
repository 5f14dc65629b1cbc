"""What a certificate says of a training's figures: measured by the recorder,
reported by the trainer, or not said.  Builds are self-asserted, but for one.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile

if not shutil.which("bwrap"):
    print("skipped: bubblewrap is not installed")
    sys.exit(77)
aicert = sys.argv[1]
work = tempfile.mkdtemp(prefix="aicert-trainer-")
failures = 0
n = 0


def build(trainer, command, *options):
    global n
    n += 1
    with open(os.path.join(work, "job.yaml"), "w") as f:
        f.write("version: 2\ntrainer: %s\ncommand: [sh, -c, %s]\ninputs: []\n"
                "outputs: [m.bin]\n" % (trainer, json.dumps(command)))
    return subprocess.run(
        [aicert, "build", "job.yaml", "--key", "key", "--out", "m%d" % n,
         *options], cwd=work, capture_output=True, text=True, timeout=200)


def note(name, ok, end):
    global failures
    print("ok  " if ok else "FAIL", name, flush=True)
    if not ok:
        failures += 1
        print(end.returncode, end.stdout, end.stderr)


def statement():
    with open(os.path.join(work, "m%d" % n, "aicert.jsonl")) as f:
        line = json.loads(f.readline())
    return json.loads(base64.b64decode(line["dsseEnvelope"]["payload"]))


def figures():
    return statement()["predicate"][
        "https://aicert.mithrilsecurity.io/compute/v1"]


STATE = '{"total_flos": 1.5e+18, "num_input_tokens_seen": 4096, "global_step": 7}'


def says(name, trainer, command, expected):
    end = build(trainer, "echo m > m.bin; " + command)
    if end.returncode != 0:
        return note(name, False, end)
    found = {k: (v["value"], v["assurance"]) for k, v in figures().items()
             if k in ("flops", "tokens", "steps")}
    note(name, found == {k: (v, "reported") for k, v in expected.items()}, end)
    if not expected and trainer != "command":
        note(name + ": is said", "no FLOPs or tokens" in end.stderr, end)


subprocess.run([aicert, "keygen", "key"], cwd=work, check=True,
               stdout=subprocess.DEVNULL)
whole = {"flops": "1500000000000000000", "tokens": "4096", "steps": "7"}
put = "mkdir -p %s; echo '" + STATE + "' > %s/trainer_state.json"
says("hf-trainer reports", "hf-trainer", put % (".", "."), whole)
says("axolotl reports", "axolotl", put % ("lora-out", "lora-out"), whole)
says("command does not", "command", put % (".", "."), {})
says("no file", "hf-trainer", "true", {})
says("the last checkpoint counts", "hf-trainer",
     put % ("o/checkpoint-500", "o/checkpoint-500") + "; mkdir o/checkpoint-1000;"
     "echo '{\"global_step\": 1000}' > o/checkpoint-1000/trainer_state.json",
     {"steps": "1000"})
says("the outermost file counts", "hf-trainer",
     put % ("o/checkpoint-500", "o/checkpoint-500") +
     "; echo '{\"global_step\": 9}' > o/trainer_state.json", {"steps": "9"})
says("a file that is cut off", "hf-trainer",
     "echo '{\"total_flos\": 1' > trainer_state.json", {})
says("a file that is a link", "hf-trainer",
     "ln -s /etc/passwd trainer_state.json", {})
says("a file that is a FIFO", "hf-trainer", "mkfifo trainer_state.json", {})
says("a file that is a folder", "hf-trainer", "mkdir trainer_state.json", {})
says("figures that are no numbers", "hf-trainer",
     "echo '{\"total_flos\": NaN, \"global_step\": 0}' > trainer_state.json",
     {})
says("figures too many", "hf-trainer",
     "echo '{\"global_step\": 1, \"global_step\": 2}' > trainer_state.json", {})

end = build("command", "echo m > m.bin")
every = figures() if end.returncode == 0 else {}
note("without a TPM nothing is measured", end.returncode == 0 and
     all(v["assurance"] == "reported" for v in every.values()), end)
note("what no counter counts is not stated", "gpuSeconds" not in every and
     "gpuJoules" not in every and not any(
         float(v["value"]) == 0 for k, v in every.items() if "Joules" in k),
     end)
rapl = "/sys/class/powercap/intel-rapl:0/energy_uj"
note("energy of the processors is stated where it is counted, and only there",
     ("cpuJoules" in every) == os.access(rapl, os.R_OK), end)
if not os.path.exists("/dev/nvidia0"):
    end = build("command", "echo m > m.bin", "--gpus")
    note("GPUs that are not there", end.returncode == 1 and
         "has no GPU" in end.stderr and
         not os.path.exists(os.path.join(work, "m%d" % n)), end)
shutil.rmtree(work)
sys.exit(failures > 0)
