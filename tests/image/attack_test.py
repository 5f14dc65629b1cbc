#!/usr/bin/python3
"""Who holds the machine attacks it: each attack is caught, and by the check
that is named.

usage: attack_test.py FOLDER    (where the images are kept between runs)
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import pe
import vmlib

FOLDER = sys.argv.pop(1)
STUB = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
MIB = 1 << 20
JOB = """version: 2
trainer: command
command: [sh, -c, "%s"]
inputs: []
outputs: ['*.bin']
"""
# Past the cache, so that the disk is asked.
SCRATCH = ("dd if=/dev/zero of=model.bin bs=1M count=8 oflag=direct 2>&1 && "
           "echo written && sleep 20 && "
           "dd if=model.bin of=/dev/null bs=1M iflag=direct 2>&1")


def root_of(disk):
    """where the second partition of the disk begins, in bytes, and its size"""
    for line in vmlib.must("sfdisk", "-d", disk).splitlines():
        if "aicert-root" in line:
            numbers = [int(w.split("=")[1]) for w in
                       line.split(":", 1)[1].replace(" ", "").split(",")[:2]]
            return numbers[0] * 512, numbers[1] * 512
    raise ValueError(disk)


class Test(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        vmlib.need_all()
        if "--remote" not in vmlib.must(vmlib.AICERT, "help", "build"):
            vmlib.skip("no builds on another machine in this build")
        cls.image = vmlib.cached(FOLDER)
        cls.tmp = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.tmp.cleanup)
        cls.builder, cls.publisher = cls.path("builder"), cls.path("image")
        for key in cls.builder, cls.publisher:
            vmlib.must(vmlib.AICERT, "keygen", key)
        cls.releases, cls.d = vmlib.publish_release(
            cls.path("release"), cls.image, cls.publisher)

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.tmp.name, *names)

    def disk(self):
        """a copy of the image's disk"""
        path = self.path(f"disk{time.time()}")
        shutil.copyfile(os.path.join(self.image, "image.raw"), path)
        self.addCleanup(os.remove, path)
        return path

    def vm(self, disk, *options, **kw):
        vm = vmlib.Vm(self.path(f"vm{time.time()}"), disk, *options, **kw)
        self.addCleanup(vm.end)
        return vm

    def build(self, vm, values, job="echo x > model.bin", d=None,
              releases=None):
        """aicert build there, as who trusts the firmware as it is"""
        name = self.path(f"job{time.time()}")
        policy = vmlib.policy(name + ".policy", vm.tpm, self.builder,
                              d or self.d, values)
        with open(name, "w", encoding="ascii") as f:
            f.write(JOB % job)
        return subprocess.Popen(
            [vmlib.AICERT, "build", name, "--key", self.builder, "--remote",
             vm.address, "--policy", policy, "--image-releases",
             releases or self.releases, "--out", name + ".model"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)

    def refused(self, vm, *says, **kw):
        process = self.build(vm, vmlib.pcrs(vm.attestation()), **kw)
        said = process.communicate(timeout=600)[0]
        self.assertNotEqual(process.returncode, 0, said)
        for words in ("sent nothing more", *says):
            self.assertIn(words, said)

    def test_one_byte_of_the_root(self):
        """caught by dm-verity, before anything runs"""
        disk = self.disk()
        with open(disk, "r+b") as f:
            f.seek(root_of(disk)[0] + 8)
            byte = f.read(1)[0]
            f.seek(-1, os.SEEK_CUR)
            f.write(bytes([byte ^ 1]))
        vm = self.vm(disk)
        self.assertTrue(vm.wait_console("is corrupted"))
        self.assertRaises(RuntimeError, vm.attestation)

    def test_scratch_while_it_runs(self):
        """the scratch disk: caught by dm-integrity, as it is read"""
        scratch = self.path("scratch")
        with open(scratch, "wb") as f:
            f.truncate(64 * MIB)
        vm = self.vm(os.path.join(self.image, "image.raw"), "--scratch",
                     scratch)
        values = vmlib.pcrs(vm.attestation())
        process = self.build(vm, values, SCRATCH)
        said = ""
        for line in process.stdout:
            said += line
            if "written" in line:
                break
        self.assertIn("written", said)
        with open(scratch, "rb") as f:
            f.seek(8 * MIB)
            self.assertNotEqual(f.read(8 * MIB).count(0), 8 * MIB)
        with open(scratch, "r+b") as f:
            # All but the first, where dm-integrity describes itself.
            for at in range(MIB, 64 * MIB, 4096):
                f.seek(at + 100)
                f.write(b"changed from outside")
        said += process.communicate(timeout=600)[0]
        self.assertNotEqual(process.returncode, 0, said)
        self.assertTrue(vm.wait_console("integrity: dm-"))
        self.assertIn("Checksum failed", vm.console())

    def test_root_while_it_runs(self):
        """a block that was not read yet: caught by dm-verity"""
        disk = self.disk()
        vm = self.vm(disk)
        values = vmlib.pcrs(vm.attestation())
        start, size = root_of(disk)
        with open(disk, "r+b") as f:
            f.seek(start + MIB)
            f.write(bytes(size - 2 * MIB))
        process = self.build(vm, values)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertTrue(vm.wait_console("is corrupted"))

    def test_another_initrd(self):
        """caught by step 13: no tuple of the release has these PCRs"""
        with open(os.path.join(self.image, "image.efi"), "rb") as f:
            parts = pe.content(f.read())
        names = {}
        for name in ".linux", ".initrd", ".cmdline", ".osrel":
            names[name] = self.path("part" + name)
            with open(names[name], "wb") as f:
                f.write(parts[name] + (bytes(4) if name == ".initrd"
                                       else b""))
        vmlib.must(os.path.join(vmlib.SOURCE, "vm-image", "mkuki"), STUB,
                   names[".linux"], names[".initrd"], names[".cmdline"],
                   names[".osrel"], self.path("other.efi"))
        disk = self.disk()
        vmlib.must("mcopy", "-o", "-i", f"{disk}@@{MIB}",
                   self.path("other.efi"), "::/EFI/BOOT/BOOTX64.EFI")
        self.refused(self.vm(disk), "step 13")

    def test_debug_image(self):
        """caught by step 13: its release says that it has a way in"""
        image = vmlib.cached(FOLDER + "-debug", "--debug")
        releases, d = vmlib.publish_release(self.path("debug"), image,
                                            self.publisher)
        vm = self.vm(os.path.join(image, "image.raw"))
        self.refused(vm, "step 13", "debug", d=d, releases=releases)
        self.assertIn("\n# ", vm.console())


if __name__ == "__main__":
    unittest.main(verbosity=2)
