"""test_witness.py -- aicert-audit witness against the table of tlog-witness:
every status code, what is persisted when, and that no race or crash makes it
sign what contradicts what it signed."""
import hashlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time

import lying
import certs
from certs import b64, unb64
from lying import BIN, expect, folder, run, write

KEY = certs.Key()
LOG = lying.Log().fill(KEY, 40)
TREE = LOG.tree()


class Witness:
    """A witness of LOG; its folder outlives the process."""

    def __init__(self, logs=(LOG,)):
        self.top = folder()
        self.state = os.path.join(self.top, "state")
        self.key = os.path.join(self.top, "witness.key")
        made = expect(run("witness", "keygen", self.key, "--name",
                          "w.example.org/1"), 0)
        self.vkey = certs.NoteKey(made.stdout.strip())
        assert self.vkey.type == 4
        self.logs = [a for log in logs for a in ("--log", log.key.vkey())]
        self.process = None

    def start(self, kill_at=None, clock=None):
        env = dict(os.environ)
        if kill_at:
            env["AICERT_KILL_AT"] = kill_at
        self.process = subprocess.Popen(
            [BIN, "witness", "--listen", "127.0.0.1:0", "--state", self.state,
             "--key", self.key, *self.logs], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=env)
        lying.atexit.register(self.kill)
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), (
            line + self.process.stderr.read())
        self.port = int(line.rsplit(":", 1)[1])
        return self

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        out = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, out
        self.process = None

    def request(self, method, path, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            c.request(method, path, body)
            r = c.getresponse()
            return r.status, r.headers, r.read()
        finally:
            c.close()

    def add(self, body):
        return self.request("POST", "/add-checkpoint", body)

    def current(self, origin=LOG.origin):
        return self.request("GET", "/%s/checkpoint" % hashlib.sha256(
            origin.encode()).hexdigest())

    def check_lines(self, text, lines):
        """The signature lines hold for the checkpoint; their time."""
        assert lines.endswith(b"\n")
        when = 0
        for line in lines.decode().splitlines():
            dash, name, blob = line.split(" ")
            assert dash == "\u2014" and name == self.vkey.name
            blob = unb64(blob)
            assert blob[:4] == self.vkey.hash[:4] and len(blob) == 76
            when = int.from_bytes(blob[4:12], "big")
            self.vkey.ed25519.verify(
                blob[12:], b"cosignature/v1\ntime %d\n" % when +
                text.encode())
        assert when > 0
        return when

    def evidence(self, origin=LOG.origin):
        where = os.path.join(self.state, hashlib.sha256(
            origin.encode()).hexdigest(), "evidence")
        return sorted(os.path.join(where, f) for f in os.listdir(
            where)) if os.path.isdir(where) else []


def body(old, size, log=LOG, tree=TREE, proof=None, note=None):
    if proof is None:
        proof = tree.consistency(old, size) if 0 < old < size else []
    if note is None:
        note = log.checkpoint(size, root=tree.mth(0, size))
    return b"old %d\n" % old + b"".join(
        b64(h).encode() + b"\n" for h in proof) + b"\n" + note


def text_of(request):
    return request.split(b"\n\n", 1)[1].split(b"\n\n")[0].decode() + "\n"


def good(w, old, size):
    request = body(old, size)
    status, headers, answer = w.add(request)
    assert status == 200, (status, answer)
    w.check_lines(text_of(request), answer)
    # What is served is durable, and is the same checkpoint.
    status, headers, served = w.current()
    assert status == 200
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert served.startswith(text_of(request).encode() + b"\n")
    assert served.endswith(answer)
    LOG.key.private.public_key().verify(unb64(
        served.decode().split("\n\n")[1].splitlines()[0].split(" ")[2])[4:],
        text_of(request).encode())
    return answer


def test_growth():
    w = Witness().start()
    assert w.current()[0] == 404
    for old, size in ((0, 1), (1, 1), (1, 2), (2, 7), (7, 8), (8, 8), (8, 32),
                      (32, 40)):
        good(w, old, size)
    w.stop()
    # What it remembers outlives it.
    w.start()
    assert w.current()[2].startswith(b"log.example.org\n40\n")
    assert w.add(body(0, 40))[0] == 409
    good(w, 40, 40)
    w.stop()


def test_empty_tree():
    w = Witness().start()
    good(w, 0, 0)
    good(w, 0, 0)
    good(w, 0, 5)
    status, headers, answer = w.add(body(0, 0))
    assert (status, answer) == (409, b"5\n")
    w.stop()


def table(w):
    """The wrong requests; w has cosigned size 8: (name, request, status)."""
    fork = LOG.copy()
    fork.bodies = fork.bodies[:6] + [fork.bodies[0]] + fork.bodies[7:]
    ftree = fork.tree()
    stranger = lying.NoteKey(LOG.origin)
    other = lying.Log("other.example.org").fill(KEY, 9)
    proof = TREE.consistency(8, 12)
    note = LOG.checkpoint(12)
    wrong_line = LOG.key.line("another text\n").encode()
    return [
        ("empty body", b"", 400),
        ("no old line", b"\n" + note, 400),
        ("old without a number", b"old \n\n" + note, 400),
        ("old with a leading zero", b"old 08\n\n" + note, 400),
        ("old with a sign", b"old +8\n\n" + note, 400),
        ("old with two blanks", b"old  8\n\n" + note, 400),
        ("old in capitals", b"OLD 8\n\n" + note, 400),
        ("old beyond 2^63", b"old 9223372036854775808\n\n" + note, 400),
        ("old beyond 2^64", b"old 18446744073709551617\n\n" + note, 400),
        ("old line ends in CRLF", b"old 8\r\n\n" + note, 400),
        ("proof line of 31 bytes", b"old 8\n" + b64(b"x" * 31).encode() +
         b"\n\n" + note, 400),
        ("proof line without padding", b"old 8\n" + b64(proof[0])[:-1].encode()
         + b"\n\n" + note, 400),
        ("proof line that is no base64", b"old 8\nhello\n\n" + note, 400),
        ("64 proof lines", body(8, 12, proof=[b"x" * 32] * 64), 400),
        ("no empty line", b"old 8\n" + note.replace(b"\n\n", b"\n"), 400),
        ("no checkpoint", b"old 8\n\n", 400),
        ("a checkpoint without signatures", b"old 8\n\n" + note.split(
            b"\n\n")[0] + b"\n\n", 400),
        ("a checkpoint of one line", b"old 8\n\nlog.example.org\n\n" +
         note.split(b"\n\n")[1], 400),
        ("a size with a leading zero", b"old 8\n\n" + note.replace(
            b"\n12\n", b"\n012\n"), 400),
        ("a root of 31 bytes", b"old 8\n\n" + note.replace(
            b64(TREE.mth(0, 12)).encode(), b64(b"x" * 31).encode()), 400),
        ("garbage", os.urandom(300), 400),
        ("unknown origin", body(0, 9, log=other, tree=other.tree()), 404),
        ("no signature of the log", b"old 8\n\n" + LOG.checkpoint(
            12, signer=stranger), 403),
        ("a signature for another text", b"old 8\n\n" + note.split(
            b"\n\n")[0] + b"\n\n" + wrong_line, 403),
        ("a good signature and one that does not hold",
         body(8, 12, note=note + wrong_line), 403),
        ("old larger than the checkpoint", body(8, 7, proof=[]), 400),
        ("old smaller than cosigned", body(7, 12), 409),
        ("old larger than cosigned", body(9, 12), 409),
        ("old 0 again", body(0, 12), 409),
        ("root differs at the same size", body(8, 8, log=fork, tree=ftree),
         422),
        ("same size with a proof", body(8, 8, proof=[b"x" * 32]), 422),
        ("no proof", body(8, 12, proof=[]), 422),
        ("a proof with one hash more", body(8, 12, proof=proof +
                                            [b"x" * 32]), 422),
        ("a proof with one hash less", body(8, 12, proof=proof[:-1]), 422),
        ("a proof with a hash changed", body(
            8, 12, proof=[b"x" * 32] + proof[1:]), 422),
        ("a proof of other sizes", body(8, 12, proof=TREE.consistency(
            8, 13)), 422),
        ("a fork", body(8, 12, log=fork, tree=ftree), 422),
    ]


def test_status_codes():
    w = Witness().start()
    good(w, 0, 8)
    before = w.current()
    for name, request, want in table(w):
        status, headers, answer = w.add(request)
        assert status == want, "%s: %d, not %d: %r" % (name, status, want,
                                                       answer)
        if want == 409:
            assert headers["Content-Type"] == "text/x.tlog.size", name
            assert answer == b"8\n", name
        assert b"\xe2\x80\x94" not in answer, name
        assert w.current()[2] == before[2], name + " changed the state"
    good(w, 8, 12)
    w.stop()


def test_fresh_witness_codes():
    w = Witness().start()
    status, headers, answer = w.add(body(3, 12))
    assert (status, answer) == (409, b"0\n")
    assert w.add(body(0, 12, proof=[b"x" * 32]))[0] == 422
    assert w.add(body(0, 0, note=LOG.checkpoint(0, root=b"x" * 32)))[0] == 422
    assert w.current()[0] == 404
    assert w.evidence() == []
    good(w, 0, 12)
    w.stop()


def test_http():
    w = Witness().start()
    good(w, 0, 8)
    for method, path, status in (
            ("GET", "/add-checkpoint", 405), ("PUT", "/add-checkpoint", 405),
            ("POST", "/" + "0" * 64 + "/checkpoint", 405),
            ("GET", "/" + "0" * 64 + "/checkpoint", 404),
            ("GET", "/", 404), ("GET", "/checkpoint", 404),
            ("POST", "/sign-subtree", 404),
            ("GET", "/../lock", 404), ("GET", "/lock", 404),
            ("POST", "/add-checkpoint/", 404)):
        assert w.request(method, path)[0] == status, (method, path)
    hash_ = hashlib.sha256(LOG.origin.encode()).hexdigest()
    assert w.request("GET", "/%s/checkpoint" % hash_.upper())[0] == 404
    assert w.request("HEAD", "/%s/checkpoint" % hash_)[0] == 200
    # Many signatures are no reason to refuse.
    note = LOG.checkpoint(12)
    for i in range(20):
        note += lying.NoteKey("w%d" % i, 4).line("x\n").encode()
    request = body(8, 12, note=note)
    status, _, answer = w.add(request)
    assert status == 200, answer
    # Lines by strangers are not taken over.
    assert b"w19" not in w.current()[2]
    # A body over the cap, announced and not announced.
    c = http.client.HTTPConnection("127.0.0.1", w.port, timeout=60)
    c.putrequest("POST", "/add-checkpoint")
    c.putheader("Content-Length", str(1 << 32))
    c.endheaders()
    assert c.getresponse().status == 413
    c.close()
    c = http.client.HTTPConnection("127.0.0.1", w.port, timeout=60)
    c.request("POST", "/add-checkpoint", iter([b"x" * 65536] * 3),
              encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    assert c.getresponse().status == 413
    c.close()
    # One connection serves many requests.
    c = http.client.HTTPConnection("127.0.0.1", w.port, timeout=60)
    for _ in range(3):
        c.request("POST", "/add-checkpoint", body(12, 12))
        r = c.getresponse()
        assert r.status == 200
        r.read()
    c.close()
    w.stop()


def test_extension_lines():
    """They are part of what is signed, and are kept."""
    w = Witness().start()
    text = "%s\n%d\n%s\nextension one\n" % (LOG.origin, 5,
                                            b64(TREE.mth(0, 5)))
    status, _, answer = w.add(
        b"old 0\n\n" + (text + "\n" + LOG.key.line(text)).encode())
    assert status == 200, answer
    w.check_lines(text, answer)
    w.stop()


def test_evidence():
    """A log that signs two pasts convicts itself at the witness."""
    fork = LOG.copy()
    fork.bodies = fork.bodies[:6] + [fork.bodies[0]] + fork.bodies[7:]
    ftree = fork.tree()
    policy = write(os.path.join(folder(), "policy"), LOG.policy())
    w = Witness().start()
    good(w, 0, 8)
    # Somebody else's bad proof is kept as a request, and proves nothing.
    assert w.add(body(8, 12, proof=[b"x" * 32, b"y" * 32]))[0] == 422
    kept = w.evidence()
    assert len(kept) == 1 and kept[0].endswith(".request"), kept
    # Twice the same request is one file.
    request = body(8, 8, log=fork, tree=ftree)
    for _ in range(2):
        assert w.add(request)[0] == 422
    split = [f for f in w.evidence() if f.endswith(".split")]
    assert len(split) == 1, split
    expect(run("check-evidence", split[0], "--policy", policy), 0)
    # A smaller old size hides it from nobody.
    assert w.add(body(0, 8, log=fork, tree=ftree))[0] == 409
    # A full proof of another past: the same hashes prove it.
    good(w, 8, 11)
    assert w.add(body(11, 20, log=fork, tree=ftree))[0] == 422
    new = [f for f in w.evidence() if f.endswith(".split") and
           f not in split]
    assert len(new) >= 1, w.evidence()
    for f in new:
        expect(run("check-evidence", f, "--policy", policy), 0)
    # Unsigned requests leave nothing behind.
    n = len(w.evidence())
    assert w.add(body(11, 12, note=LOG.checkpoint(
        12, signer=lying.NoteKey(LOG.origin))))[0] == 403
    assert len(w.evidence()) == n
    w.stop()


def test_evidence_is_bounded():
    w = Witness().start()
    good(w, 0, 8)
    for i in range(80):
        assert w.add(body(8, 12, proof=[bytes([i]) * 32] * 2))[0] == 422
    assert len(w.evidence()) == 64
    good(w, 8, 12)
    w.stop()


def test_race():
    """Many clients with all sizes at once: sizes and times never go back, and
    no size is signed with two roots."""
    w = Witness().start()
    answers, lock, stop = [], threading.Lock(), threading.Event()

    def client(seed):
        rng = random.Random(seed)
        c = http.client.HTTPConnection("127.0.0.1", w.port, timeout=60)
        size = 0
        for _ in range(60):
            new = min(40, size + rng.randrange(0, 4))
            c.request("POST", "/add-checkpoint", body(size, new))
            r = c.getresponse()
            data = r.read()
            if r.status == 409:
                size = int(data)
            else:
                assert r.status == 200, (r.status, data)
                with lock:
                    answers.append((new, data))
                size = new
        c.close()

    def watch():
        last = 0
        while not stop.is_set():
            status, _, note = w.current()
            if status == 200:
                size = int(note.split(b"\n")[1])
                assert size >= last, "%d after %d" % (size, last)
                last = size

    errors = []

    def guarded(f, *args):
        try:
            f(*args)
        except Exception as e:  # a thread's failure is the test's
            errors.append(e)

    watcher = threading.Thread(target=guarded, args=(watch,))
    watcher.start()
    threads = [threading.Thread(target=guarded, args=(client, i))
               for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    stop.set()
    watcher.join()
    assert not errors, errors
    assert len(answers) > 40
    assert int(w.current()[2].split(b"\n")[1]) == max(a[0] for a in answers)
    # Every size that was signed is the one tree's.
    for size, lines in answers:
        w.check_lines("%s\n%d\n%s\n" % (LOG.origin, size,
                                        b64(TREE.mth(0, size))), lines)
    w.stop()


def test_killed():
    """Killed at each arrow: what was signed is remembered, what was not may
    be asked for again."""
    for arrow in ("witness-before-state", "witness-after-state"):
        w = Witness().start()
        good(w, 0, 8)
        w.stop()
        w.start(kill_at=arrow)
        try:
            w.add(body(8, 12))
            assert False, "it was not killed"
        except (ConnectionError, http.client.HTTPException):
            pass
        assert w.process.wait(timeout=60) == -signal.SIGKILL
        w.process.communicate()
        w.start()
        size = int(w.current()[2].split(b"\n")[1])
        assert size == (8 if arrow == "witness-before-state" else 12)
        good(w, size, 12)
        w.stop()


def test_kill_9_under_load():
    """kill -9 at any moment: no answer is forgotten."""
    w = Witness()
    seen = 0
    for i in range(6):
        w.start()
        stop = threading.Event()

        def client():
            nonlocal seen
            size = seen
            while not stop.is_set():
                new = min(40, size + 1)
                try:
                    status, _, answer = w.add(body(size, new))
                except (OSError, http.client.HTTPException):
                    return
                if status == 409:
                    size = int(answer)
                elif status == 200:
                    seen = max(seen, new)
                    size = new

        threads = [threading.Thread(target=client) for _ in range(3)]
        for t in threads:
            t.start()
        time.sleep(0.05 * (i + 1))
        w.kill()
        stop.set()
        for t in threads:
            t.join()
        w.start()
        status, _, note = w.current()
        assert (int(note.split(b"\n")[1]) if status == 200 else 0) >= seen
        w.kill()


def test_clock():
    """Its time never runs back: a little is waited out, much stops it."""
    for ahead, status in ((200, 200), (100000, 503)):
        w = Witness().start()
        good(w, 0, 8)
        w.stop()
        # The state as a clock that was ahead left it.
        key = lying.NoteKey(w.vkey.name, 4)
        with open(w.key) as f:
            seed = unb64(f.read().strip().split("+", 4)[4])[1:]
        key.private = lying.ed25519.Ed25519PrivateKey.from_private_bytes(seed)
        key.id = w.vkey.hash[:4]
        when = int(time.time()) + ahead
        text = "%s\n%d\n%s\n" % (LOG.origin, 8, b64(TREE.mth(0, 8)))
        write(os.path.join(w.state, hashlib.sha256(
            LOG.origin.encode()).hexdigest(), "checkpoint"),
            text + "\n" + LOG.key.line(text) + key.line(text, when))
        w.start()
        got, headers, answer = w.add(body(8, 12))
        assert got == status, (got, answer)
        if status == 200:
            assert w.check_lines(text_of(body(8, 12)), answer) == when
        else:
            assert int(headers["Retry-After"]) > 0
            assert b"behind its own last cosignature" in answer
            assert w.current()[2].startswith(b"log.example.org\n8\n")
        w.stop()


def test_slow_clients():
    """Who drips is cut off, and nobody else waits for it."""
    w = Witness().start()
    slow = [socket.create_connection(("127.0.0.1", w.port))
            for _ in range(20)]
    for i, s in enumerate(slow):
        s.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\n" + (
            b"Content-Length: 1000\r\n\r\nold" if i % 2 else b"A: b"))
    began = time.monotonic()
    good(w, 0, 8)
    assert time.monotonic() - began < 10
    left = list(slow)
    while left and time.monotonic() - began < 60:
        time.sleep(0.5)
        for s in list(left):
            try:
                s.send(b"x")
                s.setblocking(False)
                if s.recv(100) == b"":
                    left.remove(s)
            except BlockingIOError:
                pass
            except OSError:
                left.remove(s)
    assert not left, "%d clients drip for ever" % len(left)
    for s in slow:
        s.close()
    good(w, 8, 12)
    w.stop()


def test_damaged_state():
    w = Witness().start()
    good(w, 0, 8)
    w.stop()
    where = os.path.join(w.state, hashlib.sha256(
        LOG.origin.encode()).hexdigest(), "checkpoint")
    with open(where, "rb") as f:
        note = f.read()
    args = ("witness", "--listen", "127.0.0.1:0", "--state", w.state, "--key",
            w.key, *w.logs)
    fork = LOG.copy()
    fork.bodies[0] = b"x"
    for wrong in (b"", note[:-1], note.replace(b"\n8\n", b"\n7\n"),
                  b"hello\n", note.split(b"\n\n")[0] + b"\n\n"):
        write(where, wrong)
        expect(run(*args), 2, "is damaged")
    write(where, note)
    # Two at once.
    w.start()
    expect(run(*args), 2, "another witness runs in it")
    w.stop()
    os.chmod(w.key, 0o644)
    expect(run(*args), 2, "others can read it")
    os.chmod(w.key, 0o600)
    write(w.key, "nothing\n")
    expect(run(*args), 2, "no private key")
    write(w.key, LOG.key.private_text())
    expect(run(*args), 2, "of another type")


def test_state_is_read_only():
    """What cannot be made durable is not signed."""
    if os.geteuid() == 0:
        # Root writes everywhere: a folder stands where the file must be.
        w = Witness().start()
        where = os.path.join(w.state, hashlib.sha256(
            LOG.origin.encode()).hexdigest(), "checkpoint")
        os.makedirs(os.path.join(where, "in the way"))
        status, _, answer = w.add(body(0, 8))
        assert status == 500 and b"\xe2\x80\x94" not in answer
        os.rmdir(os.path.join(where, "in the way"))
        os.rmdir(where)
        good(w, 0, 8)
        w.stop()
        return
    w = Witness().start()
    good(w, 0, 8)
    os.chmod(w.state, 0o500)
    os.chmod(os.path.join(w.state, hashlib.sha256(
        LOG.origin.encode()).hexdigest()), 0o500)
    status, _, answer = w.add(body(8, 12))
    assert status == 500 and b"\xe2\x80\x94" not in answer
    os.chmod(w.state, 0o700)
    os.chmod(os.path.join(w.state, hashlib.sha256(
        LOG.origin.encode()).hexdigest()), 0o700)
    good(w, 8, 12)
    w.stop()


def test_keygen():
    top = folder()
    path = os.path.join(top, "k")
    done = expect(run("witness", "keygen", path, "--name", "a.example/1"), 0)
    assert done.stdout.startswith("a.example/1+")
    assert os.stat(path).st_mode & 0o777 == 0o600
    expect(run("witness", "keygen", path, "--name", "a.example/1"), 2,
           "never overwritten")
    expect(run("witness", "keygen", path + "2", "--name", "a b"), 2,
           "no blanks")
    expect(run("witness", "keygen", path + "2"), 2, "keygen FILE --name")


def test_two_logs_and_usage():
    other = lying.Log("other.example.org").fill(KEY, 9)
    w = Witness((LOG, other)).start()
    good(w, 0, 8)
    assert w.add(body(0, 9, log=other, tree=other.tree()))[0] == 200
    assert w.current("other.example.org")[2].startswith(
        b"other.example.org\n9\n")
    assert w.current()[2].startswith(b"log.example.org\n8\n")
    w.stop()
    expect(run("witness", "--listen", "x", "--state", w.state, "--key", w.key,
               *w.logs), 2, "--listen wants ADDR:PORT")
    expect(run("witness", "--state", w.state), 2, "are needed")
    expect(run("witness", "--listen", "127.0.0.1:0", "--state", w.state,
               "--key", w.key, "--log", "nonsense"), 2, "cannot use the logs")


if __name__ == "__main__":
    lying.main([v for k, v in sorted(globals().items())
                if k.startswith("test_")])
