# SPDX-License-Identifier: Apache-2.0
"""The user-space path: it takes over when the kernel's does not get through,
and gives back."""

import socket

import pytest

from ns import always, wait_until

VXLAN, SLEEVE = 6784, 6783


@pytest.fixture
def world(two):
    for host in two.hosts:
        two.container(host)
    two.settle()
    two.wait_warm()
    return two


def path_is(world, name):
    return world.paths() == [name, name]


def test_both_paths_are_warm(world):
    for host, other in world.pairs():
        p = host.peer(other)
        assert p["path"] == "fastdp"
        assert p["paths"]["sleeve"]["rtt_us"] > 0


def test_networks_stay_apart(world):
    one, two = world.hosts
    red = world.container(one, network="red")
    also = world.container(two, network="red")
    world.settle()
    undo = world.underlay.cut_both(1, 2, proto="udp", port=VXLAN)
    wait_until("sleeve to take over", lambda: path_is(world, "sleeve"))
    red.ping(also.ip4, 5).assert_perfect()
    assert not red.reaches(world.containers[1].ip4)
    undo()


def test_too_long_is_answered_or_fragmented(world):
    a, b = world.containers
    undo = world.underlay.cut_both(1, 2, proto="udp", port=VXLAN)
    wait_until("sleeve to take over", lambda: path_is(world, "sleeve"))
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
               ["state"] == "up")
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
    wait_until("them to be counted", lambda: dropped() >= before + 30)
    sock.close()
    always("both paths", lambda: all(
        one.peer(two)["paths"][p]["state"] == "up"
        for p in ("fastdp", "sleeve")), 1)
