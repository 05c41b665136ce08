# SPDX-License-Identifier: Apache-2.0
"""containerd's `ctr run --cni` on two hosts, with the real daemon."""

import os
import signal
import subprocess

import pytest

import client
import real
from space import wait_until

CONFIG = """version = 2
root = "%(d)s/root"
state = "%(d)s/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "%(d)s/sock"
[ttrpc]
  address = "%(d)s/ttrpc"
"""


class Containerd(client.Engine):
    """One on a host, with addresses of the daemon's own."""

    def __init__(self, host):
        super().__init__(host, "ctrd")
        d = self.directory
        ours = host.conf(isGateway=True, ipMasq=True, ipam={
            "type": "fastdp", "routes": [{"dst": "0.0.0.0/0"}]})
        # ctr has no word for a port: the list has it, for one container.
        published = {"portMappings": [{
            "HostPort": 8080, "ContainerPort": 7000, "Protocol": "tcp"}]}
        with open(d + "/conflist", "w", encoding="ascii") as f:
            f.write(self.conflist("1.0.0", ours, published
                                  if host.number == 2 else None))
        self.run("cp", d + "/conflist", "/etc/cni/net.d/10-net1.conflist")
        with open(d + "/config.toml", "w", encoding="ascii") as f:
            f.write(CONFIG % {"d": d})
        self.running = {}
        with open(d + "/log", "wb") as log:
            self.daemon = self.launch("containerd", "-c", d + "/config.toml",
                                      stdout=log, stderr=log)
        wait_until("containerd", lambda: self(
            "version", check=False).returncode == 0, every=0.2)

    def __call__(self, *args, **kw):
        return self.run("ctr", "--address", self.directory + "/sock", *args,
                        **kw)

    def start(self, name, *command, options=()):
        """In the foreground of a process of ours, so that DEL comes."""
        self.running[name] = self.launch(
            "ctr", "--address", self.directory + "/sock", "run", "--rm",
            "--cni", *options, "--rootfs", self.directory + "/rootfs", name,
            *command)

    def end(self, name):
        child = self.running.pop(name)
        self("task", "kill", "-s", "SIGKILL", name)
        child.communicate(timeout=20)

    def execute(self, name, *command):
        return self("task", "exec", "--exec-id", "x%d" % os.urandom(1)[0],
                    name, *command).stdout

    def close(self):
        for name in list(self.running):
            self.end(name)
        self.daemon.send_signal(signal.SIGTERM)
        try:
            self.daemon.wait(10)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait()
        super().close()


@pytest.fixture
def hosts(request):
    """containerd on each of two connected hosts with a block each."""
    client.need("containerd", "ctr", "runc", "nft")
    world = real.RealWorld(start=False)
    request.addfinalizer(world.close)
    for h in world.hosts:
        h.configure("[network default]\nrange = 10.32.0.0/16\n"
                    "block = 10.32.%d.0/24\n" % h.number)
    world.start()
    world.outside = client.Outside(world)
    request.addfinalizer(world.outside.ns.close)
    world.engines = []
    for h in world.hosts:
        world.engines.append(Containerd(h))
        request.addfinalizer(world.engines[-1].close)
    return world


@pytest.mark.limit(180)
def test_two_containerds(hosts):
    one, two = hosts.engines
    one.start("a", "/bin/sleep", "1000")
    two.start("b", "/bin/httpd", "-f", "-p", "7000")
    wait_until("everybody to be known", lambda: all(
        len(h.macs()) == 4 for h in hosts.hosts), every=0.1)
    # The first address of each block is the host's.
    got = one.execute("a", "/bin/ping", "-c", "3", "-W", "2", "10.32.2.2")
    assert " 3 packets received" in got, got
    got = one.execute("a", "/bin/sh", "-c",
                      "wget -q -O - http://10.32.2.2:7000/file | wc -c")
    assert got.strip() == str(client.FILE_SIZE), got
    got = one.execute("a", "/bin/ping", "-c", "1", "-W", "2", client.OUTSIDE)
    assert " 1 packets received" in got, got
    hosts.outside.fetch("http://10.99.0.2:8080/file")
    # One that ends by itself: ctr asks for DEL with no namespace.
    got = one("run", "--rm", "--cni", "--rootfs", one.directory + "/rootfs",
              "c", "/bin/ping", "-c", "1", "-W", "2", "10.32.1.2").stdout
    assert " 1 packets received" in got, got
    assert len([p for p in hosts.hosts[0].ports() if p["container_id"]]) == 1
    # In the background ctr forgets DEL and takes the namespace away: what is
    # left of it goes with GC.
    one("run", "-d", "--cni", "--rootfs", one.directory + "/rootfs", "d",
        "/bin/sleep", "1000")
    one("task", "kill", "-s", "SIGKILL", "d")
    wait_until("it to end", lambda: one(
        "task", "rm", "d", check=False).returncode == 0, every=0.1)
    one("container", "rm", "d")
    one.end("a")
    two.end("b")
    assert hosts.outside.is_refused("http://10.99.0.2:8080/file")
    hosts.hosts[0].call("GC", hosts.hosts[0].conf(
        "1.1.0", ipam={"type": "fastdp"})).done()
    one.run("rm", "-r", "/var/lib/cni/results")
    for h, engine in zip(hosts.hosts, hosts.engines):
        client.assert_nothing_left(h, engine)
