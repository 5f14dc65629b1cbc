#!/usr/bin/python3
"""The image as it is built boots in QEMU: what its TPM quotes is what was
predicted from the file, and a build inside, over the attested channel, is
verified by a policy that trusts this image release.  The training there tries
to get out.

usage: boot_test.py FOLDER    (where the image is kept between runs)
"""
import json
import os
import sys
import tempfile
import unittest

import vmlib

FOLDER = sys.argv.pop(1)
# What the training sees of the machine is an output, which the test reads.
JOB = """version: 2
trainer: command
command:
  - sh
  - -c
  - |
    head -c 100000 /dev/urandom > model.bin
    exec > seen.bin 2>&1
    echo devices: /dev/tpm* /dev/vd* /dev/mapper/* /dev/hwrng
    echo sockets: /run/* /var/lib/*
    for to in 127.0.0.1:7443 10.0.2.15:7443 10.0.2.2:443; do
      git ls-remote https://$to/ && echo reached $to
    done
    echo write: $(echo x > /usr/x && echo could)
    cat /proc/net/dev
    :
inputs: []
outputs: ['*.bin']
"""


class Test(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        vmlib.need()
        cls.image = vmlib.cached(FOLDER)
        cls.tmp = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.tmp.cleanup)
        cls.vm = vmlib.Vm(cls.path("vm"), os.path.join(cls.image,
                                                       "image.raw"))
        cls.addClassCleanup(cls.vm.end)
        cls.attestation = cls.vm.attestation()
        print(f"up after {cls.vm.up_s:.0f} s")

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.tmp.name, *names)

    def test_1_measured_as_predicted(self):
        with open(os.path.join(self.image, "measurements.json"),
                  encoding="ascii") as f:
            predicted = json.load(f)["measurements"]
        self.assertEqual(sorted(predicted), ["11", "12", "13", "4", "9"])
        measured = vmlib.pcrs(self.attestation)
        self.assertEqual({i: measured[i] for i in predicted}, predicted)
        for i in "8", "14":
            self.assertEqual(measured[i], "0" * 64)
        self.assertNotEqual(measured["15"], "0" * 64)

    def test_2_no_way_in(self):
        console = self.vm.console()
        self.assertNotIn("login:", console)
        self.assertNotIn("# ", console)
        with open(os.path.join(self.image, "digests"),
                  encoding="utf-8") as f:
            names = {line.split()[-1] for line in f}
        for name in ("agetty", "login", "sshd", "su", "sudo", "sulogin",
                     "waagent", "cloud-init"):
            self.assertFalse({n for n in names
                              if n.endswith("bin/" + name)}, name)
        for name in "pcrphase", "gpt-auto", "hibernate", "kexec", "getty":
            self.assertFalse({n for n in names if name in n and
                              "systemd" in n}, name)

    def test_3_whole_job(self):
        if "--remote" not in vmlib.must(vmlib.AICERT, "help", "build"):
            self.skipTest("no builds on another machine in this build")
        builder, publisher = self.path("builder.key"), self.path("image.key")
        for key in builder, publisher:
            vmlib.must(vmlib.AICERT, "keygen", key)
        registry = vmlib.Registry(self.path("registry"))
        self.addCleanup(registry.end)
        releases, d = vmlib.publish_release(self.path("release"), self.image,
                                            publisher)
        policy = vmlib.policy(self.path("policy"), self.vm.tpm, builder, d,
                              vmlib.pcrs(self.attestation), "--log-keys",
                              registry.keys, "--quorum-none", "--log-time")
        with open(self.path("job.yaml"), "w", encoding="ascii") as f:
            f.write(JOB)
        words = ["build", self.path("job.yaml"), "--key", builder,
                 "--remote", self.vm.address, "--policy", policy, "--log",
                 registry.url]
        # Another image than the policy's gets no configuration.
        r = vmlib.run(vmlib.AICERT, *words, "--out", self.path("none"))
        self.assertNotEqual(r.returncode, 0)
        self.assertIn("step 13, boot state", r.stderr)
        r = vmlib.run(vmlib.AICERT, *words, "--out", self.path("model"),
                      "--image-releases", releases)
        self.assertEqual(r.returncode, 0, r.stderr +
                         self.vm.console()[-3000:])
        self.assertIn('release "aicert"', r.stderr)
        with open(self.path("model", "seen.bin"), encoding="utf-8") as f:
            seen = f.read()
        self.assertIn("devices: /dev/tpm* /dev/vd* /dev/mapper/* /dev/hwrng",
                      seen)
        self.assertNotIn("reached", seen)
        self.assertNotIn("could", seen)
        self.assertNotIn("eth", seen.split("Inter-|")[1])
        vmlib.must(vmlib.AICERT, "publish", self.path("model"), *registry.to)
        verify = [vmlib.VERIFY, self.path("model"), "--policy", policy]
        r = vmlib.run(*verify)
        self.assertEqual(r.returncode, 0, r.stdout + r.stderr)
        self.assertIn("SIMULATED", r.stdout)
        d_of_model = json.loads(vmlib.must(*verify, "--json"))["statement"]
        # The image is recalled by its publisher.
        vmlib.must(vmlib.AICERT, "revoke", "--image", d, "--sign-with",
                   publisher, "--reason", "old kernel", "--out",
                   self.path("recall"), *registry.to)
        with open(self.path("snapshot"), "wb") as f:
            f.write(registry.revocations())
        r = vmlib.run(*verify, "--revocations", self.path("snapshot"))
        self.assertEqual(r.returncode, 1, r.stdout)
        self.assertIn("old kernel", r.stdout + r.stderr)
        audit = os.path.join(vmlib.BIN, "aicert-audit")
        r = vmlib.run(audit, "follow", registry.url, "--policy", policy,
                      "--state", self.path("state"), "--once")
        r = vmlib.run(audit, "affected", "--state", self.path("state"),
                      "--image", d, "--json")
        self.assertIn(d_of_model, r.stdout, r.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
