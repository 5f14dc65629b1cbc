#!/usr/bin/env python3
"""test_batch.py -- many certificates in one POST: a verdict for each, as if it
had been posted alone.

Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
"""
import json
import threading

import certs
import server


def post(r, body, kind="application/json"):
    if not isinstance(body, bytes):
        body = certs.compact(body)
    return r.request("POST", "/api/v1/certificates", body,
                     {"Content-Type": kind})


def verdicts(reply):
    assert reply.status == 200, reply.text()
    assert reply.headers["Content-Type"] == "application/json"
    got = json.loads(reply.body)
    for v in got:
        assert list(v) == ["status", "certificate" if v["status"] == 200
                           else "problem"], v
        if v["status"] != 200:
            assert v["problem"]["status"] == v["status"]
    return got


def test_a_verdict_for_each():
    r = server.Registry()
    r.start()
    key = certs.Key()
    before = certs.asserted(key, "before")
    assert r.post(before).status == 200
    measured = certs.measured(key, "m")
    bad = certs.bundle(key, certs.provenance(key, "bad"), key.sign(b"x"))
    posted = [certs.asserted(key, "0"), b"", measured, certs.jsonl(bad),
              before, certs.measured(key, "m", b"other"), b"{}\n",
              certs.asserted(key, "0"), certs.asserted(key, "1")]
    got = verdicts(post(r, [p.decode() for p in posted]))
    assert [v["status"] for v in got] == [200, 400, 200, 422, 200, 409, 400,
                                          200, 200]
    indices = [certs.check_certificate(v["certificate"].encode(), r.keys, key)
               for v in got if v["status"] == 200]
    assert indices == [[1], [2, 3], [0], [1], [4]], indices
    # Alone they are answered the same.
    for p, v in zip(posted, got):
        alone = r.post(p)
        assert alone.status == v["status"], p
        if alone.status == 200:
            assert alone.body.decode() == v["certificate"]
        else:
            # How it is said may depend on what the thread remembers.
            assert json.loads(alone.body)["type"] == v["problem"]["type"]
    assert r.checkpoint().size == 5
    server.read_log(r)
    r.stop()
    r.close()


def test_wrong_arrays():
    r = server.Registry()
    r.start()
    good = certs.asserted(certs.Key(), "a").decode()
    for name, body, status in (
            ("empty", b"", 400), ("no JSON", b"[", 400),
            ("no strings", [1], 400), ("an object", {"a": good}, 400),
            ("an array in it", [[good]], 400), ("a string", good, 400),
            ("one that is none", [good, None], 400), ("none", [], 400),
            ("two arrays", certs.compact([good]) * 2, 400),
            ("null", b"null", 400),
            ("too many", [""] * 1001, 413)):
        reply = post(r, body)
        assert reply.status == status, (name, reply.status, reply.text())
        assert r.checkpoint().size == 0, name
    # Over the limit of bytes: refused before the body, which nobody reads.
    try:
        reply = post(r, b"[" + b" " * (16 << 20) + b"]")
        assert reply.status == 413, reply.text()
    except (BrokenPipeError, ConnectionResetError):
        pass
    for kind in "application/json5", "text/json", "application/jso":
        assert post(r, [good], kind).status == 415, kind
    assert post(r, [good], "application/json; charset=utf-8").status == 200
    r.stop()
    r.close()


def test_many_at_once():
    """Batches beside each other and single posts: each line has one index."""
    r = server.Registry()
    r.start()
    key = certs.Key()
    indices, failed = [], []

    def one(n):
        try:
            bodies = [certs.asserted(key, "%d %d" % (n, i)).decode()
                      for i in range(100)]
            for v in verdicts(post(r, bodies)):
                indices.extend(certs.check_certificate(
                    v["certificate"].encode(), r.keys, key))
            indices.extend(certs.check_certificate(r.post(
                certs.asserted(key, "alone %d" % n)).body, r.keys, key))
        except Exception as e:
            failed.append(e)
    threads = [threading.Thread(target=one, args=(n,)) for n in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed, failed
    assert sorted(indices) == list(range(606))
    assert len(server.read_log(r)) == 606
    r.stop()
    r.close()


server.main([test_a_verdict_for_each, test_wrong_arrays, test_many_at_once])
