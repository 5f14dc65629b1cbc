#!/usr/bin/env python3
"""power_test.py -- power cuts under a registry.

losefs, a file system that forgets what was not synced, is cut in place of the
N-th sync of a server that a client posts to; what a disk would hold then is
given to a new server, which must have all that was answered.  Once everything
unsynced is lost, and once a random half of it.

usage: power_test.py LOSEFS [STRIDE]: every STRIDE-th cut, 1 without.
Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

LOSEFS = os.path.abspath(sys.argv[1])
STRIDE = int(sys.argv[2]) if len(sys.argv) > 2 else 1
POSTS = 8

# Mounts of ours are seen by nobody else and end with us.
if os.environ.get("AICERT_OWN_MOUNTS") != str(os.getpid()):
    if not os.path.exists("/dev/fuse"):
        print("skipped: there is no /dev/fuse")
        sys.exit(77)
    own = ["--mount", "--propagation", "private"]
    if os.getuid() != 0:
        own += ["--user", "--map-root-user"]
    if subprocess.run(["unshare", *own, "true"]).returncode != 0:
        print("skipped: no mount namespace of our own")
        sys.exit(77)
    os.environ["AICERT_OWN_MOUNTS"] = str(os.getpid())
    os.execvp("unshare", ["unshare", *own, sys.executable, "-B", *sys.argv])

import faults
import server


class Disk:
    """A mounted losefs over a folder's content."""

    def __init__(self, content, *options):
        self.top = tempfile.mkdtemp(prefix="aicert-power-")
        self.at, self.after = self.top + "/disk", self.top + "/after"
        os.mkdir(self.at)
        os.mkdir(self.after)
        self.fs = subprocess.Popen(
            [LOSEFS, self.at, content, self.after, *options],
            stdout=subprocess.PIPE, text=True)
        line = self.fs.stdout.readline()
        if line != "mounted\n":
            self.fs.wait()
            print("skipped: losefs cannot be mounted here")
            sys.exit(77)

    def cut(self):
        """Cut now."""
        self.fs.send_signal(signal.SIGUSR1)
        assert self.fs.stdout.readline().startswith("cut")

    def end(self):
        """Unmount; was it cut?"""
        self.fs.terminate()
        said = self.fs.communicate(timeout=60)[0]
        return "cut" in said

    def remove(self):
        if self.fs.poll() is None:
            self.end()
        shutil.rmtree(self.top, ignore_errors=True)


def write(path, data, sync):
    with open(path, "wb") as f:
        f.write(data)
        f.flush()
        if sync:
            os.fsync(f.fileno())


def sync_folder(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)


def test_unsynced_data_is_lost():
    """The disk forgets: else the tests below would show nothing."""
    before = tempfile.mkdtemp(prefix="aicert-power-")
    write(before + "/old", b"old", False)
    write(before + "/kept", b"kept", False)
    d = Disk(before)
    write(d.at + "/named", b"data", True)       # its name is not synced
    write(d.at + "/old", b"new", False)         # its data is not synced
    os.mkdir(d.at + "/folder")
    write(d.at + "/folder/both", b"data", True)
    sync_folder(d.at + "/folder")
    sync_folder(d.at)                           # now "named" is
    write(d.at + "/late", b"data", True)
    write(d.at + "/folder/empty", b"data", False)
    sync_folder(d.at + "/folder")               # a name without its data
    os.rename(d.at + "/kept", d.at + "/renamed")
    d.cut()
    try:
        write(d.at + "/more", b"", False)
        assert False, "a disk without power took a file"
    except OSError:
        pass
    assert d.end() is False  # "cut" was read before

    def content(name):
        with open(d.after + "/" + name, "rb") as f:
            return f.read()

    assert sorted(os.listdir(d.after)) == ["folder", "kept", "named", "old"]
    assert content("old") == b"old" and content("named") == b"data"
    assert content("folder/both") == b"data"
    assert content("folder/empty") == b""
    d.remove()
    shutil.rmtree(before)


def one_cut(start, bodies, keys, at, *options):
    """Cut in place of sync number at; False where there are fewer."""
    d = Disk(start, "at=%d" % at, *options)
    record = d.top + "/record"
    r = faults.At(d.at + "/log", keys)
    try:
        if r.start_or_fail():
            client = faults.start_client(r, bodies, record)
            assert client.wait(timeout=300) == 0
            r.kill()
        if not d.end():
            return False
        faults.check(d.after + "/log", keys, record, "the cut")
        return True
    except BaseException:
        print("at sync %d %s" % (at, options), flush=True)
        raise
    finally:
        r.close()
        d.remove()


def every_cut(*options):
    top = tempfile.mkdtemp(prefix="aicert-power-")
    try:
        _, keys = faults.new_log(top)
        bodies = faults.write_bodies(top + "/bodies", "cut", POSTS)
        at, cuts = 1, 0
        while one_cut(top, bodies, keys, at, *options):
            at += STRIDE
            cuts += 1
        assert cuts > 0
        print("  %d cuts, every %d. of %d to %d syncs, %d posts each"
              % (cuts, STRIDE, at - STRIDE, at - 1, POSTS))
    finally:
        shutil.rmtree(top)


def test_every_cut_with_all_unsynced_lost():
    every_cut()


def test_every_cut_with_half_of_it_lost():
    every_cut("seed=1")


def test_cuts_one_after_the_other():
    """Each server goes on from what the cut before left."""
    top = tempfile.mkdtemp(prefix="aicert-power-")
    path, keys = faults.new_log(top)
    record = os.path.join(top, "record")
    for i in range(5):
        d = Disk(top, "at=%d" % (13 * i + 17), "seed=%d" % i)
        r = faults.At(d.at + "/log", keys)
        if r.start_or_fail():
            bodies = faults.write_bodies(d.top + "/bodies", "round %d" % i,
                                         POSTS)
            client = faults.start_client(r, bodies, record)
            assert client.wait(timeout=300) == 0
            r.kill()
        r.close()
        assert d.end(), "too few syncs"
        shutil.rmtree(path)
        shutil.copytree(d.after + "/log", path)
        d.remove()
    print("  %d entries" % faults.check(path, keys, record, "all rounds"))
    shutil.rmtree(top)


began = time.monotonic()
server.main([test_unsynced_data_is_lost,
             test_every_cut_with_all_unsynced_lost,
             test_every_cut_with_half_of_it_lost,
             test_cuts_one_after_the_other])
