# SPDX-License-Identifier: Apache-2.0
"""What a host's bridges let pass, and what a restart and a reset leave."""

import subprocess
import time

import pytest

from bridge import FdbMonitor, bridges, fdb, tables
from capture import (arp, behind_options, ethernet, ipv6,
                     neighbour_solicitation, unsolicited_advertisement)
from ns import PATIENCE_S, sh, wait_until
from topo import Cluster
from watch import Watch, question

pytestmark = pytest.mark.running_kernel

MARK = b"not to be seen by anybody"


@pytest.fixture(scope="module")
def world():
    """Two hosts on bridges with two containers each."""
    with Cluster(2, datapaths=("bridge", "bridge")) as cluster:
        for host in cluster.hosts:
            cluster.container(host)
            cluster.container(host)
        cluster.settle()
        time.sleep(1)  # what new links send on their own has passed
        yield cluster


def test_another_ones_mac_reaches_nobody(world):
    thief, near, victim, _ = world.containers
    before = thief.host.metrics()
    running = near.start_ping(victim.ip4, 0.02)
    with Watch(world) as watch:
        for _ in range(10):
            for dst in (near.mac, victim.mac, "ff:ff:ff:ff:ff:ff"):
                for src in (victim.mac, near.mac, "02:00:00:12:34:56"):
                    thief.send(ethernet(dst, src, 0x88b5, MARK * 2))
            time.sleep(0.02)
        saw, hosts = watch.who_saw(lambda f: MARK in f.data, MARK)
    assert not saw and not hosts, (saw, hosts)
    running.stop().assert_perfect(running.who)
    after = thief.host.metrics()
    assert after["bridge_foreign_macs"] >= before["bridge_foreign_macs"] + 90
    for host in world.hosts:
        assert "02:00:00:12:34:56" not in host.known_macs()
    assert fdb(thief.host)[victim.mac][0].startswith("fastdp-s")


def test_another_ones_address_is_not_believed(world):
    """With its own MAC, but somebody's declared address in the packet."""
    thief, near, victim, _ = world.containers
    assert near.reaches(victim.ip4) and near.reaches(victim.ip6)
    before = thief.host.metrics()["bridge_foreign_senders"]
    with Watch(world) as watch:
        for _ in range(3):
            thief.send(arp(thief.mac, victim.ip4, victim.ip4))
            thief.send(arp(thief.mac, victim.ip4, near.ip4, op=2,
                           dst=near.mac))
            thief.send(arp(thief.mac, victim.ip4, victim.ip4, op=2))
            thief.send(unsolicited_advertisement(thief.mac, victim.ip6))
        saw, _ = watch.who_saw(lambda f: f.src == thief.mac and (
            (f.arp and f.arp[1] == victim.ip4) or
            (f.nd and f.nd[2] == victim.ip6)))
    assert not saw
    assert thief.host.metrics()["bridge_foreign_senders"] >= before + 12
    assert near.neighbour(victim.ip4) == victim.mac
    assert near.neighbour(victim.ip6) == victim.mac
    # Another's MAC within its own ARP packet is no better.
    frame = bytearray(arp(thief.mac, thief.ip4, near.ip4))
    frame[22:28] = bytes.fromhex(victim.mac.replace(":", ""))
    with Watch(world) as watch:
        thief.send(bytes(frame))
        saw, _ = watch.who_saw(lambda f: f.data[:42] == bytes(frame))
    assert not saw


def test_options_hide_no_advertisement(world):
    """A stack reads past extension headers, so the rules have to."""
    thief, near, victim, _ = world.containers
    assert near.reaches(victim.ip6)
    hidden = behind_options(unsolicited_advertisement(thief.mac, victim.ip6))
    asked = behind_options(neighbour_solicitation(thief.mac, victim.ip6,
                                                  near.ip6))
    before = thief.host.metrics()["bridge_foreign_senders"]
    with Watch(world) as watch:
        thief.send(hidden)
        thief.send(asked)
        saw, _ = watch.who_saw(lambda f: f.data in (hidden, asked))
    assert not saw
    assert thief.host.metrics()["bridge_foreign_senders"] == before + 2
    assert near.neighbour(victim.ip6) == victim.mac


def test_options_of_other_packets_pass(world):
    """Here and to another host: echo requests, and a header of UDP's."""
    sender, near, away = world.containers[:3]
    for to in near, away:
        for kind, head in (58, b"\x80\0\0\0"), (17, b"\x10\0\x10\0"):
            frame = behind_options(ipv6(sender.mac, to.mac, sender.ip6,
                                        to.ip6, kind, head + MARK * 2))
            with to.capture() as capture:
                sender.send(frame)
                capture.wait_for(lambda f, sent=frame: f.data == sent)


def test_its_own_and_undeclared_addresses_may_be_announced(world):
    speaker, near = world.containers[:2]
    with Watch(world) as watch:
        speaker.send(arp(speaker.mac, "10.32.200.1", "10.32.200.1"))
        speaker.send(arp(speaker.mac, speaker.ip4, near.ip4, op=2,
                         dst=near.mac))
        others = {c.label for c in world.containers} - {speaker.label}
        saw, _ = watch.who_saw(lambda f: f.asks_for("10.32.200.1"),
                               expected=others)
        assert saw == others


@pytest.mark.parametrize("tag", [0x8100, 0x88a8])
def test_tags_do_not_cross(world, tag):
    sender, near, away, _ = world.containers
    with Watch(world) as watch:
        for dst in (near.mac, away.mac, "ff:ff:ff:ff:ff:ff"):
            sender.send(ethernet(dst, sender.mac, tag,
                                 b"\0\x05\x88\xb5" + MARK * 2))
        saw, hosts = watch.who_saw(lambda f: MARK in f.data, MARK)
    assert not saw and not hosts


def test_the_host_is_deaf_where_it_is_not_exposed(world):
    """Neither its underlay address nor its MAC answers a container."""
    host, c = world.hosts[0], world.containers[0]
    mac = host.ns.mac("fastdp")
    c.ns.ip("route", "add", host.address, "dev", "eth0")
    try:
        assert not c.reaches(host.address)
        c.ns.ip("neigh", "replace", host.address, "lladdr", mac, "dev", "eth0")
        assert not c.reaches(host.address)
    finally:
        c.ns.ip("route", "del", host.address, "dev", "eth0")
        c.ns.ip("neigh", "del", host.address, "dev", "eth0", check=False)


def test_a_trusted_port_is_learnt_from(world):
    """Any source MAC, known everywhere; a declared one is not taken over."""
    host, other = world.hosts
    c = world.container(host, trust=True)
    world.settle()
    victim = world.containers[1]
    mac = "02:00:00:00:88:01"
    for _ in range(3):
        c.send(ethernet("ff:ff:ff:ff:ff:ff", mac, 0x88b5, b"here I am" * 4))
        c.send(ethernet("ff:ff:ff:ff:ff:ff", victim.mac, 0x88b5, b"x" * 40))
        time.sleep(0.05)
    wait_until("both hosts to know it",
               lambda: all(mac in h.known_macs() for h in world.hosts))
    wait_until("the other's bridge to send it here", lambda: fdb(other).get(
        mac, ("", 0))[0].startswith("fastdp-s"))
    with c.capture() as capture:
        friend = world.containers[2]
        friend.send(ethernet(mac, friend.mac, 0x88b5, MARK * 2))
        capture.wait_for(lambda f: MARK in f.data)
    assert fdb(host)[victim.mac][0] != fdb(host)[mac][0]
    friend.ping(victim.ip4, 3).assert_perfect("the victim")
    host.detach(c)
    wait_until("all to forget it",
               lambda: not any(mac in h.known_macs() for h in world.hosts))


def test_a_trusted_port_does_not_fill_the_table(world):
    host = world.hosts[0]
    c = world.container(host, trust=True)
    world.settle()
    child = c.flood([ethernet("ff:ff:ff:ff:ff:ff", "02:00:00:aa:%02x:%02x"
                              % (k >> 8, k & 255), 0x88b5, b"x" * 40)
                     for k in range(2000)], 1)
    child.wait(10)
    wait_until("it to be bounded", lambda: "no more are learnt" in
               host.log_now())
    learnt = [m for m, (_, is_static) in fdb(host).items() if not is_static]
    assert 0 < len(learnt) < 1200, len(learnt)
    mine = [m for m in host.known_macs() if m.startswith("02:00:00:aa")]
    assert 0 < len(mine) <= 256, len(mine)
    world.containers[0].ping(world.containers[2].ip4, 3).assert_perfect()
    host.detach(c)
    wait_until("the bridge to forget", lambda: not [
        m for m in fdb(host) if m.startswith("02:00:00:aa")])


def test_killed_it_forwards_on_and_restarted_it_adopts(world):
    host = world.hosts[0]
    mine, away = world.containers[:2], world.containers[2]
    ping = mine[0].start_ping(mine[1].ip4, 0.01)
    before, rules = fdb(host), host.ns.run(
        "nft", "list", "table", "bridge", "fastdp-fastdp").stdout
    host.kill()
    for c in mine:
        c.flush_neighbours()
    mine[1].ping(mine[0].ip6, 5).assert_perfect("while it is dead")
    mine[0].ping(mine[1].ip4, 5).assert_perfect("while it is dead")
    monitor = FdbMonitor(host)
    time.sleep(0.2)
    host.start()
    assert "adopted" in host.log_now()
    world.wait_connected()
    wait_until("the other host to be reached",
               lambda: mine[0].reaches(away.ip4))
    ping.stop().assert_perfect(ping.who)
    assert not monitor.stop(), "entries were touched"
    assert fdb(host) == before

    def elements(text):
        """Without counters: they go on."""
        return sorted(x for x in text.replace(",", " ").split()
                      if "." in x or ":" in x)
    assert elements(host.ns.run("nft", "list", "table", "bridge",
                                "fastdp-fastdp").stdout) == elements(rules)


def test_other_rules_guard_until_ours_do(world):
    """The table of another version: one transaction replaces and fills it."""
    host = world.hosts[0]
    thief, near, victim = world.containers[:3]

    def table():
        return host.ns.run("nft", "list", "table", "bridge",
                           "fastdp-fastdp").stdout

    host.kill()
    # Without its mark: nothing says that it is ours. What nft says of a
    # target in neighbour discovery it does not read again.
    rules = "\n".join(x for x in table().split("\n") if "@nh,384" not in x)
    host.ns.run("nft", "-f", "-", stdin="delete table bridge fastdp-fastdp\n"
                + rules)
    before = table()
    with near.capture() as capture:
        flood = thief.flood([
            arp(thief.mac, victim.ip4, victim.ip4),
            arp(thief.mac, near.ip4, near.ip4, op=2, dst=near.mac),
            ethernet(near.mac, "02:00:00:12:34:56", 0x88b5, MARK * 2)], 2)
        wait_until("the flood to be refused", lambda: table() != before)
        host.start()
        flood.wait(10)
        # Of what the kernel let pass there is no limit but one's memory.
        saw = [f for f in capture.frames(incoming=True) if MARK in f.data or
               (f.arp and f.src == thief.mac and f.arp[1] != thief.ip4)]
    assert not saw, saw[:3]
    assert host.metrics()["bridge_foreign_senders"] > 0
    world.wait_connected()
    wait_until("the other host to be reached",
               lambda: thief.reaches(victim.ip4))


def test_no_port_without_its_rules(world):
    """Deleted rules are made again first; where they cannot be, no port."""
    host = world.hosts[0]
    host.ns.run("nft", "flush", "ruleset")
    c = world.container(host)
    assert c.mac in host.ns.run("nft", "list", "set", "bridge",
                                "fastdp-fastdp", "sources").stdout
    host.detach(c)
    host.ns.run("nft", "delete", "table", "bridge", "fastdp-fastdp")
    # What has an owner goes with it, and is nobody else's to change.
    owner = host.ns.popen("nft", "-i", stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL)
    owner.stdin.write(b"add table bridge fastdp-fastdp { flags owner; }\n")
    owner.stdin.flush()
    try:
        wait_until("the table to be another's", lambda: "owner" in host.ns.run(
            "nft", "list", "table", "bridge", "fastdp-fastdp",
            check=False).stdout)
        done = host.ctl("attach", "--netns", c.ns.path, "--address",
                        "10.32.100.1/16", check=False)
        assert done.status != 0 and "rules" in done.err, done
    finally:
        owner.stdin.close()
        owner.wait(5)
    host.attach(c, ["10.32.100.1/16"])
    assert c.mac in host.ns.run("nft", "list", "set", "bridge",
                                "fastdp-fastdp", "sources").stdout
    assert c.reaches(world.containers[1].ip4)
    host.detach(c)


@pytest.mark.parametrize("what", ["rules", "entry", "port"])
def test_what_somebody_takes_away_comes_back(world, what):
    host = world.hosts[0]
    a, b, away = world.containers[:3]
    tap = fdb(host)[away.mac][0]
    if what == "rules":
        host.ns.run("nft", "flush", "ruleset")
        wait_until("the rules to be there again",
                   lambda: tables(host) == ["fastdp-fastdp"])
    elif what == "entry":
        host.ns.run("bridge", "fdb", "del", away.mac, "dev", tap, "master")
        wait_until("the entry to be there again",
                   lambda: away.mac in fdb(host))
    else:
        host.ns.ip("link", "set", tap, "nomaster")
        wait_until("the TAP to be in its bridge again", lambda: "master" in
                   host.ns.ip("link", "show", "dev", tap, check=False).stdout)
    wait_until("all to be well", lambda: a.reaches(away.ip4) and
               a.reaches(b.ip6))
    with Watch(world) as watch:
        a.send(question(a, b.ip4))
        wait_until("the owner alone to be asked", lambda: watch.who_saw(
            lambda f: f.asks_for(b.ip4))[0] == {b.label})


def test_a_bridge_of_somebody_elses_is_left_alone(make_cluster):
    cluster = make_cluster(1, start=False, datapaths=("bridge",))
    (host,) = cluster.hosts
    host.ns.ip("link", "add", "fastdp", "type", "bridge")
    host.start(wait=False)
    assert host.process.wait(PATIENCE_S) == 1
    assert "not a bridge of ours" in host.log()
    assert "--bridge-name" in host.log()
    assert bridges(host) == ["fastdp"] and not tables(host)


def test_auto_takes_the_bridge_here_and_reset_leaves_nothing(make_cluster):
    cluster = make_cluster(1, start=False, datapaths=("auto",))
    (host,) = cluster.hosts
    links = sorted(host.ns.links())
    host.start()
    reason = host.status()["datapath"]
    has_ovs = sh("modprobe", "-q", "openvswitch", check=False).returncode == 0
    assert reason["type"] == ("ovs" if has_ovs else "bridge"), reason
    assert "openvswitch" in reason["reason"], reason
    for network in ("blue", "red"):
        cluster.container(host, network)
    host.ctl("expose", "10.32.255.1/16")
    host.ctl("reset", "--force")
    assert host.process.wait(PATIENCE_S) == 0
    assert sorted(host.ns.links()) == links
    assert not tables(host)
