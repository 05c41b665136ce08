# SPDX-License-Identifier: Apache-2.0
"""The daemon dies, is restarted, is replaced: the packets do not notice."""

import os
import signal
import time

import pytest

import machine
import netlink
from container import Stream
from host import find_program
from ns import figure, ip_batch, is_long, sh, wait_until
from topo import PATIENT

DEAD_S = 60 if is_long() else 15


@pytest.fixture
def world(make_cluster):
    """Two containers on each of three hosts; all caches are cold."""
    three = make_cluster(3, options=PATIENT)
    for host in three.hosts:
        three.container(host)
        three.container(host)
    three.settle()
    time.sleep(1)
    return three


def stable(host):
    """Flows that follow from the directory, not from an upcall."""
    return {u: f for u, f in host.kernel.by_ufid().items() if not f.is_lazy}


class Traffic:
    """Pings and a TCP stream each way between hosts and within one."""

    def __init__(self, cluster, interval):
        c = cluster.containers
        self.pings = [c[0].start_ping(c[2].ip4, interval),
                      c[2].start_ping(c[4].ip6, interval),
                      c[4].start_ping(c[0].ip4, interval),
                      c[0].start_ping(c[1].ip6, interval)]
        self.streams = [Stream(c[0], c[2], c[2].ip4),
                        Stream(c[4], c[2], c[2].ip6, 7001)]
        time.sleep(1)

    def stop(self):
        """Nothing was lost."""
        faults = []
        self.sent = 0
        for stream in self.streams:
            try:
                again = stream.stop()
                if again:
                    faults.append("TCP sent %d segments again" % again)
            except AssertionError as e:
                faults.append("TCP: %s" % e)
            if stream.longest_gap > 1:
                faults.append("TCP stood still for %.2f s"
                              % stream.longest_gap)
        for ping in self.pings:
            result = ping.stop()
            self.sent += result.sent
            try:
                result.assert_perfect(ping.who)
            except AssertionError as e:
                faults.append(str(e))
        figure("pings", "%d sent, %d faults" % (self.sent, len(faults)))
        figure("TCP", "%s bytes, longest gap %.3f s" % (
            [s.n_received for s in self.streams],
            max(s.longest_gap for s in self.streams)))
        assert not faults, "\n".join(faults)


@pytest.mark.limit(240)
def test_all_daemons_killed(world):
    """Old conversations go on, new ones begin with cold caches."""
    traffic = Traffic(world, 0.05)
    for host in world.hosts:
        host.kill()
    killed = time.monotonic()
    c = world.containers
    for one in c:
        one.flush_neighbours()
    # Pairs that never spoke: all but those of Traffic.
    for a, b in ((1, 3), (3, 5), (5, 1), (0, 5), (1, 2), (4, 3), (4, 5)):
        for target in (c[b].ip4, c[b].ip6):
            begin = time.monotonic()
            got = c[a].start_ping(target, 0.02, 10)
            result = got.result()
            result.assert_perfect(got.who)
            first = result.rtt[1] - 1000 * machine.lost(begin)
            assert first < 500, "%s: first answer after %g ms" % (
                got.who, first)
    # Caches go stale and are asked again meanwhile.
    time.sleep(max(0, killed + DEAD_S - time.monotonic()))
    for one in c:
        one.flush_neighbours()
    c[3].ping(c[4].ip4, 5, 0.02).assert_perfect("after %d s" % DEAD_S)
    c[5].ping(c[0].ip6, 5, 0.02).assert_perfect("after %d s" % DEAD_S)
    traffic.stop()
    # And they come back to what is there.
    before = {h: stable(h) for h in world.hosts}
    for host in world.hosts:
        host.monitor.reset()
        host.start(wait=False)
    for host in world.hosts:
        host.wait_ready()
    world.wait_connected()
    for host in world.hosts:
        adopted(host, before[host])
    c[0].ping(c[2].ip4, 5).assert_perfect()


def newer_build(directory):
    """A copy of the daemon that calls itself by another version."""
    path = os.path.join(directory, "fastdpd-next")
    if os.environ.get("FASTDP_BUILD_NEXT"):
        return os.path.join(os.environ["FASTDP_BUILD_NEXT"], "fastdpd")
    if os.path.exists(path):
        return path  # another host runs it already
    # By another process: a descriptor of ours that a child just forked still
    # has open for writing would make the program "busy".
    sh("sh", "-c", 'cp "$0" "$1" && printf "another build" >> "$1"',
       find_program("fastdpd"), path)
    return path


def adopted(host, before):
    """The kernel's flows are those of before, and nobody put them again."""
    host.monitor.settle()
    after = host.kernel.by_ufid()
    missing = [str(f) for u, f in before.items() if u not in after]
    assert not missing, "%s: gone:\n%s" % (host.label, "\n".join(missing))
    for ufid, old in before.items():
        new = after[ufid]
        assert new.identity() == old.identity(), \
            "%s: %s became %s" % (host.label, old, new)
        assert new.packets >= old.packets, \
            "%s: counter put back: %s, %d before" % (host.label, new,
                                                     old.packets)
        # The kernel tells it to a tick or two.
        assert old.used is None or (new.used or 0) >= old.used - 20, \
            "%s: use forgotten: %s" % (host.label, new)
    again = [str(f) for f in host.monitor.puts() if f.ufid in before]
    assert not again, "%s: put again:\n%s" % (host.label, "\n".join(again))
    gone = [str(f) for f in host.monitor.dels() if f.ufid in before]
    assert not gone, "%s: deleted:\n%s" % (host.label, "\n".join(gone))
    n = host.metrics()["flows_adopted"]
    figure("%s: flows adopted" % host.label, "%d of %d" % (n, len(before)))
    assert n >= len(before)


@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL", "newer build"])
def test_restart_loses_nothing(world, how):
    traffic = Traffic(world, 0.01)
    for host in world.hosts[:2]:
        before = stable(host)
        assert sum(f.packets for f in before.values()) > 50
        host.monitor.reset()
        if how == "newer build":
            host.program = newer_build(world.directory)
        host.restart(signal.SIGKILL if how == "SIGKILL" else signal.SIGTERM)
        adopted(host, before)
    world.wait_connected()
    for host in world.hosts[:2]:
        names = {p["nickname"] for p in host.status()["peers"]}
        assert names == {h.label for h in world.hosts} - {host.label}
        assert len(host.status()["ports"]) >= 2
    time.sleep(1)
    traffic.stop()


@pytest.mark.any_datapath
def test_identity_and_ports_survive(world):
    host = world.hosts[0]
    before = host.status()
    entries = {e["mac"] for e in world.hosts[1].directory_entries()}
    for how in (signal.SIGTERM, signal.SIGKILL):
        host.restart(how)
        after = host.status()
        assert after["name"] == before["name"]

        def ports(s):
            return sorted((p["ifname"], p["mac"], p["network"],
                           str(p["addresses"])) for p in s["ports"])
        assert ports(after) == ports(before)
        world.wait_connected()
        assert {e["mac"] for e in
                world.hosts[1].directory_entries()} == entries


def test_many_ports_that_nobody_knows(world):
    """All of them go, so that their numbers are free."""
    host = world.hosts[0]
    host.stop()  # sleeve's go with it
    before = host.kernel.vports()
    names = ["lost%d" % i for i in range(150)]
    ip_batch(["link add %s type dummy" % name for name in names], host.ns)
    genl = netlink.Genl(host.ns)
    dp, _ = netlink.datapaths(genl)["fastdp"]
    for i, name in enumerate(names):
        netlink.make_vport(genl, dp, max(before) + 1 + i, name)
    assert len(host.kernel.vports()) == len(before) + len(names)
    genl.close()
    host.start()
    after = host.kernel.vports()
    assert not [v for v in after.values() if v[0] in names], after
    assert set(before.items()) <= set(after.items()), after
    for _ in range(2):
        one = world.container(host)
        wait_until("it to be reached", lambda c=one:
                   world.containers[1].reaches(c.ip4))


def carried_by_kernel(world):
    """Two containers whose packets need no daemon."""
    c = world.containers
    return (c[0], c[1]) if c[0].host.datapath == "bridge" else (c[0], c[2])


@pytest.mark.any_datapath
def test_restart_again_and_again(world):
    """Ten times, and nothing piles up."""
    host = world.hosts[0]
    a, b = carried_by_kernel(world)
    ping = a.start_ping(b.ip4, 0.02)
    n_flows, vports = len(host.kernel.flows()), host.kernel.vports()
    for k in range(10):
        host.restart(signal.SIGKILL if k % 2 else signal.SIGTERM)
    world.wait_connected()
    time.sleep(0.5)
    assert abs(len(host.kernel.flows()) - n_flows) <= 8
    assert len(host.kernel.vports()) == len(vports)
    ping.stop().assert_perfect()


@pytest.mark.any_datapath
@pytest.mark.parametrize("how", ["namespace", "link"])
def test_container_that_went_meanwhile_is_withdrawn(world, how):
    host = world.hosts[0]
    gone, others = world.containers[0], world.containers[1:]
    mac, ip4 = gone.mac, gone.ip4
    assert others[1].reaches(ip4)
    (ifname,) = [p["host_ifname"] for p in host.status()["ports"]
                 if p["mac"] == mac]
    host.kill()
    if how == "namespace":
        gone.close()
    else:
        gone.ns.ip("link", "del", "eth0")
    wait_until("the kernel to take the port away", lambda: not [
        v for v in host.kernel.vports().values() if v[0] == ifname])
    host.start()
    start = time.monotonic()
    for h in world.hosts:
        wait_until(
            lambda h=h: "%s forgets %s: %s" % (
                h.label, mac, [str(f) for f in h.kernel.mentions(mac)]),
            lambda h=h: mac not in h.known_macs() and
            not h.kernel.mentions(mac) and not h.kernel.mentions(ip4),
            max(0.05, 1.0 - machine.elapsed(start)))
    others[0].ping(others[1].ip4, 5).assert_perfect()
    assert len(host.status()["ports"]) == 1
    gone.host = None


@pytest.mark.any_datapath
def test_peer_that_went_while_we_were_away(world):
    """Remembered peers that do not come back keep their flows for the hold
    time, and the daemon says so."""
    one, two, three = world.hosts
    one.kill()
    three.kill()
    one.start()
    c = world.containers
    if three.datapath == "bridge":
        wait_until(lambda: "%s" % one.peer(three), lambda: one.peer(three) and
                   one.peer(three)["state"] == "down" and
                   one.peer(three)["reason"])
        return
    # Its kernel goes on, so its containers are still there.
    c[0].ping(c[4].ip4, 5).assert_perfect()
    wait_until(lambda: "%s" % one.peer(three), lambda: one.peer(three) and
               one.peer(three)["state"] == "up")


def test_flushed_flows_come_back(world):
    """Somebody deletes all flows (it must never be us): they are put again."""
    host = world.hosts[0]
    c = world.containers
    n = len(stable(host))
    host.kernel.flush()
    wait_until("flows to come back", lambda: len(stable(host)) >= n, 60, 0.2)
    wait_until("pings", lambda: c[0].reaches(c[2].ip4))


@pytest.mark.any_datapath
def test_stop_is_clean(world):
    """SIGTERM: status 0, no file left but what is kept on purpose."""
    host = world.hosts[0]
    assert host.stop(5) == 0
    assert not os.path.exists(host.socket_path)
    a, b = carried_by_kernel(world)
    a.ping(b.ip4, 10).assert_perfect("after the stop")
    host.start()
    world.wait_connected()


@pytest.mark.any_datapath
def test_reset_takes_everything_away(world):
    host = world.hosts[2]
    assert host.ctl("reset", check=False).status in (1, 2)
    assert host.kernel.flows()
    host.ctl("reset", "--force")

    def gone():
        return "fastdp" not in host.ns.links() or not host.kernel.flows()
    wait_until("the datapath to be empty", gone)
    host.is_running() and host.stop()
    c = world.containers
    c[0].ping(c[2].ip4, 10).assert_perfect("the other hosts")
