#!/usr/bin/env python3
"""aicert export: each form, and that nothing of a certificate becomes markup.

usage: export_test.py AICERT MAKE_CERTIFICATE
"""
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import fakelog

AICERT, MAKE = map(os.path.abspath, sys.argv[1:3])
JOB = """version: 2
trainer: command
command: [sh, -c, "cat /inputs/text > 'model|<b>.bin'"]
inputs:
  - {name: text, type: file, uri: text, pin: "sha256:%s", role: dataset,
     license: "<script>|[x](javascript:y)"}
outputs: ["*.bin"]
env: {}
"""


def run(*words, cwd=None):
    return subprocess.run([str(w) for w in words], cwd=cwd,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=120)


class Exporting(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="aicert-test-")
        self.addCleanup(shutil.rmtree, self.dir)
        for name in ("k", "other"):
            self.assertEqual(run(AICERT, "keygen", name,
                                 cwd=self.dir).returncode, 0)
        os.mkdir(self.path("m"))
        r = run(MAKE, "k", "m", "tag", "measured", cwd=self.dir)
        self.assertEqual(r.returncode, 0, r.stderr)
        der = base64.b64decode(
            self.read("k.pub").decode().split("-----")[2])
        self.log = fakelog.Log({
            fakelog.b64(hashlib.sha256(der).digest()): der})
        self.lines = self.log.admit(
            [json.loads(x) for x in
             self.read("m", "aicert.jsonl").splitlines()])
        self.unlogged = self.read("m", "aicert.jsonl")
        self.write(fakelog.encode(self.lines), "m", "aicert.jsonl")

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def read(self, *parts):
        with open(self.path(*parts), "rb") as f:
            return f.read()

    def write(self, data, *parts):
        with open(self.path(*parts), "wb") as f:
            f.write(data)

    def export(self, form, *words, of="m"):
        r = run(AICERT, "export", of, "--format", form, *words, cwd=self.dir)
        self.assertEqual((r.returncode, r.stderr), (0, b""))
        return r.stdout

    def refused(self, code, says, *words):
        r = run(AICERT, "export", *words, cwd=self.dir)
        self.assertEqual((r.returncode, r.stdout), (code, b""), r.stderr)
        self.assertIn(says.encode(), r.stderr)

    def build(self):
        """A certificate with an input, figures, and hostile words."""
        self.write(b"text\n", "text")
        self.write((JOB % hashlib.sha256(b"text\n").hexdigest()).encode(),
                   "job.yaml")
        r = run(AICERT, "build", "job.yaml", "--out", "built", "--key", "k",
                cwd=self.dir)
        if r.returncode != 0 and shutil.which("bwrap") is None:
            self.skipTest("no bwrap")
        self.assertEqual(r.returncode, 0, r.stderr)

    def test_in_toto(self):
        envelopes = [json.loads(x)
                     for x in self.export("in-toto").splitlines()]
        self.assertEqual(envelopes, [x["dsseEnvelope"] for x in self.lines])

    def test_oms(self):
        self.assertEqual(self.export("oms"), self.read("m", "model.sig"))

    def test_tlog_proof(self):
        for i, words in ((0, ()), (1, ("--line", "2"))):
            entry = self.lines[i]["verificationMaterial"]["tlogEntries"][0]
            proof = entry["inclusionProof"]
            self.assertEqual(
                self.export("tlog-proof", *words).decode(),
                "c2sp.org/tlog-proof@v1\nindex %s\n%s\n%s" % (
                    entry["logIndex"],
                    "".join(h + "\n" for h in proof["hashes"]),
                    proof["checkpoint"]["envelope"]))

    def test_cyclonedx(self):
        bom = json.loads(self.export("cyclonedx", "--name", 'a "b" \u00e9'))
        model = bom["metadata"]["component"]
        self.assertEqual((bom["bomFormat"], bom["specVersion"],
                          model["type"], model["name"]),
                         ("CycloneDX", "1.6", "machine-learning-model",
                          'a "b" \u00e9'))
        weight = hashlib.sha256(self.read("m", "model.safetensors"))
        self.assertEqual(model["hashes"][0]["content"],
                         hashlib.sha256(weight.digest()).hexdigest())
        self.assertEqual(bom["components"][0]["hashes"][0]["content"],
                         weight.hexdigest())
        self.assertRegex(bom["serialNumber"], "^urn:uuid:[0-9a-f]{8}-"
                         "[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                         "[0-9a-f]{12}$")
        self.assertEqual(self.export("cyclonedx"), self.export("cyclonedx"))
        other = json.loads(self.export("cyclonedx"))
        self.assertEqual(other["serialNumber"], bom["serialNumber"])

    def test_cyclonedx_of_inputs_and_figures(self):
        self.build()
        bom = json.loads(self.export("cyclonedx", of="built"))
        card = bom["metadata"]["component"]["modelCard"]
        self.assertEqual(card["modelParameters"]["datasets"],
                         [{"ref": "input-1"}])
        text = [c for c in bom["components"] if c["bom-ref"] == "input-1"][0]
        self.assertEqual((text["type"], text["name"],
                          text["hashes"][0]["content"]),
                         ("data", "text",
                          hashlib.sha256(b"text\n").hexdigest()))
        said = {p["name"]: p["value"] for p in card["properties"]}
        self.assertEqual(said["aicert:run"], "self-asserted")
        self.assertRegex(said["aicert:stated:wallSeconds"],
                         r"^[0-9.]+ s \(reported\)$")
        refs = [c["bom-ref"] for c in bom["components"]]
        self.assertEqual(len(refs), len(set(refs)))
        self.assertEqual(bom["dependencies"],
                         [{"ref": "model", "dependsOn": ["input-1"]}])

    def test_card(self):
        page = self.export("card", "--name", "acme/<b>small").decode()
        self.assertIn("acme/&lt;b", page)
        for word in ("## Who", "## What", "## How", "## When",
                     "## Statements", "| stated |", "proves nothing"):
            self.assertIn(word, page)
        self.assertNotIn("SELF-ASSERTED", page)
        self.assertIsNone(re.search(r"(?<!aicert-)verified", page, re.I))

    def test_nothing_in_a_card_is_markup(self):
        self.build()
        page = self.export("card", "--name", "[x](http://evil) `y` *z*",
                           of="built").decode()
        self.assertIn("**SELF-ASSERTED**", page)
        self.assertRegex(page, r"\| wallSeconds \| [0-9&#;.]+ s \| "
                         r"reported \|")
        for evil in ("<script", "<b>", "](", "http://evil", "`y`", " *z*"):
            self.assertNotIn(evil, page)
        for row in page.splitlines():
            if row.startswith("|"):
                self.assertEqual(row.count("|"), 4, row)

    def test_refused(self):
        for words in ((), ("m",), ("m", "n", "--format", "card"),
                      ("m", "--format", "spdx"), ("m", "--format", "CARD"),
                      ("m", "--format", ""), ("m", "--format"),
                      ("", "--format", "card"),
                      ("m", "--format", "card", "--name", ""),
                      ("m", "--format", "card", "--name", "a\nb"),
                      ("m", "--format", "tlog-proof", "--line", "0"),
                      ("m", "--format", "tlog-proof", "--line", "65"),
                      ("m", "--format", "card", "--json")):
            self.refused(2, "aicert export", *words)
        self.refused(1, "has 2 lines", "m", "--format", "tlog-proof",
                     "--line", "3")
        self.refused(1, "model.sig", "m/aicert.jsonl", "--format", "oms")
        self.refused(1, "aicert get", "none", "--format", "card")
        whole = self.read("m", "aicert.jsonl")
        for data in (b"", b"x\n", whole[:-1], whole.splitlines(True)[0],
                     whole + whole):
            self.write(data, "m", "aicert.jsonl")
            self.refused(1, "not a certificate that can be exported", "m",
                         "--format", "card")
        self.write(self.unlogged, "m", "aicert.jsonl")
        self.refused(1, "not logged", "m", "--format", "tlog-proof")

    def test_another_models_model_sig(self):
        os.mkdir(self.path("theirs"))
        self.assertEqual(run(MAKE, "other", "theirs", "tag",
                             cwd=self.dir).returncode, 0)
        self.write(self.read("theirs", "model.sig"), "m", "model.sig")
        self.refused(1, "another key", "m", "--format", "oms")
        self.write(b"{}", "m", "model.sig")
        self.refused(1, "not of this certificate", "m", "--format", "oms")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
