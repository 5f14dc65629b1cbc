"""test_refusals.py -- every refusal: the right status and problem type, as
docs/registry-errors.md has them; never a 500, never a state change."""
import json
import os
import re
import socket
import time

import certs
import server

API = "/api/v1/"
POST = API + "certificates"
D = "0" * 64
CERTIFICATE_MAX = 4 << 20

key, thief = certs.Key(), certs.Key()
p_self = certs.provenance(key, "self")
p_meas = certs.provenance(key, "measured", measured=True)
e_meas = certs.evidence(p_meas)
p_else = certs.provenance(key, "else", measured=True)
good_sig = key.sign(p_self)


def changed(data, old, new, count=1):
    assert data.count(old) >= 1, old
    return data.replace(old, new, count)


def reworded(statement, change):
    value = json.loads(statement)
    change(value)
    return certs.compact(value)


def line(statement, **more):
    return certs.jsonl(certs.bundle(key, statement, **more))


def edited(change):
    """A good line whose bundle was edited."""
    value = json.loads(certs.bundle(key, p_self))
    change(value)
    return certs.compact(value) + b"\n"


def set_in(*path):
    *way, last, new = path

    def change(value):
        for step in way:
            value = value[step]
        value[last] = new
    return change


def flip(sig):
    return sig[:-1] + bytes([sig[-1] ^ 1])


def reads():
    """Paths that give nothing: (name, path, status, problem)."""
    tile = "/tile/"
    for name, path in [
            ("unknown path", "/nope"), ("double slash", "//"),
            ("api root", API), ("dots", "/../registry.db"),
            ("dots in a tile", tile + "0/../../../registry.db"),
            ("encoded dots", tile + "0/%2e%2e/%2e%2e/log.key"),
            ("encoded slash", "/%2fetc/passwd"),
            ("a file of the log's folder", "/registry.db"),
            ("no index", tile + "0"), ("no index, slash", tile + "0/"),
            ("two digits", tile + "0/00"), ("four digits", tile + "0/0000"),
            ("zero prefix", tile + "0/x000/000"),
            ("no x", tile + "0/001/000"), ("x at the end", tile + "0/x001"),
            ("x in caps", tile + "0/X001/000"),
            ("level 64", tile + "64/000"), ("level 00", tile + "00/000"),
            ("level +1", tile + "+1/000"), ("level -1", tile + "-1/000"),
            ("width 0", tile + "0/000.p/0"),
            ("width 256", tile + "0/000.p/256"),
            ("width 01", tile + "0/000.p/01"),
            ("width none", tile + "0/000.p/"),
            ("width beyond the log", tile + "0/000.p/3"),
            ("full beyond the log", tile + "0/000"),
            ("level 1 beyond the log", tile + "1/000.p/1"),
            ("entries beyond the log", tile + "entries/000.p/3"),
            ("entries in caps", tile + "Entries/000.p/1"),
            ("trailing slash", tile + "0/000.p/1/"),
            ("huge index", tile + "0/" + "x999/" * 9 + "999"),
            ("statement unknown", API + "statements/" + D),
            ("certificate unknown", API + "certificates/" + D),
            ("digest unknown", API + "by-digest/sha256/" + D),
            ("proof beyond the log", API + "proof/inclusion?index=2"),
            ("size beyond the log", API + "proof/inclusion?index=0&size=3"),
            ("index not below size", API + "proof/inclusion?index=1&size=1"),
            ("size 0", API + "proof/inclusion?index=0&size=0"),
            ("entry beyond the log", API + "entries/2"),
            ("proof to keep beyond the log", API + "entries/2/tlog-proof"),
            ("consistency beyond the log",
             API + "proof/consistency?from=1&to=3"),
            ("consistency from beyond the log",
             API + "proof/consistency?from=3"),
            ("page unknown", "/certificate/" + D),
            ("no revocations", API + "revocations"),
            ("leaf unknown", API + "proof/inclusion?hash=" + D)]:
        yield name, path, 404, "not-found"
    for name, path in [
            ("D short", API + "statements/" + D[1:]),
            ("D long", API + "statements/" + D + "0"),
            ("D in caps", API + "statements/" + "A" * 64),
            ("D no hex", API + "statements/" + "g" * 64),
            ("D empty", API + "certificates/"),
            ("D and more", API + "certificates/" + D + "/x"),
            ("key short", API + "certificates/%s?key=00" % D),
            ("key twice", API + "certificates/%s?key=%s&key=%s" % (D, D, D)),
            ("unknown argument", API + "certificates/%s?kez=%s" % (D, D)),
            ("argument for none", "/checkpoint?x=1"),
            ("no digest", API + "by-digest/sha256/"),
            ("no algorithm", API + "by-digest//" + D),
            ("odd hex", API + "by-digest/sha256/" + D[1:]),
            ("hex in caps", API + "by-digest/sha256/" + "AB" * 32),
            ("digest too long", API + "by-digest/sha512/" + "00" * 65),
            ("algorithm too long", API + "by-digest/%s/00" % ("a" * 33)),
            ("algorithm with a dot", API + "by-digest/sha.256/" + D),
            ("from negative", API + "by-digest/sha256/%s?from=-1" % D),
            ("proof of nothing", API + "proof/inclusion"),
            ("proof by both", API + "proof/inclusion?index=0&hash=" + D),
            ("index negative", API + "proof/inclusion?index=-1"),
            ("index 00", API + "proof/inclusion?index=00"),
            ("index 2^63", API + "proof/inclusion?index=%d" % 2**63),
            ("index 2^64", API + "proof/inclusion?index=%d" % 2**64),
            ("index no number", API + "proof/inclusion?index=one"),
            ("index empty", API + "proof/inclusion?index="),
            ("sizes in the wrong order",
             API + "proof/consistency?from=2&to=1"),
            ("consistency from 0", API + "proof/consistency?from=0&to=1"),
            ("consistency from nothing", API + "proof/consistency?to=1"),
            ("consistency of strings", API + "proof/consistency?from=a"),
            ("entry empty", API + "entries/"),
            ("entry 00", API + "entries/00"),
            ("entry -1", API + "entries/-1"),
            ("entry 2^63", API + "entries/%d" % 2**63),
            ("entry with more", API + "entries/0/x"),
            ("entry with two slashes", API + "entries/0//tlog-proof"),
            ("page of no D", "/certificate/x"),
            ("search by a builder's name", API + "search?builder=me"),
            ("search twice the same", API + "search?code=a&code=b"),
            ("search for nothing", API + "search?code="),
            ("search for a NUL", API + "search?code=%00"),
            ("search for no UTF-8", API + "search?code=%ff"),
            ("search for a broken escape", API + "search?code=%f"),
            ("search for too much", API + "search?code=" + "x" * 1025),
            ("search for 101", API + "search?limit=101"),
            ("search after -1", API + "search?after=-1"),
            ("search for FLOPs by word", API + "search?min_flops=many"),
            ("search by an unknown field", API + "search?from=1"),
            ("feed in order", API + "feed.atom?order=oldest"),
            ("an argument for revocations", API + "revocations?after=1"),
            ("no equals sign", API + "proof/inclusion?index"),
            ("stray ampersand", API + "proof/inclusion?&index=0")]:
        yield name, path, 400, "argument"


def posts():
    """Bodies that are refused: (name, body, status, problem)."""
    malformed = [
        ("empty", b""), ("one line feed", b"\n"), ("garbage", b"\0\xff\n"),
        ("not JSON", b"hello\n"), ("empty object", b"{}\n"),
        ("an array", b"[]\n"), ("no line feed", line(p_self)[:-1]),
        ("cut off", line(p_self)[:len(line(p_self)) // 2]),
        ("CR LF", line(p_self)[:-1] + b"\r\n\n"),
        ("empty line after", line(p_self) + b"\n"),
        ("the same line twice", line(p_self) * 2),
        ("65 lines", line(p_self) + certs.jsonl(
            certs.bundle(key, certs.other("x"))) * 64),
        ("media type", edited(set_in("mediaType", "x"))),
        ("unknown member", edited(set_in("more", 1))),
        ("no envelope", edited(lambda b: b.pop("dsseEnvelope"))),
        ("two signatures", edited(lambda b: b["dsseEnvelope"]["signatures"]
                                  .append({"sig": "", "keyid": ""}))),
        ("no signature", edited(set_in("dsseEnvelope", "signatures", []))),
        ("payload type", edited(set_in("dsseEnvelope", "payloadType", "x"))),
        ("payload no base64", edited(set_in("dsseEnvelope", "payload", "*"))),
        ("two log entries", edited(set_in(
            "verificationMaterial", "tlogEntries", [{}, {}]))),
        ("payload no statement", line(b"{}")),
        ("statement type", line(changed(p_self, b"Statement/v1",
                                        b"Statement/v2"))),
        ("duplicate member", line(changed(p_self, b'"_type"',
                                          b'"_type":"x","_type"'))),
        ("build type", line(changed(p_self, b"training/v1", b"training/v9"))),
        ("no subjects", line(reworded(p_self, set_in("subject", [])))),
        ("no weight subject", line(reworded(
            p_self, lambda v: v["subject"].pop()))),
        ("unknown builder id", line(changed(p_self, b"self-asserted/v1",
                                            b"self/v1"))),
        ("another kind alone", certs.jsonl(
            certs.bundle(key, certs.other("x")))),
        ("evidence alone", certs.jsonl(certs.bundle(key, e_meas))),
        ("evidence first", certs.jsonl(certs.bundle(key, e_meas),
                                       certs.bundle(key, p_meas))),
        ("two provenances", line(p_self) + line(p_meas)),
        ("two evidences", line(p_meas) + line(e_meas) * 2),
        ("evidence with more", line(p_meas) + line(reworded(
            e_meas, set_in("predicate", "more", 1)))),
        ("a third line that is no statement",
         line(p_self) + line(certs.other("x")) + line(b"\"text\"")),
    ]
    for name, body in malformed:
        # More lines than may be is a limit.
        if name == "65 lines":
            yield name, body, 413, "too-large"
        else:
            yield name, body, 400, "malformed"
    for name, body in [
            ("measured without evidence", line(p_meas)),
            ("measured with another line", line(p_meas) + line(
                certs.other("x"))),
            ("self-asserted with evidence", line(p_self) + line(
                certs.evidence(p_self))),
            ("evidence about another statement", line(p_meas) + line(
                certs.evidence(p_else)))]:
        yield name, body, 422, "disagreement"
    for name, body in [
            ("signature flipped", line(p_self, sig=flip(good_sig))),
            ("signature of another statement", line(
                p_self, sig=key.sign(p_meas))),
            ("signature over the bare statement", line(
                p_self, sig=key.private.sign(p_self, certs.ec.ECDSA(
                    certs.hashes.SHA256())))),
            ("signature no DER", line(p_self, sig=b"x" * 70)),
            ("signature empty", line(p_self, sig=b"")),
            ("signature with a tail", line(p_self, sig=good_sig[:70] + b"\0")),
            ("another key's signature", line(p_self, sig=thief.sign(p_self))),
            ("another key's builder", certs.jsonl(
                certs.bundle(thief, p_self))),
            ("hint empty", edited(set_in(
                "verificationMaterial", "publicKey", "hint", ""))),
            ("hint of another key", edited(set_in(
                "verificationMaterial", "publicKey", "hint", thief.hint))),
            ("keyid of another key", edited(set_in(
                "dsseEnvelope", "signatures", 0, "keyid", thief.hint))),
            ("evidence by another key", line(p_meas) + certs.jsonl(
                certs.bundle(thief, e_meas))),
            ("evidence signed wrongly", line(p_meas) + line(
                e_meas, sig=flip(key.sign(e_meas)))),
            ("third line signed wrongly", line(p_self) + line(
                certs.other("x"), sig=flip(key.sign(certs.other("x")))))]:
        yield name, body, 422, "signature"
    big = certs.provenance(key, "big", size=900000)
    for name, body in [
            ("a statement over its cap", line(certs.provenance(
                key, "huge", size=1100000))),
            ("no room for log entries", padded(big))]:
        yield name, body, 413, "too-large"


def padded(first):
    """Good lines that fill 4 MiB to the brim."""
    body, i = line(first), 0
    while True:
        more = CERTIFICATE_MAX - len(body) - 2000
        if more < 4000:
            return body
        body += line(reworded(certs.other("x%d" % i), set_in(
            "predicate", "text", "y" * min(700000, more * 3 // 4))))
        i += 1


def requests():
    """Other requests: (name, method, path, headers, body, status, problem)."""
    jsonl = server.JSONL
    body = line(p_self)
    for kind in ("application/x-json", "text/plain", "application/jsonlines",
                 "application/x-www-form-urlencoded", ""):
        yield ("type " + kind, "POST", POST, {"Content-Type": kind}, body,
               415, "media-type")
    yield "no type", "POST", POST, {}, body, 415, "media-type"
    yield ("argument on a post", "POST", POST + "?x=1", jsonl, body, 400,
           "argument")
    for value in "bytes=64-", "bytes=65-70", "bytes=-0":
        yield ("range " + value, "GET", "/tile/0/000.p/2", {"Range": value},
               None, 416, "range")
    for method in "PUT", "DELETE", "PATCH", "GET", "HEAD", "OPTIONS":
        yield ("method " + method, method, POST, jsonl, None, 405, "method")
    for method in "POST", "PUT", "DELETE":
        for path in "/", "/checkpoint", "/tile/0/000", API + "log-keys":
            yield ("%s %s" % (method, path), method, path, jsonl, body, 405,
                   "method")
    yield ("a body on a read", "GET", "/checkpoint", {}, b"x", 413,
           "too-large")


def state(r):
    c = r.checkpoint()
    return [c.size, c.root] + [
        r.rows("SELECT count(*) FROM " + table)[0][0] for table in
        ("head", "key", "entry", "line", "term", "removed", "tile")]


seen = {}


def check(name, reply, status, problem, r, before):
    assert reply.status == status, "%s: %d %s" % (name, reply.status,
                                                  reply.body[:300])
    if reply.headers["Content-Length"] != "0" and reply.body:
        assert reply.headers["Content-Type"] == "application/problem+json"
        document = json.loads(reply.body)
        assert document["status"] == status, name
        assert document["type"] == "%s/problem/%s" % (certs.AICERT, problem), (
            name, document)
        assert document["title"] and document["detail"], name
    assert reply.headers["Cache-Control"] == "no-store", name
    assert (reply.headers["Allow"] is not None) == (status == 405), name
    assert state(r) == before, "%s changed the state" % name
    seen.setdefault(problem, status)


def started():
    r = server.Registry()
    r.start()
    first = r.post(certs.measured(certs.Key(), "there before"))
    assert first.status == 200, first.text()
    return r


def test_reads():
    r = started()
    before = state(r)
    for name, path, status, problem in reads():
        check(name, r.get(path), status, problem, r, before)
    r.stop()
    r.close()


def test_posts():
    r = started()
    before = state(r)
    for name, body, status, problem in posts():
        check(name, r.post(body), status, problem, r, before)
    # After all that the good ones still go in.
    assert r.post(line(p_self)).status == 200
    assert r.post(line(p_meas) + line(e_meas)).status == 200
    r.stop()
    r.close()


def test_requests():
    r = started()
    before = state(r)
    for name, method, path, headers, body, status, problem in requests():
        check(name, r.request(method, path, body, headers), status, problem,
              r, before)
    r.stop()
    r.close()


def raw(r, data, wait=15):
    """Send bytes as they are; what comes back until the end."""
    with socket.create_connection(("127.0.0.1", r.port), timeout=wait) as s:
        s.sendall(data)
        answer = b""
        while True:
            try:
                part = s.recv(65536)
            except ConnectionResetError:
                break
            if not part:
                break
            answer += part
            if b"\r\n\r\n" in answer and b"close" in answer.lower():
                break
        return answer


def test_raw_requests():
    r = started()
    before = state(r)
    head = ("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: "
            "application/jsonl\r\n" % POST).encode()
    # 413 comes before any byte of the body does.
    for length in CERTIFICATE_MAX + 1, 1 << 32, (1 << 63) - 1:
        answer = raw(r, head + b"Content-Length: %d\r\n\r\n" % length)
        assert answer.startswith(b"HTTP/1.1 413 "), answer[:80]
        assert b"problem/too-large" in answer
    answer = raw(r, head + b"Transfer-Encoding: chunked\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 411 "), answer[:80]
    assert b"problem/no-length" in answer
    seen["no-length"] = 411
    # A client that waits for it is told to go on, or not to.
    answer = raw(r, head + b"Expect: 100-continue\r\n"
                 b"Content-Length: 99999999\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 "), answer[:80]
    for name, data in [
            ("no HTTP", b"GET\r\nx\r\n\r\n"),
            ("two lengths", head + b"Content-Length: 2\r\n"
             b"Content-Length: 2\r\nConnection: close\r\n\r\n{}"),
            ("a length and chunks", head + b"Content-Length: 2\r\n"
             b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
             b"0\r\n\r\n"),
            ("a length that is no number", head +
             b"Content-Length: one\r\nConnection: close\r\n\r\n{}"),
            ("a negative length", head +
             b"Content-Length: -1\r\nConnection: close\r\n\r\n{}"),
            ("a long target", b"GET /" + b"x" * 100000 +
             b" HTTP/1.1\r\nHost: x\r\n\r\n"),
            ("long headers", b"GET / HTTP/1.1\r\nHost: x\r\nX: " +
             b"x" * 100000 + b"\r\n\r\n")]:
        answer = raw(r, data)
        assert not answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 500")), (
            name, answer[:80])
        assert state(r) == before, name
    # A client that goes away in the middle of its body.
    with socket.create_connection(("127.0.0.1", r.port)) as s:
        s.sendall(head + b"Content-Length: 1000\r\n\r\n{")
    assert state(r) == before
    # A target in absolute form.
    answer = raw(r, b"GET http://log.example.org/healthz HTTP/1.1\r\n"
                 b"Host: log.example.org\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:80]
    r.stop()
    r.close()


def test_slow_headers_end():
    """Headers that trickle are cut off after ten seconds."""
    r = started()
    began = time.monotonic()
    ended = None
    with socket.create_connection(("127.0.0.1", r.port), timeout=1) as s:
        s.sendall(b"GET / HTTP/1.1\r\nX: ")
        while time.monotonic() - began < 20 and ended is None:
            try:
                s.sendall(b"x")
                if s.recv(1) == b"":
                    ended = time.monotonic() - began
            except TimeoutError:
                pass
            except OSError:
                ended = time.monotonic() - began
    assert ended is not None and 9 <= ended <= 14, ended
    assert r.get("/healthz").status == 200
    r.stop()
    r.close()


def test_documented():
    """The table in docs/ has each refusal met here, and its status."""
    path = os.path.join(os.environ.get("AICERT_SOURCE", "."), "docs",
                        "registry-errors.md")
    with open(path) as f:
        rows = {name: int(status) for status, name in re.findall(
            r"^\| (\d+) \| `([a-z-]+)` \|", f.read(), re.M)}
    for problem, status in seen.items():
        assert rows.get(problem) == status, (problem, status)
    unmet = set(rows) - set(seen)
    # These need a full pool, a stop, a failure, haste, witnesses, a removal,
    # a policy, strangers, or other evidence.
    assert unmet == {"busy", "stopping", "unhealthy", "internal", "rate",
                     "removed", "other-evidence", "unwitnessed", "halted",
                     "frozen", "authority", "evidence"}, unmet



server.main([test_reads, test_posts, test_requests, test_raw_requests,
             test_slow_headers_end, test_documented])
