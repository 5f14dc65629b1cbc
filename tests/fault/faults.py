"""faults.py -- for the tests of this folder: a log's directory that outlives
its server, the client that records, and what must hold after any fault."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "registry"))
import certs
import server

# A batch of its own for every certificate, and no waiting for others.
SERVE = ["--batch-ms", "0"]


class At(server.Registry):
    """A registry over a directory that is there already."""

    def __init__(self, path, keys):
        self.top = tempfile.mkdtemp(prefix="aicert-fault-")
        self.dir, self.keys, self.server = path, keys, None

    def start_or_fail(self):
        """Did it start?  A server that cannot says so and ends."""
        try:
            self.start(args=SERVE)
            return True
        except AssertionError:
            self.server.kill()
            self.server.communicate()
            self.server = None
            return False

    def kill(self):
        """End at once; what it said on standard error."""
        self.server.kill()
        said = self.server.communicate()[1]
        self.server = None
        return said


def new_log(top):
    """A new log below top; its directory and keys."""
    path = os.path.join(top, "log")
    done = server.run("init", path, "--origin", "log.example.org")
    assert done.returncode == 0, done.stderr
    with open(os.path.join(path, "log-keys")) as f:
        return path, certs.LogKeys(f.read())


def fill(path, keys, entries):
    """So many entries, and the server ended in order."""
    r = At(path, keys)
    r.start(args=SERVE)
    key = certs.Key()
    for i in range(entries):
        assert r.post(certs.asserted(key, "before %d" % i)).status == 200
    r.stop()
    r.close()


def write_bodies(path, name, count):
    """Certificates of one and two lines, and now and then one again."""
    key, last = certs.Key(), None
    with open(path, "w") as f:
        for i in range(count):
            if i % 4 != 3:
                make = certs.measured if i % 4 == 1 else certs.asserted
                last = make(key, "%s-%d" % (name, i)).decode()
            f.write(json.dumps(last) + "\n")
    return path


def start_client(registry, bodies, record):
    return subprocess.Popen(
        [sys.executable, "-B", os.path.join(HERE, "client.py"),
         "http://127.0.0.1:%d" % registry.port, bodies, record])


def answers(record):
    """What was answered with 200, by body; a torn last line is no answer."""
    found = {}
    if not os.path.exists(record):
        return found
    with open(record) as f:
        for line in f:
            if not line.endswith("\n"):
                break
            a = json.loads(line)
            if a["status"] == 200:
                body = a["body"].encode()
                assert found.setdefault(body, a["answer"]) == a["answer"], \
                    "two answers to one certificate"
            else:
                assert a["status"] == 503, a
    return found


def check(path, keys, record, name):
    """
    Start on what is left: every answered certificate is there with its index,
    proof and checkpoint, the whole log is sound, and it goes on.
    """
    r = At(path, keys)
    try:
        r.start(args=SERVE)
        leaves = server.read_log(r)
        for body, answer in answers(record).items():
            again = r.post(body)
            assert again.status == 200, again.text()
            assert again.body.decode() == answer, "another answer than before"
            for line in answer.splitlines():
                index, leaf, checkpoint = certs.check_line(line, keys)
                assert leaves[index] == leaf, "another entry at its index"
                assert (certs.tree_root(leaves[:checkpoint.size])
                        == checkpoint.root), "its checkpoint is of no past"
        key = certs.Key()
        reply = r.post(certs.asserted(key, "after " + name))
        assert reply.status == 200, reply.text()
        assert certs.check_certificate(reply.body, keys, key) == [len(leaves)]
        fsck(r)
        r.stop()
    finally:
        r.close()
    return len(leaves)


def fsck(r):
    """Nothing differs, from the entries' statements up to the checkpoint."""
    done = subprocess.run(
        [server.BIN.replace("aicert-registry", "aicert-audit"), "fsck",
         "http://127.0.0.1:%d" % r.port, "--log-keys", r.dir + "/log-keys"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=300)
    assert done.returncode == 0, done.stdout


def copy(path, to):
    shutil.copytree(path, to)
    return to
