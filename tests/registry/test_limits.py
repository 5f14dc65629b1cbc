"""test_limits.py -- each limit of the HTTP server, attacked: slow headers, slow
bodies, silence, too many connections, too large bodies, memory; and what an
honest client notices, which is nothing."""
import re
import select
import socket
import threading
import time

import certs
import server
from server import Registry

POST = (b"POST /api/v1/certificates HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: application/jsonl\r\nContent-Length: %d\r\n\r\n")


def connect(r, address="127.0.0.1"):
    s = socket.socket()
    s.settimeout(60)
    s.bind((address, 0))
    s.connect(("127.0.0.1", r.port))
    return s


def addresses(n):
    """So many loopback addresses."""
    for i in range(n):
        yield "127.%d.%d.%d" % (1 + i // 62500, 1 + i // 250 % 250,
                                1 + i % 250)


def metric(r, name):
    return int(float(re.search(r"^aicert_%s (\S+)$" % name,
                               r.get("/metrics").text(), re.M).group(1)))


def seconds_until_closed(s, drip, limit):
    """Send a byte each half second; how long the server bears it."""
    began = time.monotonic()
    try:
        while time.monotonic() - began < limit:
            if drip:
                s.sendall(drip)
            if select.select([s], [], [], 0.5)[0] and s.recv(65536) == b"":
                return time.monotonic() - began
    except OSError:
        return time.monotonic() - began
    finally:
        s.close()
    raise AssertionError("still open after %d s" % limit)


def test_deadlines():
    """Headers 10 s, bodies 30 s and their size at 64 KiB/s, silence 10 s."""
    r = Registry()
    r.start()
    took = {}

    def attack(name, first, drip):
        s = connect(r)
        s.sendall(first)
        took[name] = seconds_until_closed(s, drip, 120)
    threads = [threading.Thread(target=attack, args=x) for x in [
        ("nothing at all", b"", b""),
        ("slow headers", b"GET / HTTP/1.1\r\nX: ", b"x"),
        ("slow small body", POST % 1000 + b"{", b"x"),
        ("slow large body", POST % (1 << 20) + b"{", b"x"),
        ("a body that stops", POST % 1000 + b"{", b""),
        ("silence after an answer",
         b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"")]]
    for t in threads:
        t.start()
    # The honest go on as if nobody else were there.
    key, n = certs.Key(), 0
    while any(t.is_alive() for t in threads):
        reply = r.post(certs.asserted(key, str(n)))
        assert reply.status == 200, reply.text()
        n += 1
        time.sleep(0.5)
    for t in threads:
        t.join()
    for name, least, most in [
            ("nothing at all", 9, 16), ("slow headers", 9, 16),
            ("slow small body", 29, 36), ("slow large body", 45, 52),
            ("a body that stops", 29, 36),
            ("silence after an answer", 9, 16)]:
        assert least <= took[name] <= most, (name, took[name])
    assert metric(r, "http_overdue_total") == 6
    assert r.size() == n
    r.stop()
    r.close()


def answers(s):
    """Is a request on the connection answered?"""
    try:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        return s.recv(100).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def test_connections_of_one_address():
    r = Registry()
    r.start(args=("--connections-per-address", "5"))
    held = [connect(r, "127.0.0.2") for _ in range(5)]
    assert all(answers(s) for s in held)
    assert not answers(connect(r, "127.0.0.2")), "the sixth was served"
    other = connect(r, "127.0.0.3")
    assert answers(other), "another address was refused"
    held.pop().close()
    # The server sees the end when it comes to it.
    while not answers(connect(r, "127.0.0.2")):
        time.sleep(0.05)
    r.stop()
    r.close()


def test_connections_of_all():
    """
    Idle connections fill the server up to its limit; they are closed early
    then, so that an honest client gets in long before their ten seconds.
    """
    r = Registry()
    r.start(args=("--connections", "200"))
    idle = [connect(r, a) for a in addresses(200)]
    began = time.monotonic()
    while True:
        # A place in the queue of the listening socket is not yet a place.
        s = connect(r)
        s.settimeout(1)
        if answers(s):
            break
        s.close()
    took = time.monotonic() - began
    assert took < 8, took
    assert metric(r, "http_overdue_total") > 0
    for s in idle:
        s.close()
    r.stop()
    r.close()


def test_many_idle_connections():
    """Thousands of silent addresses: all are held, none is in the way."""
    r = Registry()
    r.start()
    n = 3000
    idle = [connect(r, a) for a in addresses(n)]
    key = certs.Key()
    for i in range(5):
        assert r.post(certs.asserted(key, str(i))).status == 200
    assert metric(r, "http_connections_total") > n
    for s in idle:
        s.close()
    r.stop()
    r.close()


def test_announced_bodies_cost_nothing():
    """
    400 clients announce 4 MiB each, more than there is memory for bodies, and
    send a byte: an honest post still finds room.
    """
    r = Registry()
    r.start()
    held = [connect(r, a) for a in addresses(400)]
    for s in held:
        s.sendall(POST % (4 << 20) + b"{")
    while metric(r, "http_body_bytes") < 400:
        time.sleep(0.05)
    assert metric(r, "http_body_bytes") < 16 << 20
    reply = r.post(certs.asserted(certs.Key(), "honest"))
    assert reply.status == 200, reply.text()
    for s in held:
        s.close()
    while metric(r, "http_body_bytes") > 0:
        time.sleep(0.05)
    r.stop()
    r.close()


def test_bodies_that_do_not_fit():
    """More is really sent than there is memory for: 503 for some of them."""
    r = Registry()
    r.start()
    held = [connect(r, a) for a in addresses(140)]
    part = b"x" * ((4 << 20) - 1)
    run_all(lambda s: s.sendall(POST % (4 << 20) + part), held)
    # What was sent is received when nothing moves any more.
    before = -1
    while before != metric(r, "http_body_bytes"):
        before = metric(r, "http_body_bytes")
        time.sleep(1)
    assert 128 << 20 < before <= 512 << 20, before
    # The tiles and the checkpoint need none of it.
    assert r.get("/checkpoint").status == 200
    said = []

    def end(s):
        s.sendall(b"x")
        said.append(s.recv(65536)[9:12])
    run_all(end, held)
    # 128 times 4 MiB is all there is; who grows last may find less.
    assert said.count(b"503") >= 12 and said.count(b"400") >= 30, said
    assert len(said) == 140 == said.count(b"503") + said.count(b"400")
    assert metric(r, "http_body_bytes") == 0
    assert r.post(certs.asserted(certs.Key(), "honest")).status == 200
    for s in held:
        s.close()
    r.stop()
    r.close()


def run_all(function, sockets):
    threads = [threading.Thread(target=function, args=(s,)) for s in sockets]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def test_four_gibibytes():
    """They are refused before their first byte, and those sent are dropped."""
    r = Registry()
    r.start()
    s = connect(r)
    began = time.monotonic()
    s.sendall(POST % (4 << 30))
    head = s.recv(65536)
    assert head.startswith(b"HTTP/1.1 413 "), head[:40]
    assert time.monotonic() - began > 0.9, "told at once"
    sent = 0
    try:
        while sent < 64 << 20:
            sent += s.send(b"x" * 65536)
    except OSError:
        pass
    assert sent < 64 << 20, "it took 64 MiB of a refused body"
    s.close()
    assert metric(r, "http_body_bytes") == 0
    assert r.size() == 0
    r.stop()
    r.close()


class Flood:
    """Clients that send a refused body again as soon as they are told."""

    def __init__(self, r, head, n):
        self.stop, self.told, self.sent = threading.Event(), 0, 0
        self.mutex = threading.Lock()
        self.threads = [threading.Thread(target=self.client, args=(r, head))
                        for _ in range(n)]
        for t in self.threads:
            t.start()

    def client(self, r, head):
        while not self.stop.is_set():
            s = connect(r)
            sent = 0
            try:
                s.sendall(head)
                while not select.select([s], [], [], 0)[0]:
                    if select.select([], [s], [], 0.05)[1]:
                        sent += s.send(b"x" * 65536)
                told = s.recv(65536)[9:12]
            except OSError:
                told = b"413"  # reset, with the answer on its way
            s.close()
            with self.mutex:
                assert told in (b"413", b"411"), told
                self.told += 1
                self.sent += sent

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join()


def test_flood_of_refused_bodies():
    """
    Eight clients without a pause get a refusal each second or two, and in
    between no further byte of theirs is taken; others notice nothing.
    """
    chunked = (b"POST /api/v1/certificates HTTP/1.1\r\nHost: x\r\n"
               b"Content-Type: application/jsonl\r\n"
               b"Transfer-Encoding: chunked\r\n\r\n")
    for head in POST % (4 << 30), chunked:
        r = Registry()
        r.start()
        key, n = certs.Key(), 0
        began = time.monotonic()
        flood = Flood(r, head, 8)
        while time.monotonic() - began < 6:
            assert r.post(certs.asserted(key, str(n))).status == 200
            n += 1
            time.sleep(0.05)
        flood.end()
        took = time.monotonic() - began
        assert 8 <= flood.told <= 8 * (took + 1), (flood.told, took)
        # What the kernel took for a connection that nobody reads.
        assert flood.sent < flood.told * (16 << 20), flood.sent
        assert metric(r, "http_body_bytes") == 0
        assert r.size() == n
        # Whoever is held does not hold up the end.
        held = connect(r)
        held.sendall(head)
        began = time.monotonic()
        r.stop()
        assert time.monotonic() - began < 20
        held.close()
        r.close()


server.main([test_deadlines, test_connections_of_one_address,
             test_connections_of_all, test_many_idle_connections,
             test_announced_bodies_cost_nothing, test_bodies_that_do_not_fit,
             test_four_gibibytes, test_flood_of_refused_bodies])
