# SPDX-License-Identifier: Apache-2.0
"""Two hosts, a container on each, and three ways to join them.

Hosts and containers are network namespaces of one kernel; the underlay is a
veth. Nothing here measures.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

UNDERLAY = "10.99.0.%d"
OVERLAY = "10.32.0.%d"
MAC = "02:00:0a:20:00:%02x"
SIDES = (1, 2)
SYSCTLS = (
    # a new namespace has what its parent had
    ("net/ipv4/tcp_congestion_control", "cubic"),
    ("net/bridge/bridge-nf-call-iptables", "0"),
    ("net/bridge/bridge-nf-call-ip6tables", "0"),
)


class Failure(Exception):
    """What went wrong, and what to do about it."""


def clean_up_when_told():
    """SIGTERM and SIGHUP unwind as an interrupt does: what was made goes."""
    def leave(number, _frame):
        sys.exit(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


def sh(*argv):
    """Run a program; what it printed. Who starts the kernel sets the limit:
    where instructions are time, a clock that waits for a file may leap."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode != 0:
        raise Failure("%s: exit status %d: %s" % (
            " ".join(argv), done.returncode,
            (done.stderr + done.stdout).strip()))
    return done.stdout


def wait_until(what, predicate, timeout, every=0.02):
    """Ask until the answer is true. @what() says what it was to be."""
    end = time.monotonic() + timeout
    while not predicate():
        if time.monotonic() > end:
            raise Failure("not within %g s: %s" % (timeout, what()))
        time.sleep(every)


class Pair:
    """Two hosts and two containers, not yet joined."""

    def __init__(self, label):
        self.label = label
        self.directory = tempfile.mkdtemp(prefix="fastdp-bench.")
        self.children = []
        self.spaces = []
        try:
            for side in SIDES:
                self._space(self.host(side))
                self._space(self.container(side))
            sh("ip", "-n", self.host(1), "link", "add", "underlay", "type",
               "veth", "peer", "name", "underlay", "netns", self.host(2))
            for side in SIDES:
                ns = self.host(side)
                sh("ip", "-n", ns, "address", "add",
                   UNDERLAY % side + "/24", "dev", "underlay")
                sh("ip", "-n", ns, "link", "set", "underlay", "up")
        except BaseException:
            self.close()
            raise

    def _space(self, name):
        sh("ip", "netns", "add", name)
        self.spaces.append(name)
        sh("ip", "-n", name, "link", "set", "lo", "up")
        for path, value in SYSCTLS:
            # the bridge's are there only with br_netfilter
            sh(*self.inside(name), "sh", "-c", "! [ -e $0 ] || echo $1 >$0",
               "/proc/sys/" + path, value)

    def host(self, side):
        return "fdb%d-%s-h%d" % (os.getpid(), self.label, side)

    def container(self, side):
        return "fdb%d-%s-c%d" % (os.getpid(), self.label, side)

    @staticmethod
    def inside(namespace):
        return ["nsenter", "--net=/run/netns/" + namespace, "--"]

    def popen(self, namespace, *argv, **kw):
        """A program that runs until close(), or ends by itself before."""
        child = subprocess.Popen([*self.inside(namespace), *argv],
                                 stdin=subprocess.DEVNULL, **kw)
        self.children.append(child)
        return child

    def _add_veth(self, side, mtu):
        """Container `side` with a link whose other end is on its host."""
        ns = self.container(side)
        sh("ip", "-n", self.host(side), "link", "add", "port", "mtu",
           str(mtu), "type", "veth", "peer", "name", "eth0", "address",
           MAC % side, "mtu", str(mtu), "netns", ns)
        sh("ip", "-n", self.host(side), "link", "set", "port", "up")
        sh("ip", "-n", ns, "address", "add", OVERLAY % side + "/24", "dev",
           "eth0")
        sh("ip", "-n", ns, "link", "set", "eth0", "up")

    def fix_neighbours(self):
        """No ARP between the containers while something is measured."""
        for side in SIDES:
            sh("ip", "-n", self.container(side), "neighbour", "replace",
               OVERLAY % (3 - side), "lladdr", MAC % (3 - side), "dev",
               "eth0", "nud", "permanent")

    def pause(self):
        """Others are measured now."""

    def resume(self):
        """This one is measured now."""

    def close(self):
        for child in self.children:
            if child.poll() is None:
                child.send_signal(signal.SIGCONT)
                child.terminate()
                try:
                    child.wait(60)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait(60)
            if child.stdout is not None:
                child.stdout.close()
        self.children = []
        for name in self.spaces:
            subprocess.run(["ip", "netns", "delete", name], check=False)
        self.spaces = []
        shutil.rmtree(self.directory, ignore_errors=True)


class FastdpPair(Pair):
    """Two daemons."""

    def __init__(self, build, label="fastdp"):
        super().__init__(label)
        self.build = build
        self.daemons = {}

    def _path(self, side, name):
        return os.path.join(self.directory, "host%d.%s" % (side, name))

    def start(self, side, *options):
        """Does not wait."""
        with open(self._path(side, "log"), "ab") as log:
            self.daemons[side] = self.popen(
                self.host(side), os.path.join(self.build, "fastdpd"),
                "--insecure", "--nickname", "host%d" % side,
                "--local-address", UNDERLAY % side,
                "--socket", self._path(side, "sock"),
                "--state-dir", self._path(side, "state"),
                "--run-dir", self._path(side, "run"),
                "--datapath", "ovs", *options, stdout=log, stderr=log)

    def log(self, side):
        with open(self._path(side, "log"), encoding="utf-8",
                  errors="replace") as f:
            return "".join(f.readlines()[-20:])

    def ask(self, side, verb, timeout=60):
        """One request; None while there is no daemon that answers."""
        if self.daemons[side].poll() is not None:
            raise Failure("fastdpd of host%d ended:\n%s"
                          % (side, self.log(side)))
        got = b""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
                s.settimeout(timeout)
                s.connect(self._path(side, "sock"))
                s.sendall(json.dumps({"verb": verb}).encode() + b"\n")
                while not got.endswith(b"\n"):
                    more = s.recv(1 << 16)
                    if not more:
                        return None
                    got += more
        except (FileNotFoundError, ConnectionError, TimeoutError):
            return None
        return json.loads(got)

    def wait_ready(self, side, timeout=60):
        wait_until(lambda: "fastdpd of host%d answers:\n%s" % (
            side, self.log(side)),
                   lambda: self.ask(side, "status"), timeout, 0.005)

    def stop(self, side):
        """SIGTERM; flows and ports stay."""
        self.daemons[side].terminate()
        self.daemons.pop(side).wait(60)

    def attach(self, side):
        sh(os.path.join(self.build, "fastdpctl"), "--socket",
           self._path(side, "sock"), "attach", "--netns",
           "/run/netns/" + self.container(side), "--ifname", "eth0",
           "--mac", MAC % side, "--address", OVERLAY % side + "/24")

    def _sees_other(self, side):
        status = self.ask(side, "status")
        return status and status["peers"] and all(
            p["state"] == "up" and p["path"] == "fastdp"
            for p in status["peers"])

    def wait_joined(self, timeout=60):
        for side in SIDES:
            wait_until(lambda s=side: "host%d reaches the other:\n%s" % (
                s, self.log(s)), lambda s=side: self._sees_other(s), timeout)

    def join(self):
        self.start(1)
        self.wait_ready(1)
        self.start(2, "--peer", UNDERLAY % 1)
        self.wait_ready(2)
        for side in SIDES:
            self.attach(side)
        self.wait_joined()

    def mtu(self):
        """What the daemon gave its containers."""
        (link,) = json.loads(sh("ip", "-j", "-n", self.container(1), "link",
                                "show", "eth0"))
        return link["mtu"]

    def pause(self):
        for daemon in self.daemons.values():
            daemon.send_signal(signal.SIGSTOP)

    def resume(self):
        for daemon in self.daemons.values():
            daemon.send_signal(signal.SIGCONT)
        time.sleep(2)
        self.wait_joined()


class StaticPair(Pair):
    """Datapaths of the same kind, one flow a direction: static_flows.c.
    @max_frame: the way out asks whether a frame is longer."""

    def __init__(self, build, mtu, label="static", max_frame=None):
        super().__init__(label)
        self.build, self.mtu = build, mtu
        self.options = [] if max_frame is None else [str(max_frame)]

    def join(self):
        for side in SIDES:
            other = 3 - side
            self._add_veth(side, self.mtu)
            sh(*self.inside(self.host(side)),
               os.path.join(self.build, "tests/bench/static_flows"), "static",
               "port", MAC % side, MAC % other, UNDERLAY % side,
               UNDERLAY % other, *self.options)


class VxlanPair(Pair):
    """A bridge with the kernel's own VXLAN device in it."""

    def __init__(self, mtu):
        super().__init__("vxlan")
        self.mtu = mtu

    def join(self):
        for side in SIDES:
            ns = self.host(side)
            self._add_veth(side, self.mtu)
            sh("ip", "-n", ns, "link", "add", "bridge", "mtu",
               str(self.mtu), "type", "bridge")
            # no checksum of the outer packet: Open vSwitch makes none
            sh("ip", "-n", ns, "link", "add", "vxlan", "mtu", str(self.mtu),
               "type", "vxlan", "id", "4096", "local", UNDERLAY % side,
               "remote", UNDERLAY % (3 - side), "dstport", "6784",
               "noudpcsum", "df", "set")
            for link in ("port", "vxlan"):
                sh("ip", "-n", ns, "link", "set", link, "master", "bridge")
            for link in ("vxlan", "bridge"):
                sh("ip", "-n", ns, "link", "set", link, "up")
