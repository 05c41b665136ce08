# SPDX-License-Identifier: Apache-2.0
"""A host behind NAT: it dials out, nobody can dial in, and all the same the
containers on both sides talk, whatever the router does to its port."""

import socket
import time

import pytest

import machine
from container import Stream
from nat import SLEEVE_PORT, Nat
from ns import always, figure, wait_until
from traffic import Numbered, longest_gap, transfer

REBIND_S = 3.0


@pytest.fixture
def make_nat(make_cluster):
    made = []

    def make(n=1, **kw):
        cluster = make_cluster(n, strangers=2)
        nat = Nat(cluster, **kw)
        made.append(nat)
        return cluster, nat

    yield make
    for nat in made:
        nat.close()


def is_joined(inner, outer):
    """Inwards it must be sleeve. Outwards VXLAN may get through: each
    direction is judged by itself."""
    there, back = outer.peer(inner), inner.peer(outer)
    return there and there["path"] == "sleeve" and \
        back and back["state"] == "up" and \
        back["paths"]["sleeve"]["state"] == "up"


def wait_joined(inner, outer):
    wait_until(lambda: "%s and %s are not joined: %s, %s" % (
        inner.label, outer.label, inner.peer(outer), outer.peer(inner)),
        lambda: is_joined(inner, outer))


@pytest.fixture
def world(make_nat):
    """Host 1, and one behind the router; a container on each."""
    cluster, nat = make_nat()
    cluster.outside, _ = cluster.stranger(2)
    outer, inner = cluster.hosts[0], nat.host()
    inner.start()
    wait_joined(inner, outer)
    for host in (outer, inner):
        cluster.container(host)
    cluster.settle()
    cluster.nat, cluster.inner, cluster.outer = nat, inner, outer
    return cluster


@pytest.mark.any_datapath
def test_nobody_gets_in(world):
    """The router is what the other tests take it for."""
    namespace = world.outside
    with world.inner.ns.call(socket.socket, socket.AF_INET,
                             socket.SOCK_DGRAM) as inside, \
            namespace.call(socket.socket, socket.AF_INET,
                           socket.SOCK_DGRAM) as outside:
        inside.bind((world.inner.address, 7777))
        outside.bind(("", 7778))
        inside.settimeout(0.5)
        namespace.ip("route", "add", world.nat.INSIDE + "0/24", "via",
                     world.nat.address)
        for address in (world.inner.address, world.nat.address):
            outside.sendto(b"hello", (address, 7777))
        with pytest.raises(socket.timeout):
            inside.recv(100)
        # It is not that nothing passes: the answer of one who was asked.
        outside.settimeout(1)
        inside.sendto(b"question", (world.underlay.ip4(3), 7778))
        _, source = outside.recvfrom(100)
        assert source[0] == world.nat.address
        outside.sendto(b"answer", source)
        assert inside.recv(100) == b"answer"


@pytest.mark.any_datapath
def test_both_ways(world):
    """Pings, TCP and what is learnt of a further host, from either side."""
    out, inside = world.containers
    out.ping(inside.ip4, 20).assert_perfect("from the outside")
    inside.ping(out.ip6, 20).assert_perfect("from the inside")
    transfer(out, inside, inside.ip4, 2 << 20)
    transfer(inside, out, out.ip6, 2 << 20)
    # Why it is not on fastdp is said.
    p = world.outer.peer(world.inner)
    assert p["path"] == "sleeve" and p["reason"], p
    assert p["paths"]["fastdp"]["state"] == "down", p
    assert p["paths"]["fastdp"]["reason"], p


@pytest.mark.any_datapath
def test_two_behind_one_router(make_nat):
    """They have one address. Both find by discovery a host that cannot dial
    in; one that goes does not take the other's way along."""
    cluster, nat = make_nat(2)
    first, second = nat.host(), nat.host()
    first.start(wait=False)
    second.start()
    first.wait_ready()
    one, two = cluster.hosts[:2]
    for inner in (first, second):
        for outer in (one, two):
            wait_joined(inner, outer)
    a, b, c, d = [cluster.container(h) for h in (one, two, first, second)]
    for container in (a, b, c, d):
        container.wait_usable()
    for x, y in ((a, c), (c, b), (b, d), (d, a)):
        x.ping(y.ip4, 10).assert_perfect("%s to %s" % (x.label, y.label))
    # The two outside are not worse off for it.
    assert one.peer(two)["path"] == (
        "fastdp" if one.datapath == "ovs" else "sleeve")
    pings = [x.start_ping(y.ip4, 0.02) for x, y in
             ((a, c), (c, a), (c, b), (b, a))]
    time.sleep(0.3)
    second.stop()
    time.sleep(1)
    second.start()
    for outer in (one, two):
        wait_joined(second, outer)
    for ping in pings:
        ping.stop().assert_perfect(ping.who)


@pytest.mark.any_datapath
def test_rebinding_under_traffic(world):
    """Another port on the outside: found within 3 s, both ways."""
    out, inside = world.containers
    pings = [out.start_ping(inside.ip4, 0.01),
             inside.start_ping(out.ip6, 0.01)]
    streams = [Stream(inside, out, out.ip4),
               Stream(out, inside, inside.ip6, 7001)]
    numbered = Numbered(out, inside, inside.ip4)
    time.sleep(0.7)
    for first in (30000, 40000):
        world.nat.rebind(first)
        machine.rest(REBIND_S)
        assert is_joined(world.inner, world.outer)
    gaps = {"numbered": numbered.stop().longest_gap}
    for ping in pings:
        end = time.time()
        gaps[ping.who] = longest_gap(ping.stop(), end)
    for k, stream in enumerate(streams):
        stream.stop()
        gaps["TCP %d" % k] = stream.longest_gap
    for who, seconds in gaps.items():
        figure(who, "%.2f s" % seconds)
    assert max(gaps.values()) <= REBIND_S, gaps
    # It is the new port indeed.
    assert 40000 <= source_port(world) < 41000


@pytest.mark.any_datapath
def test_rebinding_of_an_idle_host(world):
    """Nothing comes out but heartbeats; who is outside speaks first."""
    out, inside = world.containers
    for first in (30000, 40000):
        world.nat.rebind(first)
        start = time.monotonic()
        wait_until("the new port", lambda: out.reaches(inside.ip4), REBIND_S)
        figure("reached again after", "%.2f s" % machine.elapsed(start))
        assert first <= source_port(world) < first + 1000


def source_port(world):
    """From which port of the router host 1 gets its heartbeats."""
    with world.underlay.capture(1) as seen:
        frame = seen.wait_for(lambda f: f.addresses == (
            world.nat.address, world.address(1)) and f.data[23] == 17 and
            int.from_bytes(f.data[36:38], "big") == SLEEVE_PORT)
        return int.from_bytes(frame.data[34:36], "big")


def test_router_restarts(world):
    """All its mappings are lost, those of the sessions too."""
    out, inside = world.containers
    ping = out.start_ping(inside.ip4, 0.01)
    time.sleep(0.5)
    world.nat.forget()
    time.sleep(4)
    end = time.time()
    result = ping.stop()
    figure("pings", "longest gap %.2f s" % longest_gap(result, end))
    assert longest_gap(result, end) <= REBIND_S, result
    always("sleeve", lambda: is_joined(world.inner, world.outer), 1)
