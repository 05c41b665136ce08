# SPDX-License-Identifier: Apache-2.0
"""ICMP "too big" that a third host made up, where the kernel has nf_tables
for inet: it changes nothing, not even in the kernel. (In the kernel for tests,
which has not, test_mtu_change.py has what holds then.)

The hosts are on bridges, for the running kernel has no openvswitch.ko; beside
them is a VXLAN device on fastdp's port, as a bridge's port, where the kernel
behaves as in openvswitch: it answers or cuts by what it believes of the path.
"""

import re
import socket
import struct

import pytest

from capture import checksum
from container import PingResult
from mtu import OVERHEAD, SLEEVE, VXLAN, Paths, plpmtu, wait_plpmtu
from ns import always, ip_batch, wait_until
from test_mtu_change import learnt, quote

pytestmark = pytest.mark.running_kernel

SIZES = (68, 552, 576, 1280, 1400)
LESS = 1300  # what the kernel takes for good news of either family
INNER = "10.77.0.%d"
TABLE = "fastdp-icmp-%d" % VXLAN


def vxlan_device(world):
    """A tunnel of the kernel's own between the hosts, on fastdp's port."""
    one, two = world.hosts
    for i, (host, other) in enumerate(((one, two), (two, one)), 1):
        fits = 1500 - OVERHEAD[world.family]
        ip_batch([
            "link add br9 mtu %d type bridge" % fits,
            "link add vx9 mtu %d type vxlan id 16777215 dstport %d local %s "
            "remote %s df set" % (fits, VXLAN, host.address, other.address),
            "link set vx9 master br9 up", "link set br9 up",
            "addr add %s/24 dev br9" % (INNER % i)], host.ns)


@pytest.fixture
def make_world(make_cluster):
    def make(family):
        world = make_cluster(2, family=family, mode="routers", strangers=1,
                             datapaths=("bridge", "bridge"))
        one, two = world.hosts
        wait_plpmtu(one, two, 1500, 5, "sleeve")
        return world
    return make


def around(one, two, kind, payload, options=b""):
    """The IP packet from host one to host two that a router would quote."""
    if ":" not in one.address:
        size = 5 + len(options) // 4
        return struct.pack("!BBHHHBBH4s4s", 0x40 | size, 0, 1500, 1, 0x4000,
                           60, kind, 0, socket.inet_aton(one.address),
                           socket.inet_aton(two.address)) + options + payload
    return struct.pack("!IHBB", 6 << 28, 1460, kind, 60) + \
        socket.inet_pton(socket.AF_INET6, one.address) + \
        socket.inet_pton(socket.AF_INET6, two.address) + payload


def udp(source, target):
    vni = struct.pack("!II", 0x08000000, 0xffffff00)
    return struct.pack("!HHHH", source, target, 1480, 0) + vni + bytes(32)


def echo(kind):
    return struct.pack("!BBHHH", kind, 0, 0, 7, 7) + bytes(40)


def packets(one, two):
    """What a forger may quote so that the kernel believes him: by name."""
    yield "vxlan", quote(one.address, two.address, VXLAN)
    yield "hashed source", around(one, two, 17, udp(44444, VXLAN))
    yield "source port", around(one, two, 17, udp(VXLAN, 9))
    yield "sleeve", quote(one.address, two.address, SLEEVE)
    if ":" not in one.address:
        yield "options", around(one, two, 17, udp(44444, VXLAN), b"\1" * 8)
        yield "echo reply", around(one, two, 1, echo(0))
        return
    for kind in (128, 129):
        yield "echo %d" % kind, around(one, two, 58, echo(kind))
    skip = bytes((17, 0, 1, 4, 0, 0, 0, 0))
    for header in (0, 60):
        yield "header %d" % header, around(one, two, header,
                                           skip + udp(44444, VXLAN))
    first = bytes((17, 0, 0, 1, 0, 0, 0, 7))
    yield "fragment", around(one, two, 44, first + udp(44444, VXLAN))
    yield "fragment of ICMP", around(one, two, 44, b"\x3a" + first[1:] +
                                     echo(128))


class Forger:
    """A third host that says "too big" to host one."""

    def __init__(self, world):
        self._to = world.hosts[0].address
        self._is_v4 = ":" not in self._to
        space, self._from = world.stranger()
        family = socket.AF_INET if self._is_v4 else socket.AF_INET6
        self._raw = space.call(socket.socket, family, socket.SOCK_RAW,
                               1 if self._is_v4 else 58)
        # In two pieces: only IPv6 shows these to the kernel's filter.
        self._ident = 0
        self._cut = None if self._is_v4 else space.call(
            socket.socket, family, socket.SOCK_RAW, 44)

    def say(self, packet, mtu, is_cut=False):
        packet = packet[:520]
        if self._is_v4:
            body = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + packet
            body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
        else:
            body = struct.pack("!BBHI", 2, 0, 0, mtu) + packet
        if not is_cut:
            self._raw.sendto(body, (self._to, 0))
            return
        whole = b"".join(socket.inet_pton(socket.AF_INET6, a) for a in (
            self._from, self._to)) + struct.pack("!IHBB", len(body), 0, 0, 58)
        body = body[:2] + struct.pack("!H", checksum(whole + body)) + body[4:]
        self._ident += 1
        for at, piece in ((1, body[:8]), (8, body[8:])):
            self._cut.sendto(struct.pack("!BBHI", 58, 0, at, self._ident) +
                             piece, (self._to, 0))

    def close(self):
        for s in (self._raw, self._cut):
            if s:
                s.close()


def forget(host):
    for family in ("-4", "-6"):
        host.ns.ip(family, "route", "flush", "cache")


@pytest.mark.parametrize("family", [4, 6], ids=["IPv4", "IPv6"])
def test_forged_changes_nothing(make_world, family):
    """While a third host says all of it, large packets with DF go through the
    tunnel without one loss or answer, and the kernel has learnt nothing. The
    same words do mislead the kernel as soon as the daemon is killed."""
    world = make_world(family)
    one, two = world.hosts
    vxlan_device(world)
    wait_until("the tunnel", lambda: one.ns.run(
        "ping", "-n", "-c", 1, "-W", 1, INNER % 2,
        check=False).returncode == 0, 5)
    forger = Forger(world)
    before = one.metrics()["too_big_heard"]
    size = 1500 - OVERHEAD[family] - 28
    ping = one.ns.popen("ping", "-n", "-M", "do", "-s", size, "-i", 0.01,
                        INNER % 2, stdout=-1, stderr=-2, text=True)
    for name, packet in packets(one, two):
        for mtu in SIZES:
            for _ in range(10):
                forger.say(packet, mtu)
            assert not learnt(one, two), (name, mtu)
    faults = world.watch.faults()
    assert not faults, "\n".join(faults)
    for name, packet in packets(one, two) if family == 6 else ():
        forger.say(packet, LESS, is_cut=True)
        assert not learnt(one, two), (name, "in two pieces")
    wait_until("the daemon to hear of it",
               lambda: one.metrics()["too_big_heard"] >= before + 10, 3)
    always("the PLPMTU to stay", lambda: plpmtu(one, two, "sleeve") == 1500 and
           not learnt(one, two), 0.5)
    ping.send_signal(2)
    text = ping.communicate(timeout=10)[0]
    assert "too big" not in text and "needed" not in text and \
        "mtu" not in text, text
    PingResult(text, True).assert_perfect("in the tunnel")

    # Are these words worth anything? The kernel takes the rules away.
    one.kill()
    wait_until("the table to go", lambda: TABLE not in one.ns.run(
        "nft", "list", "tables").stdout, 5)
    for name, packet in packets(one, two):
        # Nobody has sleeve's port now.
        for is_cut in (False, True) if family == 6 else (False,):
            if name == "sleeve":
                continue
            forget(one)
            forger.say(packet, LESS, is_cut)
            wait_until("the kernel to believe in %s, cut %s" % (name, is_cut),
                       lambda: learnt(one, two) == LESS, 3)
    forget(one)
    forger.close()
    world.watch.forgive()


def test_others_hear_as_before(make_world):
    """What is not of a peer, or of others' sockets, is the kernel's."""
    world = make_world(4)
    one, two = world.hosts
    forger = Forger(world)
    space, _ = world.stranger()
    s = one.ns.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("0.0.0.0", 5353))
    with s, space.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM):
        forger.say(around(one, two, 17, udp(5353, 5353)), LESS)
        wait_until("the kernel to believe it", lambda: learnt(one, two) == LESS,
                   3)
        forget(one)
        third = type("Host", (), {"address": world.stranger()[1]})
        forger.say(around(one, third, 1, echo(0)), LESS)
        wait_until("the kernel to believe it of no peer", lambda: re.search(
            r"mtu %d" % LESS, one.ns.run(
                "ip", "route", "get", third.address).stdout), 3)
    forget(one)
    forger.close()


def test_honest_router_is_heard(make_world):
    """The way becomes narrow, and the router says so: that is the first size
    that is tried, and the kernel need not know."""
    world = make_world(4)
    one, two = world.hosts
    paths = Paths(world.underlay)
    before = one.metrics()["too_big_heard"]
    paths.narrow(2, 1403)  # none that would be tried otherwise so soon
    wait_plpmtu(one, two, 1403, 5, "sleeve")
    assert one.metrics()["too_big_heard"] > before
    ladder = one.peer(two)["paths"]["sleeve"]["pmtu"]["ladder"]
    assert 1403 in [rung["size"] for rung in ladder[:5]], ladder
    always("nothing to be learnt", lambda: not learnt(one, two), 0.5)
    paths.narrow(2, 1500)
    wait_plpmtu(one, two, 1500, 60, "sleeve")
