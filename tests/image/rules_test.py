#!/usr/bin/python3
"""The network rules of the image, loaded as they are into a network namespace
beside another that plays everybody else: for every rule a packet that it lets
through, seen by the rule's own counter, and packets like it that none does.

usage: rules_test.py network.nft
"""
import ctypes
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import time
import unittest

RULES = sys.argv.pop(1)
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
INSIDE4, OUTSIDE4 = "10.99.0.2", "10.99.0.1"
INSIDE6, OUTSIDE6 = "fd99::2", "fd99::1"
METADATA = "169.254.169.254"
AZURE = "168.63.129.16"

for tool in "ip", "nft", "unshare":
    if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
        print(f"skipped: {tool} is not installed")
        sys.exit(77)
os.environ["PATH"] += ":/usr/sbin:/sbin"
if os.geteuid() != 0 or subprocess.run(
        ["unshare", "-n", "nft", "list", "ruleset"],
        capture_output=True).returncode != 0:
    print("skipped: no network namespaces with nftables for this user")
    sys.exit(77)


def sh(command):
    subprocess.run(command, shell=True, check=True)


class Place:
    """a network namespace; a process that sleeps holds it"""

    def __init__(self):
        self.keeper = subprocess.Popen(["unshare", "-n", "sleep", "600"])
        self.pid = self.keeper.pid
        own = os.readlink("/proc/self/ns/net")
        until = time.time() + 30
        while os.readlink(f"/proc/{self.pid}/ns/net") == own:
            if time.time() > until:
                raise RuntimeError("no network namespace")
            time.sleep(0.01)

    def sh(self, command):
        return subprocess.run(["nsenter", "-t", str(self.pid), "-n", "sh",
                               "-ec", command], check=True,
                              capture_output=True, text=True).stdout

    def socket(self, *kind):
        """a socket that is there, used from here"""
        here = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
        try:
            assert libc.setns(there, CLONE_NEWNET) == 0
            return socket.socket(*kind)
        finally:
            assert libc.setns(here, CLONE_NEWNET) == 0
            os.close(here)
            os.close(there)

    def end(self):
        self.keeper.kill()
        self.keeper.wait()


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Test(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.inside, cls.outside = Place(), Place()
        cls.addClassCleanup(cls.inside.end)
        cls.addClassCleanup(cls.outside.end)
        cls.inside.sh(
            "ip link set lo up; ip link add net0 type veth peer name net1 "
            f"netns {cls.outside.pid}; ip addr add {INSIDE4}/24 dev net0; "
            f"ip addr add {INSIDE6}/64 dev net0 nodad; ip link set net0 up")
        cls.outside.sh(
            f"ip link set lo up; ip addr add {OUTSIDE4}/24 dev net1; "
            f"ip addr add {METADATA}/32 dev net1; "
            f"ip addr add {AZURE}/32 dev net1; "
            f"ip addr add {OUTSIDE6}/64 dev net1 nodad; "
            "ip link set net1 up")
        cls.inside.sh(f"ip route add {METADATA}/32 dev net0; "
                      f"ip route add {AZURE}/32 dev net0; "
                      "ip route add 203.0.113.0/24 dev net0")
        # Nobody answers that there is nobody: such answers come when they
        # come, and would be counted with the next packet.
        for place in cls.inside, cls.outside:
            place.sh("nft add table inet quiet; nft add chain inet quiet "
                     "output '{ type filter hook output priority -300; }'; "
                     "nft add rule inet quiet output "
                     "tcp flags \\& rst == rst drop; "
                     "nft add rule inet quiet output "
                     "icmp type destination-unreachable drop; "
                     "nft add rule inet quiet output "
                     "icmpv6 type destination-unreachable drop")
        # The same rules, each with a counter; and one for what none takes.
        with open(RULES, encoding="utf-8") as f:
            text = f.read()
        text = re.sub(r"\b(accept|drop)$", r"counter \1", text, flags=re.M)
        # Only its own table begins anew.
        cls.counted = text = text.replace(
            "flush ruleset", "table inet aicert\ndelete table inet aicert")
        cls.load(text)
        until = time.time() + 60
        for place, card in (cls.inside, "net0"), (cls.outside, "net1"):
            while "fe80" not in place.sh(
                    f"ip -6 addr show dev {card} -tentative") and \
                    time.time() < until:
                time.sleep(0.05)
        cls.link = re.search(r"inet6 (fe80\S+)/", cls.outside.sh(
            "ip -6 addr show dev net1")).group(1)
        cls.inside_link = re.search(r"inet6 (fe80\S+)/", cls.inside.sh(
            "ip -6 addr show dev net0")).group(1)

    @classmethod
    def load(cls, text):
        subprocess.run(["nsenter", "-t", str(cls.inside.pid), "-n", "nft",
                        "-f", "-"], input=text, text=True, check=True)

    def counters(self):
        """{(chain, rule's text): packets}"""
        found, chain = {}, None
        for line in self.inside.sh("nft list ruleset").splitlines():
            m = re.search(r"chain (\S+) \{", line)
            chain = m.group(1) if m else chain
            m = re.match(r"\s*(.*?)\s*counter packets (\d+) bytes \d+ "
                         r"(accept|drop)", line)
            if m:
                found[chain, m.group(1)] = int(m.group(2))
        return found

    def taken(self, act):
        """the rules whose counters act() moved, but for neighbours' talk"""
        before = self.counters()
        act()
        after = self.counters()
        return {k for k, n in after.items() if n > before[k]
                and "nd-neighbor" not in k[1] and "mld2" not in k[1]}

    def passes(self, chain, rule, act):
        before = self.counters()
        act()
        until = time.time() + 20
        while time.time() < until:
            after = self.counters()
            if any(c == chain and rule in r and n > before[c, r]
                   for (c, r), n in after.items()):
                return
            time.sleep(0.05)
        self.fail((chain, rule, before, after))

    def stays(self, act):
        taken = self.taken(act)
        self.assertFalse({k for k in taken if k[1] != "ct state invalid"},
                         taken)

    # One packet each; who is refused by a rule may be told so at once.

    def udp(self, place, to, port, source=0, bind=""):
        def act():
            with place.socket(family(to), socket.SOCK_DGRAM) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if source or bind:
                    s.bind((bind, source))
                try:
                    s.sendto(b"x", (to, port))
                except PermissionError:
                    pass
                time.sleep(0.05)
        return act

    def tcp(self, place, to, port):
        def act():
            with place.socket(family(to), socket.SOCK_STREAM) as s:
                s.setblocking(False)
                s.connect_ex((to, port))
                time.sleep(0.05)
        return act

    def icmp6(self, place, to, kind, body, hops=255):
        def act():
            with place.socket(socket.AF_INET6, socket.SOCK_RAW,
                              socket.IPPROTO_ICMPV6) as s:
                s.setsockopt(socket.IPPROTO_IPV6,
                             socket.IPV6_UNICAST_HOPS, hops)
                s.setsockopt(socket.IPPROTO_IPV6,
                             socket.IPV6_MULTICAST_HOPS, hops)
                try:
                    s.sendto(struct.pack("!BBHI", kind, 0, 0, 0) + body,
                             (to, 0))
                except PermissionError:
                    pass
                time.sleep(0.05)
        return act

    def all_taken(self, act):
        before = self.counters()
        act()
        after = self.counters()
        return {k for k, n in after.items() if n > before[k]}

    # In

    def test_in_agent(self):
        for to in INSIDE4, INSIDE6:
            self.passes("input", "tcp dport 7443",
                        self.tcp(self.outside, to, 7443))
            for port in 22, 53, 80, 443, 7442, 7444, 8443:
                self.stays(self.tcp(self.outside, to, port))
            self.stays(self.udp(self.outside, to, 7443))

    def test_in_address(self):
        self.passes("input", "udp sport 67",
                    self.udp(self.outside, INSIDE4, 68, 67))
        for port, source in ((68, 66), (69, 67), (67, 68)):
            self.stays(self.udp(self.outside, INSIDE4, port, source))
        link = f"{self.inside_link}%net1"

        def six(source, port, bind):
            def act():
                with self.outside.socket(socket.AF_INET6,
                                         socket.SOCK_DGRAM) as s:
                    index = int(self.outside.sh(
                        "cat /proc/net/if_inet6 | awk '$6 == \"net1\" "
                        "{ print \"0x\" $2; exit }'"), 16)
                    s.bind((bind, source, 0, index))
                    s.sendto(b"x", ((self.inside_link if bind == self.link
                                     else INSIDE6), port, 0, index))
                    time.sleep(0.05)
            return act

        self.assertTrue(link)
        self.passes("input", "udp sport 547", six(547, 546, self.link))
        self.stays(six(547, 547, self.link))
        self.stays(six(548, 546, self.link))
        self.stays(six(547, 546, OUTSIDE6))

    def test_in_neighbours(self):
        solicit = socket.inet_pton(socket.AF_INET6, INSIDE6)
        self.assertTrue(any("nd-neighbor" in r and c == "input"
                            for c, r in self.all_taken(self.icmp6(
                                self.outside, INSIDE6, 135, solicit))))
        self.stays(self.icmp6(self.outside, INSIDE6, 135, solicit, 64))
        for kind in 128, 133, 137, 139: # echo, router's, redirect, names
            self.stays(self.icmp6(self.outside, INSIDE6, kind, solicit))

    def test_in_echo(self):
        def ping():
            with self.outside.socket(socket.AF_INET, socket.SOCK_RAW,
                                     socket.IPPROTO_ICMP) as s:
                s.sendto(struct.pack("!BBHI", 8, 0, 0xf7ff, 0),
                         (INSIDE4, 0))
                time.sleep(0.05)
        self.stays(ping)

    def test_in_answers_only(self):
        """of the same packet, the one that answers comes in"""
        for inside, outside in (INSIDE4, OUTSIDE4), (INSIDE6, OUTSIDE6):
            with self.outside.socket(family(outside), socket.SOCK_DGRAM) as o, \
                    self.inside.socket(family(inside), socket.SOCK_DGRAM) as i:
                o.bind((outside, 53))
                i.bind((inside, 0))
                port = i.getsockname()[1]
                self.stays(lambda: (o.sendto(b"x", (inside, port)),
                                    time.sleep(0.05)))
                i.sendto(b"?", (outside, 53))
                o.settimeout(30)
                o.recv(10)
                self.passes("input", "established", lambda: (
                    o.sendto(b"!", (inside, port)), time.sleep(0.05)))

    def test_loopback(self):
        for chain, name in ("input", "iif"), ("output", "oif"):
            for to in "127.0.0.1", "::1":
                self.passes(chain, f'{name} "lo"',
                            self.udp(self.inside, to, 4711))

    def test_invalid(self):
        """a packet amid a conversation that never began"""
        def ack(port):
            def act():
                head = struct.pack("!HHIIBBHHH", 4000, port, 1, 1, 0x50, 0x10,
                                   1024, 0, 0)
                pseudo = socket.inet_aton(OUTSIDE4) + socket.inet_aton(
                    INSIDE4) + struct.pack("!BBH", 0, 6, len(head))
                total = sum(struct.unpack(f"!{len(pseudo + head) // 2}H",
                                          pseudo + head))
                total = (total >> 16) + (total & 0xffff)
                total += total >> 16
                head = head[:16] + struct.pack("!H", ~total & 0xffff) + \
                    head[18:]
                # No FIN, SYN or ACK at all is no part of any conversation.
                with self.outside.socket(socket.AF_INET, socket.SOCK_RAW,
                                         socket.IPPROTO_TCP) as s:
                    s.sendto(head, (INSIDE4, 0))
                    time.sleep(0.05)
            return act

        def null(port):
            def act():
                with self.outside.socket(socket.AF_INET, socket.SOCK_RAW,
                                         socket.IPPROTO_TCP) as s:
                    s.sendto(struct.pack("!HHIIBBHHH", 4001, port, 1, 1, 0x50,
                                         0, 1024, 0, 0), (INSIDE4, 0))
                    time.sleep(0.05)
            return act
        self.passes("input", "invalid", null(7443))
        self.stays(ack(22))

    # Out

    def test_out_address(self):
        # Another address: what an earlier test sent was no conversation.
        self.passes("output", "udp sport 68",
                    self.udp(self.inside, METADATA, 67, 68))
        self.passes("output", "udp sport 546",
                    self.udp(self.inside, OUTSIDE6, 547, 546))
        for to, port, source in ((OUTSIDE4, 67, 69), (OUTSIDE4, 68, 68),
                                 (OUTSIDE6, 547, 545), (OUTSIDE6, 546, 546)):
            self.stays(self.udp(self.inside, to, port, source))

    def test_out_names(self):
        for to in OUTSIDE4, OUTSIDE6:
            self.passes("output", "udp dport 53",
                        self.udp(self.inside, to, 53))
            self.passes("output", "tcp dport 53",
                        self.tcp(self.inside, to, 53))
            for port in 52, 54, 123, 853, 5353:
                self.stays(self.udp(self.inside, to, port))
                self.stays(self.tcp(self.inside, to, port))

    def test_out_cloud(self):
        for to in METADATA, AZURE:
            self.passes("output", "ip daddr", self.tcp(self.inside, to, 80))
            for port in 22, 81, 8080, 32526:
                self.stays(self.tcp(self.inside, to, port))
            self.stays(self.udp(self.inside, to, 80))
        for to in OUTSIDE4, OUTSIDE6, "203.0.113.1":
            self.stays(self.tcp(self.inside, to, 80))

    def test_out_phase(self):
        for to in OUTSIDE4, OUTSIDE6, "203.0.113.1":
            self.passes("phase", "tcp dport 443",
                        self.tcp(self.inside, to, 443))
            for port in 22, 442, 444, 8443:
                self.stays(self.tcp(self.inside, to, port))
            self.stays(self.udp(self.inside, to, 443))
        self.inside.sh("nft flush chain inet aicert phase")
        try:
            for to in OUTSIDE4, OUTSIDE6, METADATA:
                self.stays(self.tcp(self.inside, to, 443))
        finally:
            self.load(self.counted)

    def test_out_neighbours(self):
        solicit = socket.inet_pton(socket.AF_INET6, OUTSIDE6)
        for kind in 133, 135, 136:
            self.assertTrue(any("nd-neighbor" in r and c == "output"
                                for c, r in self.all_taken(self.icmp6(
                                    self.inside, OUTSIDE6, kind, solicit))))
        for kind in 128, 134, 137, 139:
            self.stays(self.icmp6(self.inside, OUTSIDE6, kind, solicit))

    def test_forward(self):
        """nothing goes through the machine, even if it would route"""
        text = self.counted.replace("hook forward priority filter; policy "
                                    "drop;", "hook forward priority filter; "
                                    "policy drop; counter drop")
        self.inside.sh("echo 1 >/proc/sys/net/ipv4/ip_forward")
        self.load(text)
        try:
            self.outside.sh(f"ip route add 203.0.113.0/24 via {INSIDE4}")
            taken = self.all_taken(self.udp(self.outside, "203.0.113.7", 53))
            self.assertIn(("forward", ""), taken)
        finally:
            self.load(self.counted)

    def test_no_more_rules_than_are_tested(self):
        """whoever adds one adds its packets here"""
        rules = json.loads(self.inside.sh("nft -j list ruleset"))["nftables"]
        self.assertEqual(sum(r.get("rule", {}).get("table") == "aicert"
                             for r in rules), 19)


if __name__ == "__main__":
    unittest.main()
