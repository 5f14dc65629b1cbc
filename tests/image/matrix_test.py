#!/usr/bin/python3
"""Every stub that is predicted in full, with Secure Boot on and off: what the
TPM quotes after a boot is what was predicted from the file; an image that
nobody signed does not boot under Secure Boot.  The keys are those that OVMF's
package has for tests, public with their pass phrase.

usage: matrix_test.py FOLDER    (where the images are kept between runs)
"""
import glob
import json
import os
import subprocess
import sys
import tempfile
import unittest

import vmlib

FOLDER = sys.argv.pop(1)
KEY = "/usr/share/ovmf/PkKek-1-snakeoil.key"
CERT = "/usr/share/ovmf/PkKek-1-snakeoil.pem"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
VARS = "/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd"


def backport(folder):
    """stub 254, from where this machine has its packages; None: not there"""
    found = os.path.join(folder, "stub254")
    if os.path.exists(found):
        return found
    targets = vmlib.must(
        "apt-get", "indextargets", "--format",
        "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(CREATED_BY)")
    own = {t.split("|")[0] for t in targets.splitlines()
           if t.endswith("|bookworm|main|Packages")}
    by = f"[signed-by={KEYS}] " if os.path.exists(KEYS) else ""
    with tempfile.TemporaryDirectory() as tmp:
        for name in "lists/partial", "cache/archives/partial":
            os.makedirs(os.path.join(tmp, name))
        with open(os.path.join(tmp, "sources"), "w", encoding="ascii") as f:
            for uri in own:
                f.write(f"deb {by}{uri} bookworm-backports main\n")
        words = ["-qq", "-o", f"Dir::Etc::SourceList={tmp}/sources", "-o",
                 "Dir::Etc::SourceParts=/nonexistent", "-o",
                 f"Dir::State::Lists={tmp}/lists", "-o",
                 f"Dir::Cache={tmp}/cache", "-o",
                 "APT::Sandbox::User=root"]
        for verb in (["update"], ["download",
                                  "systemd-boot-efi/bookworm-backports"]):
            r = subprocess.run(["apt-get", *words, *verb], cwd=tmp,
                               capture_output=True, timeout=300)
            if r.returncode != 0:
                return None
        deb, = glob.glob(os.path.join(tmp, "systemd-boot-efi_254*.deb"))
        vmlib.must("dpkg-deb", "-x", deb, os.path.join(tmp, "x"))
        os.makedirs(folder, exist_ok=True)
        os.rename(os.path.join(tmp, "x/usr/lib/systemd/boot/efi/"
                               "linuxx64.efi.stub"), found)
    return found


class Test(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        vmlib.need_all()
        for name in KEY, CERT, VARS:
            if not os.path.exists(name):
                vmlib.skip(f"{name} is not there")
        cls.tmp = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.tmp.cleanup)
        cls.key = os.path.join(cls.tmp.name, "key")
        vmlib.must("openssl", "rsa", "-in", KEY, "-passin", "pass:snakeoil",
                   "-out", cls.key)

    def image(self, name, *options):
        """signed; its key is another file in each run"""
        folder = os.path.join(FOLDER, name)
        vmlib.build(folder, "--sign", self.key, CERT, *options)
        return folder

    def boots(self, image, secure):
        predicted = json.loads(vmlib.must(
            vmlib.IMAGE, "predict", os.path.join(image, "image.efi"),
            *(["--secure-boot"] if secure else [])))["measurements"]
        with tempfile.TemporaryDirectory() as tmp:
            vm = vmlib.Vm(tmp, os.path.join(image, "image.raw"),
                          *(["--secure-boot", VARS] if secure else []))
            try:
                measured = vmlib.pcrs(vm.attestation())
            finally:
                vm.end()
        print(f"{image} Secure Boot {'on' if secure else 'off'}: up after "
              f"{vm.up_s:.0f} s, PCR 4 {measured['4']}")
        self.assertEqual(sorted(predicted), ["11", "12", "13", "4", "9"])
        self.assertEqual({i: measured[i] for i in predicted}, predicted)

    def test_252(self):
        image = self.image("252")
        self.boots(image, True)
        self.boots(image, False)

    def test_254(self):
        stub = backport(FOLDER)
        if stub is None:
            self.skipTest("no backports where this machine's packages are")
        image = self.image("254", "--stub", stub)
        self.boots(image, True)
        self.boots(image, False)

    def test_unsigned(self):
        image = vmlib.cached(os.path.join(FOLDER, "unsigned"))
        with tempfile.TemporaryDirectory() as tmp:
            vm = vmlib.Vm(tmp, os.path.join(image, "image.raw"),
                          "--secure-boot", VARS)
            try:
                self.assertTrue(vm.wait_console("Access Denied"))
            finally:
                vm.end()


if __name__ == "__main__":
    unittest.main(verbosity=2)
