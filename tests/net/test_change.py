# SPDX-License-Identifier: Apache-2.0
"""What a change costs: flow operations in proportion to it, never a flush.

Operations are counted twice: by the kernel's own notifications, and by the
daemon's counters, which have to say the same.
"""

import time

import pytest

import machine
from ns import always, figure, wait_until
from peer import ScriptedPeer
from topo import PATIENT

N_OTHERS = 500


@pytest.fixture
def world(make_cluster):
    """Three hosts with two containers each, and a peer made of Python that
    has hundreds of entries, so that "all flows" is a large number."""
    cluster = make_cluster(3, strangers=1, options=PATIENT)
    for host in cluster.hosts:
        cluster.container(host)
        cluster.container(host)
    cluster.settle()
    peer = ScriptedPeer(*cluster.stranger())
    try:
        vni = cluster.hosts[0].directory_entries()[0]["vni"]
        entries = [(vni, "02:00:01:00:%02x:%02x" % (k >> 8, k & 255),
                    ["10.33.%d.%d" % (k >> 8, k & 255)])
                   for k in range(N_OTHERS)]
        data = peer.snapshot(entries)
        for host in cluster.hosts:
            peer.dial(host).send_raw(data)
        for host in cluster.hosts:
            wait_until("%s to have all flows" % host.label,
                       lambda h=host: len(h.kernel.flows()) >= 2 * N_OTHERS)
        time.sleep(1)
        yield cluster
    finally:
        peer.close()


class Cost:
    """Flow operations of each host while the block runs."""

    def __init__(self, cluster):
        self.cluster = cluster

    def __enter__(self):
        for h in self.cluster.hosts:
            h.monitor.settle()
        self.before = {h: h.flow_operations() for h in self.cluster.hosts
                       if h.is_running()}
        self.flows = {h: h.kernel.by_ufid() for h in self.cluster.hosts}
        for h in self.cluster.hosts:
            h.monitor.reset()
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            return
        for h in self.cluster.hosts:
            h.monitor.settle()
        self.seen = {h: h.monitor.n() for h in self.cluster.hosts}
        figure("flow operations of %d flows" % max(map(len,
                                                       self.flows.values())),
               ", ".join("%s %d" % (h.label, n)
                         for h, n in self.seen.items()))
        for h, before in self.before.items():
            if h.is_running():
                counted = h.flow_operations() - before
                assert abs(counted - self.seen[h]) <= 4, \
                    "%s counts %d operations, the kernel %d:\n%s" % (
                        h.label, counted, self.seen[h], h.monitor.text())

    def at_most(self, host, limit):
        assert self.seen[host] <= limit, "%s: %d operations, not %d:\n%s" % (
            host.label, self.seen[host], limit, host.monitor.text())

    def others_untouched(self, host, *needles):
        """Flows that have nothing to do with it were not put or deleted."""
        touched = {f.ufid for f in host.monitor.puts() + host.monitor.dels()}
        for ufid, f in self.flows[host].items():
            about = (set(map(str, f.match.values())) |
                     set(f.tunnels()) | {a[1] for a in f.actions if
                                         isinstance(a[1], str)})
            if f.is_lazy or about & set(needles):
                continue
            assert ufid not in touched, "%s touched %s\n%s" % (
                host.label, f, host.monitor.text())


def n_group_flows(host):
    return sum(1 for f in host.kernel.flows() if f.is_lazy)


def test_quiet_cluster_touches_no_flow(world):
    with Cost(world) as cost:
        time.sleep(2)
    for host in world.hosts:
        cost.at_most(host, 2)


@pytest.mark.parametrize("how", ["detach", "link", "namespace"])
def test_container_gone(world, how):
    gone = world.containers[0]
    mac, ip4, ip6 = gone.mac, gone.ip4, gone.ip6
    group = {h: n_group_flows(h) for h in world.hosts}
    with Cost(world) as cost:
        start = time.monotonic()
        if how == "detach":
            gone.host.detach(gone)
        elif how == "link":
            gone.ns.ip("link", "del", "eth0")
        else:
            gone.close()
        for h in world.hosts:
            wait_until("%s to forget %s" % (h.label, mac),
                       lambda h=h: not h.kernel.mentions(mac) and
                       not h.kernel.mentions(ip4) and
                       mac not in h.known_macs(),
                       max(0.05, 1.0 - machine.elapsed(start)))
    gone.host = None
    # Here: A, C, E, and one each way for ARP and ND; there: B, ARP, ND.
    cost.at_most(world.hosts[0], 10 + 2 * group[world.hosts[0]])
    for host in world.hosts[1:]:
        cost.at_most(host, 3 + 2 * group[host])
    for host in world.hosts:
        cost.others_untouched(host, mac, ip4, ip6)


def test_container_new(world):
    group = {h: n_group_flows(h) for h in world.hosts}
    with Cost(world) as cost:
        new = world.container(world.hosts[0])
        world.settle()
    cost.at_most(world.hosts[0], 16 + 3 * group[world.hosts[0]])
    for host in world.hosts[1:]:
        cost.at_most(host, 12 + 2 * group[host])
    for host in world.hosts:
        cost.others_untouched(host, new.mac, new.ip4, new.ip6)


def test_peer_gone(world):
    """Removed by the operator: its flows go, and only its flows."""
    one, two, three = world.hosts
    macs = [c.mac for c in world.containers if c.host is three]
    ips = [getattr(c, k) for c in world.containers if c.host is three
           for k in ("ip4", "ip6")]
    there = {h: len(h.kernel.mentions(three.address)) for h in (one, two)}
    group = {h: n_group_flows(h) for h in (one, two)}
    running = world.containers[0].start_ping(world.containers[2].ip4, 0.02)
    with Cost(world) as cost:
        for h in (one, two):
            h.ctl("peer", "remove", three.address)
        for h in (one, two):
            wait_until("%s to forget host3" % h.label,
                       lambda h=h: not h.kernel.mentions(three.address) and
                       not set(macs) & h.known_macs())
    running.stop().assert_perfect(running.who)
    for h in (one, two):
        cost.at_most(h, there[h] + 2 * group[h] + 4)
        cost.others_untouched(h, three.address, *macs, *ips)


def test_peer_that_died_keeps_its_flows(world):
    """A broken session is not a broken path."""
    one, _, three = world.hosts
    with Cost(world) as cost:
        three.kill()
        always("host 3 still up", lambda: one.peer(three)["state"] == "up", 2)
    cost.at_most(one, 2)
    world.containers[0].ping(world.containers[4].ip4, 5).assert_perfect()


def test_mac_moved(world):
    """It appears elsewhere: one put where it is remote before and after."""
    one, two, three = world.hosts
    mac = "02:00:00:00:88:01"
    mover = world.container(one, addresses=["10.32.44.1/16"], mac=mac)
    world.settle()
    group = {h: n_group_flows(h) for h in world.hosts}
    moves = three.metrics()["mac_moves"]
    again = world.bare_container("again")
    with Cost(world) as cost:
        # The old one is still there when the new one comes.
        two.attach(again, ["10.32.44.1/16"], mac=mac)
        wait_until("host 3 to send it to host 2", lambda: any(
            two.address in f.tunnels() for f in three.kernel.flows()
            if f.match.get("eth_dst") == mac), 1)
    for h in (one, two):
        cost.at_most(h, 16 + 3 * group[h])
    cost.at_most(three, 3 + group[three])
    cost.others_untouched(three, mac, "10.32.44.1")
    assert three.metrics()["mac_moves"] == moves + 1
    world.containers[4].flush_neighbours()
    got = world.containers[4].start_ping("10.32.44.1", 0.02, 10)
    got.result().assert_perfect(got.who)
    assert mover.mac == again.mac


def test_path_down_and_up_touches_its_peer_alone(world):
    one, two, three = world.hosts
    with Cost(world) as cost:
        undo = world.underlay.cut_both(1, 2, proto="udp", port=6784)
        wait_until("the path to be down", lambda: one.peer(two)["paths"]
                   ["fastdp"]["state"] != "up")
        time.sleep(0.5)
        undo()
        wait_until("the path to be up", lambda: one.peer(two)["path"]
                   == "fastdp")
    macs = [c.mac for c in world.containers if c.host is two]
    ips = [getattr(c, k) for c in world.containers if c.host is two
           for k in ("ip4", "ip6")]
    cost.others_untouched(one, two.address, *macs, *ips)
    cost.at_most(three, 2)
