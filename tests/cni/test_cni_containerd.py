# SPDX-License-Identifier: Apache-2.0
"""containerd's `ctr run --cni` on two hosts, with the real daemon."""

import json
import os
import shutil
import signal
import subprocess

import pytest

import real
from space import sh, wait_until
from test_cni_podman import BUSYBOX, COMMANDS

# Where ctr looks, without a way to say otherwise: in a mount namespace of its
# own they are ours.
WRAP = """set -e
mount --make-rprivate /
mount -t tmpfs none /opt
mkdir -p /opt/cni
ln -s "$1/bin-all" /opt/cni/bin
mount -t tmpfs none /etc/cni
mkdir /etc/cni/net.d
cp "$1/net.d/10-net1.conflist" /etc/cni/net.d/
shift
exec "$@"
"""
CONFIG = """version = 2
root = "%(d)s/root"
state = "%(d)s/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "%(d)s/sock"
[ttrpc]
  address = "%(d)s/ttrpc"
"""


def why_not():
    """What is missing, or ""."""
    for program in ("containerd", "ctr", "runc"):
        if not shutil.which(program):
            return "no " + program
    if not os.path.isdir("/etc/cni"):
        return "no /etc/cni: it is in containernetworking-plugins"
    if not os.path.exists(BUSYBOX) or \
            sh("ldd", BUSYBOX, check=False).returncode == 0:
        return "no static busybox: it is in busybox-static"
    return real.no_kernel()


class Containerd:
    """One on a host, with storage and configuration of its own."""

    def __init__(self, host):
        self.host = host
        d = self.directory = host.directory + "/ctrd"
        os.makedirs(d + "/net.d")
        os.makedirs(d + "/bin-all")
        for place in reversed(host.path.split(":")):
            for name in os.listdir(place) if os.path.isdir(place) else []:
                link = d + "/bin-all/" + name
                if os.path.lexists(link):
                    os.unlink(link)
                os.symlink(os.path.realpath(place + "/" + name), link)
        ours = host.conf(ipam={"type": "fastdp"})
        ours = {k: v for k, v in ours.items()
                if k not in ("name", "cniVersion")}
        with open(d + "/net.d/10-net1.conflist", "w", encoding="ascii") as f:
            json.dump({"cniVersion": "1.0.0", "name": "net1",
                       "plugins": [ours]}, f)
        with open(d + "/config.toml", "w", encoding="ascii") as f:
            f.write(CONFIG % {"d": d})
        self.log = open(d + "/log", "wb")
        self.daemon = subprocess.Popen(
            ["containerd", "-c", d + "/config.toml"], stdout=self.log,
            stderr=self.log, stdin=subprocess.DEVNULL)
        wait_until("containerd", lambda: self(
            "version", check=False).returncode == 0, 20, 0.2)
        root = d + "/rootfs"
        os.makedirs(root + "/bin")
        shutil.copy(BUSYBOX, root + "/bin/busybox")
        for name in COMMANDS:
            os.symlink("busybox", root + "/bin/" + name)

    def __call__(self, *args, check=True):
        done = subprocess.run(self.host.ns.argv(
            "unshare", "-m", "sh", "-c", WRAP, "sh", self.directory, "ctr",
            "--address", self.directory + "/sock", *args),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        assert not check or done.returncode == 0, (args, done.stdout,
                                                   done.stderr)
        return done

    def run(self, name, *command):
        """In the background; the container's rootfs is a directory."""
        rootfs = self.directory + "/rootfs"
        self("run", "-d", "--cni", "--rootfs", rootfs, name, *command)

    def remove(self, name):
        self("task", "kill", "-s", "SIGKILL", name, check=False)
        wait_until("it to end", lambda: self(
            "task", "rm", name, check=False).returncode == 0, 15, 0.2)
        self("container", "rm", name)

    def close(self):
        self.daemon.send_signal(signal.SIGTERM)
        try:
            self.daemon.wait(10)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait()
        self.log.close()


@pytest.fixture
def hosts(request):
    """containerd on each of two connected hosts with a block each."""
    reason = why_not()
    if reason:
        if os.environ.get("FASTDP_REQUIRE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    world = real.RealWorld(start=False)
    request.addfinalizer(world.close)
    for h in world.hosts:
        h.configure("[network default]\nrange = 10.32.0.0/16\n"
                    "block = 10.32.%d.0/24\n" % h.number)
    world.start()
    world.ctrs = []
    for h in world.hosts:
        world.ctrs.append(Containerd(h))
        request.addfinalizer(world.ctrs[-1].close)
    return world


@pytest.mark.limit(180)
def test_two_containerds(hosts):
    one, two = hosts.ctrs
    one.run("a", "/bin/sleep", "1000")
    two.run("b", "/bin/sh", "-c",
            "dd if=/dev/zero bs=1024 count=1024 | nc -l -p 7000")
    wait_until("everybody to be known", lambda: all(
        len(h.macs()) == 2 for h in hosts.hosts), 10, 0.1)
    got = one("task", "exec", "--exec-id", "p", "a", "/bin/ping", "-c", "3",
              "-W", "2", "10.32.2.1").stdout
    assert " 3 packets received" in got, got
    got = one("task", "exec", "--exec-id", "f", "a", "/bin/sh", "-c",
              "sleep 8 | nc 10.32.2.1 7000 | wc -c").stdout
    assert got.strip() == "1048576", got
    # In the foreground ctr waits, and asks for DEL with no namespace.
    got = one("run", "--rm", "--cni", "--rootfs", one.directory + "/rootfs",
              "c", "/bin/ping", "-c", "1", "-W", "2", "10.32.1.1").stdout
    assert " 1 packets received" in got, got
    assert len(hosts.hosts[0].ask("ipam", "list")["leases"]) == 1
    assert len(hosts.hosts[0].ports()) == 1
    one.remove("a")
    two.remove("b")
    for h in hosts.hosts:
        # Of those in the background it takes the namespace away, no more.
        h.call("GC", h.conf("1.1.0", ipam={"type": "fastdp"})).done()
        wait_until("nobody to be known", lambda h=h: not h.macs(), 10, 0.1)
        assert h.ask("ipam", "list")["leases"] == []
        h.assert_nothing_left()
