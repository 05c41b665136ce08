# SPDX-License-Identifier: Apache-2.0
"""The daemon that carries packets itself is killed and started again."""

import time

import pytest

import machine
from container import Stream
from ns import figure, is_long, wait_until
from traffic import Numbered

VXLAN = 6784
RESUME_S = 1.0


@pytest.fixture(params=["blocked", "bridge"])
def world(request, make_cluster):
    """Hosts 1 and 2 have but sleeve between them, 1 and 3 fastdp."""
    has_bridge = request.param == "bridge"
    three = make_cluster(3, datapaths=[
        "ovs", "bridge" if has_bridge else "ovs", "ovs"])
    for host in three.hosts:
        three.container(host)
    three.settle()
    if not has_bridge:
        three.underlay.cut_both(1, 2, proto="udp", port=VXLAN)
    one, two, _ = three.hosts
    wait_until("sleeve", lambda: one.peer(two)["path"] ==
               two.peer(one)["path"] == "sleeve")
    return three


def resumed(times, since):
    """Seconds until something came after that moment."""
    first = min((t for t in times if t > since), default=float("inf"))
    return first - since - machine.lost(since, first)


# Who dialled last time, and who was dialled; at once, and when it is given up.
CASES = [(0, 0), (1, 3)] + [(0, 3), (1, 0)] * is_long()


@pytest.mark.parametrize("who, dead_s", CASES)
def test_killed_on_a_sleeve_pair(world, who, dead_s):
    """Its packets by the kernel do not notice. Those it carries go on within
    a second when it has started, both ways."""
    a, b, c = world.containers
    victim = world.hosts[who]
    kept = [a.start_ping(c.ip4, 0.01), c.start_ping(a.ip6, 0.01)]
    stream = Stream(a, b, b.ip4)
    carried = [Numbered(a, b, b.ip4), Numbered(b, a, a.ip6)]
    time.sleep(0.5)
    victim.kill()
    time.sleep(dead_s)
    victim.start()
    ready = time.monotonic()
    time.sleep(2.5)
    for one in carried:
        one.stop()
        took = resumed(one.times, ready)
        figure(one.who, "%.2f s after it was ready, which took %.2f s; %.2f "
               "s of silence" % (took, ready - victim.started_at,
                                 one.longest_gap))
        assert took <= RESUME_S, str(one)
        # And it goes on from then.
        assert machine.gap([t for t in one.times if t > ready]) <= RESUME_S, \
            str(one)
    stream.stop()
    figure("TCP", "%.2f s of silence" % stream.longest_gap)
    for ping in kept:
        ping.stop().assert_perfect("by the kernel: " + ping.who)
