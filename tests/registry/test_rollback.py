"""test_rollback.py -- a log that went back in time: whatever of it was
restored from an older copy, nothing new is signed, the message says why and
what to do, and "recover" leads back without a second head of any size."""
import functools
import http.server
import json
import os
import shutil
import sqlite3
import subprocess
import threading
import time

import certs
import server
from watched import Watched, refused, said


def database(r):
    return r.dir + "/registry.db"


def drop_wal(r):
    for name in "-wal", "-shm":
        if os.path.exists(database(r) + name):
            os.unlink(database(r) + name)


class Past:
    """A log as it was, all of its directory."""

    def __init__(self, r, name="past"):
        self.r, self.dir = r, os.path.join(r.top, name)
        shutil.copytree(r.dir, self.dir)

    def restore(self, *names):
        """All of it, or so many of its files."""
        drop_wal(self.r)
        if not names:
            shutil.rmtree(self.r.dir)
            shutil.copytree(self.dir, self.r.dir)
        for name in names:
            old = os.path.join(self.dir, name)
            new = os.path.join(self.r.dir, name)
            if os.path.isdir(old):
                shutil.rmtree(new)
                shutil.copytree(old, new)
            else:
                shutil.copy(old, new)


class Heads:
    """Every head that anybody was ever shown or signed: one root a size."""

    def __init__(self):
        self.root = {}

    def add(self, size, root):
        assert self.root.setdefault(size, root) == root, (
            "two heads of size %d" % size)

    def look(self, r):
        for size, root in r.rows("SELECT size, root FROM head"):
            self.add(size, root)
        with open(r.dir + "/public/checkpoint") as f:
            c = certs.Checkpoint(f.read(), r.keys)
        self.add(c.size, c.root)
        with open(r.dir + "/signer.state") as f:
            lines = f.read().splitlines()
        self.add(int(lines[1]), certs.unb64(lines[2]))
        for w in getattr(r, "witnesses", []):
            self.add(w.size, w.root)


def grown(r, heads, first, last, *args):
    """Entries first..last, each of a batch of its own; their answers."""
    answers = {}
    r.serve(*args)
    for i in range(first, last):
        body = certs.asserted(r.key, "model %d" % i)
        reply = r.post(body)
        deadline = time.monotonic() + 60
        while reply.status == 503 and time.monotonic() < deadline:
            reply = r.post(body)
        assert reply.status == 200, reply.text()
        answers[body] = reply.body
        heads.look(r)
    r.end()
    return answers


def export(r, name="copy"):
    out = os.path.join(r.top, name)
    done = server.run("export", r.dir, "--to", out)
    assert done.returncode == 0, done.stderr
    return out


def recover(r, source, code=0, *words, statements=None):
    done = server.run("recover", r.dir, "--from", source,
                      *(("--statements", statements) if statements else ()))
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    for word in words:
        assert word in done.stdout + done.stderr, (word, done)
    return done


def not_served(r, *words):
    done = server.run("serve", r.dir, "--listen", "127.0.0.1:0",
                      "--witness-policy", r.policy)
    assert done.returncode == 1 and done.stdout == "", done
    for word in words:
        assert word in done.stderr, (word, done.stderr)


def post_again(r, answers):
    """Every certificate gets the index and leaf that it had."""
    for body, answer in answers.items():
        again = r.post(body)
        assert again.status == 200, again.text()
        old = certs.check_line(answer.splitlines()[0], r.keys, r.key)
        new = certs.check_line(again.body.splitlines()[0], r.keys, r.key)
        assert new[:2] == old[:2], (old[0], new[0])


def test_database_alone():
    """The public checkpoint and the signer's state are newer."""
    r, heads = Watched(), Heads()
    answers = grown(r, heads, 0, 3)
    past = Past(r)
    answers.update(grown(r, heads, 3, 300, "--batch-ms", "0"))
    past.restore("registry.db")
    not_served(r, "size 300", "size 3", "recover")
    # The public folder itself has every leaf.
    recover(r, r.dir + "/public", 0, "from size 3 to size 300")
    heads.look(r)
    r.serve()
    assert r.logged("new")[0] == 300
    heads.look(r)
    # What was lost is no statement, until it comes again.
    lost = certs.digest(certs.provenance(r.key, "model 7")).hex()
    assert r.get("/api/v1/statements/" + lost).status == 404
    assert r.get("/api/v1/certificates/" + lost).status == 404
    size = r.committed()
    post_again(r, answers)
    assert r.committed() == size, "a new leaf"
    assert r.get("/api/v1/statements/" + lost).status == 200
    found = r.get("/api/v1/by-digest/sha256/" + certs.sha256_hex(
        b"root" + b"model 7"))
    assert found.status == 200, found.text()
    assert len(server.read_log(r)) == 301
    heads.look(r)
    r.end()
    r.close()


def test_signer_state_newer():
    """Database and public folder are restored, the signer's state is not."""
    r, heads = Watched(), Heads()
    grown(r, heads, 0, 2)
    past = Past(r)
    answers = grown(r, heads, 2, 5)
    copy = export(r)
    past.restore("registry.db", "public")
    not_served(r, "the signer signed a head of size 5", "recover")
    recover(r, copy, 0, "from size 2 to size 5")
    r.serve()
    post_again(r, answers)
    assert r.logged("new")[0] == 5
    heads.look(r)
    r.end()
    r.close()


def test_public_checkpoint_newer():
    r, heads = Watched(), Heads()
    grown(r, heads, 0, 2)
    past = Past(r)
    answers = grown(r, heads, 2, 5)
    past.restore("registry.db", "signer.state")
    not_served(r, "the public checkpoint has size 5", "recover")
    recover(r, r.dir + "/public", 0, "from size 2 to size 5")
    r.serve()
    post_again(r, answers)
    heads.look(r)
    r.end()
    r.close()


def test_everything_and_a_witness_knows():
    """All of the machine is of yesterday; one witness is not."""
    r, heads = Watched(), Heads()
    grown(r, heads, 0, 2)
    past = Past(r)
    answers = grown(r, heads, 2, 5)
    copy = export(r)
    past.restore()
    for w in r.witnesses[:2]:
        w.mode = "500"
    with open(r.dir + "/signer.state") as f:
        state = f.read()
    r.serve()
    deadline = time.monotonic() + 60
    while not os.path.exists(r.dir + "/halted"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    refused(r.submit("fork"), "halted")
    assert r.committed() == 2 and r.checkpoint().size == 2
    said(r.end(), "halted", "size 5", "recover", "--without-witness")
    with open(r.dir + "/signer.state") as f:
        assert f.read() == state
    # A copy that is not new enough to satisfy the witness, first.
    recover(r, past.dir + "/public", 0)
    r.serve()
    deadline = time.monotonic() + 60
    while not os.path.exists(r.dir + "/halted"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    r.end()
    recover(r, copy, 0, "from size 2 to size 5")
    for w in r.witnesses:
        w.mode = "honest"
    r.serve()
    post_again(r, answers)
    assert r.logged("new")[0] == 5
    heads.look(r)
    r.end()
    r.close()


def test_everything_and_nobody_answers():
    """
    All of the machine is of yesterday, no witness answers: nothing new is
    signed, whoever asks is told why, and nothing is lost when they are back.
    """
    r, heads = Watched(), Heads()
    grown(r, heads, 0, 2)
    past = Past(r)
    answers = grown(r, heads, 2, 5)
    copy = export(r)
    past.restore()
    for w in r.witnesses:
        w.mode = "500"
    with open(r.dir + "/signer.state") as f:
        state = f.read()
    r.serve()
    for i in range(3):
        refused(r.submit("fork %d" % i), "unwitnessed")
    assert r.committed() == 2 and r.checkpoint().size == 2
    for w in r.witnesses:
        w.mode = "honest"
    deadline = time.monotonic() + 60
    while not os.path.exists(r.dir + "/halted"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    refused(r.submit("fork"), "halted")
    r.end()
    with open(r.dir + "/signer.state") as f:
        assert f.read() == state, "something was signed"
    recover(r, copy, 0, "from size 2 to size 5")
    r.serve()
    post_again(r, answers)
    heads.look(r)
    r.end()
    r.close()


class Site:
    """The log's public URL, served from a folder."""

    def __init__(self):
        site = self
        self.folder = None

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                try:
                    with open(site.folder + self.path, "rb") as f:
                        body = f.read()
                except (OSError, TypeError):
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever,
                         kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def test_public_url_is_newer():
    """All of the machine is of yesterday, but not what the world is shown."""
    site = Site()
    r, heads = Watched(url=site.url), Heads()
    site.folder = r.dir + "/public"
    grown(r, heads, 0, 2)
    past = Past(r)
    answers = grown(r, heads, 2, 5)
    site.folder = export(r)
    past.restore()
    for w in r.witnesses:
        w.mode = "500"
    r.serve()
    refused(r.submit("fork"), "halted")
    assert r.committed() == 2 and r.checkpoint().size == 2
    said(r.end(), "halted", site.url, "size 5", "recover")
    for w in r.witnesses:
        w.mode = "honest"
    r.serve()
    refused(r.submit("fork"), "halted")
    r.end()
    # The checkpoint that was seen counts, also where the copy lacks it.
    recover(r, past.dir + "/public", 1, "find a copy", "size 5", "freeze")
    recover(r, site.url, 0, "from size 2 to size 5")
    r.serve()
    post_again(r, answers)
    assert r.logged("new")[0] == 5
    heads.look(r)
    r.end()
    site.close()
    r.close()


def test_public_url_without_answer():
    """No new size before it was read; then it goes on by itself."""
    site = Site()
    r = Watched(url=site.url)
    r.serve()
    refused(r.submit("a"), "unwitnessed")
    assert r.committed() == 0
    site.folder = r.dir + "/public"
    assert r.logged("a")[0] == 0
    said(r.end(), "public-url", "404")
    # The operator's word is none where witnesses can give theirs.
    site.folder = None
    r.serve("--accept-unwitnessed-start")
    refused(r.submit("b"), "unwitnessed")
    r.end()
    r.serve("--fail-open", "--accept-unwitnessed-start")
    assert r.logged("b")[0] == 1
    said(r.end(), "unwitnessed-start", "404")
    # Another log's checkpoint there is a mistake, no reason to stop for ever.
    other = server.Registry()
    site.folder = other.dir + "/public"
    r.serve()
    refused(r.submit("c"), "unwitnessed")
    site.folder = r.dir + "/public"
    assert r.logged("c")[0] == 2
    said(r.end(), "public-url", "no checkpoint under this log's signature")
    assert not os.path.exists(r.dir + "/halted")
    other.close()
    site.close()
    r.close()


def test_public_url_changes_later():
    """While the log runs: its key is used elsewhere."""
    site = Site()
    r = Watched(url=site.url)
    site.folder = r.dir + "/public"
    first = forked(r)
    r.serve("--cosign-s", "1")
    r.logged("before")
    site.folder = first
    assert r.checkpoint().size == 5
    deadline = time.monotonic() + 60
    while not os.path.exists(r.dir + "/halted"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    refused(r.submit("after"), "halted")
    size = r.committed()
    time_s = r.checkpoint().time
    refused(r.submit("after"), "halted")
    assert r.committed() == size
    assert len(server.read_log(r)) == 5
    # Its clock states nothing any more either.
    refused(r.submit("after"), "halted")
    assert r.checkpoint().time == time_s
    assert "aicert_halted 1" in r.get("/metrics").text()
    said(r.end(), "halted", site.url, "size 4")
    site.close()
    r.close()


def forked(r):
    """A second life of the log from the same past: another tree of size 4."""
    heads = Heads()
    grown(r, heads, 0, 2)
    past = Past(r)
    r.serve()
    for i in range(2):
        r.logged("first life %d" % i)
    r.end()
    first = export(r, "first")
    past.restore()
    # With witnesses that begin anew nobody notices: that is what they are for.
    for w in r.witnesses:
        w.size, w.root = 0, certs.sha256(b"")
    r.serve()
    for i in range(2):
        r.logged("second life %d" % i)
    r.end()
    return first


def test_fork_is_the_end():
    """Two heads of one size: recover says so; freeze and reads remain."""
    site = Site()
    r = Watched(url=site.url)
    site.folder = r.dir + "/public"
    first = forked(r)
    site.folder = first
    r.serve()
    refused(r.submit("x"), "halted")
    said(r.end(), "halted", "not of the tree here")
    recover(r, first, 1, "two heads of size 4 were signed", "freeze")
    recover(r, r.dir + "/public", 1, "two heads of size 4", "freeze")
    before = open(r.dir + "/public/checkpoint").read()
    done = server.run("freeze", r.dir, "--witness-policy", r.policy)
    assert done.returncode == 0 and "size 4" in done.stdout, done
    assert open(r.dir + "/public/checkpoint").read() == before
    r.serve()
    assert r.submit("x").status == 410
    assert len(server.read_log(r)) == 4
    r.end()
    site.close()
    r.close()


def test_recover_refuses():
    r, heads = Watched(), Heads()
    grown(r, heads, 0, 3)
    past = Past(r)
    grown(r, heads, 3, 5)
    copy = export(r)
    other = server.Registry()
    recover(r, other.dir + "/public", 1, "none under the signature")
    recover(r, r.top + "/nowhere", 1, "cannot read")
    recover(r, "http://127.0.0.1:1", 1, "cannot get an answer")
    past.restore("registry.db")
    size = r.committed()

    def damaged(change, *words):
        bad = os.path.join(r.top, "bad")
        shutil.copytree(copy, bad)
        change(bad)
        recover(r, bad, 1, *words)
        assert r.committed() == size
        assert r.rows("SELECT count(*) FROM entry")[0][0] == 3
        shutil.rmtree(bad)

    def edit(path, f):
        def change(bad):
            with open(bad + path, "rb") as g:
                data = g.read()
            os.chmod(bad + path, 0o600)
            with open(bad + path, "wb") as g:
                g.write(f(data))
        return change
    bundle = "/tile/entries/000.p/5"
    damaged(edit(bundle, lambda d: d[:-1]), "damaged")
    damaged(edit(bundle, lambda d: d[:-2]), "damaged")
    damaged(edit(bundle, lambda d: b""), "damaged")
    damaged(edit(bundle, lambda d: d[:-3] + b"x" + d[-2:]), "no leaf")

    def entry(d, i):
        for _ in range(i):
            d = d[2 + int.from_bytes(d[:2], "big"):]
        return d[:2 + int.from_bytes(d[:2], "big")]
    damaged(edit(bundle, lambda d: b"".join(
        entry(d, i) for i in (0, 1, 2, 4, 3))), "has not the root")
    damaged(edit(bundle, lambda d: b"".join(
        entry(d, i) for i in (0, 1, 2, 3, 3))), "repeats entry 3")
    damaged(lambda bad: os.unlink(bad + bundle), "cannot read")
    damaged(lambda bad: os.unlink(bad + "/checkpoint"), "cannot read")
    damaged(edit("/checkpoint", lambda d: d.replace(b"\n5\n", b"\n6\n")),
            "none under the signature")
    r.policy = r.policy
    recover(r, copy, 0, "from size 3 to size 5")
    # A second time there is nothing left to do.
    recover(r, copy, 0, "from size 5 to size 5")
    r.serve()
    done = server.run("recover", r.dir, "--from", copy)
    assert done.returncode == 1 and "another server runs" in done.stderr
    r.logged("new")
    r.end()
    recover(r, copy, 1, "find a copy")
    other.close()
    r.close()


def test_database_lost():
    """Keys and a copy are enough."""
    r, heads = Watched(), Heads()
    answers = grown(r, heads, 0, 4)
    copy = export(r)
    drop_wal(r)
    os.unlink(database(r))
    recover(r, copy, 0, "made anew", "to size 4")
    heads.look(r)
    # The export has the certificates as they were posted.
    r.serve()
    for name in os.listdir(copy + "/api/v1/certificates"):
        with open(copy + "/api/v1/certificates/" + name, "rb") as f:
            assert r.post(f.read()).status == 200
    assert r.committed() == 4
    for body, answer in answers.items():
        d = certs.digest(certs.unb64(json.loads(body)["dsseEnvelope"][
            "payload"])).hex()
        assert r.get("/api/v1/certificates/" + d).status == 200
    assert r.logged("new")[0] == 4
    heads.look(r)
    r.end()
    drop_wal(r)
    os.unlink(database(r))
    recover(r, copy, 1, "find a copy")
    assert not os.path.exists(database(r))
    r.close()


def test_measured_certificate_again():
    """Evidence and provenance are one certificate again after recover."""
    r = Watched()
    r.serve()
    body = certs.measured(r.key, "m")
    first = r.post(body)
    assert first.status == 200, first.text()
    r.end()
    copy = export(r)
    drop_wal(r)
    os.unlink(database(r))
    recover(r, copy)
    r.serve()
    assert r.post(body).status == 200
    d = certs.digest(certs.provenance(r.key, "m", measured=True)).hex()
    again = r.get("/api/v1/certificates/" + d)
    assert again.status == 200 and len(again.body.splitlines()) == 2
    assert certs.check_certificate(again.body, r.keys, r.key) == [0, 1]
    r.end()
    r.close()


def test_removal_again():
    """
    A log that withheld something lost its database: until the operator says
    the same again the statement is missing, then it is withheld, and no leaf
    is added.
    """
    r = Watched()
    r.serve("--state-s", "0")
    r.logged("kept")
    r.logged("withheld")
    d = certs.digest(certs.provenance(r.key, "withheld")).hex()
    path = "/api/v1/statements/" + d

    def remove():
        done = server.run("remove", r.dir, "--statement", d, "--reason", "why")
        assert done.returncode == 0, done.stderr
        deadline = time.monotonic() + 60
        while r.get(path).status != 451 or os.listdir(r.dir + "/removals"):
            assert time.monotonic() < deadline, r.get(path).text()
            time.sleep(0.05)

    remove()
    r.end()
    copy = export(r)
    assert d not in os.listdir(copy + "/api/v1/statements")
    size = r.committed()
    drop_wal(r)
    os.unlink(database(r))
    for name in os.listdir(copy + "/api/v1/statements"):
        os.unlink(copy + "/api/v1/statements/" + name)
    recover(r, copy, 0, "0 restored, 3 missing")
    r.serve("--state-s", "0")
    assert r.get(path).status == 404
    remove()
    assert r.committed() == size, "a new leaf"
    assert r.submit("withheld").status == 451
    assert r.logged("kept")[0] == 0
    r.end()
    r.close()


class Folder(http.server.SimpleHTTPRequestHandler):
    """A folder over HTTP; it fails while it is told to."""
    failing = False

    def do_GET(self):
        if Folder.failing:
            self.send_error(500)
        else:
            super().do_GET()

    def log_message(self, *args):
        pass


def wait_until(what):
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def emptied(r):
    """The log's database is lost."""
    drop_wal(r)
    os.unlink(database(r))


def mirror_of(r):
    """What an auditor's mirror copied of the log, whose server runs."""
    policy, to = r.top + "/audit-policy", r.top + "/mirror"
    with open(r.dir + "/log-keys") as f, open(policy, "w") as out:
        out.write(f.read() + "quorum none\n")
    done = subprocess.run(
        [os.path.join(os.path.dirname(server.BIN), "aicert-audit"), "mirror",
         "http://127.0.0.1:%d" % r.port, to, "--policy", policy],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=300)
    assert done.returncode == 0, done.stdout
    return to


def test_statements_from_a_mirror():
    """
    What an auditor's mirror has comes back beside the leaves: pairs, terms to
    find it by, what is withheld; what it lacks or has wrong is counted.
    """
    r = Watched()
    r.serve("--state-s", "0")
    assert r.post(certs.measured(r.key, "m")).status == 200
    for name in "kept", "withheld", "gone":
        r.logged(name)
    d = {n: certs.digest(certs.provenance(r.key, n, measured=n == "m")).hex()
         for n in ("m", "kept", "withheld", "gone")}
    at = "/api/v1/statements/"
    kept, content = r.get(at + d["kept"]).body, r.get(at + d["withheld"]).body
    done = server.run("remove", r.dir, "--statement", d["withheld"],
                      "--reason", "why")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: r.size() == 6)
    find = "/api/v1/by-digest/sha256/" + certs.sha256_hex(b"rootkept")
    found = r.get(find).body
    size = r.committed()
    mirror = mirror_of(r)
    r.end()
    public = r.dir + "/public"
    # It still has what was withheld since: the removal must count.
    with open(mirror + at + d["withheld"], "wb") as f:
        f.write(content)
    os.unlink(mirror + at + d["gone"])
    emptied(r)
    recover(r, public, 0, "made anew", "0 restored, %d missing" % size)
    # Bytes of another statement or of none are not taken.
    for i, wrong in enumerate((content, b"", b"{}", kept[:-1], kept + b" ",
                               b"x" * (2 << 20))):
        with open(mirror + at + d["kept"], "wb") as f:
            f.write(wrong)
        recover(r, public, 0, "%d restored, 1 missing, 1 that are not"
                % (0 if i else size - 2), statements=mirror)
    with open(mirror + at + d["kept"], "wb") as f:
        f.write(kept)
    recover(r, mirror, 0, "1 restored, 1 missing, 0 that are not")
    r.serve("--state-s", "0")
    assert r.committed() == size
    assert r.rows("SELECT * FROM line") == [(0, 2, 1)]
    wait_until(lambda: r.get("/checkpoint").text().split("\n")[1:2] ==
               [str(size)])
    again = r.get("/api/v1/certificates/" + d["m"])
    assert again.status == 200 and len(again.body.splitlines()) == 2
    assert certs.check_certificate(again.body, r.keys, r.key) == [0, 1]
    assert r.get(at + d["kept"]).body == kept
    assert r.get(at + d["withheld"]).status == 451
    assert r.get(at + d["gone"]).status == 404
    assert json.loads(r.get(find).body) == json.loads(found)
    # What was missing is posted again, and keeps its index.
    assert r.logged("gone")[0] == 4
    assert r.get(at + d["gone"]).status == 200
    assert r.submit("withheld").status == 451
    assert r.committed() == size
    r.end()
    # Over HTTP, from a place that fails at first: the same command goes on.
    site = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Folder, directory=mirror))
    thread = threading.Thread(target=site.serve_forever)
    thread.start()
    url = "http://127.0.0.1:%d" % site.server_address[1]
    emptied(r)
    Folder.failing = True
    recover(r, public, 1, "answers 500", "goes on", statements=url)
    Folder.failing = False
    recover(r, public, 0, "%d restored, 1 missing" % (size - 1),
            statements=url)
    site.shutdown()
    thread.join()
    site.server_close()
    r.close()


def test_backup():
    """Taken while the log grows: of one head; restoring needs recover."""
    r = Watched()
    r.serve("--batch-ms", "0")
    stop = threading.Event()
    counts = []

    def grow():
        n = 0
        while not stop.is_set():
            assert r.submit("grow %d" % n).status == 200
            n += 1
        counts.append(n)

    thread = threading.Thread(target=grow)
    thread.start()
    for i in range(5):
        to = os.path.join(r.top, "backup%d" % i)
        done = server.run("backup", r.dir, "--to", to)
        assert done.returncode == 0 and "recover" in done.stdout, done
        db = sqlite3.connect(to)
        size = db.execute("SELECT max(size) FROM head").fetchone()[0]
        assert "at size %d\n" % size in done.stdout
        assert db.execute("SELECT count(*) FROM entry").fetchone()[0] == size
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        db.close()
    stop.set()
    thread.join()
    assert r.logged("last")[0] == counts[0]
    r.end()
    done = server.run("backup", r.dir, "--to", to)
    assert done.returncode == 1 and "is there already" in done.stderr
    drop_wal(r)
    shutil.copy(to, database(r))
    if size <= counts[0]:
        not_served(r, "recover")
    recover(r, r.dir + "/public", 0, "to size %d" % (counts[0] + 1))
    r.serve()
    assert r.logged("last")[0] == counts[0]
    r.end()
    r.close()


def test_export():
    """Others can serve and read it; it is continued, and never mixed."""
    r, heads = Watched(), Heads()
    grown(r, heads, 0, 3)
    copy = export(r)
    grown(r, heads, 3, 260, "--batch-ms", "0")
    r.serve()
    assert export(r) == copy
    with open(copy + "/checkpoint") as f:
        c = certs.Checkpoint(f.read(), r.keys)
    assert c.size == 260 and len(c.cosigned) >= 2
    for path in ("/tile/0/000", "/tile/entries/000", "/tile/0/001.p/4",
                 "/tile/1/000.p/1", "/tile/entries/001.p/4"):
        with open(copy + path, "rb") as f:
            assert f.read() == r.get(path).body, path
    with open(copy + "/api/v1/log-keys") as f:
        assert f.read() == r.get("/api/v1/log-keys").text()
    names = os.listdir(copy + "/api/v1/statements")
    assert len(names) == 260
    with open(copy + "/api/v1/statements/" + names[0], "rb") as f:
        data = f.read()
    assert certs.digest(data).hex() == names[0]
    assert r.get("/api/v1/statements/" + names[0]).body == data
    r.end()
    other = server.Registry()
    done = server.run("export", other.dir, "--to", copy)
    assert done.returncode == 1 and "larger than" in done.stderr, done
    other.close()
    r.close()


def test_freeze():
    r, heads = Watched(), Heads()
    answers = grown(r, heads, 0, 2)
    r.serve()
    done = server.run("freeze", r.dir, "--witness-policy", r.policy)
    assert done.returncode == 1 and "another server runs" in done.stderr
    r.end()
    for w in r.witnesses:
        w.mode = "500"
    done = server.run("freeze", r.dir, "--witness-policy", r.policy)
    assert done.returncode == 1 and "quorum" in done.stderr, done
    for w in r.witnesses:
        w.mode = "honest"
    done = server.run("freeze", r.dir, "--witness-policy", r.policy)
    assert done.returncode == 0 and "size 2" in done.stdout, done
    done = server.run("freeze", r.dir, "--witness-policy", r.policy)
    assert done.returncode == 1 and "frozen already" in done.stderr
    with open(r.dir + "/signer.state") as f:
        state = f.read()
    asked = [len(w.requests) for w in r.witnesses]
    r.serve("--cosign-s", "1")
    last = r.checkpoint()
    assert last.size == 2 and len(last.cosigned) >= 2
    for body in [certs.asserted(r.key, "new"), *answers]:
        reply = r.post(body)
        assert reply.status == 410, reply.text()
        assert json.loads(reply.text())["type"].endswith("/problem/frozen")
    d = certs.digest(certs.provenance(r.key, "model 0")).hex()
    assert r.get("/api/v1/certificates/" + d).status == 200
    assert r.get("/healthz").status == 200
    assert "aicert_frozen 1" in r.get("/metrics").text()
    assert len(server.read_log(r)) == 2
    r.end()
    with open(r.dir + "/signer.state") as f:
        assert f.read() == state
    assert [len(w.requests) for w in r.witnesses] == asked
    r.close()


server.main([
    test_database_alone, test_signer_state_newer, test_public_checkpoint_newer,
    test_everything_and_a_witness_knows, test_everything_and_nobody_answers,
    test_public_url_is_newer, test_public_url_without_answer,
    test_public_url_changes_later, test_fork_is_the_end, test_recover_refuses, test_database_lost,
    test_measured_certificate_again, test_removal_again,
    test_statements_from_a_mirror, test_backup, test_export, test_freeze,
])
