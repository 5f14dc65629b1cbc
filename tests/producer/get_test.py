#!/usr/bin/env python3
"""aicert get: a model without its certificate, and a registry that has it, or
lies about it.

usage: get_test.py AICERT MAKE_CERTIFICATE
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

import fakelog

AICERT, MAKE = map(os.path.abspath, sys.argv[1:3])
TYPE = "https://aicert.mithrilsecurity.io/"


def run(*words, cwd=None, env=None):
    clean = {k: v for k, v in os.environ.items()
             if not k.lower().endswith("_proxy")}
    clean.update(env or {})
    return subprocess.run([str(w) for w in words], cwd=cwd, env=clean,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, timeout=60)


def read(path):
    with open(path, "rb") as f:
        return f.read()


class Getting(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="aicert-test-")
        self.addCleanup(shutil.rmtree, self.dir)
        keys = {}
        self.print = {}
        for name in ("k", "other"):
            self.assertEqual(self.aicert("keygen", name).returncode, 0)
            der = base64.b64decode(
                read(self.path(name + ".pub")).decode().split("-----")[2])
            keys[fakelog.b64(hashlib.sha256(der).digest())] = der
            self.print[name] = hashlib.sha256(der).hexdigest()
        self.log = fakelog.Log(keys)
        self.registry = fakelog.Registry(self.log)
        self.addCleanup(self.registry.close)
        with open(self.path("log-keys"), "wb") as f:
            f.write(self.registry.log_keys)
        self.lines, self.sig = self.make("m", "k", "tag")
        os.remove(self.path("m", "aicert.jsonl"))
        os.remove(self.path("m", "model.sig"))
        self.logged = self.log.admit(self.lines)
        self.weight = hashlib.sha256(
            read(self.path("m", "model.safetensors"))).digest()
        self.root = hashlib.sha256(self.weight).hexdigest()
        self.serve(self.logged, "k")
        self.registry.gets["/model/model.sig"] = (200, [], self.sig)
        self.cache = self.path("cache", "aicert",
                               "log.example.org.revocations.jsonl")

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def aicert(self, *words):
        return run(AICERT, *words, cwd=self.dir, env={
            "XDG_CACHE_HOME": self.path("cache"), "HOME": self.dir})

    def make(self, name, key, tag):
        os.makedirs(self.path(name))
        r = run(MAKE, key, name, tag, cwd=self.dir)
        self.assertEqual(r.returncode, 0, r.stderr)
        return ([json.loads(x) for x in
                 read(self.path(name, "aicert.jsonl")).splitlines()],
                read(self.path(name, "model.sig")))

    @staticmethod
    def digest(line):
        return fakelog.pae_digest(base64.b64decode(
            line["dsseEnvelope"]["payload"])).hex()

    def finding(self, line, key):
        return {"index": 5, "statement": self.digest(line),
                "predicateType": "https://slsa.dev/provenance/v1",
                "key": self.print[key], "role": "subject"}

    def serve(self, lines, key, *more, at=None):
        self.page([self.finding(lines[0], key)] + list(more), at)
        self.registry.gets["/api/v1/certificates/%s?key=%s" % (
            self.digest(lines[0]), self.print[key])] = \
            self.registry.jsonl(lines)

    def page(self, findings, at=None):
        self.registry.gets["/api/v1/by-digest/sha256/" +
                           (at or self.root)] = (200, [], json.dumps(
                               {"digest": {}, "treeSize": 6,
                                "statements": findings}).encode())

    def statement(self, kind, name, digest, predicate, key="k"):
        """A logged line of that kind, signed by openssl."""
        return self.log.admit([self.sign(json.dumps({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": name, "digest": {"sha256": digest}}],
            "predicateType": TYPE + kind, "predicate": predicate},
            separators=(",", ":")).encode(), key)])[0]

    def sign(self, text, key="k", hint=None):
        """A line of those bytes; with a hint, that of a model.sig."""
        keyid = ""
        pae = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (
            len(text), text)
        sig = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", self.path(key)],
            input=pae, stdout=subprocess.PIPE, check=True).stdout
        if hint is None:
            keyid = hint = fakelog.b64(bytes.fromhex(self.print[key]))
        line = json.loads(json.dumps(self.lines[0]))
        line["verificationMaterial"]["publicKey"]["hint"] = hint
        line["dsseEnvelope"]["payload"] = fakelog.b64(text)
        line["dsseEnvelope"]["signatures"] = [
            {"sig": fakelog.b64(sig), "keyid": keyid}]
        return line

    def revocations(self, n, **change):
        """A snapshot of n revocations, or one with something wrong."""
        lines = [self.statement("revocation/v1", "statement", "%064x" % i,
                                {"scope": "all", "reason": ""})
                 for i in range(n)]
        ds = b"".join(bytes.fromhex(self.digest(x)) for x in lines)
        state = {"origin": "log.example.org",
                 "treeSize": len(self.log.bodies), "count": n}
        state.update(change)
        head = self.statement("revocation-state/v1", "revocations",
                              hashlib.sha256(ds).hexdigest(), state)
        return [head] + lines

    def give(self, lines):
        self.registry.gets["/api/v1/revocations"] = self.registry.jsonl(lines)

    def get(self, *words, keys=True):
        more = ["--log-keys", "log-keys"] if keys else []
        return self.aicert("get", "m", "--registry", self.registry.url,
                           *more, *words)

    def files(self):
        return sorted(os.listdir(self.path("m")))

    def refused(self, says, *words):
        before = self.files()
        r = self.get("--from", self.registry.url + "/model", *words)
        self.assertEqual((r.returncode, r.stdout), (1, ""), r.stderr)
        self.assertIn(says, r.stderr)
        self.assertEqual(self.files(), before)
        return r

    # What works.

    def test_whole(self):
        self.give(self.revocations(2))
        r = self.get("--from", self.registry.url + "/model")
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual(read(self.path("m", "aicert.jsonl")),
                         fakelog.encode(self.logged))
        self.assertEqual(read(self.path("m", "model.sig")), self.sig)
        self.assertEqual(self.files(), ["aicert.jsonl", "model.safetensors",
                                        "model.sig"])
        self.assertIn("SELF-ASSERTED", r.stdout)
        self.assertIn("Revocations: 2, of", r.stdout)
        self.assertIn("Next: aicert-verify", r.stdout)
        self.assertNotIn("VERIFIED", r.stdout)
        self.assertEqual(len(read(self.cache).splitlines()), 3)

    def test_json_and_the_registrys_own_word(self):
        r = self.get("--from", self.registry.url + "/model", "--json",
                     keys=False)
        self.assertEqual(r.returncode, 0, r.stderr)
        answer = json.loads(r.stdout)
        self.assertEqual(
            (answer["judged"], answer["complete"], answer["certificate"],
             answer["modelSig"], answer["logKeysFrom"], answer["statement"],
             answer["namesCompared"]),
            (False, True, "written", "written", "registry",
             self.digest(self.lines[0]), True))
        self.assertNotIn("revocations", answer)

    def test_by_a_weight_file(self):
        del self.registry.gets["/api/v1/by-digest/sha256/" + self.root]
        self.serve(self.logged, "k", at=self.weight.hex())
        self.assertEqual(self.get("--from", self.registry.url + "/model")
                         .returncode, 0)

    def test_without_model_sig(self):
        r = self.get()
        self.assertEqual(r.returncode, 1)
        self.assertIn("model.sig is missing", r.stderr)
        self.assertIn("NOT VERIFIED", r.stderr)
        self.assertEqual(self.files(), ["aicert.jsonl", "model.safetensors"])

    def test_model_sig_is_there(self):
        with open(self.path("m", "model.sig"), "wb") as f:
            f.write(self.sig)
        self.assertEqual(self.get().returncode, 0)

    def test_again_fetches_revocations_only(self):
        self.get("--from", self.registry.url + "/model")
        before = read(self.path("m", "aicert.jsonl"))
        self.give(self.revocations(1))
        self.registry.requests.clear()
        r = self.get()
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertIn("stays as it is", r.stdout)
        self.assertEqual([q[1] for q in self.registry.requests],
                         ["/api/v1/revocations"])
        self.assertEqual(read(self.path("m", "aicert.jsonl")), before)

    def test_an_older_snapshot_does_not_replace(self):
        old = self.revocations(1)
        self.give(self.revocations(2))
        self.get("--from", self.registry.url + "/model")
        kept = read(self.cache)
        self.give(old)
        r = self.get()
        self.assertIn("Revocations: 2, of", r.stdout)
        self.assertEqual(read(self.cache), kept)

    def by_another_tool(self, change=lambda oms: None):
        """The same files in a list that we would not write; its line 1."""
        oms = json.loads(base64.b64decode(
            json.loads(self.sig)["dsseEnvelope"]["payload"]))
        text = json.dumps(oms, separators=(",", ":")).encode()
        was = hashlib.sha256(text).hexdigest()
        oms["predicate"]["serialization"]["ignore_paths"] = ["model.sig"]
        change(oms)
        text = json.dumps(oms, separators=(",", ":")).encode()
        now = hashlib.sha256(text).hexdigest()
        self.sig = fakelog.encode([self.sign(text, hint=hashlib.sha256(
            read(self.path("k.pub"))).hexdigest())])[:-1]
        self.registry.gets["/model/model.sig"] = (200, [], self.sig)
        provenance = base64.b64decode(
            self.lines[0]["dsseEnvelope"]["payload"])
        self.assertIn(was.encode(), provenance)
        lines = self.log.admit([self.sign(provenance.replace(
            was.encode(), now.encode()))])
        self.serve(lines, "k")
        return lines

    def test_another_tools_list(self):
        lines = self.by_another_tool()
        r = self.get("--from", self.registry.url + "/model", "--json")
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertTrue(json.loads(r.stdout)["namesCompared"])
        self.assertEqual(read(self.path("m", "aicert.jsonl")),
                         fakelog.encode(lines))

    def test_another_tools_list_that_is_not_at_hand(self):
        self.by_another_tool()
        r = self.get()
        self.assertEqual(r.returncode, 1)
        self.assertIn("was not compared", r.stdout)
        self.assertEqual(self.files(), ["aicert.jsonl", "model.safetensors"])

    def test_another_tools_list_of_other_names(self):
        def rename(oms):
            oms["predicate"]["resources"][0]["name"] = "else.safetensors"
        self.by_another_tool(rename)
        self.refused("missing, extra or different")

    def test_several(self):
        lines, _ = self.make("theirs", "other", "tag")
        theirs = self.log.admit(lines)
        self.serve(theirs, "other", self.finding(self.logged[0], "k"))
        r = self.refused("which builder to believe")
        for line in (self.lines[0], lines[0]):
            self.assertIn(self.digest(line), r.stderr)
        r = self.get("--from", self.registry.url + "/model", "--statement",
                     self.digest(self.lines[0]))
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual(read(self.path("m", "aicert.jsonl")),
                         fakelog.encode(self.logged))

    # What does not.

    def test_nothing_known(self):
        self.registry.gets.clear()
        self.registry.gets["/model/model.sig"] = (200, [], self.sig)
        self.refused("has no certificate of these files")

    def test_used_only_as_an_input(self):
        finding = self.finding(self.logged[0], "k")
        finding["role"] = "dependency"
        self.page([finding])
        self.refused("has no certificate of these files")

    def test_an_extra_file(self):
        with open(self.path("m", "extra"), "w") as f:
            f.write("x")
        self.serve(self.logged, "k", at=self.weight.hex())
        self.refused("missing, extra or different")

    def test_another_name(self):
        os.rename(self.path("m", "model.safetensors"),
                  self.path("m", "renamed.safetensors"))
        self.refused("missing, extra or different")

    def test_a_link(self):
        os.symlink("/etc/passwd", self.path("m", "link"))
        self.refused("symbolic link")

    def test_no_files(self):
        os.remove(self.path("m", "model.safetensors"))
        self.refused("no files of a model")

    def test_not_logged(self):
        self.serve(self.lines, "k")
        self.refused("step 3")

    def test_another_logs_key(self):
        other = fakelog.Log({})
        other.log = fakelog.NoteKey("log.example.org", 1, b"\3" * 32)
        with open(self.path("log-keys"), "w") as f:
            f.write("log %s\n" % other.log.vkey())
        self.refused("whose key was not given")

    def test_a_signature_that_does_not_hold(self):
        line = json.loads(json.dumps(self.logged))
        sig = line[0]["dsseEnvelope"]["signatures"][0]
        raw = bytearray(base64.b64decode(sig["sig"]))
        raw[-1] ^= 1
        sig["sig"] = fakelog.b64(bytes(raw))
        self.serve(line, "k")
        self.refused("does not hold")

    def test_another_certificate_than_asked_for(self):
        lines, _ = self.make("theirs", "k", "tag2")
        self.registry.gets["/api/v1/certificates/%s?key=%s" % (
            self.digest(self.lines[0]), self.print["k"])] = \
            self.registry.jsonl(self.log.admit(lines))
        self.refused("another one than was asked for")

    def test_withheld(self):
        self.registry.gets["/api/v1/certificates/%s?key=%s" % (
            self.digest(self.lines[0]), self.print["k"])] = (451, [], b"")
        self.refused("withholds")

    def test_garbage_for_a_list(self):
        for body in (b"", b"{}", b"[]", b'{"statements":[{}]}',
                     b'{"statements":[],"next":-1}',
                     b'{"statements":[],"next":0}', b"\xff"):
            self.registry.gets["/api/v1/by-digest/sha256/" + self.root] = (
                200, [], body)
            self.refused("is no list of statements")

    def test_an_endless_list(self):
        self.registry.gets["/api/v1/by-digest/sha256/" + self.root] = (
            200, [], b" " * 70000)
        self.refused("larger")

    def test_other_files_under_the_same_digest(self):
        with open(self.path("m", "model.safetensors"), "w") as f:
            f.write("x")
        self.serve(self.logged, "k", at=hashlib.sha256(
            hashlib.sha256(b"x").digest()).hexdigest())
        self.refused("missing, extra or different")

    def test_model_sig_of_another_model(self):
        line = json.loads(self.sig)
        text = base64.b64decode(line["dsseEnvelope"]["payload"])
        line["dsseEnvelope"]["payload"] = fakelog.b64(
            text.replace(b"model.safetensors", b"model.safetensort"))
        self.registry.gets["/model/model.sig"] = (
            200, [], fakelog.encode([line])[:-1])
        self.refused("another model")

    def test_model_sig_by_another_key(self):
        _, sig = self.make("theirs", "other", "tag")
        self.registry.gets["/model/model.sig"] = (200, [], sig)
        self.refused("another key")

    def test_model_sig_that_is_none(self):
        for body, says in ((b"", "with nothing"), (b"{}", "does not fit"),
                           (self.sig[:-1], "does not fit"),
                           (self.sig + b"x", "does not fit")):
            self.registry.gets["/model/model.sig"] = (200, [], body)
            self.refused(says)

    def test_no_model_sig_there(self):
        self.registry.gets["/model/model.sig"] = (404, [], b"")
        self.refused("no model.sig")

    def test_revocations_that_lie(self):
        self.get("--from", self.registry.url + "/model")
        good = self.revocations(2)
        swapped = [good[0], good[2], good[1]]
        unlogged = json.loads(json.dumps(good))
        unlogged[1]["verificationMaterial"]["tlogEntries"] = []
        for what, lines in (
                ("one withheld", good[:2]), ("one twice", good + good[-1:]),
                ("another order", swapped), ("no state", good[1:]),
                ("one not logged", unlogged), ("nothing", []),
                ("another log's", self.revocations(1, origin="else")),
                ("too small a tree", self.revocations(1, treeSize=1)),
                ("a wrong count", self.revocations(1, count=2))):
            self.give(lines)
            r = self.get()
            self.assertEqual((r.returncode, r.stdout), (1, ""), what)
            self.assertIn("does not hold", r.stderr, what)
            self.assertFalse(os.path.exists(self.cache), what)

    def test_usage(self):
        url = self.registry.url
        for words in ((), ("m",), ("m", "n", "--registry", url),
                      ("m", "--registry", "ftp://h"),
                      ("m", "--registry", url, "--from", "h"),
                      ("m", "--registry", url, "--statement", "00"),
                      ("m", "--registry", url, "--timeout", "0"),
                      ("m", "--registry", url, "--bogus"),
                      ("", "--registry", url),
                      ("m", "--registry")):
            r = self.aicert("get", *words)
            self.assertEqual((r.returncode, r.stdout), (2, ""), words)
        r = self.aicert("get", "none", "--registry", url)
        self.assertEqual(r.returncode, 1)
        self.assertIn("none", r.stderr)
        self.assertEqual(self.files(), ["model.safetensors"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
