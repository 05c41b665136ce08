# SPDX-License-Identifier: Apache-2.0
"""Addresses and MACs that move, and ports with several MACs behind them."""

import time

import pytest

import machine
from capture import arp, unsolicited_advertisement
from ns import Namespace, figure, ip_batch, wait_until
from topo import PATIENT

WITHIN_S = 1.0


@pytest.fixture
def world(make_cluster):
    """A container that is known to all, and one on every host that pings."""
    three = make_cluster(3, options=PATIENT)
    for host in three.hosts:
        three.container(host)
    three.settle()
    time.sleep(1)
    return three


def goes_on(pings, start):
    """Every ping has an answer again, a second after `start`."""
    seen = {p: p.replies() for p in pings}
    wait_until(lambda: "answers again: " + ", ".join(
        p.who for p in pings if p.replies() < seen[p] + 2),
               lambda: all(p.replies() >= seen[p] + 2 for p in pings),
               max(0.05, WITHIN_S - machine.elapsed(start)))
    figure("all pings go on after", "%.2f s" % machine.elapsed(start))


@pytest.mark.parametrize("to", [1, 2])
def test_declared_address_comes_back_with_another_mac(world, to):
    """On another host (or, with its first host 1, far from every cache)."""
    addresses = ["10.32.50.1/16", "fd32::50:1/64"]
    old = world.container(world.hosts[0], addresses=addresses)
    world.settle()
    pings = [c.start_ping(t, 0.02) for c in world.containers[:3]
             for t in (old.ip4, old.ip6)]
    wait_until("pings", lambda: all(p.replies() > 5 for p in pings))
    old_mac = old.mac
    world.hosts[0].detach(old)
    time.sleep(0.3)
    new = world.bare_container("new")
    world.hosts[to].attach(new, addresses)
    assert new.mac != old_mac
    goes_on(pings, time.monotonic())
    for c in world.containers[:3]:
        assert c.neighbour(new.ip4) == new.mac
        assert c.neighbour(new.ip6) == new.mac
    for p in pings:
        p.stop()


def test_declared_address_comes_back_on_the_same_host(world):
    addresses = ["10.32.51.1/16", "fd32::51:1/64"]
    old = world.container(world.hosts[0], addresses=addresses)
    world.settle()
    pings = [c.start_ping(t, 0.02) for c in world.containers[:3]
             for t in (old.ip4, old.ip6)]
    wait_until("pings", lambda: all(p.replies() > 5 for p in pings))
    world.hosts[0].detach(old)
    new = world.bare_container("new")
    world.hosts[0].attach(new, addresses)
    goes_on(pings, time.monotonic())
    for p in pings:
        p.stop()


def test_old_place_that_is_not_detached_loses(world):
    """The new claim wins although the old one was never taken back."""
    addresses = ["10.32.52.1/16"]
    old = world.container(world.hosts[0], addresses=addresses)
    world.settle()
    pings = [c.start_ping(old.ip4, 0.02) for c in world.containers[1:3]]
    wait_until("pings", lambda: all(p.replies() > 5 for p in pings))
    new = world.bare_container("new")
    world.hosts[1].attach(new, addresses)
    goes_on(pings, time.monotonic())
    wait_until("caches to name the new one", lambda: all(
        c.neighbour(new.ip4) == new.mac for c in world.containers[1:3]))
    for p in pings:
        p.stop()


@pytest.mark.parametrize("announcement", ["request", "reply", "nd"])
def test_undeclared_address_moves_by_announcement(world, announcement):
    """As keepalived does it: the address goes to another container, which
    tells all by broadcast."""
    a, b, c = world.containers
    vip = "fd32::53:1" if announcement == "nd" else "10.32.53.1"
    length = "/64" if announcement == "nd" else "/16"

    def take(one):
        extra = ("nodad",) if announcement == "nd" else ()
        one.ns.ip("addr", "add", vip + length, "dev", "eth0", *extra)
        for _ in range(3):
            one.send(unsolicited_advertisement(one.mac, vip)
                     if announcement == "nd" else
                     arp(one.mac, vip, vip) if announcement == "request"
                     else arp(one.mac, vip, vip, op=2, tha=one.mac))

    take(a)
    near = world.container(world.hosts[0])
    world.settle()
    pings = [one.start_ping(vip, 0.02) for one in (c, near)]
    wait_until("pings of the address at its first place",
               lambda: all(p.replies() > 5 for p in pings))
    for old, new in ((a, b), (b, a)):
        old.ns.ip("addr", "del", vip + length, "dev", "eth0")
        time.sleep(0.1)
        take(new)
        goes_on(pings, time.monotonic())
        assert c.neighbour(vip) == new.mac
    for p in pings:
        p.stop()


class Behind:
    """Three namespaces behind a container, each with a MAC of its own."""

    def __init__(self, cluster, host, kind):
        self.outer = cluster.container(host, trust=True)
        self.inner = [Namespace("in%d" % k) for k in range(3)]
        self.ip4 = ["10.32.60.%d" % (k + 1) for k in range(3)]
        self.ip6 = ["fd32::60:%d" % (k + 1) for k in range(3)]
        self.kind = kind
        lines = []
        if kind == "bridge":
            lines += ["link add br0 type bridge", "link set br0 up",
                      "link set eth0 master br0"]
        for k, ns in enumerate(self.inner):
            if kind == "bridge":
                lines += ["link add v%d type veth peer name eth0 netns %s" %
                          (k, ns.name), "link set v%d master br0 up" % k]
            else:
                lines += ["link add m%d link eth0 type macvlan mode bridge" %
                          k, "link set m%d netns %s name eth0" % (k, ns.name)]
        ip_batch(lines, self.outer.ns)
        for k, ns in enumerate(self.inner):
            ns.sysctl("ipv6/conf/eth0/accept_dad", 0)
            ip_batch(["link set eth0 mtu 1450", "link set eth0 up",
                      "addr add %s/16 dev eth0" % self.ip4[k],
                      "addr add %s/64 dev eth0 nodad" % self.ip6[k]], ns)

    def macs(self):
        return [ns.ip("-br", "link", "show", "eth0").stdout.split()[2]
                for ns in self.inner]

    def close(self):
        for ns in self.inner:
            ns.close()


@pytest.fixture(params=["bridge", "macvlan"])
def behind(request, world):
    b = Behind(world, world.hosts[0], request.param)
    yield b
    b.close()


def test_trusted_port_with_three_macs(world, behind):
    far, near = world.containers[1], world.containers[0]
    for k, ns in enumerate(behind.inner):
        for target in (behind.ip4[k], behind.ip6[k]):
            for c in (far, near):
                wait_until("%s to reach %s" % (c.label, target),
                           lambda t=target, c=c: c.reaches(t))
                got = c.start_ping(target, 0.02, 5)
                got.result().assert_perfect(got.who)
        for c in (far, near):
            assert ns.run("ping", "-n", "-c", "2", "-i", "0.1", "-W", "1",
                          c.ip4, check=False).returncode == 0
    # Learnt, announced, and shown as such.
    for host in world.hosts:
        assert set(behind.macs()) <= host.known_macs(), host.label


def test_learnt_macs_go_with_their_port(world, behind):
    far = world.containers[1]
    for ip in behind.ip4:
        wait_until("pings", lambda t=ip: far.reaches(t))
    macs = set(behind.macs())
    world.hosts[0].detach(behind.outer)
    for host in world.hosts:
        wait_until("%s to forget them" % host.label,
                   lambda h=host: not macs & h.known_macs(), 1)


def test_mac_moves_between_trusted_ports(world):
    """A virtual router's MAC, as VRRP has it, goes from one to another."""
    a = world.container(world.hosts[0], trust=True)
    b = world.container(world.hosts[1], trust=True)
    far = world.containers[2]
    world.settle()
    vmac, vip = "00:00:5e:00:01:07", "10.32.54.1"
    for one in (a, b):
        ip_batch(["link add vrrp link eth0 address %s type macvlan mode "
                  "private" % vmac], one.ns)

    def take(one):
        ip_batch(["link set vrrp up", "addr add %s/32 dev vrrp" % vip],
                 one.ns)
        one.send(arp(vmac, vip, vip))

    def leave(one):
        ip_batch(["addr del %s/32 dev vrrp" % vip, "link set vrrp down"],
                 one.ns)

    take(a)
    ping = far.start_ping(vip, 0.02)
    wait_until("pings at the first place", lambda: ping.replies() > 5)
    for old, new in ((a, b), (b, a)):
        leave(old)
        take(new)
        goes_on([ping], time.monotonic())
    ping.stop()
    assert far.neighbour(vip) == vmac


def test_untrusted_port_stays_untrusted(world):
    """The same container without --trust: only its own MAC passes."""
    outer = world.container(world.hosts[0])
    far = world.containers[1]
    inner = Namespace("in")
    try:
        ip_batch(["link add m0 link eth0 type macvlan mode bridge",
                  "link set m0 netns %s name eth0" % inner.name], outer.ns)
        ip_batch(["link set eth0 up", "addr add 10.32.61.1/16 dev eth0"],
                 inner)
        assert not far.reaches("10.32.61.1")
        assert inner.run("ping", "-c", "1", "-W", "1", far.ip4,
                         check=False).returncode != 0
        assert outer.reaches(far.ip4)
    finally:
        inner.close()
