# SPDX-License-Identifier: Apache-2.0
"""Hosts without openvswitch.ko: a Linux bridge forwards, and sleeve carries.

Once with bridges alone, on the running kernel, and once as one such host among
others that have it.
"""

import itertools
import time

import pytest

from bridge import bridges
from capture import arp, ethernet
from ns import figure, wait_until
from topo import Cluster

KINDS = {"bridge": ("bridge", "bridge", "bridge"),
         "mixed": ("bridge", "ovs", "ovs")}
N_PINGS = 100
AT_ONCE = 12


@pytest.fixture(scope="module", params=[
    pytest.param("bridge", marks=pytest.mark.running_kernel), "mixed"])
def world(request):
    """Three hosts with three containers each: two blue, one red."""
    cluster = Cluster(3, datapaths=KINDS[request.param])
    try:
        for host in cluster.hosts:
            for network in ("blue", "blue", "red"):
                cluster.container(host, network)
        cluster.settle()
        yield cluster
    except BaseException:
        cluster.close(check=False)
        raise
    cluster.close()


def same_network(cluster):
    by = {}
    for c in cluster.containers:
        by.setdefault(c.network, []).append(c)
    return [pair for group in by.values()
            for pair in itertools.combinations(group, 2)]


def run_pings(jobs, count, interval):
    left = list(jobs)
    while left:
        batch, left = left[:AT_ONCE], left[AT_ONCE:]
        running = [c.start_ping(target, interval, count)
                   for c, target in batch]
        for one in running:
            one.result(timeout=60 + count * interval).assert_perfect(one.who)
    figure("pings", "%d of %d pairs and directions, none lost" % (
        len(jobs) * count, len(jobs)))


def test_status_says_which_and_why(world):
    # Where a processor is short a path may have been down meanwhile.
    world.wait_connected()
    for host in world.hosts:
        s = host.ctl("status")
        assert s["datapath"]["type"] == host.datapath
        assert s["datapath"]["name"] == "fastdp"
        assert s["datapath"]["reason"] == "asked for"
        assert "datapath %s: fastdp" % host.datapath in host.log()
        assert len(s["peers"]) == 2
        for p in s["peers"]:
            other = [h for h in world.hosts if h.label == p["nickname"]][0]
            both = host.datapath == other.datapath == "ovs"
            assert p["path"] == ("fastdp" if both else "sleeve"), p
            assert p["reason"], p


def test_every_pair_of_a_network_talks_both_ways(world):
    jobs = []
    for a, b in same_network(world):
        jobs += [(a, b.ip4), (b, a.ip4), (a, b.ip6), (b, a.ip6)]
    run_pings(jobs, 1, 1)


def test_a_hundred_pings_a_pair_and_none_is_lost(world):
    jobs = []
    for a, b in same_network(world):
        jobs += [(a, b.ip4), (b, a.ip6)]
    run_pings(jobs, N_PINGS // 2, 0.02)


def test_no_pair_of_two_networks_talks(world):
    blue = [c for c in world.containers if c.network == "blue"]
    red = [c for c in world.containers if c.network == "red"]
    captures = [(c, c.capture()) for c in world.containers]
    running = []
    for k, a in enumerate(blue):
        for one, other in ((a, red[k % 3]), (red[k % 3], a)):
            running += [one.start_ping(t, 0.2, 2)
                        for t in (other.ip4, other.ip6)]
    for one in running:
        got = one.result()
        assert got.received == 0, "%s: %s" % (one.who, got)
    # Nor with the MAC in hand.
    for a, b in zip(blue, red):
        a.send(ethernet(b.mac, a.mac, 0x88b5, b"between networks"))
        b.send(ethernet(a.mac, b.mac, 0x88b5, b"between networks"))
    time.sleep(0.2)
    macs = {"blue": {c.mac for c in blue}, "red": {c.mac for c in red}}
    for c, capture in captures:
        other = macs["red" if c.network == "blue" else "blue"]
        crossed = [str(f) for f in capture.frames(incoming=True)
                   if f.src in other]
        assert not crossed, "%s saw %s" % (c.label, crossed[:5])


def test_a_flooded_frame_comes_once_to_everybody(world):
    for asker in world.containers[0], world.containers[3]:
        captures = {c: c.capture() for c in world.containers}
        for _ in range(5):
            asker.send(arp(asker.mac, asker.ip4, "10.32.98.98"))
            time.sleep(0.05)
        time.sleep(0.3)
        for c, capture in captures.items():
            n = sum(1 for f in capture.frames(incoming=True)
                    if f.asks_for("10.32.98.98"))
            capture.close()
            mine = c.network == asker.network and c is not asker
            assert n == (5 if mine else 0), "%s got %d" % (c.label, n)


def test_frames_to_nobody_are_not_flooded(world):
    asker = world.containers[0]
    captures = {c: c.capture() for c in world.containers}
    for _ in range(3):
        asker.send(ethernet("02:00:00:99:99:99", asker.mac, 0x88b5,
                            b"who is that"))
    time.sleep(0.3)
    for c, capture in captures.items():
        saw = [f for f in capture.frames(incoming=True)
               if b"who is that" in f.data]
        assert not saw, c.label


def test_every_verb(world):
    host = world.hosts[0]
    away = [c for c in world.containers if c.host is world.hosts[1]][0]
    near = [c for c in world.containers if c.host is host][0]
    for args in (["status"], ["peers"], ["ports"], ["directory"], ["flows"],
                 ["metrics"], ["why", away.mac], ["why", away.ip4],
                 ["why", near.ip6], ["why", world.hosts[1].address],
                 ["why", world.hosts[1].label]):
        text = host.ctl(*args, json_out=False)
        assert text.strip(), "%s says nothing" % args
        host.ctl(*args)
    why = host.ctl("why", away.ip4, json_out=False)
    assert "host2" in why and "sleeve" in why and "output:fastdp-s" in why, why
    flows = host.ctl("flows")["flows"]
    for c in (away, near):
        assert [f for f in flows if c.mac in f["match"] and f["wanted"]], c.mac
    assert host.ctl("forget", check=False).status == 2  # no such verb


def test_expose_and_hide(world):
    host = world.hosts[0]
    friend = world.container(world.hosts[1])
    near = world.container(host)
    world.settle()
    for address in ("10.32.255.1/16", "fd32::ffff/64"):
        bare = address.split("/")[0]
        assert not near.reaches(bare)
        host.ctl("expose", address)
        wait_until("%s to be reached" % bare, lambda b=bare:
                   friend.reaches(b) and near.reaches(b))
        assert host.ns.run("ping", "-c", "1", "-W", "1",
                           friend.ip6 if ":" in bare else friend.ip4,
                           check=False).returncode == 0
        host.ctl("hide", address)
        assert bare not in host.ns.ip("addr", "show", "dev", "fastdp").stdout
        assert not friend.reaches(bare)
    near.ping(friend.ip4, 3).assert_perfect("after hiding")
    host.detach(near)
    world.hosts[1].detach(friend)


def test_same_addresses_in_two_networks(world):
    at = ["10.77.0.1/24", "fd77::1/64"], ["10.77.0.2/24", "fd77::2/64"]
    got = {}
    for network in ("blue", "red"):
        got[network] = [world.container(world.hosts[k], network, at[k])
                        for k in (0, 1)]
    world.settle()
    for a, b in got.values():
        a.ping(b.ip4, 5).assert_perfect(a.label)
        b.ping(a.ip6, 5).assert_perfect(a.label)
        assert a.neighbour(b.ip4) == b.mac
    for pair in got.values():
        for c in pair:
            c.host.detach(c)


def test_a_container_that_moves_is_found(world):
    """From a bridge to the next host and back, with its MAC and address."""
    friend = [c for c in world.containers
              if c.network == "blue" and c.host is world.hosts[2]][0]
    at, mac = ["10.32.77.7/16", "fd32::7777/64"], "02:00:00:00:77:07"
    for host in world.hosts[0], world.hosts[1], world.hosts[0]:
        c = world.container(host, "blue", at, mac=mac)
        c.wait_usable()
        wait_until("%s to reach it at %s" % (friend.label, host.label),
                   lambda c=c: friend.reaches(c.ip4) and
                   friend.reaches(c.ip6), 3)
        c.ping(friend.ip4, 3, 0.2).assert_perfect(c.label)
        host.detach(c)


def test_attach_and_detach_leave_nothing(world):
    host = world.hosts[0]
    links, names = sorted(host.ns.links()), bridges(host)
    flows = {f["match"] for f in host.ctl("flows")["flows"]}
    c = world.container(host, "green")
    world.settle()
    mac = c.mac
    assert len(bridges(host)) == len(names) + 1, "a bridge of its own"
    host.detach(c)
    wait_until("bridge and TAP to go",
               lambda: sorted(host.ns.links()) == links)
    assert bridges(host) == names
    for h in world.hosts:
        wait_until(lambda h=h: "%s forgets %s" % (h.label, mac),
                   lambda h=h: mac not in h.known_macs(), 1.0)
    wait_until("the kernel to be as before", lambda: flows == {
        f["match"] for f in host.ctl("flows")["flows"]}, 1.0)


def test_a_restart_breaks_no_local_pair(world):
    """The daemon is not the carrier between two containers of its host."""
    host = world.hosts[0]
    mine = [c for c in world.containers
            if c.host is host and c.network == "blue"]
    away = [c for c in world.containers
            if c.host is world.hosts[1] and c.network == "blue"][0]
    running = mine[0].start_ping(mine[1].ip4, 0.01)
    far = away.start_ping(mine[0].ip4, 0.02)
    time.sleep(0.3)
    for how in (15, 9):
        host.restart(how)
        world.wait_connected()
        wait_until("the other host to be reached",
                   lambda: mine[0].reaches(away.ip4), 3)
    time.sleep(0.5)
    running.stop().assert_perfect("between two of the restarted host")
    # Which path the others' packets take has not changed.
    result = far.stop()
    assert result.received > result.sent / 2, result
