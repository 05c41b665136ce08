# SPDX-License-Identifier: Apache-2.0
"""The kernel's way to a peer is blocked under traffic, and freed again: the
user-space path takes over within a second and gives back without a loss."""

import time

import pytest

from container import Stream
from ns import always, figure, is_long, wait_until
from traffic import Numbered, longest_gap

VXLAN, SLEEVE = 6784, 6783
OUTAGE_S = 1.0
RETURN_S = 5.0
BOTH, THERE, BACK = ((1, 2), (2, 1)), ((1, 2),), ((2, 1),)
NAMES = {BOTH: "both ways", THERE: "there", BACK: "back"}
RUNS = [(which, run) for which, short in ((BOTH, 3), (THERE, 1), (BACK, 1))
        for run in range(10 if is_long() else short)]


@pytest.fixture
def world(two):
    for host in two.hosts:
        two.container(host)
        two.container(host)
    two.settle()
    two.wait_warm()
    return two


def block(world, which, port=VXLAN):
    """@which: the directions that are blocked."""
    return world.underlay.cut_ways(which, proto="udp", port=port)


class Flows:
    """All kinds of traffic between the two hosts at once."""

    def __init__(self, world):
        a, b, c, d = world.containers
        self.pings = [a.start_ping(c.ip4, 0.01), d.start_ping(b.ip6, 0.01)]
        self.streams = [Stream(b, c, c.ip4), Stream(d, a, a.ip6, 7001)]
        self.numbered = [Numbered(a, d, d.ip4), Numbered(c, b, b.ip6)]
        # On one host: what stands still there is not the path's fault.
        self._machine = Numbered(a, b, b.ip4, 0.01, port=7150)
        time.sleep(0.5)

    def stop(self):
        """Ends all; returns the longest silence of each."""
        gaps = {}
        self.stalled = self._machine.stop().stalled()
        for one in self.numbered:
            gaps["UDP " + one.who] = one.stop().longest_gap
        self.results = []
        for ping in self.pings:
            end = time.time()
            self.results.append((ping.who, ping.stop()))
            gaps["ping " + ping.who] = longest_gap(self.results[-1][1], end)
        self.n_again = []
        for stream in self.streams:
            self.n_again.append(stream.stop())
            gaps["TCP %d" % len(self.n_again)] = stream.longest_gap
        return gaps

    def assert_none_lost(self, when):
        for who, result in self.results:
            result.assert_perfect("%s %s" % (who, when))
        for one in self.numbered:
            one.assert_complete(when)


@pytest.mark.parametrize("which, run", RUNS, ids=[
    "%s %d" % (NAMES[which], run) for which, run in RUNS])
def test_failover_and_return(world, which, run):
    """Every flow goes on within a second; on the way back nothing is lost,
    and no packet overtakes another but at the switch."""
    judges = [world.hosts[src - 1] for src, _ in which]
    flows = Flows(world)
    wait_until("fastdp", lambda: world.paths() == ["fastdp", "fastdp"])
    undo = block(world, which)
    for h, o in world.pairs():
        if h in judges:
            wait_until("%s to take sleeve" % h.label,
                       lambda h=h, o=o: h.peer(o)["path"] == "sleeve")
            p = h.peer(o)
            assert "answer" in p["reason"], p
    time.sleep(1.2)
    gaps = flows.stop()
    figure("run %d: longest silence" % run, "%.2f s, %s; the machine: %.2f s" %
           (*max((s, who) for who, s in gaps.items()), flows.stalled))
    assert max(gaps.values()) <= OUTAGE_S + flows.stalled, gaps
    # Each side judges its own way: the other one works.
    wait_until("each side to have chosen", lambda: world.paths() == [
        "sleeve" if h in judges else "fastdp" for h in world.hosts])
    flows = Flows(world)
    undo()
    start = time.monotonic()
    wait_until("fastdp to be taken again",
               lambda: world.paths() == ["fastdp", "fastdp"], RETURN_S)
    figure("run %d: back after" % run, "%.2f s" % (time.monotonic() - start))
    time.sleep(0.5)
    flows.stop()
    flows.assert_none_lost("on the way back")
    for one in flows.numbered:
        one.assert_order_but_for_one_switch()
    figure("run %d: overtaken, sent again by TCP" % run, "%s, %s" % (
        [len(one.late()) for one in flows.numbered], flows.n_again))


def test_sleeve_blocked_is_no_matter(world):
    """While fastdp carries all, nothing is lost with sleeve."""
    flows = Flows(world)
    undo = block(world, BOTH, SLEEVE)
    one, two = world.hosts
    wait_until("sleeve to be down", lambda: one.peer(two)["paths"]["sleeve"]
               ["state"] == "down")
    always("fastdp", lambda: world.paths() == ["fastdp", "fastdp"], 1)
    undo()
    wait_until("sleeve to be up", lambda: one.peer(two)["paths"]["sleeve"]
               ["state"] == "up")
    flows.stop()
    flows.assert_none_lost("while sleeve was blocked")
    assert not any(flows.n_again), flows.n_again


def switches(host):
    """How often the log of this life says that another path was taken."""
    return [line for line in host.log_now().splitlines()
            if "packets to " in line or "no path to " in line]


# In the second it is free long enough to be taken again at first.
@pytest.mark.parametrize("blocked_s, free_s", [(1, 1), (1, 3)])
def test_flapping_is_not_followed(world, blocked_s, free_s):
    """A path that comes and goes: few switches, nothing lost but at these,
    and the right end."""
    one, two = world.hosts
    a, _, c, _ = world.containers
    numbered = Numbered(a, c, c.ip4)
    end = time.monotonic() + (60 if is_long() else 12)
    before = len(switches(one))
    while time.monotonic() < end:
        undo = block(world, BOTH)
        time.sleep(blocked_s)
        undo()
        time.sleep(free_s)
    made = switches(one)[before:]
    figure("switches", "\n".join(made))
    numbered.stop()
    figure("traffic", numbered)
    assert 1 <= len(made) <= 6, made
    # Each switch to sleeve costs a detection at most.
    assert numbered.longest_gap <= OUTAGE_S, str(numbered)
    wait_until("the right end", lambda: world.paths() == ["fastdp", "fastdp"],
               65)
    assert one.peer(two)["reason"] == "the peer answers"
