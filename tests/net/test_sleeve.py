# SPDX-License-Identifier: Apache-2.0
"""The user-space path: it takes over when the kernel's does not get through,
and gives back."""

import socket
import time

import pytest

from container import Stream
from ns import always, wait_until

VXLAN, SLEEVE = 6784, 6783
PING_S = 0.01


@pytest.fixture
def world(two):
    for host in two.hosts:
        two.container(host)
    two.settle()
    wait_until("both paths to be up", lambda: all(
        h.peer(o)["paths"][path]["state"] == "up"
        for h, o in pairs(two) for path in ("fastdp", "sleeve")), 5)
    return two


def pairs(world):
    one, two = world.hosts
    return (one, two), (two, one)


def path_is(world, name):
    return all(h.peer(o)["path"] == name for h, o in pairs(world))


def test_both_paths_are_warm(world):
    for host, other in pairs(world):
        p = host.peer(other)
        assert p["path"] == "fastdp"
        assert p["paths"]["sleeve"]["rtt_us"] > 0


@pytest.mark.parametrize("both", [True, False], ids=["both ways", "one way"])
def test_failover_and_return(world, both):
    """At most a second without traffic; nothing is lost on the way back."""
    a, b = world.containers
    ping = a.start_ping(b.ip4, PING_S)
    time.sleep(0.5)
    cut = world.underlay.cut_both if both else world.underlay.cut
    undo = cut(1, 2, proto="udp", port=VXLAN)
    one, two = world.hosts
    wait_until("sleeve to take over",
               lambda: one.peer(two)["path"] == "sleeve", 2)
    assert "answer" in one.peer(two)["reason"], one.peer(two)
    time.sleep(1)
    result = ping.stop()
    assert result.sent - result.received <= 1.0 / PING_S, result
    if not both:
        # Each side judges its own way: the other one works.
        wait_until("the way back to be seen as good", lambda: two.peer(one)
                   ["path"] == "fastdp", 5)
        assert one.peer(two)["path"] == "sleeve"
    a.ping(b.ip6, 5).assert_perfect()
    back = a.start_ping(b.ip4, PING_S)
    time.sleep(0.3)
    undo()
    wait_until("fastdp to be taken again", lambda: path_is(world, "fastdp"), 6)
    time.sleep(0.3)
    back.stop().assert_perfect("on the way back")


def test_tcp_goes_on(world):
    """Also the segments that are too long for sleeve."""
    a, b = world.containers
    streams = [Stream(a, b, b.ip4), Stream(b, a, a.ip6, 7001)]
    time.sleep(0.5)
    undo = world.underlay.cut_both(1, 2, proto="udp", port=VXLAN)
    wait_until("sleeve to take over", lambda: path_is(world, "sleeve"), 2)
    time.sleep(2)
    undo()
    wait_until("fastdp to be taken again", lambda: path_is(world, "fastdp"), 6)
    for stream in streams:
        stream.stop()
        assert stream.longest_gap <= 1.0, stream.longest_gap


def test_sleeve_cut_is_no_matter(world):
    a, b = world.containers
    ping = a.start_ping(b.ip4, PING_S)
    time.sleep(0.3)
    undo = world.underlay.cut_both(1, 2, proto="udp", port=SLEEVE)
    one, two = world.hosts
    wait_until("sleeve to be down", lambda: one.peer(two)["paths"]["sleeve"]
               ["state"] == "down", 2)
    always("fastdp", lambda: path_is(world, "fastdp"), 1)
    undo()
    ping.stop().assert_perfect("while sleeve was cut")


def test_flapping_path_is_not_followed(world):
    """Cut and free every half second: few changes, and the right end."""
    one, two = world.hosts
    seen = []
    for _ in range(10):
        undo = world.underlay.cut_both(1, 2, proto="udp", port=VXLAN)
        time.sleep(0.7)
        seen.append(one.peer(two)["path"])
        undo()
        time.sleep(0.7)
        seen.append(one.peer(two)["path"])
    changes = sum(1 for x, y in zip(seen, seen[1:]) if x != y)
    assert changes <= 3, seen
    wait_until("the right end", lambda: path_is(world, "fastdp"), 20)


def test_networks_stay_apart(world):
    one, two = world.hosts
    red = world.container(one, network="red")
    also = world.container(two, network="red")
    world.settle()
    undo = world.underlay.cut_both(1, 2, proto="udp", port=VXLAN)
    wait_until("sleeve to take over", lambda: path_is(world, "sleeve"), 2)
    red.ping(also.ip4, 5).assert_perfect()
    assert not red.reaches(world.containers[1].ip4)
    undo()


def test_too_long_is_answered_or_fragmented(world):
    a, b = world.containers
    undo = world.underlay.cut_both(1, 2, proto="udp", port=VXLAN)
    wait_until("sleeve to take over", lambda: path_is(world, "sleeve"), 2)
    size = str(world.hosts[0].status()["mtu"] - 28)
    out = a.run("ping", "-c", "2", "-i", "0.3", "-W", "1", "-M", "dont", "-s",
                size, b.ip4, check=False).stdout
    assert "2 received" in out, out
    out = a.run("ping", "-c", "1", "-W", "1", "-M", "do", "-s", size, b.ip4,
                check=False).stdout
    assert "Frag needed" in out or "message too long" in out, out
    assert world.hosts[0].metrics()["too_big_answered"] >= 1
    undo()


def test_strangers_datagrams_change_nothing(make_cluster):
    world = make_cluster(2, strangers=1)
    one, two = world.hosts
    wait_until("sleeve to be up", lambda: one.peer(two)["paths"]["sleeve"]
               ["state"] == "up", 3)
    namespace, _ = world.stranger()
    sock = namespace.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)

    def dropped():
        m = one.metrics()
        # The socket's filter keeps most of it in the kernel.
        return sum(m["sleeve_drop_" + k] for k in
                   ("token", "malformed", "version", "kernel"))

    before = dropped()
    for n in range(30):
        sock.sendto(bytes([n % 3, 1 + n % 4, 0, 0]) + bytes(60),
                    (world.address(1), SLEEVE))
    wait_until("them to be counted", lambda: dropped() >= before + 30, 2)
    sock.close()
    always("both paths", lambda: all(
        one.peer(two)["paths"][p]["state"] == "up"
        for p in ("fastdp", "sleeve")), 1)
