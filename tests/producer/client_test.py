#!/usr/bin/env python3
"""The program aicert from outside: its words and exit codes, policies flag by
flag, and publishing to a registry that lies in every way.

usage: client_test.py AICERT AICERT-VERIFY MAKE_CERTIFICATE
"""
import base64
import copy
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import unittest

import fakelog

AICERT, VERIFY, MAKE = map(os.path.abspath, sys.argv[1:4])
HEX = "0123456789abcdef" * 4


def run(*words, cwd=None, env=None):
    clean = {k: v for k, v in os.environ.items()
             if not k.lower().endswith("_proxy")}
    clean.update(env or {})
    return subprocess.run([str(w) for w in words], cwd=cwd, env=clean,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, timeout=60)


def read(path, mode="r"):
    with open(path, mode) as f:
        return f.read()


def der_of(path):
    """Of the first PEM block of a file."""
    return base64.b64decode(read(path).split("-----")[2])


class InFolder(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="aicert-test-")
        self.addCleanup(shutil.rmtree, self.dir)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def aicert(self, *words, **env):
        return run(AICERT, *words, cwd=self.dir, env=env)

    def keygen(self, name):
        self.assertEqual(self.aicert("keygen", name).returncode, 0)
        return der_of(self.path(name + ".pub"))

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)


class Words(InFolder):
    def test_help_and_version(self):
        r = self.aicert("--help")
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        for word in ("keygen", "tpm-sim", "build", "publish", "policy",
                     "aicert-verify"):
            self.assertIn(word, r.stdout)
        self.assertEqual(self.aicert("help").stdout, r.stdout)
        self.assertRegex(self.aicert("--version").stdout, r"^aicert \d")
        for name in ("keygen", "publish", "policy"):
            r = self.aicert("help", name)
            self.assertEqual((r.returncode, r.stderr), (0, ""))
            self.assertIn("usage: aicert " + name, r.stdout)
            self.assertEqual(self.aicert(name, "--help").stdout, r.stdout)

    def test_unknown(self):
        for word, near in (("keygne", "keygen"), ("pubish", "publish"),
                           ("polcy", "policy"), ("buidl", "build")):
            r = self.aicert(word)
            self.assertEqual((r.returncode, r.stdout), (2, ""))
            self.assertIn('did you mean "%s"' % near, r.stderr)
        for word in ("zzzzzzz", "x" * 500, ""):
            r = self.aicert(word)
            self.assertEqual(r.returncode, 2)
            self.assertNotIn("did you mean", r.stderr)
        self.assertNotIn("\x1b", self.aicert("\x1b[31m").stderr)
        self.assertEqual(self.aicert().returncode, 2)
        self.assertEqual(self.aicert("help", "keygne").returncode, 2)
        self.assertEqual(self.aicert("help", "keygen", "x").returncode, 2)

    def test_usage(self):
        for words in (("keygen",), ("keygen", "a", "b"), ("keygen", ""),
                      ("keygen", "--force", "a"), ("keygen", "--bogus", "a"),
                      ("publish",), ("publish", "d"),
                      ("publish", "d", "--registry"),
                      ("publish", "d", "e", "--registry", "http://h"),
                      ("publish", "d", "--registry", "ftp://h"),
                      ("publish", "d", "--registry", "h"),
                      ("publish", "d", "--registry", "file:///etc/passwd"),
                      ("publish", "d", "--registry", "http://u:p@h"),
                      ("publish", "d", "--registry", "http://h/?q"),
                      ("publish", "d", "--registry", "http://h/#f"),
                      ("publish", "d", "--registry", "http://h",
                       "--timeout", "0"),
                      ("publish", "d", "--registry", "http://h",
                       "--timeout", "3601"),
                      ("publish", "d", "--registry", "http://h",
                       "--timeout", "1s"),
                      ("policy",), ("policy", "make")):
            r = self.aicert(*words)
            self.assertEqual((r.returncode, r.stdout), (2, ""), words)
            self.assertIn("aicert", r.stderr)
        self.assertEqual(os.listdir(self.dir), [])

    def test_full_disk(self):
        with open("/dev/full", "w") as full:
            r = subprocess.run([AICERT, "policy", "init"], stdout=full,
                               stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(r.returncode, 1)
        self.assertIn(b"cannot write", r.stderr)

    def test_keygen(self):
        self.keygen("k")
        r = self.aicert("keygen", "k2")
        der = der_of(self.path("k2.pub"))
        self.assertIn(hashlib.sha256(der).hexdigest(), r.stdout)
        self.assertEqual(
            stat.S_IMODE(os.stat(self.path("k2")).st_mode), 0o600)
        before = read(self.path("k2"))
        r = self.aicert("keygen", "k2")
        self.assertEqual((r.returncode, r.stdout), (1, ""))
        self.assertIn("never overwritten", r.stderr)
        self.assertEqual(read(self.path("k2")), before)
        self.assertNotIn("PRIVATE", r.stdout + r.stderr)
        self.assertEqual(sorted(os.listdir(self.dir)),
                         ["k", "k.pub", "k2", "k2.pub"])


def active(text):
    return [line for line in text.splitlines()
            if line != "" and not line.startswith("#")]


class Policies(InFolder):
    def setUp(self):
        super().setUp()
        self.fp = hashlib.sha256(self.keygen("k")).hexdigest()
        self.log = fakelog.Log({})
        self.log_line = "log " + self.log.log.vkey()
        self.time_line = "log-time " + self.log.time.vkey()
        self.write("log-keys", "%s\n%s\n" % (self.log_line, self.time_line))
        self.registry_line = "registry %s %s" % (
            self.log_line.split()[1].split("+")[0], HEX)
        self.write("registry-keys", "%s\n%s\n%s\n" % (
            self.log_line, self.time_line, self.registry_line))
        os.mkdir(self.path("sim"))
        self.root = self.make_root("root.pem", "A root")
        self.sim = self.make_root("sim/root.pem", "Simulated")

    def make_root(self, name, subject, ca=True):
        r = run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-subj",
                "/CN=" + subject, "-days", "1", "-keyout", "root.key", "-out",
                name, "-addext", "basicConstraints=critical,CA:%s" %
                ("TRUE" if ca else "FALSE"), cwd=self.dir)
        self.assertEqual(r.returncode, 0, r.stderr)
        return hashlib.sha256(der_of(self.path(name))).hexdigest()

    def policy(self, *words):
        r = self.aicert("policy", "init", *words)
        self.assertEqual(r.returncode, 0, r.stderr)
        lines = r.stdout.splitlines()
        for i, line in enumerate(lines):
            if line != "" and not line.startswith("#"):
                self.assertTrue(lines[i - 1].startswith("#"),
                                "no comment before " + line)
        return r.stdout

    def refused(self, code, says, *words):
        r = self.aicert("policy", "init", *words)
        self.assertEqual((r.returncode, r.stdout), (code, ""), words)
        self.assertIn(says, r.stderr)

    def test_nothing_named(self):
        self.assertEqual(active(self.policy()), [])

    def test_each_flag(self):
        builder = "builder acme " + self.fp
        root = "ak-root %s root" % self.root
        sim = "ak-root %s tpm-sim simulated" % self.sim
        named = self.path("root.pem")
        for words, want in (
                (["--builder", "acme=k.pub"], [builder]),
                (["--builder", "acme=" + self.fp], [builder]),
                (["--builder=acme=k.pub"], [builder]),
                (["--log-keys", "log-keys"], [self.log_line]),
                (["--log-keys", "log-keys", "--log-time"],
                 [self.log_line, self.time_line]),
                (["--log-keys", "registry-keys"],
                 [self.log_line, self.registry_line]),
                (["--log-keys", "registry-keys", "--log-time"],
                 [self.log_line, self.time_line, self.registry_line]),
                (["--revoker", "them=k.pub"], ["revoker them " + self.fp]),
                (["--revoker", "them=" + HEX, "--revoker=us=k.pub"],
                 ["revoker them " + HEX, "revoker us " + self.fp]),
                (["--revoker", "acme=k.pub", "--builder", "acme=k.pub"],
                 [builder, "revoker acme " + self.fp]),
                (["--quorum-none"], ["quorum none"]),
                (["--ak-root", "root.pem"], [root]),
                (["--ak-root", named], [root]),
                (["--ak-root", "root.pem", "my-root"],
                 ["ak-root %s my-root" % self.root]),
                (["--ak-root", "root.pem,simulated"], [root + " simulated"]),
                (["--ak-root", "root.pem,simulated", "r"],
                 ["ak-root %s r simulated" % self.root]),
                (["--ak-root", "root.pem,simulated", "--unmeasured-boot"],
                 [root + " simulated unmeasured-boot"]),
                (["--ak-root", "azure-2023"],
                 ["ak-root azure-2023 azure-2023"]),
                (["--tpm-sim", "sim"], [sim]),
                (["--tpm-sim", "sim", "--unmeasured-boot"],
                 [sim + " unmeasured-boot"]),
                (["--unmeasured-boot", "--ak-root", "root.pem", "--tpm-sim",
                  "sim"], [root, sim + " unmeasured-boot"]),
                (["--image", HEX], ["image image-01234567 " + HEX]),
                (["--image", "v1=" + HEX], ["image v1 " + HEX]),
                (["--allow-debug-image"], ["allow debug-image"]),
                (["--allow-self-asserted"], ["allow self-asserted"]),
                (["--builder", "acme=k.pub", "--allow-self-asserted=acme"],
                 [builder, "allow self-asserted acme"])):
            self.assertEqual(active(self.policy(*words)), want, words)

    def test_names_in_order(self):
        text = self.policy("--ak-root", "root.pem", "a", "--builder",
                           "b=k.pub", "--tpm-sim", "sim")
        self.assertEqual([w.split()[0] for w in active(text)],
                         ["builder", "ak-root", "ak-root"])

    def test_refused(self):
        self.make_root("leaf.pem", "No CA", ca=False)
        two = read(self.path("root.pem"))
        self.write("two.pem", two + two)
        self.write("bad-keys", "log x\n")
        self.write("no-log", self.time_line + "\n")
        self.write("only-log", self.log_line + "\n")
        self.write("quorum-keys", self.log_line + "\nquorum none\n")
        self.write("odd-registry", "%s\n%s\nregistry x %s y\n" % (
            self.log_line, self.time_line, HEX))
        self.write("short-registry", "%s\n%s\nregistry x\n" % (
            self.log_line, self.time_line))
        self.keygen("k2")
        self.write("allow-keys", self.log_line + "\nallow self-asserted\n")
        self.write("builder-keys",
                   self.log_line + "\n\tbuilder\tevil %s\n" % HEX)
        self.write("swapped", "log %s\n" % self.log.time.vkey())
        for code, says, *words in (
                (2, "NAME=FILE.pub", "--builder", "k.pub"),
                (2, "NAME=FILE.pub", "--builder", "=k.pub"),
                (2, "NAME=FILE.pub", "--builder", "a="),
                (2, "NAME=FILE.pub", "--builder", "a b=k.pub"),
                (2, "NAME=FILE.pub", "--builder", "a\nb=k.pub"),
                (2, "NAME=FILE.pub", "--builder", "a" * 65 + "=k.pub"),
                (1, "not found", "--builder", "a=none"),
                (1, "private key", "--builder", "a=k"),
                (1, "not a P-256", "--builder", "a=root.pem"),
                (1, "not a regular", "--builder", "a=."),
                (1, "stands above", "--builder", "a=k.pub", "--builder",
                 "a=k.pub"),
                (1, "stands above", "--builder", "a=k.pub", "--builder",
                 "b=k.pub"),
                (2, "NAME=FILE.pub", "--revoker", "k.pub"),
                (2, "NAME=FILE.pub", "--revoker", "=k.pub"),
                (2, "NAME=FILE.pub", "--revoker", "a\nb=k.pub"),
                (1, "not found", "--revoker", "a=none"),
                (1, "private key", "--revoker", "a=k"),
                (1, "not a P-256", "--revoker", "a=root.pem"),
                (1, "stands above", "--revoker", "a=k.pub", "--revoker",
                 "a=k2.pub"),
                (1, "line 3", "--log-keys", "odd-registry"),
                (1, "line 3", "--log-keys", "short-registry"),
                (1, "not found", "--log-keys", "none"),
                (1, "verifier key", "--log-keys", "bad-keys"),
                (1, "no \"log", "--log-keys", "no-log"),
                (1, "line 2", "--log-keys", "quorum-keys"),
                (1, "line 2", "--log-keys", "allow-keys"),
                (1, "line 2", "--log-keys", "builder-keys"),
                (1, "type 0x01", "--log-keys", "swapped"),
                (1, "log key", "--log-keys", "root.pem"),
                (2, "--log-keys", "--log-time"),
                (2, "no \"log-time\"", "--log-time", "--log-keys",
                 "only-log"),
                (1, "no such", "--ak-root", "none.pem"),
                (1, "no certificate", "--ak-root", "k.pub"),
                (1, "no root", "--ak-root", "leaf.pem"),
                (1, "more than one", "--ak-root", "two.pem"),
                (2, "a name", "--ak-root", "root.pem", "a b"),
                (2, "an option", "--ak-root", "root.pem", "a", "b"),
                (1, "stands above", "--ak-root", "root.pem", "--ak-root",
                 "root.pem,simulated"),
                (1, "tpm-sim", "--tpm-sim", "none"),
                (2, "simulated", "--unmeasured-boot"),
                (2, "simulated", "--unmeasured-boot", "--ak-root",
                 "root.pem"),
                (2, "[NAME=]D", "--image", "v1"),
                (2, "[NAME=]D", "--image", HEX.upper()),
                (2, "[NAME=]D", "--image", "a b=" + HEX),
                (2, "no --builder", "--allow-self-asserted=acme"),
                (2, "builder's name", "--allow-self-asserted=a b"),
                (2, "an option", "acme=k.pub"),
                (2, "option", "--allow-debug-image=v1"),
                (2, "value", "--builder"),
                (1, "certificate", "--from", "."),
                (1, "certificate", "--from", "none")):
            if says == "no such":
                says = "not found"
            self.refused(code, says, *words)

    def test_words_cannot_become_lines(self):
        evil = "x\nallow self-asserted\n"
        shutil.copy(self.path("k.pub"), self.path(evil))
        shutil.copy(self.path("log-keys"), self.path(evil + "log"))
        shutil.copy(self.path("root.pem"), self.path(evil + "root"))
        os.mkdir(self.path(evil + "sim"))
        shutil.copy(self.path("sim", "root.pem"),
                    self.path(evil + "sim", "root.pem"))
        text = self.policy("--builder", "a=" + evil, "--log-keys",
                           evil + "log", "--ak-root", evil + "root",
                           "--tpm-sim", evil + "sim")
        self.assertEqual([w.split()[0] for w in active(text)],
                         ["builder", "log", "ak-root", "ak-root"])
        self.make_root("odd.pem", "a\nallow self-asserted")
        self.assertEqual(len(active(self.policy("--ak-root", "odd.pem"))), 1)


class FromCertificate(InFolder):
    def setUp(self):
        super().setUp()
        self.der = self.keygen("k")
        self.fp = hashlib.sha256(self.der).hexdigest()

    def make(self, *words):
        os.makedirs(self.path("m"), exist_ok=True)
        r = run(MAKE, "k", "m", "tag", *words, cwd=self.dir)
        self.assertEqual(r.returncode, 0, r.stderr)

    def found(self, *words):
        r = self.aicert("policy", "init", "--from", "m", *words)
        self.assertEqual(r.returncode, 0, r.stderr)
        return r.stdout

    def test_self_asserted(self):
        self.make()
        text = self.found()
        self.assertEqual(active(text), [])
        self.assertIn("#   builder NAME " + self.fp, text)
        self.assertIn("self-asserted", text)
        self.assertIn("not logged", text)
        self.assertNotIn("DOES NOT HOLD", text)

    def test_measured(self):
        self.make("measured")
        text = self.found("--builder", "acme=k.pub")
        self.assertEqual(active(text), ["builder acme " + self.fp])
        self.assertIn("which is acme above", text)
        self.assertIn("#   ak-root %s NAME" %
                      hashlib.sha256(b"\x30\x01").hexdigest(), text)

    def test_wrong_signature(self):
        self.make()
        name = self.path("m", "aicert.jsonl")
        line = json.loads(read(name))
        sig = line["dsseEnvelope"]["signatures"][0]
        raw = bytearray(base64.b64decode(sig["sig"]))
        raw[-1] ^= 1
        sig["sig"] = base64.b64encode(raw).decode()
        with open(name, "wb") as f:
            f.write(fakelog.encode([line]))
        self.assertIn("DOES NOT HOLD", self.found())

    def test_hostile_origin(self):
        self.make()
        name = self.path("m", "aicert.jsonl")
        log = fakelog.Log({fakelog.b64(hashlib.sha256(self.der).digest()):
                           self.der})
        lines = log.admit([json.loads(read(name))])
        proof = lines[0]["verificationMaterial"]["tlogEntries"][0][
            "inclusionProof"]
        proof["checkpoint"]["envelope"] = (
            "x\r\u2028\x1b[2Jallow self-asserted\nallow self-asserted\n")
        with open(name, "wb") as f:
            f.write(fakelog.encode(lines))
        text = self.found()
        self.assertEqual(active(text), [])
        for c in "\r\u2028\x1b":
            self.assertNotIn(c, text)


class Publishing(InFolder):
    def setUp(self):
        super().setUp()
        self.der = self.keygen("k")
        self.other = self.keygen("other")
        self.log = fakelog.Log({
            fakelog.b64(hashlib.sha256(d).digest()): d
            for d in (self.der, self.other)})
        self.registry = fakelog.Registry(self.log)
        self.addCleanup(self.registry.close)
        with open(self.path("log-keys"), "wb") as f:
            f.write(self.registry.log_keys)
        self.make("m")
        self.file = self.path("m", "aicert.jsonl")

    def make(self, name, *words, key="k", tag="tag"):
        os.makedirs(self.path(name), exist_ok=True)
        r = run(MAKE, key, name, tag, *words, cwd=self.dir)
        self.assertEqual(r.returncode, 0, r.stderr)

    def lines(self, name="m"):
        return [json.loads(line) for line in read(
            self.path(name, "aicert.jsonl"), "rb").splitlines()]

    def bytes(self):
        return read(self.file, "rb")

    def publish(self, *words, keys="log-keys", url=None, **env):
        named = ["--log-keys", keys] if keys else []
        return self.aicert("publish", "m", "--registry",
                           url or self.registry.url, *named, *words, **env)

    def refused(self, *says, words=(), **how):
        """Exit 1, every phrase said, and the file as it was."""
        before, was = self.bytes(), os.stat(self.file)
        r = self.publish(*words, **how)
        self.assertEqual(r.returncode, 1, r.stdout + r.stderr)
        for phrase in says + ("can be run again",):
            self.assertIn(phrase, r.stderr)
        for c in r.stderr:
            self.assertTrue(c == "\n" or " " <= c <= "~", r.stderr)
        self.assertEqual(self.bytes(), before)
        self.assertEqual(os.stat(self.file).st_ino, was.st_ino)
        self.assertEqual(sorted(os.listdir(self.path("m"))),
                         ["aicert.jsonl", "model.safetensors", "model.sig"])
        return r

    def lie(self, change):
        """Answer honestly but for what change does to the lines."""
        def answer(lines):
            out = self.log.admit(lines)
            changed = change(out)
            return self.registry.jsonl(out if changed is None else changed)
        self.registry.answer = answer

    def lie_in_entry(self, change):
        self.lie(lambda out: change(
            out[0]["verificationMaterial"]["tlogEntries"][0]))

    # ---- what works ----

    def test_published(self):
        os.chmod(self.file, 0o640)
        sent = self.bytes()
        r = self.publish()
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        self.assertIn("entry 5 of 6", r.stdout)
        self.assertNotIn("only this registry's word", r.stdout)
        method, path, headers, body = self.registry.requests[0]
        self.assertEqual((method, path), ("POST", "/api/v1/certificates"))
        self.assertEqual(headers["Content-Type"], "application/jsonl")
        self.assertEqual(body, sent)
        self.assertEqual(len(self.registry.requests), 1)
        line, = self.lines()
        self.assertEqual(len(line["verificationMaterial"]["tlogEntries"]), 1)
        self.assertEqual(line["dsseEnvelope"],
                         json.loads(sent)["dsseEnvelope"])
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o640)
        self.assertEqual(sorted(os.listdir(self.path("m"))),
                         ["aicert.jsonl", "model.safetensors", "model.sig"])

        # Once more, and from another folder with another signature.
        logged = self.bytes()
        r = self.publish()
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        self.assertEqual(self.bytes(), logged)
        self.make("m")
        self.assertNotEqual(self.bytes(), sent)
        r = self.publish()
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        self.assertIn("signature that it had already", r.stdout)
        self.assertEqual(self.bytes(), logged)

    def test_verifies(self):
        words = ["--builder", "acme=k.pub", "--log-keys", "log-keys",
                 "--quorum-none", "--log-time", "--allow-self-asserted"]
        with open(self.path("policy"), "w") as f:
            f.write(self.aicert("policy", "init", *words).stdout)
        r = run(VERIFY, "--policy", "policy", "m", cwd=self.dir)
        self.assertEqual(r.returncode, 1, r.stdout)
        self.assertEqual(self.publish().returncode, 0)
        r = run(VERIFY, "--policy", "policy", "m", cwd=self.dir)
        self.assertEqual(r.returncode, 0, r.stdout + r.stderr)
        # Every weakening that is left out is missed, and nothing else.
        for left_out in ("--log-time", "--allow-self-asserted"):
            with open(self.path("policy"), "w") as f:
                f.write(self.aicert("policy", "init", *[
                    w for w in words if w != left_out]).stdout)
            r = run(VERIFY, "--policy", "policy", "m", cwd=self.dir)
            self.assertEqual(r.returncode, 3, r.stdout + r.stderr)
        # What a certificate says of itself does not make it accepted.
        with open(self.path("policy"), "w") as f:
            f.write(self.aicert("policy", "init", "--from", "m",
                                *words[2:]).stdout)
        r = run(VERIFY, "--policy", "policy", "m", cwd=self.dir)
        self.assertEqual(r.returncode, 3, r.stdout + r.stderr)

    def test_several_lines(self):
        self.make("m", "measured", "more", "other")
        r = self.publish("--json")
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        said = json.loads(r.stdout)
        self.assertTrue(said["published"])
        self.assertEqual(said["status"], 200)
        self.assertEqual([x["index"] for x in said["lines"]], [5, 6, 7])
        self.assertEqual({x["log"] for x in said["lines"]},
                         {"log.example.org"})
        self.assertEqual(said["lines"][0]["statement"], fakelog.pae_digest(
            base64.b64decode(self.lines()[0]["dsseEnvelope"]["payload"])
        ).hex())
        self.assertEqual(len(self.lines()), 3)

    def test_keys_from_the_registry(self):
        r = self.publish(keys=None)
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        self.assertIn("only this registry's word", r.stdout)
        self.assertEqual([q[:2] for q in self.registry.requests],
                         [("GET", "/api/v1/log-keys"),
                          ("POST", "/api/v1/certificates")])
        self.make("m")
        r = self.publish("--json", keys=None)
        self.assertEqual(json.loads(r.stdout)["logKeysFrom"], "registry")

    def test_slashes(self):
        self.assertEqual(
            self.publish(url=self.registry.url + "//").returncode, 0)
        self.assertEqual(self.registry.requests[0][1], "/api/v1/certificates")
        r = self.aicert("publish", "m///", "--registry", self.registry.url,
                        "--log-keys", "log-keys")
        self.assertEqual(r.returncode, 0)

    def test_proxy_variables(self):
        proxy = {"http_proxy": self.registry.url}
        r = self.publish(url="http://registry.invalid", **proxy)
        self.assertEqual(r.returncode, 1)
        self.assertEqual(self.registry.requests[0][1],
                         "http://registry.invalid/api/v1/certificates")

    # ---- what is no certificate ----

    def test_not_a_certificate(self):
        good = self.bytes()
        for text, says in (
                (b"", "empty"),
                (b"hello\n", "line 1"),
                (b"{}\n", "line 1"),
                (good[:-1], "cut off"),
                (good + good, "second provenance"),
                (good + b"\n", "line 2"),
                (good.replace(b"0.3+json", b"0.2+json"), "line 1")):
            with open(self.file, "wb") as f:
                f.write(text)
            self.refused("will not publish", says)
        self.assertEqual(self.registry.requests, [])
        os.unlink(self.file)
        r = self.publish()
        self.assertEqual(r.returncode, 1)
        self.assertIn("there is none", r.stderr)
        os.mkfifo(self.file)
        self.assertEqual(self.publish().returncode, 1)
        self.assertEqual(self.registry.requests, [])

    def test_own_signatures(self):
        self.make("m", "measured", "more", "other")
        whole = self.lines()
        for i in range(3):
            lines = copy.deepcopy(whole)
            sig = lines[i]["dsseEnvelope"]["signatures"][0]
            sig["sig"] = whole[(i + 1) % 3]["dsseEnvelope"]["signatures"][0][
                "sig"]
            with open(self.file, "wb") as f:
                f.write(fakelog.encode(lines))
            self.refused("will not publish", "line %d" % (i + 1), "signature")
        self.assertEqual(self.registry.requests, [])

    # ---- statements and signatures ----

    def test_other_statement(self):
        self.make("n", tag="another")
        self.registry.answer = lambda lines: self.registry.jsonl(
            self.log.admit(self.lines("n")))
        self.refused("line 1", "another statement")

    def test_other_number_of_lines(self):
        self.make("m", "measured", "more", "other")
        self.lie(lambda out: out[:2])
        self.refused("2 lines, 3 were sent")
        self.lie(lambda out: out + out[2:])
        self.refused("4 lines, 3 were sent")
        self.lie(lambda out: out[:1] + out[2:] + out[1:2])
        self.refused("step 1")
        self.lie(lambda out: [])
        self.refused("step 1", "empty")

    def test_other_order(self):
        self.make("m", "more", "other")
        lines = self.lines()
        self.make("n", "more", "k")
        with open(self.file, "wb") as f:
            f.write(fakelog.encode([lines[0], lines[1], self.lines("n")[1]]))
        self.lie(lambda out: [out[0], out[2], out[1]])
        self.refused("line 2")

    def test_other_signature(self):
        def spoil(out):
            sig = out[0]["dsseEnvelope"]["signatures"][0]
            raw = bytearray(base64.b64decode(sig["sig"]))
            raw[-1] ^= 1
            sig["sig"] = fakelog.b64(raw)
        self.lie(spoil)
        self.refused("line 1", "step 2")

    def test_signature_by_another_key(self):
        """The same additive statement, signed and logged by somebody else."""
        self.make("m", "more", "k")
        self.make("n", "more", "other")
        theirs = self.lines("n")[1]
        self.registry.answer = lambda lines: self.registry.jsonl(
            self.log.admit([lines[0], theirs]))
        self.refused("line 2", "step 2", "another key")

    # ---- entries ----

    def test_no_entry(self):
        def none(out):
            out[0]["verificationMaterial"]["tlogEntries"] = []
        self.lie(none)
        self.refused("step 3", "not logged")

    def test_two_entries(self):
        def two(out):
            out[0]["verificationMaterial"]["tlogEntries"] *= 2
        self.lie(two)
        self.refused("step 1")

    def test_entry_of_another_statement(self):
        self.make("n", tag="another")
        self.log.admit(self.lines("n"))

        def other(out):
            out[0]["verificationMaterial"]["tlogEntries"] = [self.log.entry(5)]
        self.lie(other)
        self.refused("step 3", "another statement")

    def test_leaf(self):
        for says, other in (
                ("another statement", {"digest": b"x" * 32}),
                ("another signature", {"sig": fakelog.b64(b"s" * 71)}),
                ("another key", {"key": self.other})):
            self.log.stored.clear()
            self.registry.answer = lambda lines, other=other: \
                self.registry.jsonl(self.log.admit(lines, **other))
            self.refused("step 3", says)

    def test_leaf_not_canonical(self):
        def spaced(out):
            self.log.bodies[5] = self.log.bodies[5].replace(b":", b": ")
            out[0]["verificationMaterial"]["tlogEntries"] = [self.log.entry(5)]
        self.lie(spaced)
        self.refused("step 3", "canonical")

    def test_indexes(self):
        def top(e):
            e["logIndex"] = "4"

        def inner(e):
            e["inclusionProof"]["logIndex"] = "4"

        def both(e):
            top(e)
            inner(e)

        def beyond(e):
            e["logIndex"] = e["inclusionProof"]["logIndex"] = "6"
        for change in (top, inner):
            self.lie_in_entry(change)
            self.refused("step 4", "two places")
        for change in (both, beyond):
            self.lie_in_entry(change)
            self.refused("step 4")

    def test_proof(self):
        def flipped(e):
            hashes = e["inclusionProof"]["hashes"]
            raw = bytearray(base64.b64decode(hashes[0]))
            raw[0] ^= 1
            hashes[0] = fakelog.b64(raw)

        def shorter(e):
            e["inclusionProof"]["hashes"].pop()

        def longer(e):
            e["inclusionProof"]["hashes"] *= 2

        def size(e):
            e["inclusionProof"]["treeSize"] = "7"

        def root(e):
            e["inclusionProof"]["rootHash"] = fakelog.b64(b"r" * 32)
        for change, says in ((flipped, "does not lead"),
                             (shorter, "proof of"), (longer, "proof of"),
                             (size, "treeSize"), (root, "rootHash")):
            self.lie_in_entry(change)
            self.refused("step 4", says)

    def test_entry_form(self):
        def time_(e):
            e["integratedTime"] = "1795000000"

        def promise(e):
            e["inclusionPromise"] = {"signedEntryTimestamp": ""}

        def kind(e):
            e["kindVersion"]["version"] = "0.0.1"
        for change in (time_, promise, kind):
            self.lie_in_entry(change)
            self.refused("step 1")

    def resigned(self, **how):
        def change(out):
            out[0]["verificationMaterial"]["tlogEntries"] = [
                self.log.entry(5, **how)]
        self.lie(change)

    def test_checkpoint(self):
        log = self.log
        stranger = fakelog.NoteKey("log.example.org", 1, b"\3" * 32)
        self.resigned(signer=stranger)
        self.refused("step 5", "key was not given")
        self.resigned(lines=[stranger])
        self.refused("step 5", "no signature")
        self.resigned(lines=[log.time])
        self.refused("step 5", "no signature")
        self.resigned(origin="log.example.com", lines=[log.log])
        self.refused("step 5", "is of the log")
        self.resigned(signer=log.time)
        self.refused("step 5")

        def other_text(e):
            note = e["inclusionProof"]["checkpoint"]
            note["envelope"] = note["envelope"].replace(
                "\n\n", "\nextension\n\n", 1)

        def no_note(e):
            e["inclusionProof"]["checkpoint"]["envelope"] = "hello"

        def broken_line(e):
            """A second line of the log's name and ID, which does not hold."""
            note = e["inclusionProof"]["checkpoint"]
            note["envelope"] += log.log.line("other text\n")
        self.lie_in_entry(other_text)
        self.refused("step 5", "does not hold")
        self.lie_in_entry(no_note)
        self.refused("step 4")
        self.lie_in_entry(broken_line)
        self.refused("step 5", "does not hold")

    def test_other_log_keys(self):
        other = fakelog.NoteKey("log.example.org", 1, b"\3" * 32)
        self.write("other-keys", "log %s\n" % other.vkey())
        self.refused("step 5", "key was not given", keys="other-keys")
        # The registry's own word is not asked where a file is named.
        self.assertEqual([q[0] for q in self.registry.requests], ["POST"])

    def test_lines_in_two_logs(self):
        self.make("m", "measured")
        second = fakelog.Log(self.log.keys)
        second.log = fakelog.NoteKey("log2.example.org", 1, b"\4" * 32)
        self.write("two-keys", "log %s\nlog %s\n" % (
            self.log.log.vkey(), second.log.vkey()))
        self.registry.answer = lambda lines: self.registry.jsonl(
            self.log.admit(lines[:1]) + second.admit(lines[1:]))
        self.refused("line 2", "another log", keys="two-keys")

    # ---- HTTP ----

    def test_problems(self):
        def problem(status, headers=(), **what):
            self.registry.answer = lambda lines: (
                status, [("Content-Type", "application/problem+json")] +
                list(headers), json.dumps(what).encode())
        problem(400, title="Bad request", detail="line 1 is odd")
        self.refused("400", "Bad request", "line 1 is odd")
        problem(409, title="Conflict", detail="stored: \x1b[31m\nroot")
        self.refused("409", "Conflict", "\\x1b[31m\\x0aroot",
                     "another evidence")
        problem(413, title="Too large")
        self.refused("413", "Too large")
        problem(422, title="Not admitted", detail="x" * 5000)
        self.refused("422", "Not admitted")
        problem(503, [("Retry-After", "7")], title="Busy")
        self.refused("503", "Busy", "in 7 s")
        r = self.refused("503", words=["--json"])
        said = json.loads(r.stdout)
        self.assertEqual((said["published"], said["status"],
                          said["retryAfterSeconds"]), (False, 503, 7))
        self.assertIn("Busy", said["error"])
        problem(429, title="Slower")
        self.refused("429", "later")
        problem(500, title=["no", "string"], detail=7)
        self.refused("500", "fault is the registry's")
        self.registry.answer = lambda lines: (
            500, [("Content-Type", "application/problem+json")], b"{")
        self.refused("500")
        self.registry.answer = lambda lines: (
            404, [("Content-Type", "text/html")], b"<html>nothing</html>")
        r = self.refused("404", "Is that the URL")
        self.assertNotIn("<html>", r.stderr)

    def test_not_an_answer(self):
        honest = self.registry.answer
        self.registry.answer = lambda lines: (
            200, [("Content-Type", "text/html")], honest(lines)[2])
        self.refused("text/html")
        self.registry.answer = lambda lines: (200, [], honest(lines)[2])
        self.refused("not application/jsonl")
        self.registry.answer = lambda lines: (
            201, [("Content-Type", "application/jsonl")], honest(lines)[2])
        self.refused("201")
        self.registry.answer = lambda lines: (
            200, [("Content-Type", "application/jsonl")],
            honest(lines)[2][:-1])
        self.refused("step 1", "cut off")
        self.registry.answer = lambda lines: (
            200, [("Content-Type", "Application/JSONL; charset=utf-8")],
            honest(lines)[2])
        self.assertEqual(self.publish().returncode, 0)

    def test_redirect(self):
        for status in (301, 302, 303, 307, 308):
            self.registry.requests.clear()
            self.registry.answer = lambda lines, status=status: (
                status, [("Location", "http://127.0.0.1:1/\x01evil")], b"")
            self.refused("will not follow a redirect (%d)" % status)
            self.assertEqual(len(self.registry.requests), 1)

    def test_cut_off(self):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/jsonl\r\n"
        for raw, says in (
                (b"", "ended before"),
                (head + b"Content-Length: 9999\r\n\r\n{}\n", "ended before"),
                (head + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}\n",
                 "ended before"),
                (b"SSH-2.0-OpenSSH\r\n", "does not speak HTTP"),
                (head + b"X: " + b"y" * 200000 + b"\r\n\r\n", ""),
                (head + b"X: y\r\n" * 20000 + b"\r\n", "headers")):
            self.registry.answer = lambda lines, raw=raw: raw
            self.refused("cannot get an answer", says)

    def test_too_large(self):
        big = b" " * (5 << 20)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/jsonl\r\n"
        self.registry.answer = lambda lines: self.registry.jsonl(big)
        self.refused("larger than 4194304 bytes")
        self.registry.answer = lambda lines: head + b"\r\n" + big
        self.refused("larger than 4194304 bytes")
        self.registry.answer = lambda lines: (
            head + b"Transfer-Encoding: chunked\r\n\r\n" +
            b"500000\r\n" + big + b"\r\n0\r\n\r\n")
        self.refused("larger than 4194304 bytes")

    def test_hang(self):
        for answer in (lambda lines: None, lambda lines: fakelog.drip):
            self.registry.answer = answer
            start = time.monotonic()
            self.refused("timed out", words=["--timeout", "1"])
            self.assertLess(time.monotonic() - start, 10)

    def test_down(self):
        url = "http://127.0.0.1:%d" % fakelog.closed_port()
        self.refused("nobody answers there", url=url)
        self.refused("nobody answers there", url=url, keys=None)
        # And up again.
        self.assertEqual(self.publish().returncode, 0)

    def test_no_tls(self):
        self.refused("no trusted TLS", url=self.registry.url.replace(
            "http:", "https:"))

    def test_served_keys(self):
        self.registry.keys_status = 404
        self.refused("404", "--log-keys FILE", keys=None)
        self.registry.keys_status = 200
        for text in (b"", b"hello\n", b"<html>", b"log x\n",
                     self.registry.log_keys + b"allow self-asserted\n",
                     b"#" * (65 << 10)):
            self.registry.log_keys = text
            self.refused(keys=None)
        self.assertEqual({q[0] for q in self.registry.requests}, {"GET"})

    # ---- the file ----

    def test_changed_meanwhile(self):
        honest = self.registry.answer
        self.make("n", tag="another")

        def answer(lines):
            shutil.copy(self.path("n", "aicert.jsonl"), self.file)
            return honest(lines)
        self.registry.answer = answer
        r = self.publish()
        self.assertEqual(r.returncode, 1)
        self.assertIn("changed by somebody else", r.stderr)
        self.assertEqual(self.bytes(),
                         read(self.path("n", "aicert.jsonl"), "rb"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
