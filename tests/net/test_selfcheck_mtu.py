# SPDX-License-Identifier: Apache-2.0
"""Does the second link carry what it should, and does the watch of the links
see what must not be there? No daemon."""

import socket
import struct

import pytest

from capture import checksum, ethernet, ipv4, vxlan
from mtu import Paths, Watch
from ns import wait_until
from topo import Underlay

pytestmark = [pytest.mark.any_kernel, pytest.mark.no_daemon]


@pytest.fixture
def routed():
    """Two hosts with a router each, and a third one."""
    u = Underlay(3, "routers", 1500, 2)
    u.watch = Watch(u)
    yield u
    u.close()


def ping(u, i, k, size, family=4, df="do"):
    head = 28 if family == 4 else 48
    return u.hosts[i - 1].run(
        "ping", "-n", "-c", 1, "-W", 0.3, "-M", df, "-s", size - head,
        u.ip4(k) if family == 4 else u.ip6(k), check=False).returncode == 0


def said(u, i, k, family):
    """What routers say to host i of its way to host k; None: nothing."""
    ping(u, i, k, 1500, family)
    got = u.hosts[i - 1].run("ip", "route", "get", u.ip4(k) if family == 4
                             else u.ip6(k)).stdout
    u.hosts[i - 1].run("ip", "-%d" % family, "route", "flush", "cache")
    return int(got.split(" mtu ")[1].split()[0]) if " mtu " in got else None


def test_each_way_is_as_narrow_as_said(routed):
    """Each direction by itself, and to the byte."""
    paths = Paths(routed)
    paths.narrow(2, 1337)
    paths.narrow(1, 1300)
    for family in (4, 6):
        assert said(routed, 1, 2, family) == 1337
        assert said(routed, 3, 2, family) == 1337
        assert said(routed, 2, 1, family) == 1300
        assert said(routed, 1, 3, family) is None
        assert ping(routed, 1, 2, 1300, family)
    paths.narrow(2, 576)
    assert said(routed, 1, 2, 4) == 576
    for i in (1, 2):
        paths.narrow(i, 1500)
    for family in (4, 6):
        assert ping(routed, 1, 2, 1500, family)
        assert ping(routed, 2, 1, 1500, family)


def send(u, i, frame):
    with u.hosts[i - 1].call(socket.socket, socket.AF_PACKET,
                             socket.SOCK_RAW) as s:
        s.bind(("eth0", 0))
        s.send(frame)


def error_of(u, i):
    body = struct.pack("!BBHI", 3, 4, 0, 1300) + bytes(28)
    body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    mac = u.hosts[i - 1].mac("eth0")
    return ipv4(mac, mac, u.ip4(i), u.ip4(2), 1, body)


def inner(u):
    """An ICMP of a container's network, in VXLAN."""
    mac = u.hosts[0].mac("eth0")
    udp = vxlan(1, error_of(u, 1))
    return ipv4(mac, mac, u.ip4(1), u.ip4(2), 17, struct.pack(
        "!HHHH", 6784, 6784, 8 + len(udp), 0) + udp)


def test_the_watch_sees_what_must_not_be(routed):
    watch = routed.watch
    for family in (4, 6):
        wait_until("a ping", lambda f=family: ping(routed, 1, 2, 1500, f))
    assert not watch.faults()

    def sees(word):
        found = watch.faults()
        assert found and word in found[0], found
        watch.forgive()
    send(routed, 1, error_of(routed, 1))
    sees("ICMP of a host")
    send(routed, 1, inner(routed))
    sees("inner ICMP")
    for tell in routed.resized:
        tell("p1", 1400)
    send(routed, 1, ethernet("02:00:00:00:00:01", "02:00:00:00:00:02",
                             0x88b5, bytes(1401)))
    sees("1401 bytes")
    ping(routed, 3, 2, 4000, 4, "dont")
    assert any("FragCreates" in one for one in watch.faults())
    sees("a fragment")
    assert not watch.faults()
