"""test_operation.py -- what an operator meets: settings and where they come
from, messages, the service manager, a clock that jumps, a directory that
cannot be written, the examples of a unit and of a proxy."""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time

import certs
import server
from watched import Watched, refused, said

SOURCE = os.environ.get("AICERT_SOURCE", os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", ".."))
EXAMPLES = os.path.join(SOURCE, "examples", "registry")
ACCEPT = "AICERT_REGISTRY_ACCEPT_UNWITNESSED_START"


class Skipped(Exception):
    """A part that cannot run here, and why."""


def skip(reason):
    print("     skipped: " + reason)


def serve_once(r, args=(), env=None, config=None):
    """Start and stop with these settings; what it said."""
    full = {k: v for k, v in os.environ.items()
            if not k.startswith("AICERT_REGISTRY_")}
    full.update(env or {})
    if config is not None:
        path = os.path.join(r.top, "registry.conf")
        with open(path, "w") as f:
            f.write(config)
        args = ("--config", path, *args)
    p = subprocess.Popen([server.BIN, "serve", r.dir, *args],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True, env=full)
    line = p.stdout.readline()
    if line:
        p.send_signal(signal.SIGTERM)
    out, err = p.communicate(timeout=60)
    return p.returncode, line + out, err


def test_precedence():
    """Options win over the environment, and it over the file."""
    r = server.Registry()
    ports = {n: os.path.join(r.top, n) for n in ("file", "env", "option")}

    def written():
        found = sorted(n for n in ports if os.path.exists(ports[n]))
        for n in found:
            os.unlink(ports[n])
        return found

    config = ("# a comment\n\nlisten = 127.0.0.1:0\n"
              "  accept-unwitnessed-start=yes  \nport-file = %s"
              % ports["file"])
    env = {"AICERT_REGISTRY_PORT_FILE": ports["env"]}
    option = ("--port-file", ports["option"])
    for args, e, want in (((), {}, "file"), ((), env, "env"),
                          (option, env, "option"), (option, {}, "option"),
                          ((), {"AICERT_REGISTRY_PORT_FILE": ""}, "file")):
        code, out, err = serve_once(r, args, e, config)
        assert code == 0, err
        assert written() == [want], (want, args, e)
    # The environment alone, also for where the file is.
    path = os.path.join(r.top, "registry.conf")
    code, out, err = serve_once(r, (), {"AICERT_REGISTRY_CONFIG": path})
    assert code == 0 and written() == ["file"], err
    code, out, err = serve_once(r, ("--listen", "127.0.0.1:0"),
                                {ACCEPT: "yes"})
    assert code == 0, err
    # A flag can be taken back by whoever is stronger.
    code, out, err = serve_once(r, (), {ACCEPT: "no"}, config)
    assert code == 1 and "--accept-unwitnessed-start" in err, err
    r.close()


def test_wrong_settings():
    r = server.Registry()
    good = "listen = 127.0.0.1:0\naccept-unwitnessed-start = yes\n"
    for line, *words in (
            ("batch-ms", "expected \"key = value\""),
            ("= 5", "expected \"key = value\""),
            ("batch-ms = 60001", "0 to 60000", "60001"),
            ("batch-ms = -1", "0 to 60000"),
            ("batch-ms =", "0 to 60000"),
            ("batch_ms = 5", "no setting", "batch_ms"),
            ("Batch-ms = 5", "no setting"),
            ("origin = log.example.org", "no setting"),
            ("config = x", "no setting"),
            ("help = yes", "no setting"),
            ("to = x", "no setting"),
            ("fail-open = true", "yes or no", "true"),
            ("fail-open", "expected \"key = value\""),
            ("log = xml", "text or json"),
            ("cosign-s = 0", "1 to 60"),
            ("listen = a\x01b", "expected \"key = value\""),
            ("without-witness =", "--without-witness")):
        code, out, err = serve_once(r, config=good + line + "\n")
        assert code == 2 and out == "", (line, code, err)
        for word in (r.top + "/registry.conf, line 3: ", *words):
            assert word in err, (line, word, err)
    for name, value, word in (("BATCH_MS", "x", "0 to 60000"),
                              ("FAIL_OPEN", "1", "yes or no"),
                              ("LOG", "loud", "text or json")):
        code, out, err = serve_once(
            r, env={"AICERT_REGISTRY_" + name: value}, config=good)
        assert code == 2 and "AICERT_REGISTRY_" + name in err, err
        assert word in err, err
    code, out, err = serve_once(r, ("--config", r.top + "/nothing"))
    assert code == 2 and "cannot read the configuration" in err, err
    # The other commands have none of it.
    new = os.path.join(r.top, "new")
    done = subprocess.run(
        [server.BIN, "init", new, "--origin", "a.example"], text=True,
        capture_output=True, env=dict(os.environ, AICERT_REGISTRY_LOG="x"))
    assert done.returncode == 0, done
    r.close()


def test_messages():
    """As text, and as lines of JSON; the last of them says what failed."""
    r = server.Registry()
    start = ("--listen", "127.0.0.1:0", "--accept-unwitnessed-start")
    code, _, err = serve_once(r, start)
    assert code == 0
    assert re.fullmatch(r"aicert-registry: warning: [^\n]+\n", err), err
    code, _, err = serve_once(r, (*start, "--log", "json"))
    message, = [json.loads(line) for line in err.splitlines()]
    assert list(message) == ["time", "level", "event", "text"]
    assert message["level"] == "warning"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", message["time"])
    # Names of files may be any bytes.
    code, _, err = serve_once(r, (*start, "--log", "json", "--port-file",
                                  os.fsencode(r.top) + b"/no\xff\n/x"))
    message = [json.loads(line) for line in err.splitlines()][-1]
    assert code == 1 and "\\xff\\x0a" in message["text"], message
    os.unlink(r.dir + "/time.key")
    code, _, err = serve_once(r, (*start, "--log", "json"))
    message, = [json.loads(line) for line in err.splitlines()]
    assert code == 1 and message["level"] == "error"
    assert message["event"] == "failed" and "time.key" in message["text"]
    r.close()


def test_service_manager():
    """READY when requests are answered, WATCHDOG while it lives, STOPPING."""
    r = server.Registry()
    path = os.path.join(r.top, "notify")
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(path)
    s.settimeout(60)
    os.environ["NOTIFY_SOCKET"] = path
    try:
        r.start(args=("--accept-unwitnessed-start",))
    finally:
        del os.environ["NOTIFY_SOCKET"]
    first = s.recv(4096).decode()
    assert first.startswith("READY=1\n"), first
    assert "http://127.0.0.1:%d" % r.port in first
    assert r.get("/checkpoint").status == 200
    assert s.recv(4096) == b"WATCHDOG=1"
    r.server.send_signal(signal.SIGTERM)
    got = s.recv(4096)
    while got == b"WATCHDOG=1":
        got = s.recv(4096)
    assert got == b"STOPPING=1", got
    assert r.wait()[0] == 0
    s.close()
    r.close()


def in_mounts(script):
    """Run a shell script where mounts are its own; None: not allowed."""
    probe = subprocess.run(["unshare", "-m", "true"], capture_output=True)
    if probe.returncode != 0:
        return None
    return subprocess.run(["unshare", "-m", "sh", "-ec", script], text=True,
                          capture_output=True, timeout=60)


def test_read_only_directory():
    r = server.Registry()
    done = in_mounts(
        "mount --bind %s %s; mount -o remount,ro,bind %s; "
        "exec %s serve %s --listen 127.0.0.1:0 --accept-unwitnessed-start"
        % (r.dir, r.dir, r.dir, server.BIN, r.dir))
    if done is None:
        skip("no mounts of our own may be made here")
        return
    assert done.returncode == 1 and done.stdout == "", done
    assert "Read-only file system" in done.stderr, done.stderr
    assert "its user must own it" in done.stderr
    # Copies can be made of such a one.
    done = in_mounts(
        "mount --bind %s %s; mount -o remount,ro,bind %s; "
        "exec %s export %s --to %s/copy"
        % (r.dir, r.dir, r.dir, server.BIN, r.dir, r.top))
    assert done.returncode in (0, 1), done
    if done.returncode == 1:
        assert "registry.db" in done.stderr, done.stderr
    r.close()


class Clock:
    """A program's wall clock, set by us."""

    def __init__(self, top):
        self.file = os.path.join(top, "clock")
        self.set(0)
        self.library = os.path.join(top, "clock.so")
        done = subprocess.run(
            [os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o",
             self.library, os.path.join(SOURCE, "tests/support/clock.c")],
            capture_output=True, text=True)
        if done.returncode != 0:
            raise Skipped("no compiler: " + done.stderr)
        if b"__asan_init" in open(server.BIN, "rb").read():
            raise Skipped("a sanitizer wants to be loaded first")

    def set(self, seconds):
        with open(self.file + ".new", "w") as f:
            f.write("%d\n" % seconds)
        os.rename(self.file + ".new", self.file)

    def __enter__(self):
        os.environ.update(LD_PRELOAD=self.library, CLOCK_FILE=self.file)

    def __exit__(self, *args):
        del os.environ["LD_PRELOAD"], os.environ["CLOCK_FILE"]


def clock_jumps(r, start):
    try:
        clock = Clock(r.top)
    except Skipped as why:
        skip(str(why))
        return
    with clock:
        start()
    r.logged("before")
    for jump in (10 ** 9, -10 ** 6, 400, -400):
        clock.set(jump)
        refused(r.submit("at %d" % jump), "unwitnessed")
        before = r.checkpoint()
        assert abs(before.time - time.time()) < 60, "a wrong time was stated"
        clock.set(0)
        index, checkpoint = r.logged("at %d" % jump)
        assert abs(checkpoint.time - time.time()) < 60
    # Small steps are those of a clock that is kept right.
    clock.set(30)
    r.logged("30 s ahead")
    clock.set(-30)
    r.logged("30 s behind")
    clock.set(0)
    messages = r.end()
    for word in ("forward", "back"):
        said(messages, "blocked", "the clock was set", word, "restart")


def test_clock_jumps_with_witnesses():
    r = Watched()
    clock_jumps(r, r.serve)
    r.close()


def test_clock_jumps_without_witnesses():
    r = Watched(0)
    clock_jumps(r, lambda: r.start(args=("--accept-unwitnessed-start",
                                         "--log", "json")))
    r.close()


def test_start_with_a_wrong_clock():
    """Witnesses tell: none of their cosignatures counts, nothing is stated."""
    r = Watched()
    r.serve()
    r.logged("a")
    r.end()
    try:
        clock = Clock(r.top)
    except Skipped as why:
        skip(str(why))
        return
    clock.set(400 * 86400)
    with clock:
        r.serve()
    refused(r.submit("b"), "unwitnessed")
    assert abs(r.checkpoint().time - time.time()) < 60
    said(r.end(), "witness", "one of the two is wrong")
    r.serve()
    index, checkpoint = r.logged("b")
    assert index == 1 and abs(checkpoint.time - time.time()) < 60
    r.end()
    r.close()


def test_unit():
    """systemd takes the unit as it is, and finds it closed."""
    if shutil.which("systemd-analyze") is None:
        skip("there is no systemd-analyze")
        return
    top = server.tempfile.mkdtemp(prefix="aicert-unit-")
    try:
        with open(os.path.join(EXAMPLES, "aicert-registry.service")) as f:
            unit = f.read()
        path = os.path.join(top, "aicert-registry.service")
        with open(path, "w") as f:
            f.write(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=" +
                           os.path.abspath(server.BIN),
                           re.sub("(?m)^Documentation=.*\n", "", unit)))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", path],
                              capture_output=True, text=True, timeout=60)
        noise = [line for line in done.stderr.splitlines()
                 if "aicert-registry" in line]
        assert done.returncode == 0 and noise == [], done
        done = subprocess.run(
            ["systemd-analyze", "security", "--no-pager", "--offline=true",
             "--threshold=15", path], capture_output=True, text=True,
            timeout=60)
        assert done.returncode == 0, done.stdout
        print("     " + done.stdout.strip().splitlines()[-1].lstrip("→ "))
    finally:
        shutil.rmtree(top)


def system_calls(name, seen=None):
    """Those of a set of systemd's, as it lists them."""
    seen = set() if seen is None else seen
    listed = subprocess.run(["systemd-analyze", "syscall-filter", name],
                            capture_output=True, text=True, check=True)
    for word in listed.stdout.split("\n")[1:]:
        word = word.strip()
        if word.startswith("@"):
            system_calls(word, seen)
        elif word and not word.startswith("#"):
            seen.add(word)
    return seen


def test_unit_allows_what_is_done():
    """Every system call of a life with witnesses passes the unit's filter."""
    if shutil.which("systemd-analyze") is None or (
            shutil.which("strace") is None):
        skip("there is no systemd-analyze or no strace")
        return
    allowed = system_calls("@system-service") | system_calls("@default")
    with open(os.path.join(EXAMPLES, "aicert-registry.service")) as f:
        filters = re.findall("(?m)^SystemCallFilter=(.*)$", f.read())
    assert filters == ["@system-service", "~@privileged @resources"], filters
    allowed -= (system_calls("@privileged") | system_calls("@resources")) - (
        system_calls("@default"))
    site = os.path.join(server.tempfile.mkdtemp(prefix="aicert-trace-"), "x")
    r = Watched()
    real = server.BIN
    try:
        # The server itself keeps its process: strace attaches from outside.
        probe = subprocess.run(["strace", "-D", "true"], capture_output=True)
        if probe.returncode != 0:
            skip("processes may not be traced here")
            return
        wrapper = os.path.join(r.top, "traced")
        with open(wrapper, "w") as f:
            # A sanitizer that looks for leaks traces itself, which is taken.
            f.write("#!/bin/sh\nexport ASAN_OPTIONS=detect_leaks=0\n"
                    "exec strace -D -f -qq -o %s %s \"$@\"\n"
                    % (site, real))
        os.chmod(wrapper, 0o755)
        server.BIN = wrapper
        os.environ["NOTIFY_SOCKET"] = os.path.join(r.top, "nobody")
        r.serve("--cosign-s", "1")
        for i in range(3):
            r.logged("traced %d" % i)
        assert len(server.read_log(r)) == 3
        assert r.get("/").status == r.get("/metrics").status == 200
        n = len(r.witnesses[0].requests)
        assert r.witnesses[0].wait_for(lambda w: len(w.requests) > n)
        r.end()
    finally:
        server.BIN = real
        os.environ.pop("NOTIFY_SOCKET", None)
    with open(site) as f:
        made = set(re.findall(r"(?m)^\d+ +([a-z0-9_]+)\(", f.read()))
    shutil.rmtree(os.path.dirname(site))
    r.close()
    assert {"fdatasync", "fsync"} & made and "connect" in made, made
    # SQLite keeps the owner of a file, but only as root, which the unit is not.
    if os.getuid() == 0:
        allowed.add("fchown")
    assert made <= allowed, made - allowed
    print("     %d system calls, all of them allowed" % len(made))


def test_full_output():
    """Nobody can be told where it listens: it says so, and serves."""
    r = Watched(1, 1)
    port = os.path.join(r.top, "port")
    with open("/dev/full", "w") as full:
        r.server = subprocess.Popen(
            [server.BIN, "serve", r.dir, "--listen", "127.0.0.1:0",
             "--witness-policy", r.policy, "--log", "json", "--port-file",
             port], stdout=full, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not os.path.exists(port):
        assert time.monotonic() < deadline and r.server.poll() is None
        time.sleep(0.05)
    with open(port) as f:
        r.port = int(f.read())
    r.logged("a")
    said(r.end(), "ready", "standard output", str(r.port))
    r.close()


def test_example_configuration():
    """Every line of the example is a setting, and it serves."""
    r = Watched(1, 1)
    with open(os.path.join(EXAMPLES, "registry.conf")) as f:
        text = f.read()
    text = text.replace("127.0.0.1:8080", "127.0.0.1:0").replace(
        "/etc/aicert/witnesses", r.policy)
    code, out, err = serve_once(r, config=text)
    assert code == 0 and out.startswith("listening"), err
    r.close()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_proxy():
    """The example of nginx, with TLS, in front of a log with witnesses."""
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    if not os.access(nginx, os.X_OK) or shutil.which("openssl") is None:
        skip("nginx or openssl is not installed (Debian: nginx-light)")
        return
    port = free_port()
    r = Watched()
    r.serve()
    os.chmod(r.top, 0o755)
    cert, key = r.top + "/tls.pem", r.top + "/tls.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         "/CN=log.example.org", "-addext", "subjectAltName=DNS:log.example.org",
         "-keyout", key, "-out", cert], check=True, capture_output=True)
    with open(os.path.join(EXAMPLES, "nginx.conf")) as f:
        text = f.read()
    for old, new in (("listen 443", "listen 127.0.0.1:%d" % port),
                     ("\t\tlisten [::]:443 ssl http2;\n", ""),
                     ("127.0.0.1:8080", "127.0.0.1:%d" % r.port),
                     ("/etc/ssl/log.example.org.pem", cert),
                     ("/etc/ssl/private/log.example.org.key", key),
                     ("/var/lib/aicert-registry/public", r.dir + "/public"),
                     ("worker_processes auto;",
                      "worker_processes 1;\n%sdaemon off;\npid %s/pid;\n"
                      "error_log stderr;" % (
                          "user root;\n" if os.getuid() == 0 else "",
                          r.top)),
                     ("http {", "http {\n" + "".join(
                         "%s_temp_path %s/%s;\n" % (n, r.top, n)
                         for n in ("client_body", "proxy", "fastcgi", "uwsgi",
                                   "scgi")))):
        assert old in text, old
        text = text.replace(old, new)
    conf = r.top + "/nginx.conf"
    with open(conf, "w") as f:
        f.write(text)
    test = subprocess.run([nginx, "-t", "-e", "stderr", "-c", conf],
                          capture_output=True, text=True)
    assert test.returncode == 0, test.stderr
    proxy = subprocess.Popen([nginx, "-e", "stderr", "-c", conf],
                             stderr=subprocess.PIPE, text=True)
    context = ssl.create_default_context(cafile=cert)

    class Connection(http.client.HTTPSConnection):
        def connect(self):
            raw = socket.create_connection(("127.0.0.1", port), 60)
            self.sock = context.wrap_socket(
                raw, server_hostname="log.example.org")

    def ask(method, path, body=None, headers=None):
        c = Connection("log.example.org", port, timeout=60)
        try:
            c.request(method, path, body, headers or {})
            return server.Reply(c.getresponse())
        finally:
            c.close()

    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                ask("GET", "/healthz")
                break
            except OSError:
                assert time.monotonic() < deadline and proxy.poll() is None
                time.sleep(0.05)
        body = certs.asserted(r.key, "through the proxy")
        reply = ask("POST", "/api/v1/certificates", body, server.JSONL)
        assert reply.status == 200, reply.text()
        certs.check_certificate(reply.body, r.keys, r.key)
        # A statement is answered once it is public: also through nginx.
        note = ask("GET", "/checkpoint")
        assert note.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert note.headers["Cache-Control"] == "no-cache"
        assert certs.Checkpoint(note.text(), r.keys).size == 1
        for path in ("/tile/0/000.p/1", "/tile/entries/000.p/1"):
            tile = ask("GET", path)
            assert tile.status == 200, path
            assert "immutable" in tile.headers["Cache-Control"]
            assert tile.headers["Content-Type"] == "application/octet-stream"
            assert tile.body == r.get(path).body, path
            assert ask("HEAD", path).status == 200
        missing = ask("GET", "/tile/0/007")
        assert missing.status == 404
        assert "immutable" not in str(missing.headers["Cache-Control"])
        for path in ("/", "/api/v1/log-keys", "/trusted_root.json"):
            assert ask("GET", path).body == r.get(path).body, path
        too_large = ask("POST", "/api/v1/certificates", b"x" * (5 << 20),
                        server.JSONL)
        assert too_large.status == 413, too_large.text()
        for bad in ("/../registry.db", "/..%2fregistry.db", "/registry.db",
                    "/tile/../../log.key", "/log.key", "/signer.state"):
            assert ask("GET", bad).status in (400, 404), bad
    finally:
        proxy.terminate()
        proxy.communicate(timeout=60)
    r.end()
    r.close()


server.main([
    test_precedence, test_wrong_settings, test_messages, test_service_manager,
    test_read_only_directory, test_clock_jumps_with_witnesses,
    test_clock_jumps_without_witnesses, test_start_with_a_wrong_clock,
    test_unit, test_unit_allows_what_is_done, test_full_output,
    test_example_configuration, test_proxy,
])
