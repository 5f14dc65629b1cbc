"""test_life.py -- the life of a server: made, started, ended, and refused
where something is wrong with its directory; each refusal says what to do."""
import http.client
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import certs
import server
from server import run


def refused(done, code, *words):
    assert done.returncode == code, (done.returncode, done.stderr)
    assert done.stdout == "", done.stdout
    for word in words:
        assert word in done.stderr, "%r lacks %r" % (done.stderr, word)
    # One clear message, no trace.
    assert done.stderr.startswith("aicert-registry: ")


def serve(r, *args):
    return run("serve", r.dir, "--listen", "127.0.0.1:0", *args)


def logged(count=3):
    """A stopped log with entries."""
    r = server.Registry()
    r.start()
    key = certs.Key()
    for i in range(count):
        assert r.post(certs.asserted(key, str(i))).status == 200
    r.stop()
    return r


def test_usage():
    for args in ([], ["init"], ["serve"], ["fly", "x"], ["init", "x"],
                 ["serve", "x"], ["init", "x", "y", "--origin", "a"],
                 ["init", "x", "--origin"], ["init", "x", "--bad"],
                 ["init", "x", "--origin", "a", "--batch-ms", "1"],
                 ["serve", "x", "--listen", "a:1", "--origin", "a"],
                 ["serve", "x", "--listen", "a:1", "--batch-ms", "-1"],
                 ["serve", "x", "--listen", "a:1", "--batch-ms", "60001"],
                 ["serve", "x", "--listen", "a:1", "--batch-ms", "5x"],
                 ["serve", "x", "--listen", "a:1", "--batch-max", "0"],
                 ["serve", "x", "--listen", "a:1", "--admit", "nothing"],
                 ["serve", "x", "--listen", "a:1", "--admit", ""]):
        done = run(*args)
        assert done.returncode == 2 and "--help" in done.stderr, args
    done = run("--help")
    assert done.returncode == 0 and "examples:" in done.stdout
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("aicert-registry ")


def test_init():
    r = server.Registry()
    modes = {name: os.stat(os.path.join(r.dir, name)).st_mode & 0o777
             for name in os.listdir(r.dir)}
    assert modes["log.key"] == modes["time.key"] == 0o600, modes
    assert modes["signer.state"] == 0o600, modes
    before = {}
    for name in modes:
        if name != "public":
            with open(os.path.join(r.dir, name), "rb") as f:
                before[name] = f.read()
    refused(run("init", r.dir, "--origin", "log.example.org"), 1, "not empty")
    for name, data in before.items():
        with open(os.path.join(r.dir, name), "rb") as f:
            assert f.read() == data, name
    with open(r.dir + "/public/checkpoint") as f:
        c = certs.Checkpoint(f.read(), r.keys)
    assert c.size == 0 and abs(c.time - time.time()) < 60
    # The signatures of the two keys are of two keys.
    assert r.keys.log.pub != r.keys.time.pub
    new = os.path.join(r.top, "new")
    for origin in ("", "https://log.example.org", "log.example.org/x",
                   "log.example.org:80", "Log.example.org", "a b", "a..b",
                   "-a", "a-", ".", "log+1", "log\n"):
        refused(run("init", new, "--origin", origin), 1, "bare host name")
        assert not os.path.exists(new), origin
    for url in "log.example.org", "http://a/", "http://a b", "ftp://a", "x":
        refused(run("init", new, "--origin", "a.org", "--url", url), 1,
                "http://")
        assert not os.path.exists(new), url
    os.mkdir(new)
    done = run("init", new, "--origin", "a.org", "--url", "https://a.org/log")
    assert done.returncode == 0, done.stderr
    with open(new + "/log-keys") as f:
        log, when, own = f.read().splitlines()
    assert log.startswith("log a.org+") and log.endswith(" https://a.org/log")
    assert when.startswith("log-time a.org/time+")
    with open(r.top + "/file", "w") as f:
        f.write("x")
    refused(run("init", r.top + "/file", "--origin", "a.org"), 1, "file")
    refused(run("init", r.top + "/no/such", "--origin", "a.org"), 1, "such")
    r.close()


def test_two_servers_on_one_log():
    r = server.Registry()
    r.start()
    refused(serve(r), 1, "another server", "one writer")
    assert r.get("/healthz").status == 200
    r.stop()
    # The lock goes with the process, however it ended.
    r.start()
    r.server.kill()
    r.wait()
    r.start()
    r.stop()
    r.close()


def test_port_in_use():
    r = server.Registry()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        at = "127.0.0.1:%d" % s.getsockname()[1]
        refused(run("serve", r.dir, "--listen", at), 1, at, "in use",
                "port 0")
    for at in ("", "127.0.0.1", ":80", "127.0.0.1:", "127.0.0.1:x",
               "127.0.0.1:+1", "127.0.0.1:123456", "[]:1"):
        refused(run("serve", r.dir, "--listen", at), 1, "ADDR:PORT")
    refused(run("serve", r.dir, "--listen", "192.0.2.1:0"), 1, "192.0.2.1")
    r.close()


def test_port_file():
    r = server.Registry()
    path = os.path.join(r.top, "port")
    r.start(args=("--port-file", path))
    with open(path) as f:
        assert f.read() == "%d\n" % r.port
    r.stop()
    refused(serve(r, "--port-file", r.top + "/no/port"), 1, "/no/port")
    r.close()


def test_ipv6():
    r = server.Registry()
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
    except OSError:
        r.close()
        return
    r.server = subprocess.Popen(
        [server.BIN, "serve", r.dir, "--listen", "[::1]:0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = r.server.stdout.readline()
    assert line.startswith("listening on http://[::1]:"), line
    c = http.client.HTTPConnection("::1", int(line.rsplit(":", 1)[1]))
    c.request("GET", "/healthz")
    assert c.getresponse().status == 200
    c.close()
    r.stop()
    r.close()


def test_sigterm_drains():
    """Every post is answered or refused; what was answered is there."""
    for number in signal.SIGTERM, signal.SIGINT:
        r = server.Registry()
        r.start()
        key = certs.Key()
        answered, refusals, lock = {}, [], threading.Lock()
        begun = threading.Event()

        def client(n):
            for i in range(1000):
                body = certs.asserted(key, "%d-%d" % (n, i))
                try:
                    reply = r.post(body)
                except (OSError, http.client.HTTPException) as e:
                    with lock:
                        refusals.append(e)
                    return
                with lock:
                    if reply.status != 200:
                        refusals.append(reply.status)
                        return
                    answered[body] = reply.body
                    if len(answered) >= 20:
                        begun.set()

        threads = [threading.Thread(target=client, args=(n,))
                   for n in range(4)]
        for t in threads:
            t.start()
        assert begun.wait(60)
        server_process = r.server
        server_process.send_signal(number)
        for t in threads:
            t.join()
        code, err = r.wait()
        assert code == 0 and len(err.splitlines()) == 1, (code, err)
        assert "--accept-unwitnessed-start" in err, err
        # No answer at all only for who came as the door was closed.
        for x in refusals:
            assert x == 503 or isinstance(x, ConnectionError), x
        r.start()
        for body, answer in answered.items():
            assert r.post(body).body == answer
        r.stop()
        r.close()


def test_directory_is_no_log():
    r = server.Registry()
    for name, make in [("nothing", lambda p: None), ("empty", os.mkdir),
                       ("file", lambda p: open(p, "w").close())]:
        path = os.path.join(r.top, name)
        make(path)
        refused(run("serve", path, "--listen", "127.0.0.1:0"), 1,
                "not the directory of a log", "init")
        assert not os.path.exists(path + "/registry.db")
    r.close()


def damaged(change, *words):
    r = logged()
    change(r)
    refused(serve(r), 1, *words)
    r.close()


def overwrite(name, data):
    def change(r):
        path = os.path.join(r.dir, name)
        os.chmod(path, 0o600)
        with open(path, "wb") as f:
            f.write(data)
    return change


def remove(name):
    return lambda r: os.unlink(os.path.join(r.dir, name))


def test_damaged_directories():
    damaged(lambda r: os.chmod(r.dir + "/log.key", 0o640), "chmod 600")
    damaged(remove("log.key"), "log.key")
    damaged(remove("time.key"), "time.key")
    damaged(remove("signer.state"), "signer.state")
    damaged(overwrite("log.key", b"x\n"), "not the private key")
    damaged(overwrite("time.key", b""), "not the private key")
    damaged(overwrite("signer.state", b"x\n"), "damaged")
    damaged(overwrite("registry.db", b""), "not a database")
    damaged(overwrite("registry.db", b"x" * 4096), "registry.db")
    damaged(overwrite("public/checkpoint", b"x\n"), "checkpoint")

    def swap_keys(r):
        os.rename(r.dir + "/log.key", r.dir + "/x")
        os.rename(r.dir + "/time.key", r.dir + "/log.key")
        os.rename(r.dir + "/x", r.dir + "/time.key")
    damaged(swap_keys, "not the private key")

    def link_key(r):
        os.rename(r.dir + "/log.key", r.dir + "/x")
        os.symlink("x", r.dir + "/log.key")
    damaged(link_key, "log.key")

    def edit(*statements):
        import sqlite3

        def change(r):
            db = sqlite3.connect(r.dir + "/registry.db")
            for s in statements:
                db.execute(s)
            db.commit()
            db.close()
        return change
    damaged(edit("UPDATE head SET root = zeroblob(32) WHERE size = 3"),
            "signed")
    damaged(edit("DELETE FROM head WHERE size = 3"), "went back in time")
    damaged(edit("UPDATE tile SET hashes = zeroblob(length(hashes))"),
            "damaged")
    damaged(edit("PRAGMA user_version = 9"), "version")
    damaged(edit("DROP TABLE line"), "tables")


def test_database_from_yesterday():
    """An older copy of the database is refused, by signer and checkpoint."""
    r = logged(1)
    old = os.path.join(r.top, "old.db")
    shutil.copy(r.dir + "/registry.db", old)
    r.start()
    assert r.post(certs.asserted(certs.Key(), "new")).status == 200
    r.stop()
    for name in "registry.db-wal", "registry.db-shm":
        if os.path.exists(os.path.join(r.dir, name)):
            os.unlink(os.path.join(r.dir, name))
    shutil.copy(old, r.dir + "/registry.db")
    with open(r.dir + "/public/checkpoint", "rb") as f:
        checkpoint = f.read()
    refused(serve(r), 1, "went back in time", "size 2", "size 1")
    # The signer's state from the same day does not help.
    with open(r.dir + "/signer.state") as f:
        title = f.read().splitlines()[0]
    head = r.rows("SELECT size, root FROM head ORDER BY size DESC")[0]
    overwrite("signer.state", ("%s\n%d\n%s\n0\n" % (
        title, head[0], certs.b64(head[1]))).encode())(r)
    refused(serve(r), 1, "public checkpoint", "went back in time")
    with open(r.dir + "/public/checkpoint", "rb") as f:
        assert f.read() == checkpoint
    r.close()


def test_differing_tile_is_fatal():
    """A tile that is there and wrong is never replaced."""
    r = logged(1)
    path = r.dir + "/public/tile/0/000.p/2"
    with open(path, "wb") as f:
        f.write(b"x" * 64)
    r.start()
    reply = r.post(certs.asserted(certs.Key(), "new"))
    assert reply.status == 503, reply.text()
    code, err = r.wait()
    assert code == 1 and "differs" in err and path in err, err
    with open(path, "rb") as f:
        assert f.read() == b"x" * 64
    refused(serve(r), 1, "differs")
    # Once it is gone, the committed head goes on its way.
    os.unlink(path)
    r.start()
    assert r.checkpoint().size == 2
    assert len(server.read_log(r)) == 2
    r.stop()
    r.close()


def test_clock_behind():
    """The log never states an earlier time than before."""
    r = logged(1)
    with open(r.dir + "/signer.state") as f:
        lines = f.read().splitlines()
    soon = int(time.time()) + 100
    lines[3] = str(soon)
    overwrite("signer.state", ("\n".join(lines) + "\n").encode())(r)
    r.start()
    assert r.checkpoint().time == soon
    r.stop()
    lines[3] = str(int(time.time()) + 100000)
    overwrite("signer.state", ("\n".join(lines) + "\n").encode())(r)
    refused(serve(r), 1, "clock")
    r.close()


def test_another_process_writes():
    """The compare-and-swap on the head: a second writer stops the first."""
    import sqlite3
    r = server.Registry()
    r.start()
    db = sqlite3.connect(r.dir + "/registry.db", timeout=30)
    db.execute("INSERT INTO head (size, root) VALUES (7, zeroblob(32))")
    db.commit()
    db.close()
    reply = r.post(certs.asserted(certs.Key(), "x"))
    assert reply.status == 503, reply.text()
    code, err = r.wait()
    assert code == 1 and "another process" in err, err
    r.close()


server.main([
    test_usage, test_init, test_two_servers_on_one_log, test_port_in_use,
    test_port_file, test_ipv6, test_sigterm_drains, test_directory_is_no_log,
    test_damaged_directories, test_database_from_yesterday,
    test_differing_tile_is_fatal, test_clock_behind,
    test_another_process_writes,
])
