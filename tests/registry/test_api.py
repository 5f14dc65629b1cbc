"""test_api.py -- registry/openapi.json and the server are the same: every
operation and every status of the document is asked for and met, every answer
has the form that the document gives it, and no refusal changes the log.
"""
import json
import os
import re
import signal
import socket
import time
import urllib.parse

import certs
import server

SOURCE = os.environ.get("AICERT_SOURCE", ".")
with open(os.path.join(SOURCE, "registry", "openapi.json")) as document:
    TEXT = document.read()
DOC = json.loads(TEXT)


# ---- the part of JSON Schema that the document uses ----

def resolve(value):
    while "$ref" in value:
        at = DOC
        assert value["$ref"].startswith("#/"), value
        for step in value["$ref"][2:].split("/"):
            at = at[step]
        value = at
    return value


TYPES = {"object": dict, "array": list, "string": str, "integer": int,
         "boolean": bool}


def validate(value, schema, where="answer"):
    schema = resolve(schema)
    for word, want in schema.items():
        if word == "type":
            assert isinstance(value, TYPES[want]) and not (
                want == "integer" and isinstance(value, bool)), (where, want)
        elif word == "const":
            assert value == want, (where, value)
        elif word == "enum":
            assert value in want, (where, value)
        elif word == "pattern":
            assert re.search(want, value), (where, value)
        elif word == "minimum":
            assert value >= want, (where, value)
        elif word == "maximum":
            assert value <= want, (where, value)
        elif word == "maxItems":
            assert len(value) <= want, where
        elif word == "required":
            assert not set(want) - set(value), (where, want, value)
        elif word == "properties":
            for name, inner in want.items():
                if name in value:
                    validate(value[name], inner, where + "." + name)
        elif word == "additionalProperties":
            assert want is False
            extra = set(value) - set(schema["properties"])
            assert not extra, (where, extra)
        elif word == "items":
            for i, inner in enumerate(value):
                validate(inner, want, "%s[%d]" % (where, i))
        elif word == "allOf":
            for inner in want:
                validate(value, inner, where)
        else:
            assert word in ("description", "contentEncoding", "default"), word


def test_document():
    """It is what the server serves, its references lead somewhere."""
    assert DOC["openapi"].startswith("3.1.")

    def walk(value):
        if isinstance(value, dict):
            if "$ref" in value:
                resolve(value)
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)
    walk(DOC)
    ids = [op["operationId"] for _, _, op in operations()]
    assert len(ids) == len(set(ids)), ids
    for path, _, op in operations():
        named = set(re.findall(r"{(\w+)}", path))
        given = {resolve(p)["name"] for p in op.get("parameters", ())
                 if resolve(p)["in"] == "path"}
        assert named == given, path
        for status, response in op["responses"].items():
            assert status == "default" or "x-when" in resolve(response), (
                path, status)


def operations():
    for path, item in DOC["paths"].items():
        for method, op in item.items():
            yield path, method.upper(), op


# ---- a log to ask ----

class Log:
    """A server whose log has one of everything that requests can name."""

    def __init__(self, *args):
        self.r = r = server.Registry()
        r.start(args=args)
        self.key, other = certs.Key(), certs.Key()
        self.n = 0
        p = certs.provenance(self.key, "a", measured=True)
        body = certs.jsonl(certs.bundle(self.key, p),
                           certs.bundle(self.key, certs.evidence(p)))
        self.post(body)
        hidden = certs.jsonl(certs.bundle(other, certs.provenance(
            other, "hidden")))
        self.post(hidden)
        withhold(r, certs.digest(certs.provenance(other, "hidden")), 0)
        large = certs.jsonl(certs.bundle(self.key, certs.provenance(
            self.key, "large", size=1100000)))
        self.values = {
            "$D": certs.digest(p).hex(),
            "$withheldD": certs.digest(certs.provenance(
                other, "hidden")).hex(),
            "$key": self.key.hex,
            "$weight": certs.sha256_hex(b"w0a"),
            "$tile": "000.p/%d" % r.size(),
            "$other": certs.jsonl(certs.bundle(self.key, p), certs.bundle(
                self.key, certs.evidence(p, b"other"))),
            "$withheld": hidden,
            "$stranger": certs.jsonl(certs.bundle(other, certs.revocation(
                certs.digest(p).hex(), "not mine"))),
            "$large": large,
            "$forged": certs.jsonl(certs.bundle(self.key, p, other.sign(p)),
                                   certs.bundle(self.key,
                                                certs.evidence(p)))}

    def post(self, body):
        reply = self.r.post(body)
        assert reply.status == 200, reply.text()

    def value(self, text):
        if text == "$new":
            self.n += 1
            return certs.asserted(self.key, "new%d" % self.n)
        if text in self.values:
            return self.values[text]
        for name, value in self.values.items():
            if isinstance(value, str):
                text = text.replace(name, value)
        assert "$" not in text, text
        return text

    def ask(self, path, method, when):
        """The reply to the request that the document describes."""
        for name, value in when.get("path", {}).items():
            path = path.replace("{%s}" % name, self.value(value))
        if when.get("query"):
            path += "?" + urllib.parse.urlencode(
                {k: self.value(v) for k, v in when["query"].items()})
        headers = dict(when.get("headers", {}))
        if headers.get("If-None-Match") == "$etag":
            headers["If-None-Match"] = self.r.get(path).headers["ETag"]
        if method != "POST":
            return self.r.request(method, path, None, headers)
        headers.setdefault("Content-Type", "application/jsonl")
        if when["body"] == "$chunked":
            return self.chunked(method, path, headers)
        return self.r.request(method, path, self.value(when["body"]), headers)

    def chunked(self, method, path, headers):
        """Only the head of such a request: it is answered before its body."""
        c = self.r.connect()
        c.putrequest(method, path)
        for name, value in headers.items():
            c.putheader(name, value)
        c.putheader("Transfer-Encoding", "chunked")
        c.endheaders()
        reply = server.Reply(c.getresponse())
        c.close()
        return reply

    def state(self):
        text = self.r.get("/checkpoint").text().splitlines()
        return text[1:3], self.r.rows("SELECT count(*), max(idx) FROM entry")

    def end(self):
        self.r.stop()
        self.r.close()


def withhold(r, d, entry):
    """What the transaction of a removal does to the database."""
    r.write("INSERT INTO removed (d, entry) VALUES (?, ?)", d, entry)
    r.write("UPDATE entry SET content = x'' WHERE d = ?", d)


def check(path, status, response, reply):
    where = "%s %s" % (path, status)
    assert reply.status == int(status), (where, reply.status,
                                         reply.body[:300])
    response = resolve(response)
    for name in response.get("headers", ()):
        assert reply.headers[name] is not None, (where, name)
    if status == "304":
        assert reply.body == b"" and reply.headers["ETag"], where
        return
    kind = reply.headers["Content-Type"]
    assert kind in response["content"], (where, kind)
    if int(status) >= 400:
        assert reply.headers["Cache-Control"] == "no-store", where
    schema = response["content"][kind].get("schema")
    if schema is None or schema == {"type": "string"}:
        return
    value = json.loads(reply.body)
    validate(value, schema, where)
    if int(status) >= 400:
        assert value["status"] == int(status), where


met = set()


def test_every_status():
    log = Log()
    asked = 0
    for path, method, op in operations():
        for status, response in op["responses"].items():
            when = resolve(response).get("x-when")
            if status == "default" or when.get("state") not in (None, "none"):
                continue
            before = log.state()
            check(path, status, response, log.ask(path, method, when))
            if method != "POST" or status != "200":
                assert log.state() == before, (path, status)
            met.add((path, status))
            asked += 1
    assert asked > 60, asked
    # Every route that the server knows was among them.
    for route in re.findall(r'_count{route="(\w+)"} (\d+)',
                            log.r.get("/metrics").text()):
        assert int(route[1]) > 0 or route[0] == "none", route
    assert log.r.get("/api/v1/openapi.json").text() == TEXT
    log.end()


def test_rate():
    """One address that asks too much: 429 where the document has it."""
    log = Log()
    log.r.stop()
    log.r.start(args=("--rate", "1", "--rate-burst", "1", "--rate-loopback"))
    assert log.r.get("/").status == 200
    before = log.state()
    for path, method, op in operations():
        good = op["responses"]["200"]["x-when"]
        if "state" in good:
            good = {}
        if "429" not in op["responses"]:
            assert log.ask(path, method, good).status == 200, path
            continue
        replies = [log.ask(path, method, good) for _ in range(3)]
        late = [x for x in replies if x.status == 429]
        assert late, (path, [x.status for x in replies])
        check(path, "429", op["responses"]["429"], late[0])
        met.add((path, "429"))
    text = log.r.get("/metrics").text()
    assert int(re.search(r'refusals_total{problem="rate"} (\d+)',
                         text).group(1)) > 0
    # What got through was at most one post.
    assert log.state()[0] >= before[0]
    log.end()


def test_ranges():
    """Part of a tile or bundle: what a client asks that resumes one."""
    r = server.Registry()
    r.start()
    key = certs.Key()
    for i in range(5):
        assert r.post(certs.asserted(key, "r%d" % i)).status == 200
    for path in "/tile/0/000.p/5", "/tile/entries/000.p/5":
        whole = r.get(path)
        size, tag = len(whole.body), whole.headers["ETag"]
        assert whole.status == 200 and tag
        assert whole.headers["Accept-Ranges"] == "bytes"

        def ask(value, method="GET", **more):
            headers = {k.replace("_", "-"): v for k, v in more.items()}
            return r.request(method, path, None,
                             dict(headers, Range=value))
        for value, first, last in (
                ("bytes=0-0", 0, 0), ("bytes=10-19", 10, 19),
                ("bytes=10-", 10, size - 1), ("bytes=-7", size - 7, size - 1),
                ("bytes=5-%d" % (10 * size), 5, size - 1),
                ("bytes=-%d" % (10 * size), 0, size - 1)):
            for more in {}, {"If_Range": tag}, {"Accept_Encoding": "gzip"}:
                got = ask(value, **more)
                assert got.status == 206, (path, value, more, got.status)
                assert got.body == whole.body[first:last + 1], (path, value)
                assert got.headers["Content-Range"] == "bytes %d-%d/%d" % (
                    first, last, size), got.headers["Content-Range"]
                assert got.headers["Content-Encoding"] is None
                assert got.headers["ETag"] == tag
                assert got.headers["Cache-Control"] == (
                    whole.headers["Cache-Control"])
        # Ignored: several, malformed, another unit; other content; HEAD.
        for value, more in (
                ("bytes=0-1,3-4", {}), ("bytes=3-1", {}), ("bytes=x", {}),
                ("lines=0-1", {}), ("bytes=0-1", {"If_Range": '"other"'}),
                ("bytes=0-1", {"If_Range": "W/" + tag}),
                ("bytes=0-1", {"If_Range": "Mon, 23 Nov 2026 10:00:00 GMT"})):
            got = ask(value, **more)
            assert (got.status, got.body) == (200, whole.body), (value, more)
            assert got.headers["Content-Range"] is None
        got = ask("bytes=0-1", "HEAD")
        assert got.status == 200 and got.headers["Content-Length"] == str(size)
        # Whoever has the whole is told so first.
        assert ask("bytes=0-1", If_None_Match=tag).status == 304
        assert ask("bytes=%d-" % size, If_None_Match=tag).status == 304
        for value in "bytes=%d-" % size, "bytes=-0":
            got = ask(value)
            assert got.status == 416, (value, got.status)
            assert got.headers["Content-Range"] == "bytes */%d" % size
            assert json.loads(got.body)["type"].endswith("/problem/range")
        # The whole is as it was, also out of the cache.
        assert r.get(path).body == whole.body
    # What changes has no parts.
    for path in "/checkpoint", "/healthz", "/api/v1/log-keys":
        got = r.request("GET", path, None, {"Range": "bytes=0-1"})
        assert got.status == 200 and len(got.body) > 2, path
        assert got.headers["Accept-Ranges"] is None
    assert r.request("GET", "/tile/0/001", None,
                     {"Range": "bytes=0-1"}).status == 404
    r.stop()
    r.close()


def test_stopping():
    """While the registry ends, every request is told to come later."""
    log = Log()
    tag = log.r.get("/checkpoint").headers["ETag"]
    assert tag
    with socket.create_connection(("127.0.0.1", log.r.port)) as s:
        s.sendall(b"POST /api/v1/certificates HTTP/1.1\r\nHost: x\r\n"
                  b"Content-Type: application/jsonl\r\n"
                  b"Content-Length: 10\r\n\r\n{")
        # Its head was read when its body shows in the metrics.
        while "aicert_http_body_bytes 0" in log.r.get("/metrics").text():
            pass
        log.r.server.send_signal(signal.SIGTERM)
        while log.r.get("/healthz").status != 503:
            pass
        for path, method, op in operations():
            good = op["responses"]["200"]["x-when"]
            if "state" in good:
                good = {}
            check(path, "503", op["responses"]["503"],
                  log.ask(path, method, good))
            met.add((path, "503"))
    code, err = log.r.wait()
    assert code == 0, err
    log.r.close()


def test_revocations():
    """The snapshot: the registry's own newest state, and all that it counts."""
    log = Log()
    r = log.r
    said = [certs.revocation("%02d" % i * 32, "r%d" % i) for i in range(3)]
    for s in said:
        log.post(certs.jsonl(certs.bundle(log.key, s)))
    # A state that somebody else made, with a later index, is not taken.
    stranger = certs.Key()
    fake = certs.revocation_state("log.example.org", 1, [])

    def newest():
        reply = r.get("/api/v1/revocations")
        if reply.status != 200:
            return None
        state = json.loads(certs.unb64(json.loads(
            reply.body.splitlines()[0])["dsseEnvelope"]["payload"]))
        return state["predicate"]["count"]
    until = time.monotonic() + 60
    while newest() != 3:
        assert time.monotonic() < until, newest()
        time.sleep(0.05)
    log.post(certs.jsonl(
        certs.bundle(stranger, certs.provenance(stranger, "x")),
        certs.bundle(stranger, fake)))
    for path, method, op in operations():
        for status, response in op["responses"].items():
            when = resolve(response).get("x-when", {})
            if when.get("state") != "revocations":
                continue
            reply = log.ask(path, method, when)
            check(path, status, response, reply)
            met.add((path, status))
            lines = reply.body.splitlines()
            got = [certs.unb64(json.loads(x)["dsseEnvelope"]["payload"])
                   for x in lines]
            assert got[1:] == said
            state = json.loads(got[0])
            assert state["subject"][0]["digest"]["sha256"] == (
                certs.sha256_hex(b"".join(certs.digest(s) for s in said)))
            for line in lines:
                certs.check_line(line, r.keys)
            own, = [x.split()[2] for x in r.get(
                "/api/v1/log-keys").text().splitlines()
                    if x.startswith("registry ")]
            hint = json.loads(lines[0])["verificationMaterial"]["publicKey"][
                "hint"]
            assert certs.unb64(hint).hex() == own
    log.end()


def test_nothing_left_out():
    """Each status of each operation was met by one of these tests."""
    for path, _, op in operations():
        for status in op["responses"]:
            assert status == "default" or (path, status) in met, (path,
                                                                  status)


server.main([test_document, test_every_status, test_ranges, test_rate,
             test_stopping, test_revocations, test_nothing_left_out])
