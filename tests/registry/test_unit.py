#!/usr/bin/env python3
"""test_unit.py -- the unit of examples/registry, started by systemd.

The manager is a user's one, in namespaces of its own, so that PID 1 may be
anything.  Of the unit only what a user's manager cannot do is changed: User=
goes, and the program, its settings and the watchdog's time are this test's.
What a system's manager does beyond that is not seen here.

Exit code: 0 passed, 1 failed, 77 skipped (the reason is printed).
"""
import glob
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time

SYSTEMD = "/lib/systemd/systemd"
RUN = "/run/aicert"      # what the test makes, in a /run of its own
STATE = RUN + "/lib/aicert-registry"
UNIT = "aicert-registry.service"

# Mounts and processes of ours are seen by nobody else and end with us.
if os.environ.get("AICERT_OWN_SYSTEMD") is None:
    if not os.access(SYSTEMD, os.X_OK) or shutil.which("systemctl") is None:
        print("skipped: there is no systemd")
        sys.exit(77)
    own = ["unshare", "--mount", "--pid", "--fork", "--mount-proc",
           "--kill-child", "--propagation", "private"]
    if subprocess.run([*own, "true"],
                      stderr=subprocess.DEVNULL).returncode != 0:
        print("skipped: no mount and PID namespace of our own")
        sys.exit(77)
    # systemd makes groups of its own; those that were not there go again.
    before = set(glob.glob("/sys/fs/cgroup/*/*/")) | set(
        glob.glob("/sys/fs/cgroup/*/"))
    os.environ["AICERT_OWN_SYSTEMD"] = "yes"
    code = subprocess.run([*own, sys.executable, "-B", *sys.argv]).returncode
    for pattern in ("/sys/fs/cgroup/*/app.slice/*/", "/sys/fs/cgroup/*/*/",
                    "/sys/fs/cgroup/*/"):
        for made in set(glob.glob(pattern)) - before:
            if re.search(r"/(app\.slice|init\.scope)(/|$)", made):
                try:
                    os.rmdir(made)
                except OSError:
                    pass  # somebody else is in it
    sys.exit(code)

import certs
import server

EXAMPLES = os.path.join(os.environ.get("AICERT_SOURCE", "."), "examples",
                        "registry")
ENV = dict(os.environ, XDG_RUNTIME_DIR="/run/xdg", XDG_CONFIG_HOME=RUN +
           "/lib", XDG_STATE_HOME=RUN + "/lib", SYSTEMD_LOG_TARGET="console",
           SYSTEMD_UNIT_PATH=RUN + "/units:/usr/lib/systemd/user")


def prepare():
    """A /run as systemd has it, with a log and the unit in it."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    for folder in ("/run/xdg", "/run/systemd/system", RUN + "/units",
                   RUN + "/bin", STATE):
        os.makedirs(folder, 0o755)
    for top in "/run/systemd", "/run/xdg/systemd":
        # By these a path is made inaccessible to a service.
        at = top + "/inaccessible"
        os.makedirs(at + "/dir")
        open(at + "/reg", "w").close()
        os.mkfifo(at + "/fifo")
        os.mknod(at + "/chr", stat.S_IFCHR)
        os.mknod(at + "/blk", stat.S_IFBLK)
        socket.socket(socket.AF_UNIX).bind(at + "/sock")
    # /tmp is another one for the service.
    program = shutil.copy(server.BIN, RUN + "/bin/aicert-registry")
    done = server.run("init", STATE, "--origin", "log.example.org")
    assert done.returncode == 0, done.stderr
    with open(EXAMPLES + "/registry.conf") as f:
        conf = re.sub("(?m)^witness-policy.*$",
                      "accept-unwitnessed-start = yes", f.read().replace(
                          "127.0.0.1:8080", "127.0.0.1:0"))
    with open(RUN + "/registry.conf", "w") as f:
        f.write(conf)
    with open(os.path.join(EXAMPLES, UNIT)) as f:
        unit = f.read()
    for pattern, to in (
            (r"ExecStart=\S+ serve \S+ --config \S+",
             "ExecStart=%s serve %s --config %s/registry.conf --port-file "
             "%s/port" % (program, STATE, RUN, STATE)),
            (r"WatchdogSec=\d+", "WatchdogSec=8"),
            (r"User=aicert-registry\n", ""),
            # A sanitizer that looks for leaks traces itself, which it may not.
            (r"RestartSec=2", "RestartSec=100ms\nEnvironment=ASAN_OPTIONS="
             "detect_leaks=0")):
        unit, n = re.subn("(?m)^" + pattern, to, unit)
        assert n == 1, pattern
    with open(RUN + "/units/" + UNIT, "w") as f:
        f.write(unit)


def systemctl(*words, code=0):
    done = subprocess.run(["systemctl", "--user", *words], env=ENV, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=120)
    assert code is None or done.returncode == code, (words, done.stdout)
    return done.stdout


def shown():
    return dict(line.split("=", 1) for line in systemctl(
        "show", UNIT, "-p", "ActiveState,SubState,Result,MainPID,NRestarts,"
        "ExecMainStatus,StatusText").splitlines())


def wait_for(what, why, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        got = what()
        if got:
            return got
        time.sleep(0.05)
    raise AssertionError("waited in vain for %s: %s" % (why, shown()))


class Unit(server.Registry):
    """The log that the unit serves."""

    def __init__(self):
        self.dir, self.server, self.top = STATE, None, RUN + "/nothing"
        with open(STATE + "/log-keys") as f:
            self.keys = certs.LogKeys(f.read())

    def look(self):
        with open(STATE + "/port") as f:
            self.port = int(f.read())
        return self

    def answers(self):
        try:
            return self.look().get("/healthz").status == 200
        except OSError:
            return False


def restarted(r, n):
    """It runs again, for the n-th time, and has what it answered."""
    wait_for(lambda: int(shown()["NRestarts"]) >= n, "a restart")
    wait_for(lambda: shown()["SubState"] == "running", "the next start")
    wait_for(r.answers, "an answer")


def test_unit():
    r, key = Unit(), certs.Key()
    # Type=notify: this ends once the server says that it is ready.
    systemctl("start", UNIT)
    now = shown()
    assert now["ActiveState"] == "active" and now["SubState"] == "running"
    r.look()
    first = certs.asserted(key, "first")
    answer = r.post(first)
    assert answer.status == 200, answer.text()
    # It is as closed as the unit says.
    pid = int(now["MainPID"])
    with open("/proc/%d/status" % pid) as f:
        status = dict(re.findall(r"(?m)^(\w+):\s*(.*)$", f.read()))
    assert status["CapEff"] == status["CapBnd"] == "0" * 16, status
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
    with open("/proc/%d/mountinfo" % pid) as f:
        mounts = [line.split() for line in f]
    root = [m for m in mounts if m[4] == "/"][-1]
    assert "ro" in root[5].split(","), root
    for path in "/tmp", "/root":
        assert [m for m in mounts if m[4] == path], path
    assert [m for m in mounts if m[4] == STATE and
            "rw" in m[5].split(",")], mounts
    # Killed, it comes back; what it answered is there.
    os.kill(pid, signal.SIGKILL)
    restarted(r, 1)
    assert r.post(first).body == answer.body
    # Hung, the watchdog ends it.
    os.kill(int(shown()["MainPID"]), signal.SIGSTOP)
    restarted(r, 2)
    assert r.post(first).body == answer.body
    # It goes on saying that it is alive: twice the watchdog's time.
    time.sleep(16)
    assert shown()["NRestarts"] == "2", shown()
    assert r.post(certs.asserted(key, "last")).status == 200
    assert r.size() == 2
    # In order it ends well, and is not started again.
    systemctl("stop", UNIT)
    now = shown()
    assert now["ActiveState"] == "inactive" and now["Result"] == "success", now
    assert now["ExecMainStatus"] == "0", now
    # What cannot start says so to systemd.
    os.rename(STATE + "/signer.state", STATE + "/elsewhere")
    systemctl("start", UNIT, code=1)
    systemctl("stop", UNIT)


prepare()
manager = subprocess.Popen([SYSTEMD, "--user", "--unit=basic.target"],
                           env=ENV, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
until = time.monotonic() + 60
while not os.path.exists("/run/xdg/systemd/private"):
    if manager.poll() is not None or time.monotonic() > until:
        print("skipped: systemd does not run as a user's manager here")
        sys.exit(77)
    time.sleep(0.05)
server.main([test_unit])
