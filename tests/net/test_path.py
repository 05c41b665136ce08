# SPDX-License-Identifier: Apache-2.0
"""Heartbeats of the fastdp path: up, down, since, why."""

import time

import pytest

import machine
from ns import always, wait_until

DETECTION_S = 1.0
SLACK_S = 0.3  # one core for two daemons, their kernel and the test


def fastdp(host, other):
    return host.peer(other)["paths"]["fastdp"]


@pytest.fixture
def world(two):
    for host in two.hosts:
        two.container(host)
    two.settle()
    return two


@pytest.mark.parametrize("family", [4, 6])
def test_cut_is_noticed_and_healed(make_cluster, family):
    cluster = make_cluster(2, family=family)
    a, b = (cluster.container(h) for h in cluster.hosts)
    cluster.settle()
    one, two = cluster.hosts
    wait_until("an RTT", lambda: fastdp(one, two)["rtt_us"] > 0)
    assert fastdp(one, two)["state"] == "up"
    undo = cluster.underlay.cut_both(1, 2, proto="udp", port=6784,
                                     family=family)
    start = time.monotonic()
    wait_until(lambda: "the path to be down: %s" % one.peer(two),
               lambda: fastdp(one, two)["state"] != "up")
    took = machine.elapsed(start)
    assert took <= DETECTION_S + SLACK_S, "noticed after %.2f s" % took
    p = one.peer(two)
    wait_until("sleeve to carry it both ways", lambda: one.peer(two)["path"] ==
               two.peer(one)["path"] == "sleeve")
    p = one.peer(two)
    assert p["reason"] and p["paths"]["fastdp"]["reason"], p
    assert "answer" in str(p["paths"]["fastdp"]).lower(), p
    since = p["since"]
    assert a.reaches(b.ip4)
    why = one.ctl("why", b.ip4, json_out=False)
    assert "answer" in why.lower(), why
    undo()
    wait_until(lambda: "the path to be up: %s" % one.peer(two),
               lambda: fastdp(one, two)["state"] == "up")
    wait_until("both sides to use it", lambda: one.peer(two)["path"] ==
               two.peer(one)["path"] == "fastdp")
    a.ping(b.ip4, 10).assert_perfect()
    p = one.peer(two)
    assert p["since"] != since
    assert p["paths"]["fastdp"]["last_error"], p


def test_one_direction_is_judged_by_its_sender(world):
    """What 1 sends is lost. Whatever 2 thinks of its own way, 1 knows."""
    one, two = world.hosts
    undo = world.underlay.cut(1, 2, proto="udp", port=6784)
    wait_until(lambda: "%s" % one.peer(two),
               lambda: fastdp(one, two)["state"] != "up")
    undo()
    world.wait_connected()


def test_round_trip_time_is_shown(world):
    one, two = world.hosts
    first = fastdp(one, two)["rtt_us"]
    assert 0 < first < 100000, first
    world.underlay.impair(1, "delay", "40ms")
    wait_until(lambda: "an RTT of 40 ms: %s" % fastdp(one, two),
               lambda: fastdp(one, two)["rtt_us"] > 25000)


def test_dead_daemon_is_not_a_dead_path(world):
    """The kernel answers heartbeats: its containers are still reached."""
    one, two = world.hosts
    a, b = world.containers
    running = a.start_ping(b.ip4, 0.05)
    two.kill()
    always("the path to a host whose daemon is dead",
           lambda: fastdp(one, two)["state"] == "up" and
           one.peer(two)["state"] == "up", 4)
    a.flush_neighbours()
    b.flush_neighbours()
    a.ping(b.ip6, 5).assert_perfect()
    running.stop().assert_perfect(running.who)
    two.start()
    world.wait_connected()


def test_dead_host_is_a_dead_path(world):
    one, two = world.hosts
    world.underlay.unplug(2)
    start = time.monotonic()
    wait_until(lambda: "%s" % one.peer(two),
               lambda: fastdp(one, two)["state"] != "up")
    assert machine.elapsed(start) <= DETECTION_S + SLACK_S
    wait_until("none to be left",
               lambda: one.peer(two)["path"] == "none")
    world.underlay.plug(2)
    world.wait_connected()
    world.containers[0].ping(world.containers[1].ip4, 5).assert_perfect()


def test_loss_alone_does_not_flap(world):
    """One heartbeat in ten lost: the path stays, by and large."""
    one, two = world.hosts
    world.underlay.impair(2, "loss", "10%")
    states = []
    end = time.monotonic() + 5
    while time.monotonic() < end:
        states.append(fastdp(one, two)["state"])
        time.sleep(0.05)
    changes = sum(1 for x, y in zip(states, states[1:]) if x != y)
    assert changes <= 2, "%d changes in 5 s" % changes
    assert states.count("up") >= 0.8 * len(states)


def test_heartbeat_interval_is_an_option(make_cluster):
    cluster = make_cluster(2, options=["--heartbeat-interval", "100"])
    one, two = cluster.hosts
    world = cluster
    undo = world.underlay.cut_both(1, 2, proto="udp", port=6784)
    start = time.monotonic()
    wait_until("down", lambda: fastdp(one, two)["state"] != "up")
    assert machine.elapsed(start) <= 0.5 + SLACK_S
    undo()
    world.wait_connected()


def test_heartbeats_are_few(world):
    """An idle pair of hosts sends some small frames a second, no more; of
    those, a few have the size whose passing they confirm."""
    with world.underlay.capture(2) as seen:
        time.sleep(4)
        frames = [f for f in seen.frames() if f.vxlan()]
    assert 4 <= len(frames) <= 4 * 4 * 8, len(frames)
    large = [f for f in frames if f.vxlan()[3].dst == "02:46:44:00:00:03"]
    assert 4 <= len(large) <= 4 * 4 * 2, len(large)
    assert all(f.vxlan()[2] == 0xffffff for f in frames
               if f.vxlan()[3].type == 0x88b5)
