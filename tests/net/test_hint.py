# SPDX-License-Identifier: Apache-2.0
"""Who says that a host cannot be reached is believed after a look."""

import socket
import struct
import time

import pytest

import machine
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
            for h in cluster.hosts for p in h.status()["peers"]))
        return cluster
    return make


def told_once(world, begin, end):
    """Host 1's way is broken and mended; returns once a path has ended for
    what it was told, and not by silence. On a busy machine silence may win, so
    it has three tries."""
    one, two = world.hosts
    for _ in range(3):
        begin()
        start = time.monotonic()
        wait_until("sleeve to be down", lambda: ended(one, two, "sleeve"))
        why = ended(one, two, "sleeve")
        figure("sleeve", "%s after %.3f s" % (why, machine.elapsed(start)))
        paths = one.peer(two)["paths"]
        end()
        wait_until("fastdp", lambda: one.peer(two)["path"] == "fastdp")
        if why in TOLD:
            return paths
    raise AssertionError("nothing but silence is noticed: %s" % paths)


def test_link_down(make_pair):
    """Both paths end because the link does, not because time passes; and
    they are there again soon after it."""
    world = make_pair()
    link = world.hosts[0].ns.ip

    def down():
        link("link", "set", "eth0", "down")
        wait_until("no path", lambda: world.hosts[0].peer(
            world.hosts[1])["path"] == "none")

    paths = told_once(world, down, lambda: link("link", "set", "eth0", "up"))
    assert paths["fastdp"]["state"] == "down", paths
    a, b = world.containers
    wait_until("traffic", lambda: a.reaches(b.ip4))


def test_router_says_so(make_pair):
    """Its ICMP ends the path on which it was heard."""
    world = make_pair(mode="router")
    # One answer a second, else: it might be to a packet of the other path.
    world.underlay.middle.sysctl("ipv4/icmp_ratelimit", 0)
    with open("/proc/sys/net/ipv4/route/error_cost", "w",
              encoding="ascii") as f:
        f.write("0")  # of all namespaces at once
    route = world.underlay.middle.ip
    no_way = ("unreachable", world.address(2) + "/32")
    told_once(world, lambda: route("route", "add", *no_way),
              lambda: route("route", "del", *no_way))


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
