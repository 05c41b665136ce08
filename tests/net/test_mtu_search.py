# SPDX-License-Identifier: Apache-2.0
"""What a path carries is found to the byte, whatever becomes of ICMP."""

import time

import machine
from mtu import Paths, wait_plpmtu
from ns import figure, wait_until

BIG = 9000
# From the path's coming up.
FOUND_S = 1.0
FOUND_LOSSY_S = 5.0
MAX_PROBES = 12  # to a common MTU, when none is lost by chance


def pairs(world):
    one, two = world.hosts
    return (one, two), (two, one)


class Routed:
    """Two hosts, two routers between them, and what is done to the ways."""

    def __init__(self, make_cluster, family=4, mtu=BIG, options=(), **kw):
        self.world = make_cluster(2, family=family, mode="routers", mtu=mtu,
                                  start=False, options=options, **kw)
        self.family = family
        self.paths = Paths(self.world.underlay)
        self.world.start()
        self.one, self.two = self.world.hosts

    def new_path(self, to_two, to_one=None):
        """Both ways are cut, become as wide as said, and come back."""
        u = self.world.underlay
        undo = u.cut_both(1, 2, proto="udp", family=self.family)
        for host, other in pairs(self.world):
            wait_until("the path to be down", lambda h=host, o=other: all(
                p["state"] == "down" for p in h.peer(o)["paths"].values()), 4)
        self.paths.narrow(2, to_two)
        self.paths.narrow(1, to_one or to_two)
        for host in self.world.hosts:
            host.ns.sysctl("ipv4/route/flush", 1)
        undo()

    def time_to_find(self, sizes, path="fastdp", timeout=10):
        """Seconds from the path's being up to its size's being known, of the
        slower of the two directions."""
        up, found = {}, {}

        def look():
            for (host, other), size in zip(pairs(self.world), sizes):
                p = host.peer(other)["paths"][path]
                if p["state"] == "up":
                    up.setdefault(host, time.monotonic())
                    if p["plpmtu"] == size:
                        found.setdefault(host, time.monotonic())
            return len(found) == 2

        wait_until(lambda: "%s on %s: %s" % (sizes, path, [
            h.peer(o) for h, o in pairs(self.world)]), look, timeout, 0.02)
        return max(found[h] - up[h] - machine.lost(up[h], found[h])
                   for h in found)


def n_probes(host, other):
    """Of the last search."""
    return sum(rung["sent"] for rung in
               host.peer(other)["paths"]["fastdp"]["pmtu"]["ladder"])


CASES = [(1400, 1400, True), (1300, 1300, False), (1500, 1500, False),
         (1337, 4711, False), (576, 8999, True)]


def test_found_to_the_byte(make_cluster):
    """1 400 and 1 300, 1 500 between two links of 9 000, odd ones, and both
    ways unequal; with ICMP and without."""
    net = Routed(make_cluster)
    probes = {}
    for to_two, to_one, has_icmp in CASES:
        undo = None if has_icmp else net.paths.drop_icmp()
        net.new_path(to_two, to_one)
        took = net.time_to_find((to_two, to_one))
        assert took <= FOUND_S, "%d, %d: %g s" % (to_two, to_one, took)
        wait_plpmtu(net.one, net.two, to_two, 3, "sleeve")
        wait_plpmtu(net.two, net.one, to_one, 3, "sleeve")
        probes[to_two] = n_probes(net.one, net.two)
        if undo:
            undo()
    figure("probes, by size", probes)
    assert min(probes[1400], probes[1500]) <= MAX_PROBES, probes
    # One packet in twenty is lost, both ways.
    for i in (1, 2):
        net.world.underlay.impair(i, "loss", "5%")
    net.new_path(1400)
    assert net.time_to_find((1400, 1400)) <= FOUND_LOSSY_S


def test_found_on_ipv6(make_cluster):
    net = Routed(make_cluster, family=6)
    for to_two, to_one, has_icmp in ((1400, 1400, True), (1300, 1500, False)):
        undo = None if has_icmp else net.paths.drop_icmp()
        net.new_path(to_two, to_one)
        took = net.time_to_find((to_two, to_one))
        assert took <= FOUND_S, "%d, %d: %g s" % (to_two, to_one, took)
        wait_plpmtu(net.one, net.two, to_two, 3, "sleeve")
        wait_plpmtu(net.two, net.one, to_one, 3, "sleeve")
        if undo:
            undo()


def test_only_heartbeats_pass(make_cluster):
    """Every longer packet is lost: the path stays up, and it is said."""
    world = make_cluster(2, mode="routers", start=False)
    Paths(world.underlay).swallow(1, 200)
    world.start()
    one, two = world.hosts
    wait_until("the search to end", lambda: one.peer(two)["paths"]["fastdp"]
               ["pmtu"]["state"] == "error", 5)
    wait_plpmtu(one, two, 576, 5)
    wait_plpmtu(two, one, 1500, 5)
    assert one.peer(two)["path"] == "fastdp"
    why = one.ctl("why", "host2", json_out=False)
    assert "was ever answered" in why, why
    found = one.ctl("doctor", check=False).json["findings"]
    assert [f for f in found if f["id"] == "mtu-error"], found
    assert "was ever answered" not in two.ctl("why", "host1", json_out=False)
