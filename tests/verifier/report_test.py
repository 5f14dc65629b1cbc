#!/usr/bin/env python3
"""What aicert-verify prints: report_test.py AICERT_VERIFY WRITE_FIXTURE

The JSON of success and of failure is as the published schema has it; the
summary is a SLSA VSA; nothing judged is shown by --inspect as judged; colours
are for terminals."""

import json
import os
import pty
import re
import subprocess
import sys
import tempfile

VERIFY, FIXTURE = (os.path.realpath(x) for x in sys.argv[1:3])
with open(os.path.join(os.environ["AICERT_SOURCE"], "docs",
                       "report.schema.json"), encoding="utf-8") as f:
    SCHEMA = json.load(f)
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool,
         "integer": int}


def faults(schema, value, at="$"):
    """What of value is not as schema has it; the keywords that ours uses."""
    known = {"$schema", "$id", "$defs", "title", "type", "required", "items",
             "additionalProperties", "properties", "enum", "const", "pattern",
             "minimum", "maximum", "$ref"}
    assert not set(schema) - known, set(schema) - known
    if "$ref" in schema:
        return faults(SCHEMA["$defs"][schema["$ref"].split("/")[-1]], value, at)
    if "type" in schema and (not isinstance(value, TYPES[schema["type"]]) or
                             (schema["type"] == "integer" and
                              isinstance(value, bool))):
        return [f"{at}: no {schema['type']}"]
    found = []
    if value not in schema.get("enum", [value]) or \
            value != schema.get("const", value):
        found.append(f"{at}: {value!r}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{at}: {value!r}")
    if isinstance(value, int) and not (schema.get("minimum", value) <= value
                                       <= schema.get("maximum", value)):
        found.append(f"{at}: {value}")
    if isinstance(value, dict):
        members = schema.get("properties", {})
        found += [f"{at}.{k}: missing" for k in schema.get("required", [])
                  if k not in value]
        for k, v in value.items():
            if k in members:
                found += faults(members[k], v, f"{at}.{k}")
            elif not schema.get("additionalProperties", True):
                found.append(f"{at}.{k}: unknown")
    if isinstance(value, list) and "items" in schema:
        for i, v in enumerate(value):
            found += faults(schema["items"], v, f"{at}[{i}]")
    return found


def check(report):
    found = faults(SCHEMA, report)
    assert not found, found
    try:
        import jsonschema
    except ImportError:
        return
    jsonschema.validate(report, SCHEMA)


def run(*args, **kw):
    return subprocess.run([VERIFY, *args], capture_output=True, text=True,
                          timeout=120, stdin=subprocess.DEVNULL, **kw)


def on_terminal(*args, **env):
    """The output of a run that has a terminal as its output."""
    ours, theirs = pty.openpty()
    done = subprocess.Popen([VERIFY, *args], stdout=theirs, stderr=theirs,
                            stdin=subprocess.DEVNULL,
                            env={**os.environ, **env})
    os.close(theirs)
    out = b""
    while True:
        try:
            more = os.read(ours, 65536)
        except OSError:
            break
        if not more:
            break
        out += more
    done.wait(timeout=120)
    os.close(ours)
    return out


def main():
    codes = set()
    for kind in ("right", "self-asserted", "evil-names", "snapshot", "revoked",
                 "unlogged", "lineage"):
        os.mkdir(kind)
        subprocess.run([FIXTURE, kind, kind, kind + ".policy"], check=True)
        args = ["-p", kind + ".policy", kind]
        if kind in ("snapshot", "revoked"):
            args[:0] = ["--revocations", kind + ".policy.revocations"]
        done = run("--json", *args)
        assert not done.stderr, done.stderr
        report = json.loads(done.stdout)
        check(report)
        assert report["exitCode"] == done.returncode
        assert len(report["checks"]) == 18
        codes.add(done.returncode)
        text = run(*args)
        assert text.returncode == done.returncode
        assert text.stdout.startswith(report["verdict"])
        assert "\x1b" not in text.stdout

        # A figure that was only reported stands beside no "verified".
        assert not [line for line in text.stdout.splitlines()
                    if "reported" in line and "VERIFIED" in line
                    and kind != "evil-names"]

        vsa = run("--vsa", *args)
        assert vsa.returncode == done.returncode and not vsa.stderr
        vsa = json.loads(vsa.stdout)
        assert vsa["_type"] == "https://in-toto.io/Statement/v1"
        assert vsa["predicateType"] == \
            "https://slsa.dev/verification_summary/v1"
        assert vsa["subject"][0]["digest"]["sha256"] == report["omsRoot"]
        p = vsa["predicate"]
        assert set(p) == {"verifier", "timeVerified", "resourceUri", "policy",
                          "inputAttestations", "verificationResult",
                          "verifiedLevels", "slsaVersion"}, set(p)
        assert p["policy"]["digest"]["sha256"] == report["policySha256"]
        passed = done.returncode == 0
        assert p["verificationResult"] == ("PASSED" if passed else "FAILED")
        assert (p["verifiedLevels"] == ["FAILED"]) != passed
        assert not [x for x in p["verifiedLevels"] if x.startswith("SLSA")]

        shown = run("--inspect", os.path.join(kind, "aicert.jsonl"))
        assert shown.returncode == 0, shown.stderr
        assert shown.stdout.startswith("NOT JUDGED")
        assert report["statement"] in shown.stdout
        assert re.fullmatch(r"[\n -~]*", shown.stdout)
        if kind != "evil-names":
            assert "VERIFIED" not in shown.stdout
    assert codes == {0, 1, 3}, codes

    # Where nothing can be read: the same report, no summary.
    for args, code in ((["none"], 2), (["-p", "none", "right"], 2)):
        done = run("--json", *args)
        assert done.returncode == code
        check(json.loads(done.stdout))
        assert run("--vsa", *args).stdout == ""
    with open("right/aicert.jsonl", "w", encoding="utf-8") as f:
        f.write("garbage\n")
    done = run("--json", "-p", "right.policy", "right")
    assert done.returncode == 1
    check(json.loads(done.stdout))
    done = run("--vsa", "-p", "right.policy", "right")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("NOT VERIFIED")
    assert run("--inspect", "right/aicert.jsonl").returncode == 2
    assert run("--inspect", "right").returncode == 2
    assert run("--inspect", "none").returncode == 2
    assert run("--json", "--vsa", "-p", "right.policy", "right") \
        .returncode == 2

    # Events of the first AICert are shown, with whatever they hold escaped.
    with open("first.json", "w", encoding="utf-8") as f:
        json.dump({"event_log": [
            json.dumps({"event_type": "axolotl_configuration",
                        "content": {"x": "\x1b[2J VERIFIED"}}),
            {"event_type": "build_request"}]}, f)
    shown = run("--inspect", "first.json")
    assert shown.returncode == 0, shown
    assert 'event "axolotl_configuration"' in shown.stdout
    assert 'event "build_request"' in shown.stdout
    assert "\x1b" not in shown.stdout

    tlog = run("-p", "snapshot.policy", "--tlog-policy")
    assert tlog.returncode == 0
    assert {x.split()[0] for x in tlog.stdout.splitlines()} == \
        {"log", "quorum"}
    with open("wrong", "w", encoding="utf-8") as f:
        f.write("quorum none\nlgo x\n")
    tlog = run("-p", "wrong", "--tlog-policy")
    assert tlog.returncode == 2 and "line 2, column 1" in tlog.stderr

    args = ["-p", "snapshot.policy", "snapshot"]
    assert b"\x1b[33mVERIFIED\x1b[0m" in on_terminal(*args)
    assert b"\x1b[3" not in on_terminal(*args, NO_COLOR="1")
    assert b"\x1b[31mNOT VERIFIED\x1b[0m" in on_terminal(
        "--revocations", "revoked.policy.revocations", "-p", "revoked.policy",
        "revoked")

    # The schema is one that refuses.
    report = json.loads(run("--json", *args).stdout)
    for change in ({"verdict": "verified"}, {"exitCode": 4}, {"x": 1},
                   {"checks": [{"step": 1}]}, {"statement": "00"},
                   {"loggedSince": {"time": "now", "by": "log"}}):
        assert faults(SCHEMA, {**report, **change}), change


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ.pop("AICERT_POLICY", None)
        os.environ.pop("NO_COLOR", None)
        os.environ.pop("XDG_CACHE_HOME", None)
        os.environ["HOME"] = folder
        main()
