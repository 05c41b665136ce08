# SPDX-License-Identifier: Apache-2.0
"""Who says that a host cannot be reached is believed after a look."""

import socket
import struct
import time

import pytest

from capture import ipv4
from ns import always, figure, wait_until

SLEEVE = 6783
TOLD = ("unreachable", "send-refused")  # not: no-answer


def ended(host, other, path):
    """Why that path is down, or None while it is not."""
    p = host.peer(other)["paths"][path]
    return p["reason_code"] if p["state"] == "down" else None


@pytest.fixture
def make_pair(make_cluster):
    def make(**kw):
        cluster = make_cluster(2, **kw)
        for host in cluster.hosts:
            cluster.container(host)
        cluster.settle()
        wait_until("sleeve to be up", lambda: all(
            p["paths"]["sleeve"]["state"] == "up"
            for h in cluster.hosts for p in h.status()["peers"]), 5)
        return cluster
    return make


def test_link_down(make_pair):
    """Both paths end because the link does, not because time passes; and
    they are there again soon after it."""
    world = make_pair()
    one, two = world.hosts
    one.ns.ip("link", "set", "eth0", "down")
    start = time.monotonic()
    for path in ("fastdp", "sleeve"):
        wait_until("%s to be down" % path,
                   lambda path=path: ended(one, two, path), 1)
        figure(path, "%s after %.3f s" % (ended(one, two, path),
                                          time.monotonic() - start))
        assert ended(one, two, path) in TOLD, one.peer(two)
    assert one.peer(two)["path"] == "none"
    one.ns.ip("link", "set", "eth0", "up")
    wait_until("fastdp", lambda: one.peer(two)["path"] == "fastdp", 5)
    a, b = world.containers
    wait_until("traffic", lambda: a.reaches(b.ip4), 5)


def test_router_says_so(make_pair):
    """Its ICMP ends the path on which it was heard."""
    world = make_pair(mode="router")
    one, two = world.hosts
    middle = world.underlay.middle
    middle.ip("route", "add", "unreachable", world.address(2) + "/32")
    start = time.monotonic()
    wait_until("sleeve to be down", lambda: ended(one, two, "sleeve"), 1)
    figure("sleeve", "%s after %.3f s" % (ended(one, two, "sleeve"),
                                          time.monotonic() - start))
    assert ended(one, two, "sleeve") in TOLD, one.peer(two)
    middle.ip("route", "del", "unreachable", world.address(2) + "/32")
    wait_until("fastdp", lambda: one.peer(two)["path"] == "fastdp", 5)


def unreachable(src, dst, teller, frm, to):
    """ICMP: a datagram of sleeve from @frm to @to found no host."""
    udp = struct.pack("!HHHH", SLEEVE, SLEEVE, 46, 0)
    quoted = ipv4(src, dst, frm, to, 17, udp + bytes(38))[14:]
    body = struct.pack("!BBHI", 3, 1, 0, 0) + quoted[:28]
    total = sum(struct.unpack("!%dH" % (len(body) // 2), body))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ipv4(src, dst, teller, frm, 1,
                body[:2] + struct.pack("!H", ~total & 0xffff) + body[4:])


def test_forged_hint_changes_nothing(make_pair):
    """A path that is answered stays, whatever a stranger says of it."""
    world = make_pair(strangers=1)
    one, two = world.hosts
    namespace, address = world.stranger()
    frame = unreachable(namespace.mac("eth0"), one.ns.mac("eth0"), address,
                        world.address(1), world.address(2))
    with namespace.call(socket.socket, socket.AF_PACKET,
                        socket.SOCK_RAW) as s:
        s.bind(("eth0", 0))

        def stays():
            s.send(frame)
            p = one.peer(two)
            return p["path"] == "fastdp" and all(
                p["paths"][path]["state"] == "up"
                for path in ("fastdp", "sleeve"))

        always("both paths", stays, 2, 0.02)
    # The kernel has taken them for what they are said to be.
    field = [line.split() for line in one.ns.run(
        "cat", "/proc/net/snmp").stdout.splitlines()
        if line.startswith("Icmp:")]
    told = dict(zip(*field))
    assert int(told["InDestUnreachs"]) > 20 and int(told["InErrors"]) == 0, \
        told
