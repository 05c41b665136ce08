# SPDX-License-Identifier: Apache-2.0
"""What others do to a host's bridges, what a daemon that was killed halfway
leaves, and news of the kernel's that get lost."""

import signal
import time

import pytest

from bridge import fdb
from ns import PATIENCE_S, wait_until
from peer import ScriptedPeer

pytestmark = pytest.mark.running_kernel

N_OTHERS = 4000
# For so long a new life keeps what it found of peers and nobody wants yet.
HOLD_S = 6


@pytest.fixture
def world(make_cluster):
    """Two hosts on bridges with two containers each, and a stranger."""
    cluster = make_cluster(2, datapaths=("bridge", "bridge"), strangers=1,
                           options=("--hold-time", str(HOLD_S)))
    for host in cluster.hosts:
        cluster.container(host)
        cluster.container(host)
    cluster.settle()
    return cluster


def link_of(container):
    """The host's end of its link."""
    (name,) = [p["host_ifname"] for p in container.host.status()["ports"]
               if p["mac"] == container.mac]
    return name


def all_talk(world):
    a, b, c, _ = world.containers
    wait_until("all to talk", lambda: a.reaches(b.ip4) and b.reaches(c.ip6) and
               c.reaches(a.ip4))


@pytest.mark.parametrize("how", ["link", "namespace"])
def test_a_container_that_goes_is_forgotten(world, how):
    host, gone = world.hosts[0], world.containers[0]
    mac, ip4 = gone.mac, gone.ip4
    if how == "link":
        host.ns.ip("link", "del", link_of(gone))
    else:
        gone.close()
    wait_until("both hosts to forget it", lambda: not any(
        mac in h.known_macs() or h.kernel.mentions(mac) or
        h.kernel.mentions(ip4) for h in world.hosts))
    assert len(host.status()["ports"]) == 1
    world.containers[1].ping(world.containers[2].ip4, 3).assert_perfect()
    gone.host = None


def test_a_port_that_is_taken_out_is_put_back(world):
    host, c = world.hosts[0], world.containers[0]
    host.ns.ip("link", "set", link_of(c), "nomaster")
    all_talk(world)
    assert "took out of its bridge" in host.log_now()
    # As guarded as before.
    shown = host.ns.ip("-d", "link", "show", "dev", link_of(c)).stdout
    assert "locked on" in shown and "learning off" in shown, shown
    assert c.mac in host.known_macs()


@pytest.mark.parametrize("what", ["bridge", "port"])
def test_links_that_are_set_down_are_set_up(world, what):
    host = world.hosts[0]
    name = "fastdp" if what == "bridge" else link_of(world.containers[0])
    host.ns.ip("link", "set", name, "down")
    wait_until("it to be up again", lambda: "UP" in host.ns.ip(
        "link", "show", "dev", name).stdout.split("<")[1].split(">")[0]
        .split(","))
    assert "somebody set down " + name in host.log_now()
    # IPv6 addresses go with a link's carrier for a moment.
    all_talk(world)


def test_a_bridge_that_somebody_deletes(world):
    """The daemon stops and says so. A new start, which is systemd's, makes the
    bridge, and the containers are in it as they were."""
    host = world.hosts[0]
    ports = sorted(p["mac"] for p in host.status()["ports"])
    host.ns.ip("link", "del", "fastdp")
    assert host.process.wait(PATIENCE_S) == 1
    assert "somebody deleted fastdp" in host.log_now()
    host.start()
    world.wait_connected()
    assert sorted(p["mac"] for p in host.status()["ports"]) == ports
    all_talk(world)


def test_what_a_peer_gave_up_meanwhile(world):
    """All peers have told what they have: the rest goes before the hold time
    is over."""
    host, gone = world.hosts[0], world.containers[2]
    mac, ip4 = gone.mac, gone.ip4
    host.kill()
    assert host.kernel.mentions(mac)
    gone.close()
    wait_until("its host to forget it",
               lambda: mac not in world.hosts[1].known_macs())
    host.start()
    start = time.monotonic()
    wait_until("%s to go" % mac, lambda: not host.kernel.mentions(mac) and
               not host.kernel.mentions(ip4), HOLD_S - 1)
    assert time.monotonic() - start < HOLD_S, "nothing was shown"
    gone.host = None
    world.containers[0].ping(world.containers[3].ip4, 3).assert_perfect()


def n_rules(host):
    text = host.ns.run("nft", "list", "table", "bridge",
                       "fastdp-fastdp").stdout
    return sum(1 for line in text.splitlines()
               if " goto " in line or " drop" in line)


def test_a_network_that_returns(world):
    """In another life of the daemon: its rules are there already."""
    host, red = world.hosts[0], world.container(world.hosts[0], network="red")
    before = n_rules(host)
    red.close()
    wait_until("it to be forgotten", lambda: len(host.status()["ports"]) == 2)
    host.kill()
    host.start()
    red.host = None
    one, two = (world.container(host, network="red") for _ in range(2))
    assert n_rules(host) == before
    wait_until("both to talk", lambda: one.reaches(two.ip4))


def entries_of_others(host):
    return {m for m in fdb(host) if m.startswith("02:00:01")}


def test_killed_halfway(world):
    """A large peer comes and the daemon is killed while it tells the kernel;
    then once more while it takes it back."""
    host = world.hosts[0]
    a, b = world.containers[:2]
    ping = a.start_ping(b.ip4, 0.02)
    vni = host.directory_entries()[0]["vni"]
    peer = ScriptedPeer(*world.stranger())
    try:
        data = peer.snapshot([
            (vni, "02:00:01:00:%02x:%02x" % (k >> 8, k & 255),
             ["10.33.%d.%d" % (k >> 8, k & 255)]) for k in range(N_OTHERS)])
        peer.dial(host).send_raw(data)
        wait_until("the first entries", lambda: entries_of_others(host))
        host.kill()
        assert 0 < len(entries_of_others(host)) <= N_OTHERS
        host.start()
        session = peer.dial(host)
        session.send_raw(data)
        wait_until("all entries", lambda: len(entries_of_others(host)) ==
                   N_OTHERS)
        wait_until("all requests to go to their owners", lambda: len([
            f for f in host.kernel.flows() if " . 10.33." in f]) == N_OTHERS,
                   every=0.3)
        session.send_raw(peer.snapshot([]))
        wait_until("the first to go", lambda: len(entries_of_others(host)) <
                   N_OTHERS)
        host.kill()
        host.start()
        session.close()
        session = peer.dial(host)
        session.send_raw(peer.snapshot([]))
        wait_until("all to go", lambda: not entries_of_others(host) and
                   not host.kernel.mentions("10.33.0.1"), HOLD_S + 20, 0.2)
    finally:
        peer.close()
    world.wait_connected()
    all_talk(world)
    ping.stop().assert_perfect(ping.who)


def test_news_that_are_lost(world):
    """The daemon stands still while more happens than its socket holds: then
    it looks at everything."""
    host = world.hosts[0]
    gone, stays, away = world.containers[:3]
    mac, name = gone.mac, link_of(gone)
    kept = link_of(stays)
    host.process.send_signal(signal.SIGSTOP)
    try:
        # The socket holds four megabytes of them.
        host.ns.run("bridge", "-batch", "-", stdin="".join(
            "fdb add 02:00:02:00:%02x:%02x dev %s master static\n" % (
                k >> 8, k & 255, kept) for k in range(20000)))
        host.ns.run("bridge", "fdb", "del", away.mac, "dev",
                    fdb(host)[away.mac][0], "master")
        host.ns.ip("link", "del", name)
    finally:
        host.process.send_signal(signal.SIGCONT)
    wait_until("what is not ours to go, and ours to be back", lambda: not [
        m for m in fdb(host) if m.startswith("02:00:02")] and
        away.mac in fdb(host), 30, 0.2)
    wait_until("the container to be forgotten",
               lambda: not any(mac in h.known_macs() for h in world.hosts))
    assert host.metrics()["bridge_news_lost"] >= 1
    stays.ping(away.ip4, 3).assert_perfect()
    gone.host = None


def test_status_and_why_of_a_host_without_paths(world):
    """A peer that has gone: not that there is no openvswitch.ko, which is no
    news, but what is wrong now."""
    one, two = world.hosts
    two.kill()
    wait_until(lambda: "%s" % one.peer(two), lambda: one.peer(two)["path"] ==
               "none")
    p = one.peer(two)
    assert p["reason"] == p["paths"]["sleeve"]["reason"], p
    why = one.ctl("why", world.containers[2].ip4, json_out=False)
    assert "no path to host2" in why and p["reason"] in why, why
    assert p["reason"] in one.ctl("status", json_out=False)
