# SPDX-License-Identifier: Apache-2.0
"""Paths that shrink, grow, lie or swallow, while containers talk."""

import re
import socket
import struct
import time

import pytest

from capture import checksum, ethernet, vxlan
from container import Stream
from mtu import OVERHEAD, VXLAN, SLEEVE, Paths, is_same_moment, plpmtu, \
    wait_plpmtu
from ns import always, figure, wait_until
from traffic import Numbered

RAISE_S = 2
RESUMED_S = 3


@pytest.fixture
def routed(make_cluster):
    """make(family): two hosts with a router and a stranger beside them, a
    container each; larger packets are tried every two seconds."""
    def make(family=4):
        world = make_cluster(2, family=family, mode="routers", strangers=1,
                             start=False,
                             options=["--pmtu-raise-time", str(RAISE_S)])
        world.paths = Paths(world.underlay)
        world.start()
        one, two = world.hosts
        for host, other in ((one, two), (two, one)):
            world.container(host)
            wait_plpmtu(host, other, 1500, 5)
        world.settle()
        return world
    return make


def said_mtu(container, address, size):
    """Of a large ping that may not be cut: the MTU that came back."""
    done = container.run("ping", "-n", "-c", 1, "-W", 1, "-M", "do", "-s", size,
                         address, check=False)
    got = re.findall(r"mtu[ :=]*(\d+)", done.stdout + done.stderr)
    return int(got[0]) if got else None


@pytest.mark.parametrize("family,narrow", [(4, 1300), (6, 1400)],
                         ids=["IPv4", "IPv6"])
def test_shrinks_and_grows_under_tcp(routed, family, narrow):
    """1 500, then less without a word, 1 500: the streams stand still for less
    than three seconds, and nothing leaves fastdp. (IPv6 needs 1 280 in a
    container: a path of 1 300 does not carry it.)"""
    world = routed(family)
    one, two = world.hosts
    a, b = world.containers
    undo = world.paths.drop_icmp()
    fits = narrow - OVERHEAD[family]
    # On one host: what stands still there is the machine's pause.
    near = world.container(one)
    world.settle()
    machine = Numbered(a, near, near.ip4, 0.01, port=7150)
    streams = [Stream(a, b, b.ip4)]
    if fits >= 1280:
        streams.append(Stream(b, a, a.ip6, 7001))
    since = one.peer(two)["since"]
    start = time.monotonic()
    for i in (1, 2):
        world.paths.narrow(i, narrow)
    figure("both ways narrow after", "%.2f s" % (time.monotonic() - start))
    for host, other in ((one, two), (two, one)):
        wait_plpmtu(host, other, narrow, 5)
    always("the streams to go on", lambda: not any(
        s.error for s in streams), 1.5)
    for c, d in ((a, b), (b, a)):
        wait_until("an answer with the MTU", lambda c=c, d=d: said_mtu(
            c, d.ip4, 1380) == fits, 3, 0.1)
        if fits >= 1280:
            wait_until("an answer of IPv6", lambda c=c, d=d: said_mtu(
                c, d.ip6, 1370) == fits, 3, 0.1)
    why = one.ctl("why", b.ip4, json_out=False)
    assert "may put %d bytes" % fits in why, why
    assert ("IPv6 wants at least 1280" in why) == (fits < 1280), why
    # Of what IPv6 may always send nothing is told, and nothing lost.
    assert a.run("ping", "-n", "-c", 1, "-W", 5, "-s", 1280 - 48, b.ip6,
                 check=False).returncode == 0
    undo()
    ping = a.start_ping(b.ip4)
    figure("growing after", "%.2f s" % (time.monotonic() - start))
    for i in (1, 2):
        world.paths.narrow(i, 1500)
    for host, other in ((one, two), (two, one)):
        wait_plpmtu(host, other, 1500, 60)
    figure("grown after", "%.2f s" % (time.monotonic() - start))
    ping.stop().assert_perfect("while it grew")
    pause = machine.stop().longest_gap
    for stream in streams:
        stream.stop()
        figure("gap", "%.2f s, after %.2f s; the machine: %.2f s" % (
            stream.longest_gap, stream.gap_at - start, pause))
        assert stream.longest_gap < RESUMED_S + pause, stream.longest_gap
    assert one.peer(two)["path"] == "fastdp"
    assert is_same_moment(one.peer(two)["since"], since), "it left fastdp"


def test_link_shrinks_under_tcp(routed):
    """Our own link: nothing longer leaves, from that moment on."""
    world = routed()
    one, two = world.hosts
    a, b = world.containers
    stream = Stream(a, b, b.ip4)
    world.underlay.set_mtu(1, 1300)
    wait_plpmtu(one, two, 1300, 3)
    wait_until("the container to follow", lambda: a.addresses()[2] == 1250, 3)
    always("the stream to go on", lambda: not stream.error, 1)
    stream.stop()
    assert stream.longest_gap < 3, stream.longest_gap


def test_black_hole_of_one_size(routed):
    """Our UDP packets above 1 420 are lost; pings of any size pass."""
    world = routed()
    one, two = world.hosts
    a, b = world.containers
    stream = Stream(a, b, b.ip4)
    undo = world.paths.swallow(1, 1420)
    done = one.ns.run("ping", "-n", "-c", 1, "-W", 5, "-M", "do", "-s", 1472,
                      two.address, check=False)
    assert done.returncode == 0, "the hole is not one of VXLAN's alone"
    wait_plpmtu(one, two, 1420, 3)
    assert plpmtu(two, one) == 1500
    assert said_mtu(a, b.ip4, 1400) == 1370
    undo()
    wait_plpmtu(one, two, 1500, 60)
    stream.stop()
    assert stream.longest_gap < 3, stream.longest_gap


def icmp_too_big(source, target, quoted, mtu):
    """The IP packet that says so: RFC 1191, RFC 4443 section 3.2."""
    if ":" not in target:
        body = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + quoted
        return body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    return struct.pack("!BBHI", 2, 0, 0, mtu) + quoted


def quote(source, target, port, size=1500):
    """The beginning of a datagram of ours as a router would send it back."""
    vni = struct.pack("!II", 0x08000000, 0xffffff00)
    udp = struct.pack("!HHHH", port, port, size - 20, 0) + vni
    if ":" not in target:
        return struct.pack("!BBHHHBBH4s4s", 0x45, 0, size, 1, 0x4000, 60, 17,
                           0, socket.inet_aton(source),
                           socket.inet_aton(target)) + udp + b"\0" * 32
    return struct.pack("!IHBB", 6 << 28, size - 40, 17, 60) + \
        socket.inet_pton(socket.AF_INET6, source) + \
        socket.inet_pton(socket.AF_INET6, target) + udp + b"\0" * 32


def forged_probe(ids, target, seq, size=60):
    """Of fastdp: to one of the addresses that stand for what it is."""
    body = struct.pack("!IQQQQ", 0x66647031, *ids, seq, seq)
    return vxlan(0xffffff, ethernet(target, "02:46:44:00:00:00", 0x88b5,
                                    body.ljust(size - 14, b"\0")))


def forged_beat(kind, k):
    """Of sleeve: who has not seen the session does not know the token."""
    return struct.pack("!BBHQQQQH", 1, kind, 0, (1 << 62) + k, 1 << 40, k,
                       (1 << 63) + k, 1500).ljust(1400, b"\0")


REQUEST, REPLY, SIZED = ("02:46:44:00:00:0%d" % k for k in (1, 2, 3))


def test_forged_probes_change_nothing(routed):
    """Answers that bear no cookie of ours, and questions of nobody: of the
    peer's address and of a third host's, on both paths."""
    world = routed()
    one, two = world.hosts
    world.paths.narrow(2, 1400)
    for path in ("fastdp", "sleeve"):
        wait_plpmtu(one, two, 1400, 15, path)
    before = one.metrics()
    since = one.peer(two)["since"]
    ids = [int(host.status()["name"], 16) for host in (one, two)]
    stranger, address = world.stranger()

    def shoot(source, namespace):
        s = namespace.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
        with s:
            s.bind((source, 0))
            for k in range(100):
                for what in (REPLY, REQUEST, SIZED):
                    s.sendto(forged_probe(ids, what, (1 << 63) + k),
                             (one.address, VXLAN))
                for kind in (2, 3):
                    s.sendto(forged_beat(kind, k), (one.address, SLEEVE))
    shoot(two.address, two.ns)
    shoot(address, stranger)
    after = one.metrics()
    for name in ("bad_probes", "sleeve_drop_token"):
        wait_until(lambda n=name: "%s: %s" % (n, after),
                   lambda n=name: one.metrics()[n] >= before[n] + 50, 3)
    always("both PLPMTU to stay", lambda: plpmtu(one, two) == 1400 and
           plpmtu(one, two, "sleeve") == 1400, 1)
    assert is_same_moment(one.peer(two)["since"], since)
    # Nobody is answered who is no peer.
    assert not [p for p in one.status()["peers"] if p["address"] == address]


# Below net.ipv4.route.min_pmtu the kernel cuts what it sends there, whatever
# DF says; above, it tells the senders: where it hears of it, see is_guarded().
LIES = {4: (552, 1280, 1499), 6: (68, 552, 1280, 1499, 0)}
LONGEST_LIE_S = 3.0  # 0.4 s on a machine that has time


def lie(world, mtu, port=VXLAN):
    """A third host says "too big" of host 1's path to host 2."""
    one, two = world.hosts
    stranger, _ = world.stranger()
    is_v4 = ":" not in one.address
    raw = stranger.call(socket.socket, socket.AF_INET if is_v4 else
                        socket.AF_INET6, socket.SOCK_RAW, 1 if is_v4 else 58)
    with raw:
        raw.sendto(icmp_too_big(None, one.address, quote(
            one.address, two.address, port), mtu), (one.address, 0))


def is_guarded(host):
    """No word of a router reaches its kernel; what then holds in the kernel's
    own tunnel is also tried in test_mtu_forged.py."""
    return host.api("doctor")["icmp_guard"]


def learnt(host, other):
    """The MTU that the kernel took from somebody's ICMP, else None."""
    got = re.search(r" mtu (?:lock )?(\d+)", host.ns.run(
        "ip", "route", "get", other.address).stdout)
    return int(got[1]) if got else None


@pytest.mark.parametrize("family", [4, 6], ids=["IPv4", "IPv6"])
def test_forged_too_big(routed, family):
    """A third host says that the path is narrow: neither path believes it, and
    the kernel, which does, is made to forget it."""
    world = routed(family)
    one, two = world.hosts
    a, b = world.containers
    stream = Stream(a, b, b.ip4)
    before, longest = one.metrics()["routes_forgotten"], 0.0
    for mtu in LIES[family]:
        for port in (SLEEVE, VXLAN):
            # Of sleeve the daemon hears itself, and asks at once.
            lie(world, mtu, port)
            start = time.monotonic()
            wait_until("the kernel to forget it", lambda: not learnt(one, two),
                       LONGEST_LIE_S)
            longest = max(longest, time.monotonic() - start)
            always("the PLPMTU to stay", lambda: plpmtu(one, two) == 1500 and
                   plpmtu(one, two, "sleeve") == 1500, 0.2)
    figure("believed by the kernel", "%.2f s at most" % longest)
    n = one.metrics()["routes_forgotten"] - before
    if is_guarded(one):
        assert n == 0 and one.metrics()["too_big_heard"] >= len(LIES[family])
    else:
        assert n >= len(LIES[family]) / 2, "%d: were they lies at all?" % n
    stream.stop()
    assert stream.longest_gap < 1, stream.longest_gap
    done = a.run("ping", "-n", "-c", 1, "-W", 5, "-M", "do", "-s",
                 1500 - OVERHEAD[family] - 48, b.ip6, check=False)
    assert done.returncode == 0, done.stdout
    assert one.peer(two)["path"] == "fastdp"


@pytest.mark.parametrize("mtu", [68, 0])
def test_forged_to_be_tiny(routed, mtu):
    """Of so little the kernel cuts outer packets, where it hears of it: not
    for long, and nothing is lost."""
    world = routed()
    one, two = world.hosts
    a, b = world.containers
    ping = a.start_ping(b.ip4, 0.05)
    what = "too_big_heard" if is_guarded(one) else "routes_forgotten"
    before = one.metrics()[what]
    lie(world, mtu)
    wait_until("the kernel to forget it", lambda: one.metrics()[
        what] > before and not learnt(one, two), LONGEST_LIE_S)
    if not is_guarded(one):
        world.watch.forgive()
    done = a.run("ping", "-n", "-c", 1, "-W", 5, "-M", "do", "-s", 1422,
                 b.ip4, check=False)
    assert done.returncode == 0, done.stdout
    ping.stop().assert_perfect()
    assert plpmtu(one, two) == plpmtu(one, two, "sleeve") == 1500
