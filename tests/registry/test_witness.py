"""test_witness.py -- a log and its witnesses: what counts as a cosignature,
what happens while a quorum is missing, and that a witness which lies destroys
nothing."""
import http.client
import json
import os
import subprocess
import threading
import time

import certs
import server
from watched import Watched, refused, said, witness


def test_cosigned():
    """Answered means cosigned by a quorum; the order of the lines is fixed."""
    r = Watched().serve()
    for i in range(5):
        index, checkpoint = r.logged("model %d" % i)
        assert index == i and checkpoint.size == i + 1
        assert len(checkpoint.cosigned) >= 2, checkpoint.cosigned
        assert all(abs(t - time.time()) < 60
                   for t in checkpoint.cosigned.values())
    assert len(r.checkpoint().cosigned) >= 2
    # All of them come to know the head, with a proof from what they knew.
    for w in r.witnesses:
        assert w.wait_for(lambda w: w.size == 5), w.requests
    said(r.end(), "confirmed")
    r.close()


def test_empty_log():
    """The head of size 0 is cosigned too."""
    r = Watched().serve()
    for w in r.witnesses:
        assert w.wait_for(lambda w: w.requests == [(0, 0)]), w.requests
    r.end()
    r.close()


def test_one_of_three_is_enough_to_lose():
    r = Watched().serve()
    r.logged("a")
    r.witnesses[0].down()
    r.witnesses[0].port = 0
    for i in range(3):
        _, checkpoint = r.logged("without %d" % i)
        assert set(checkpoint.cosigned) == {"w1.example", "w2.example"}
    said(r.end(), "witness", '"w0"')
    r.close()


def test_quorum_missing():
    """
    Nothing further is sequenced, nothing is published, requests are told to
    come again, and get the index they have.
    """
    r = Watched().serve()
    r.logged("a")
    public = r.checkpoint()
    for w in r.witnesses[:2]:
        w.mode = "500"
    refused(r.submit("b"), "unwitnessed")
    assert r.committed() == 2
    for name in ("c", "d", "b"):
        refused(r.submit(name), "unwitnessed")
    assert r.committed() == 2, "a batch was sequenced without quorum"
    # The head is signed and its tiles are there, and nobody is shown it.
    now = r.checkpoint()
    assert (now.size, now.root) == (public.size, public.root)
    assert r.get(server.tile_path(0, 0, 2)).status == 404
    with open(r.dir + "/public/checkpoint") as f:
        assert certs.Checkpoint(f.read(), r.keys).size == 1
    d = certs.digest(certs.provenance(r.key, "b")).hex()
    assert r.get("/api/v1/statements/" + d).status == 404
    for w in r.witnesses[:2]:
        w.mode = "honest"
    index, checkpoint = r.logged("b")
    assert index == 1 and checkpoint.size == 2
    assert r.logged("d")[0] == 2 and r.logged("c")[0] == 3
    assert len(server.read_log(r)) == 4
    r.end()
    r.close()


BAD = {
    "hang": "timed out", "500": "answers 500", "404": "does not know this log",
    "403": "does not trust", "422": "refuses the consistency proof",
    "redirect": "redirect", "garbage": "no cosignature",
    "empty": "no cosignature", "long": "larger than",
    "stranger": "no cosignature", "another head": "no cosignature",
    "plain": "no cosignature", "2040": "states the time 2208988800",
    "1970": "states the time 1", "409 same": "again and again",
    "409 no size": "without the size", "409 no type": "without the size",
}


def test_what_does_not_count():
    """No quorum comes of it, the message says why, and it heals."""
    r = Watched(1, 1).serve()
    r.logged("before")
    w, = r.witnesses
    for n, mode in enumerate(BAD):
        w.mode = mode
        refused(r.submit("under " + mode), "unwitnessed")
        assert r.committed() == n + 2, mode
        assert r.checkpoint().size == n + 1, mode
        w.mode = "honest"
        w.released.set()
        assert r.logged("under " + mode)[0] == n + 1
        w.released.clear()
    messages = r.end()
    for mode, words in BAD.items():
        said(messages, "witness", '"w0"', words)
    assert not os.path.exists(r.dir + "/halted")
    r.close()


def test_stranger_beside():
    """A line by an unknown key is ignored, and not published."""
    r = Watched(1, 1).serve()
    r.witnesses[0].mode = "two lines"
    _, checkpoint = r.logged("a")
    assert list(checkpoint.cosigned) == ["w0.example"]
    r.end()
    r.close()


def test_sizes_behind():
    """A 409 with a size that we had: the proof begins there."""
    r = Watched(2, "all").serve()
    for i in range(4):
        r.logged("a%d" % i)
    r.end()
    # One that begins anew, and one that missed some.
    old = r.witnesses[0]
    r.witnesses[0] = witness.Witness("new.example", r.vkey)
    old.down()
    old.port = 0
    r.keys.witnesses.append(certs.NoteKey(r.witnesses[0].vkey()))
    r.write_policy()
    r.serve()
    assert r.logged("b")[0] == 4
    assert r.witnesses[0].size == r.witnesses[1].size == 5
    r.end()
    r.close()


def halted_by(mode):
    r = Watched().serve()
    answers = [r.submit("a%d" % i).body for i in range(3)]
    public = r.checkpoint()
    liar = r.witnesses[2]
    liar.mode = mode
    reply = r.submit("b")
    # The quorum of the others may have been faster.
    count = 3
    if reply.status == 200:
        count, public = 4, r.checkpoint()
        assert liar.wait_for(lambda w: w.requests[-1][1] == 4)
    deadline = time.monotonic() + 60
    while not os.path.exists(r.dir + "/halted"):
        assert time.monotonic() < deadline, "it goes on signing"
        time.sleep(0.05)
    refused(r.submit("c"), "halted")
    state = open(r.dir + "/signer.state").read()
    size = r.committed()
    # Reads go on.
    assert r.checkpoint().size == public.size
    for i, body in enumerate(answers):
        assert r.submit("a%d" % i).body == body
    said(r.end(), "halted", '"w2"', "--without-witness")
    # A restart does not forget it, though the witness is honest now.
    liar.mode = "honest"
    r.serve()
    refused(r.submit("c"), "halted")
    assert r.checkpoint().size == public.size
    said(r.end(), "halted", '"w2"')
    assert open(r.dir + "/signer.state").read() == state
    assert r.committed() == size
    # To do without another one is no answer.
    r.serve("--without-witness", "w1")
    refused(r.submit("c"), "halted")
    r.end()
    asked = len(liar.requests)
    r.serve("--without-witness", "w2")
    assert r.logged("c")[0] >= count
    assert r.logged("a0")[0] == 0
    assert len(liar.requests) == asked, "it was asked"
    assert len(server.read_log(r)) == r.committed()
    r.end()
    r.serve()
    r.logged("d")
    r.end()
    r.close()


def test_witness_claims_a_huge_tree():
    halted_by("409 2^60")


def test_witness_claims_one_leaf_more():
    halted_by("409 larger")


def test_start_without_witnesses():
    """Nothing new is signed; what is there is served; it heals."""
    r = Watched().serve()
    body = r.submit("a").body
    r.end()
    for w in r.witnesses:
        w.mode = "500"
    with open(r.dir + "/signer.state") as f:
        state = f.read()
    r.serve()
    refused(r.submit("b"), "unwitnessed")
    refused(r.submit("b"), "unwitnessed")
    assert r.committed() == 1
    assert r.checkpoint().size == 1 and r.submit("a").body == body
    assert len(server.read_log(r)) == 1
    with open(r.dir + "/signer.state") as f:
        assert f.read() == state, "something was signed"
    for w in r.witnesses:
        w.mode = "honest"
    assert r.logged("b")[0] == 1
    r.end()
    r.close()


def test_fail_open():
    """
    Heads go out without their quorum, and the proofs say so; the first
    complete checkpoint of an entry takes the place, and stays.
    """
    r = Watched().serve("--fail-open")
    r.logged("a")
    for w in r.witnesses:
        w.mode = "500"
    index, checkpoint = r.logged("b")
    assert index == 1 and checkpoint.cosigned == {}
    proof = json.loads(r.get("/api/v1/proof/inclusion?index=1").text())
    assert proof["witnessing"] == "fail-open", proof
    assert "fail-open" in r.get("/").text()
    for w in r.witnesses:
        w.mode = "honest"
    assert len(r.logged("c")[1].cosigned) >= 2
    index, checkpoint = r.logged("b")
    assert index == 1 and checkpoint.size == 3
    assert len(checkpoint.cosigned) >= 2
    body = r.submit("b").body
    r.logged("d")
    assert r.submit("b").body == body
    said(r.end(), "fail-open")
    # A start is no exception: nothing new before a quorum, or the word.
    for w in r.witnesses:
        w.mode = "500"
    r.serve("--fail-open")
    refused(r.submit("e"), "unwitnessed")
    r.end()
    r.serve("--fail-open", "--accept-unwitnessed-start")
    assert r.logged("e")[0] == 4
    said(r.end(), "unwitnessed-start", "start 1 of this log")
    r.close()


def test_idle():
    """An idle log cosigns its head again, and so do its witnesses."""
    r = Watched(2, 2).serve("--cosign-s", "1")
    r.logged("a")
    for w in r.witnesses:
        assert w.wait_for(lambda w: w.requests.count((1, 1)) >= 2)
    first = r.checkpoint()
    deadline = time.monotonic() + 60
    while True:
        now = r.checkpoint()
        if now.time > first.time and all(
                now.cosigned[n] > first.cosigned[n] for n in now.cosigned):
            break
        assert time.monotonic() < deadline, "never cosigned again"
        time.sleep(0.1)
    # One that is gone takes nothing away that was said before.
    r.witnesses[0].mode = "500"
    w = r.witnesses[0]
    n = len(w.requests)
    assert w.wait_for(lambda w: len(w.requests) > n + 1)
    assert set(r.checkpoint().cosigned) == {"w0.example", "w1.example"}
    r.end()
    r.close()


def test_no_witnesses_at_all():
    """That is to be said, each time; and with a policy it changes nothing."""
    r = server.Registry()
    done = server.run("serve", r.dir, "--listen", "127.0.0.1:0")
    assert done.returncode == 1 and done.stdout == ""
    assert "--witness-policy" in done.stderr, done.stderr
    assert "--accept-unwitnessed-start" in done.stderr
    for n in (1, 2):
        r.start(args=("--accept-unwitnessed-start",))
        assert r.post(certs.asserted(certs.Key(), "x")).status == 200
        proof = json.loads(r.get("/api/v1/proof/inclusion?index=0").text())
        assert proof["witnessing"] == "none", proof
        r.server.send_signal(server.signal.SIGTERM)
        code, err = r.wait()
        assert code == 0 and "start %d of this log" % n in err, err
    r.close()
    r = Watched()
    for w in r.witnesses:
        w.mode = "500"
    r.serve("--accept-unwitnessed-start")
    refused(r.submit("a"), "unwitnessed")
    r.end()
    r.close()


def test_policy_refused():
    r = Watched()
    w = r.witnesses[0]
    good = witness.policy(r.vkey, r.witnesses, 2)
    ml_dsa = "post-quantum+11223344+" + witness.b64(b"\6" + b"k" * 1312)
    other = witness.Witness("other.example", r.vkey)
    for text, *words in (
            ("", "no quorum line"),
            (good.replace(" " + w.url, ""), "no URL", '"w0"'),
            (good.replace(w.url, "ftp://x"), '"w0"', "http"),
            (good.replace(w.vkey(), ml_dsa), "line 2, column 12",
             "cannot check keys of this type", "post-quantum"),
            (good.replace(w.vkey(), w.vkey(1)), "line 2", "0x04"),
            (good.replace("quorum all-of-them", "quorum others"), "line 6"),
            (good.replace("group", "circle"), "line 5, column 1", "circle"),
            (good + "log-time " + other.vkey() + "\n", "log-time"),
            (good + "builder me " + "00" * 32 + "\n", "builder"),
            (good + "allow self-asserted\n", "allow"),
            (good.replace(r.vkey, other.vkey(1)), "is it the policy of"),
            (good + good, "line 7")):
        with open(r.policy, "w") as f:
            f.write(text)
        done = server.run("serve", r.dir, "--listen", "127.0.0.1:0",
                          "--witness-policy", r.policy)
        assert done.returncode == 1 and done.stdout == "", (text, done)
        for word in (r.policy, *words):
            assert word in done.stderr, (word, done.stderr)
    other.down()
    r.write_policy()
    for args, word in ((("--without-witness", "w9"), "names no such witness"),
                       (("--witness-policy", r.top + "/x"), "cannot read")):
        done = server.run("serve", r.dir, "--listen", "127.0.0.1:0",
                          "--witness-policy", r.policy, *args)
        assert done.returncode == 1 and word in done.stderr, done
    r.close()


def test_end_while_a_head_waits():
    """SIGTERM: who waits is answered, with an index or with a reason."""
    for release in (True, False):
        r = Watched(1, 1).serve()
        r.logged("a")
        w, = r.witnesses
        w.mode = "hang"
        n = len(w.requests)
        replies = []
        thread = threading.Thread(
            target=lambda: replies.append(r.submit("b")))
        thread.start()
        assert w.wait_for(lambda w: len(w.requests) > n)
        r.server.send_signal(server.signal.SIGTERM)
        if release:
            w.mode = "honest"
            w.released.set()
        thread.join()
        code, err = r.wait()
        assert code == 0, err
        if release:
            assert replies[0].status == 200, replies[0].text()
        else:
            refused(replies[0], "unwitnessed")
            w.mode = "honest"
            w.released.set()
        r.serve()
        assert r.logged("b")[0] == 1
        r.end()
        r.close()


def test_killed_on_the_way():
    """
    kill -9 at each arrow: the head goes on its way after the restart, the
    witnesses see one tree, and a retry gets the index.
    """
    r = Watched(2, 2)
    heads = {}
    for n, arrow in enumerate(["committed", "signed", "tiles", "witnessed",
                               "cosigned", "published"]):
        r.serve(kill_at=arrow)
        try:
            reply = r.submit("hit %d" % n)
            assert reply.status == 503, reply.text()
            print("     without hooks: no debug build")
            r.end()
            break
        except (OSError, http.client.HTTPException):
            pass
        code, _ = r.wait()
        assert code == -server.signal.SIGKILL, code
        assert r.committed() == n + 1, arrow
        r.serve()
        assert r.logged("hit %d" % n)[0] == n, arrow
        for w in r.witnesses:
            assert heads.setdefault(w.size, w.root) == w.root
        for size, root in r.rows("SELECT size, root FROM head"):
            assert heads.setdefault(size, root) == root
        assert len(server.read_log(r)) == n + 1
        r.end()
    r.close()


class Auditor:
    """An aicert-audit witness: an honest one, of other code."""

    BIN = os.path.join(os.path.dirname(server.BIN), "aicert-audit")

    def __init__(self, r, name):
        self.name = name
        self.state = os.path.join(r.top, name)
        self.key = self.state + ".key"
        self.log_keys = r.dir + "/log-keys"
        made = subprocess.run([self.BIN, "witness", "keygen", self.key,
                               "--name", name], capture_output=True,
                              text=True, check=True)
        self.word = made.stdout.strip()
        self.port = 0
        self.start()

    def vkey(self):
        return self.word

    def start(self):
        self.process = subprocess.Popen(
            [self.BIN, "witness", "--listen", "127.0.0.1:%d" % self.port,
             "--state", self.state, "--key", self.key, "--log-keys",
             self.log_keys], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), line
        self.port = int(line.rsplit(":", 1)[1])
        self.url = "http://127.0.0.1:%d" % self.port

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def down(self):
        self.kill()


def test_audit_witnesses():
    """
    With three aicert-audit witnesses, which are killed in turn: all cosign,
    and aicert-audit finds nothing that differs in an export.
    """
    if not os.access(Auditor.BIN, os.X_OK):
        print("     without aicert-audit, which is not built")
        return
    r = Watched(0)
    r.witnesses = [Auditor(r, "w%d.example" % i) for i in range(3)]
    r.keys.witnesses = [certs.NoteKey(w.vkey()) for w in r.witnesses]
    r.need = 2
    r.write_policy()
    r.serve("--batch-ms", "0")
    took = []
    for i in range(200):
        began = time.monotonic()
        reply = r.submit("entry %d" % i)
        took.append(time.monotonic() - began)
        assert reply.status == 200, reply.text()
    took.sort()
    print("     POST with three witnesses, one after the other: p50 %.0f ms, "
          "p99 %.0f ms" % (1000 * took[100], 1000 * took[197]))
    index, checkpoint = r.logged("three")
    assert index == 200 and len(checkpoint.cosigned) >= 2
    for w in r.witnesses:
        w.kill()
        index, checkpoint = r.logged("without " + w.name)
        assert len(checkpoint.cosigned) == 2, checkpoint.cosigned
        assert w.name not in checkpoint.cosigned
        w.start()
    for w in r.witnesses[:2]:
        w.kill()
    refused(r.submit("two are gone"), "unwitnessed")
    for w in r.witnesses[:2]:
        w.start()
    assert r.logged("two are gone")[0] == 204
    r.end()
    r.serve()
    assert r.logged("after a restart")[0] == 205
    copy = os.path.join(r.top, "copy")
    assert server.run("export", r.dir, "--to", copy).returncode == 0
    done = subprocess.run([Auditor.BIN, "fsck", copy, "--log-keys",
                           r.dir + "/log-keys"], capture_output=True,
                          text=True)
    assert done.returncode == 0 and "206 statements" in done.stdout, done
    r.end()
    r.close()


server.main([
    test_cosigned, test_empty_log, test_one_of_three_is_enough_to_lose,
    test_quorum_missing, test_what_does_not_count, test_stranger_beside,
    test_sizes_behind, test_witness_claims_a_huge_tree,
    test_witness_claims_one_leaf_more, test_start_without_witnesses,
    test_fail_open, test_idle, test_no_witnesses_at_all, test_policy_refused,
    test_end_while_a_head_waits, test_killed_on_the_way,
    test_audit_witnesses,
])
