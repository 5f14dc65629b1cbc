#!/usr/bin/python3
"""aicert-image predict and diff over images made here: what they say equals
what the rules give, written a second time; every wrong file is refused by a
message that names what is wrong with it, and one that measures differently
shows it in the PCRs it is measured into.

usage: predict_test.py AICERT_IMAGE
"""
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import unittest

import pe

PROGRAM = sys.argv.pop(1)


class Test(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, data, name="image.efi"):
        with open(self.path(name), "wb") as f:
            f.write(data)
        return self.path(name)

    def run_it(self, *words):
        r = subprocess.run([PROGRAM, *words], capture_output=True, text=True,
                           timeout=120)
        self.assertIn(r.returncode, (0, 1, 2), r.stderr)
        return r

    def good(self, *words):
        r = self.run_it(*words)
        self.assertEqual(r.returncode, 0, r.stderr)
        return r.stdout

    def bad(self, says, *words):
        r = self.run_it(*words)
        self.assertEqual((r.returncode, r.stdout), (2, ""), r.stderr)
        self.assertIn(says, r.stderr)
        first = r.stderr.splitlines()[0]
        self.assertTrue(first.startswith("aicert-image"), first)
        self.assertNotIn("\x1b", r.stderr)

    def measured(self, data, *words):
        out = json.loads(self.good("predict", self.write(data), *words))
        pcrs = out.pop("measurements")
        self.assertEqual(out, {})
        for zero in "12", "13":
            self.assertEqual(pcrs.pop(zero), "0" * 64)
        return pcrs

    def test_stubs(self):
        for version in "252.39-1~deb12u2", "254.26-1~bpo12+1", "257.13-1":
            data = pe.uki(version).bytes()
            self.assertEqual(self.measured(data), pe.predict(data))

    def test_every_part(self):
        for version in "252", "254", "257":
            for name in ".uname .splash .dtb .pcrpkey .pcrsig".split():
                data = pe.uki(version, extra=[(name, b"part of it")]).bytes()
                self.assertEqual(self.measured(data), pe.predict(data), name)
        data = pe.uki("257", extra=[(".ucode", b"microcode")]).bytes()
        self.assertEqual(self.measured(data), pe.predict(data))

    def test_order_in_the_file_is_none_of_pcr_11(self):
        u = pe.uki()
        before = self.measured(u.bytes())
        u.sections.reverse()
        after = self.measured(u.bytes())
        self.assertEqual(before["11"], after["11"])
        self.assertNotEqual(before["4"], after["4"])

    def test_gap_and_tail(self):
        u = pe.uki()
        for i in 4, 6:
            u.section(".linux")[i] += 0x400
        u.tail = b"behind all sections"
        data = u.bytes()
        self.assertEqual(self.measured(data), pe.predict(data))

    def test_few_directories(self):
        for n in 0, 4, 5:
            u = pe.uki()
            u.directories = n
            data = u.bytes()
            self.assertEqual(self.measured(data), pe.predict(data), n)

    def test_checksum_and_signature_are_not_measured(self):
        u = pe.uki("254.26-1")
        u.tail = b"\0" * (-len(u.bytes()) % 8)
        unsigned = self.measured(u.bytes())
        u.signature, u.checksum = b"signed" * 4, 4711
        self.assertEqual(self.measured(u.bytes()), unsigned)

    def test_secure_boot(self):
        u = pe.uki("254.26-1")
        self.bad("not signed", "predict", self.write(u.bytes()),
                 "--secure-boot")
        u.signature = b"signed" * 4
        data = u.bytes()
        on = self.measured(data, "--secure-boot")
        self.assertEqual(on, pe.predict(data, True))
        self.assertNotEqual(on["4"], self.measured(data)["4"])

    def test_odd_command_lines(self):
        for cmdline in b" quiet", b"quiet ", b"a\nb", b"quiet\0", \
                "über".encode():
            r = self.run_it("predict", self.write(
                pe.uki(cmdline=cmdline).bytes()))
            self.assertEqual(r.returncode, 0)
            self.assertNotIn('"9"', r.stdout)
            self.assertIn("PCR 9 is not predictable", r.stderr)

    def test_hostile(self):
        n = 0
        for what, data, says in pe.hostile():
            with self.subTest(what):
                self.bad(says, "predict", self.write(data))
                n += 1
        self.assertGreater(n, 50)

    def test_every_truncation(self):
        data = pe.uki().bytes()
        headers = range(0, 0x400, 7)
        for n in [*headers, *range(0x400, len(data), 331)]:
            self.bad("image.efi", "predict", self.write(data[:n]))

    def test_no_file(self):
        self.bad("not found", "predict", self.path("none"))
        self.bad("image", "predict", self.folder.name)

    def release(self, data, *words):
        self.good("predict", self.write(data), "--release",
                  self.path("release"), *words)
        with open(self.path("release"), "rb") as f:
            return json.load(f)

    def test_release(self):
        u = pe.uki("254.26-1")
        u.signature = b"signed" * 4
        data = u.bytes()
        s = self.release(data)
        self.assertEqual(s["subject"], [
            {"name": "uki",
             "digest": {"sha256": hashlib.sha256(data).hexdigest()}},
            {"name": "root", "digest": {"sha256": pe.ROOT}}])
        p = s["predicate"]
        self.assertEqual([p[k] for k in ("name", "version", "debug", "stub",
                                         "containers")],
                         ["aicert", "1.2", False, "254.26-1", []])
        self.assertEqual([(t["firmware"], t["secureBoot"], t["pcrs"])
                          for t in p["tuples"]],
                         [(f, on, pe.predict(data, on))
                          for on in (False, True) for f in ("ovmf", "azure")])
        tuples = self.release(data, "--firmware", "azure", "--secure-boot")[
            "predicate"]["tuples"]
        self.assertEqual([(t["firmware"], t["secureBoot"]) for t in tuples],
                         [("azure", True)])
        unsigned = self.release(pe.uki().bytes())["predicate"]["tuples"]
        self.assertEqual([t["secureBoot"] for t in unsigned], [False, False])

    def test_release_of_stub_257_has_no_pcr_9(self):
        for t in self.release(pe.uki("257").bytes())["predicate"]["tuples"]:
            self.assertEqual(sorted(t["pcrs"]), ["11", "4"])

    def test_debug(self):
        line = pe.CMDLINE + b" aicert.debug"
        p = self.release(pe.uki(cmdline=line).bytes())["predicate"]
        self.assertIs(p["debug"], True)
        line = pe.CMDLINE + b" aicert.debugger xaicert.debug"
        p = self.release(pe.uki(cmdline=line).bytes())["predicate"]
        self.assertIs(p["debug"], False)

    def test_containers(self):
        oci = self.write(b"an OCI image", "oci.tar")
        p = self.release(pe.uki().bytes(), "--container", f"train={oci}")
        self.assertEqual(p["predicate"]["containers"], [
            {"name": "train",
             "sha256": hashlib.sha256(b"an OCI image").hexdigest()}])
        image, out = self.path("image.efi"), self.path("release")
        for word, says in ((f"={oci}", "NAME=FILE"), ("train=", "NAME=FILE"),
                           (oci, "NAME=FILE"),
                           (f"train={oci}.none", "cannot be read")):
            self.bad(says, "predict", image, "--release", out, "--container",
                     word)
        self.bad("two containers", "predict", image, "--release", out,
                 "--container", f"a={oci}", "--container", f"a={oci}")
        self.bad("--release", "predict", image, "--container", f"a={oci}")

    def test_release_refused(self):
        def refused(says, **kw):
            self.bad(says, "predict", self.write(pe.uki(**kw).bytes()),
                     "--release", self.path("none"))
            self.assertFalse(os.path.exists(self.path("none")))
        root = f"roothash={pe.ROOT}".encode()
        for line in b"quiet", b"roothash=12", root.upper(), root + b"0", \
                root + b" " + root, b"x" + root:
            refused("roothash=", cmdline=line)
        for osrel in b"ID=x\n", b"IMAGE_ID=x\n", b"IMAGE_VERSION=1\n", \
                pe.OSREL + b"IMAGE_ID=other\n":
            refused("IMAGE_ID", osrel=osrel)
        refused("release", osrel=b"IMAGE_ID=\nIMAGE_VERSION=1\n")
        refused("release", osrel=b'IMAGE_ID="\x1b"\nIMAGE_VERSION=1\n')

    def differences(self, a, b, *words):
        r = self.run_it("diff", self.write(a, "a"), self.write(b, "b"),
                        "--json", *words)
        self.assertEqual(r.returncode, 1, r.stderr)
        out = json.loads(r.stdout)
        pa, pb = pe.predict(a, bool(words)), pe.predict(b, bool(words))
        self.assertEqual(out["pcrs"], [int(i) for i in ("4", "9", "11")
                                       if pa.get(i) != pb.get(i)])
        return {c["name"]: c["pcrs"] for c in out["components"]}

    def test_diff(self):
        a = pe.uki().bytes()
        self.assertIn("the same", self.good("diff", self.write(a, "a"),
                                            self.write(a, "b")))
        self.assertTrue(json.loads(self.good(
            "diff", self.path("a"), self.path("b"), "--json"))["same"])
        for kw, expected in (
                ({"cmdline": pe.CMDLINE + b" x"}, {".cmdline": [4, 9, 11]}),
                ({"initrd": b"other"}, {".initrd": [4, 9, 11]}),
                ({"osrel": b"other"}, {".osrel": [4, 11]}),
                ({"linux": pe.PE([(".text", b"new")]).bytes()},
                 {".linux": [4, 11]}),
                ({"extra": [(".uname", b"6.1")]}, {".uname": [4]}),
                ({"version": "252.40"}, {"stub": [4]}),
                ({"version": "254.1"}, {"stub": [4, 11]})):
            self.assertEqual(self.differences(a, pe.uki(**kw).bytes()),
                             expected)
        u = pe.uki()
        u.time = 1
        self.assertEqual(self.differences(a, u.bytes()), {"headers": [4]})
        u = pe.uki()
        u.tail = b"\0" * (-len(a) % 8)
        before, u.signature = u.bytes(), b"signed" * 4
        self.assertEqual(self.differences(before, u.bytes()),
                         {"signature": []})
        after, u.signature = u.bytes(), b"SIGNED" * 4
        self.assertEqual(self.differences(after, u.bytes(), "--secure-boot"),
                         {"signature": []})

    def test_diff_shows_words(self):
        self.write(pe.uki().bytes(), "a")
        self.write(pe.uki(cmdline=pe.CMDLINE + b" init=/bin/sh \x1b[2J")
                   .bytes(), "b")
        r = self.run_it("diff", self.path("a"), self.path("b"))
        self.assertIn('B "init=/bin/sh"', r.stdout)
        self.assertNotIn("\x1b", r.stdout)

    def test_diff_refused(self):
        a = self.write(pe.uki().bytes(), "a")
        self.bad("none", "diff", a, self.path("none"))
        self.bad("needed", "diff", a)
        self.bad("needed", "diff", a, a, a)
        self.bad("not signed", "diff", a, a, "--secure-boot")

    def test_usage(self):
        image = self.write(pe.uki().bytes())
        self.bad("needed", "predict")
        self.bad("needed", "predict", image, image)
        self.bad("ovmf or azure", "predict", image, "--firmware", "bios")
        self.bad("no such option", "predict", image, "--fast")
        self.bad("needs a value", "predict", image, "--release")
        self.bad("cannot be written", "predict", image, "--release",
                 self.path("no/such/folder"))
        self.bad("no such command", "guess")
        self.bad("which command", )
        self.assertIn("Example", self.good("--help"))
        self.assertIn("Example", self.good("help", "predict"))


if __name__ == "__main__":
    unittest.main()
