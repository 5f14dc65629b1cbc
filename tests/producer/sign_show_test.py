#!/usr/bin/env python3
"""aicert sign and aicert show.

usage: sign_show_test.py AICERT MAKE_CERTIFICATE
"""
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

AICERT, MAKE = map(os.path.abspath, sys.argv[1:3])


def run(*words, cwd=None):
    return subprocess.run([str(w) for w in words], cwd=cwd,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, timeout=60)


class InFolder(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="aicert-test-")
        self.addCleanup(shutil.rmtree, self.dir)
        for name in ("k", "other"):
            self.assertEqual(self.aicert("keygen", name).returncode, 0)
        os.mkdir(self.path("m"))
        r = run(MAKE, "k", "m", "tag", "measured", cwd=self.dir)
        self.assertEqual(r.returncode, 0, r.stderr)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def read(self, *parts):
        with open(self.path(*parts), "rb") as f:
            return f.read()

    def write(self, data, *parts):
        with open(self.path(*parts), "wb") as f:
            f.write(data)

    def aicert(self, *words):
        return run(AICERT, *words, cwd=self.dir)

    def refused(self, code, says, *words):
        before = {n: self.read("m", n) for n in os.listdir(self.path("m"))
                  if os.path.isfile(self.path("m", n))}
        r = self.aicert(*words)
        self.assertEqual((r.returncode, r.stdout), (code, ""), r.stderr)
        self.assertIn(says, r.stderr)
        self.assertEqual(before, {
            n: self.read("m", n) for n in os.listdir(self.path("m"))
            if os.path.isfile(self.path("m", n))})


STATEMENT = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "x", "digest": {"sha256": "00" * 32}}],
    "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
    "predicate": {"result": "PASSED"}}


class Signing(InFolder):
    def check_signature(self, bundle):
        envelope = bundle["dsseEnvelope"]
        payload = base64.b64decode(envelope["payload"])
        self.write(b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (
            len(payload), payload), "pae")
        self.write(base64.b64decode(envelope["signatures"][0]["sig"]), "sig")
        r = run("openssl", "dgst", "-sha256", "-verify", "k.pub",
                "-signature", "sig", "pae", cwd=self.dir)
        self.assertEqual(r.returncode, 0, r.stdout)
        return payload

    def test_files(self):
        os.mkdir(self.path("made"))
        os.mkdir(self.path("made", "sub"))
        self.write(b"a", "made", "b.bin")
        self.write(b"b", "made", "sub", "a")
        r = self.aicert("sign", "made/", "--key", "k", "--json")
        self.assertEqual(r.returncode, 0, r.stderr)
        statement = json.loads(self.check_signature(
            json.loads(self.read("made", "model.sig"))))
        self.assertEqual(
            [(f["name"], f["digest"])
             for f in statement["predicate"]["resources"]],
            [(n, hashlib.sha256(c).hexdigest())
             for n, c in (("b.bin", b"a"), ("sub/a", b"b"))])
        self.assertEqual(json.loads(r.stdout)["files"], 2)
        self.assertEqual(json.loads(r.stdout)["omsRoot"],
                         statement["subject"][0]["digest"]["sha256"])

    def test_the_same_list_as_a_build_makes(self):
        before = json.loads(self.read("m", "model.sig"))
        os.remove(self.path("m", "model.sig"))
        self.assertEqual(self.aicert("sign", "m", "--key", "k").returncode, 0)
        self.assertEqual(
            json.loads(self.read("m", "model.sig"))["dsseEnvelope"]["payload"],
            before["dsseEnvelope"]["payload"])

    def test_statement(self):
        text = json.dumps(STATEMENT).encode()
        self.write(text + b"\n", "s.json")
        before = self.read("m", "aicert.jsonl")
        r = self.aicert("sign", "m", "--key", "k", "--statement", "s.json",
                        "--json")
        self.assertEqual(r.returncode, 0, r.stderr)
        after = self.read("m", "aicert.jsonl")
        self.assertTrue(after.startswith(before))
        line = after[len(before):]
        self.assertEqual(line.count(b"\n"), 1)
        self.assertEqual(self.check_signature(json.loads(line)), text)
        self.assertEqual(json.loads(r.stdout)["line"], 3)
        self.refused(1, "already", "sign", "m", "--key", "k", "--statement",
                     "s.json")

    def test_refused_statements(self):
        provenance = base64.b64decode(json.loads(
            self.read("m", "aicert.jsonl").splitlines()[0])
            ["dsseEnvelope"]["payload"])
        for what, text in (
                ("empty", b""), ("no JSON", b"x"), ("an array", b"[]"),
                ("no type", b"{}"),
                ("another type", json.dumps(
                    dict(STATEMENT, _type="x")).encode()),
                ("no subject", json.dumps(
                    dict(STATEMENT, subject=[])).encode()),
                ("no digest", json.dumps(dict(
                    STATEMENT, subject=[{"name": "x"}])).encode()),
                ("a member twice", json.dumps(STATEMENT).encode()[:-1] +
                 b',"predicate":{}}'),
                ("something after it", json.dumps(STATEMENT).encode() + b"x"),
                ("another provenance", provenance.replace(b"tag", b"tug")),
                ("too large", b" " * (1 << 20) + b" {}")):
            self.write(text, "s.json")
            self.refused(1, "statement", "sign", "m", "--key", "k",
                         "--statement", "s.json")

    def test_refused(self):
        self.refused(1, "never replaced", "sign", "m", "--key", "k")
        os.remove(self.path("m", "model.sig"))
        self.refused(2, "--key", "sign", "m")
        self.refused(2, "folder", "sign", "--key", "k")
        self.refused(2, "folder", "sign", "m", "n", "--key", "k")
        self.refused(2, "option", "sign", "m", "--key", "k", "--force")
        self.refused(1, "key", "sign", "m", "--key", "none")
        self.refused(1, "key", "sign", "m", "--key", "k.pub")
        self.refused(1, "none", "sign", "none", "--key", "k")
        self.refused(1, "not found", "sign", "m", "--key", "k",
                     "--statement", "none")
        os.symlink("k", self.path("m", "link"))
        self.refused(1, "symbolic link", "sign", "m", "--key", "k")
        os.mkdir(self.path("empty"))
        self.refused(1, "no files", "sign", "empty", "--key", "k")
        self.write(json.dumps(STATEMENT).encode(), "s.json")
        self.refused(1, "certificate", "sign", "none", "--key", "k",
                     "--statement", "s.json")

    def test_statement_alone(self):
        """such as a publisher's image release, which is of no model"""
        os.mkdir(self.path("release"))
        self.write(json.dumps(STATEMENT).encode(), "s.json")
        r = self.aicert("sign", "release", "--key", "k", "--statement",
                        "s.json", "--json")
        self.assertEqual((r.returncode, json.loads(r.stdout)["line"]), (0, 1),
                         r.stderr)
        line = self.read("release", "aicert.jsonl")
        self.assertEqual(line.count(b"\n"), 1)
        self.refused(1, "line 1", "sign", "release", "--key", "k",
                     "--statement", "s.json")
        self.assertEqual(self.read("release", "aicert.jsonl"), line)


class Showing(InFolder):
    def test_text(self):
        r = self.aicert("show", "m")
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        self.assertEqual(r.stdout, self.aicert(
            "show", "m/aicert.jsonl").stdout)
        self.assertTrue(r.stdout.startswith("NOT JUDGED"))
        for word in ("\nWHO\n", "\nWHAT\n", "\nHOW\n", "\nWHEN\n",
                     "\nLINES\n", "model.safetensors", "(stated)",
                     "not logged", "no earliest time", "measured by a TPM"):
            self.assertIn(word, r.stdout)
        self.assertNotIn("verified", r.stdout.lower())

    def test_self_asserted(self):
        os.mkdir(self.path("s"))
        self.assertEqual(run(MAKE, "k", "s", "t", cwd=self.dir).returncode, 0)
        r = self.aicert("show", "s")
        self.assertIn("SELF-ASSERTED", r.stdout)
        self.assertTrue(json.loads(
            self.aicert("show", "--json", "s").stdout)["selfAsserted"])

    def test_json(self):
        answer = json.loads(self.aicert("show", "m", "--json").stdout)
        self.assertEqual((answer["judged"], answer["selfAsserted"]),
                         (False, False))
        facts = {f["label"]: f for f in answer["facts"]}
        self.assertEqual(facts["training began"]["section"], "WHEN")
        self.assertIn(hashlib.sha256(self.read("m", "model.safetensors"))
                      .hexdigest(), facts["model.safetensors"]["value"])
        for f in answer["facts"]:
            self.assertIn(f["how"],
                          ("stated", "measured", "derived", "reported"))

    def test_refused(self):
        whole = self.read("m", "aicert.jsonl")
        lines = whole.splitlines(True)
        wrong = json.loads(lines[0])
        raw = bytearray(base64.b64decode(
            wrong["dsseEnvelope"]["signatures"][0]["sig"]))
        raw[-1] ^= 1
        wrong["dsseEnvelope"]["signatures"][0]["sig"] = \
            base64.b64encode(bytes(raw)).decode()
        for what, data in (
                ("empty", b""), ("garbage", b"\x1b[2J\n"), ("cut", whole[:-1]),
                ("without its evidence", lines[0]),
                ("without its provenance", lines[1]),
                ("twice", whole + whole),
                ("a wrong signature", json.dumps(
                    wrong, separators=(",", ":")).encode() + b"\n" +
                 lines[1])):
            self.write(data, "m", "aicert.jsonl")
            self.refused(1, "not a certificate that can be shown", "show",
                         "m")
        os.remove(self.path("m", "aicert.jsonl"))
        self.refused(1, "aicert get", "show", "m")
        self.refused(1, "none", "show", "none")
        self.refused(2, "name the one", "show")
        self.refused(2, "name the one", "show", "m", "m")
        self.refused(2, "option", "show", "m", "--inspect")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
