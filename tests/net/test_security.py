# SPDX-License-Identifier: Apache-2.0
"""Who may send what: containers, strangers on the underlay, the daemon."""

import os
import socket
import time

import pytest

import machine
from capture import (arp, ethernet, icmp_echo, unsolicited_advertisement,
                     vxlan)
from ns import wait_for_some, wait_until

MARK = b"not to be seen by anybody"
PROBE_VNI = 0xffffff
VXLAN_PORT = 6784


@pytest.fixture
def world(make_cluster):
    """Hosts 1 and 2 with two containers each; a third without a daemon."""
    cluster = make_cluster(2, strangers=1)
    for host in cluster.hosts:
        cluster.container(host)
        cluster.container(host)
    cluster.settle()
    time.sleep(1)
    return cluster


def vni_of(cluster):
    """The network's number, as it is on the wire."""
    a, b = cluster.containers[0], cluster.containers[2]
    with cluster.underlay.capture(2) as seen:
        assert a.reaches(b.ip4)
        for f in seen.frames():
            inner = f.vxlan()
            if inner and inner[3].src == a.mac:
                return inner[2]
    raise AssertionError("no packet of the container on the underlay")


def who_saw(captures, expected=()):
    """The containers that got a frame with the mark: those that are expected
    to are waited for, and the others have a moment more."""
    saw = set()

    def look():
        saw.update(c.label for c, cap in captures.items()
                   if any(MARK in f.data for f in cap.frames(incoming=True)))
        return saw >= set(expected)

    wait_for_some(look)
    machine.rest(0.2)
    look()
    return saw


def test_another_ones_mac_reaches_nobody(world):
    thief, near, victim, _ = world.containers
    captures = {c: c.capture() for c in world.containers}
    links = [world.underlay.capture(i) for i in (1, 2)]
    running = near.start_ping(victim.ip4, 0.02)
    before = thief.host.metrics()
    for _ in range(10):
        for dst in (near.mac, victim.mac, "ff:ff:ff:ff:ff:ff"):
            thief.send(ethernet(dst, victim.mac, 0x88b5, MARK * 2))
            thief.send(ethernet(dst, "02:00:00:12:34:56", 0x88b5, MARK * 2))
        thief.send(icmp_echo(victim.mac, near.mac, victim.ip4, near.ip4))
        # as if the victim had moved here
        thief.send(arp(victim.mac, victim.ip4, victim.ip4))
        thief.send(unsolicited_advertisement(victim.mac, victim.ip6))
        time.sleep(0.05)
    assert not who_saw(captures)
    for link in links:
        assert not [f for f in link.frames() if MARK in f.data]
    running.stop().assert_perfect(running.who)
    for host in world.hosts:
        (entry,) = [e for e in host.directory_entries()
                    if e["mac"] == victim.mac]
        assert "host2" in str(entry) or host is world.hosts[1], entry
        assert "02:00:00:12:34:56" not in host.known_macs()
    after = thief.host.metrics()
    assert after["foreign_macs"] > before["foreign_macs"], after
    assert after["mac_moves"] == before["mac_moves"]
    assert "host2" in str(near.host.ctl("why", victim.mac))


def test_another_ones_address_is_not_believed(world):
    """With its own MAC, but somebody's declared address in the ARP packet."""
    thief, near, victim, _ = world.containers
    assert near.reaches(victim.ip4) and near.reaches(victim.ip6)
    for _ in range(5):
        thief.send(arp(thief.mac, victim.ip4, victim.ip4))
        thief.send(arp(thief.mac, victim.ip4, victim.ip4, op=2))
        time.sleep(0.05)
    time.sleep(0.2)
    # What it broadcasts may get into a cache that is old enough, as must be
    # where addresses move by announcement; whoever asks hears of the owner.
    near.flush_neighbours()
    got = near.start_ping(victim.ip4, 0.05, 10)
    got.result().assert_perfect(got.who)
    entry = [e for e in near.host.directory_entries()
             if victim.ip4 in str(e)]
    assert [e["mac"] for e in entry] == [victim.mac]
    assert near.neighbour(victim.ip4) == victim.mac


def send_udp(ns, source, target, payload, port=VXLAN_PORT):
    def make():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((source, 0))
        return s
    with ns.call(make) as s:
        for _ in range(5):
            s.sendto(payload, (target, port))


def test_strangers_packets_reach_nobody(world):
    vni = vni_of(world)
    a = world.containers[0]
    captures = {c: c.capture() for c in world.containers}
    inside = ethernet(a.mac, world.containers[2].mac, 0x88b5, MARK * 2)
    flood = ethernet("ff:ff:ff:ff:ff:ff", world.containers[2].mac, 0x88b5,
                     MARK * 2)
    stranger, address = world.stranger()
    target = world.hosts[0].address
    for frame in (inside, flood):
        # an unknown address
        send_udp(stranger, address, target, vxlan(vni, frame))
        # the peer's address, another network
        for other in (vni ^ 1, 0, 0xfffffe, PROBE_VNI):
            send_udp(world.hosts[1].ns, world.hosts[1].address, target,
                     vxlan(other, frame))
    assert not who_saw(captures)
    # Guards the above: the same packet from the peer does arrive.
    send_udp(world.hosts[1].ns, world.hosts[1].address, target,
             vxlan(vni, inside))
    assert who_saw(captures, {a.label}) == {a.label}


def test_odd_vxlan_packets_harm_nothing(world):
    vni = vni_of(world)
    a, _, b, _ = world.containers
    running = a.start_ping(b.ip4, 0.02)
    peer = world.hosts[1]
    for payload in (b"", b"\0", b"\x08", b"\xff" * 8, vxlan(vni, b""),
                    vxlan(vni, b"\0" * 13), vxlan(vni, b"\xff" * 14),
                    vxlan(PROBE_VNI, b""), vxlan(PROBE_VNI, b"\xff" * 1400)):
        send_udp(peer.ns, peer.address, world.hosts[0].address, payload)
    time.sleep(0.3)
    running.stop().assert_perfect(running.who)
    assert world.hosts[0].is_running()


def probe(kind, tail=b"\0" * 46):
    return ethernet("02:46:44:00:00:0%d" % kind, "02:46:44:00:00:00",
                    0x88b5, tail)


def test_strangers_heartbeats_are_not_answered(world):
    stranger, address = world.stranger()

    def bound():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((address, VXLAN_PORT))
        return s
    with stranger.call(bound) as s:
        s.settimeout(0.5)
        for kind in (1, 2):
            s.sendto(vxlan(PROBE_VNI, probe(kind)),
                     (world.hosts[0].address, VXLAN_PORT))
        with pytest.raises(socket.timeout):
            s.recv(2048)


def test_forged_answers_do_not_keep_a_path_up(world):
    """Replies without the cookie of a request count for nothing."""
    one, two = world.hosts
    undo = world.underlay.cut(1, 2, proto="udp", port=VXLAN_PORT)

    def down():
        for k in range(4):
            send_udp(two.ns, two.address, one.address,
                     vxlan(PROBE_VNI, probe(2, bytes([k]) * 46)))
        return one.peer(two)["paths"]["fastdp"]["state"] != "up"
    wait_until(lambda: "the path to be down: %s" % one.peer(two), down)
    undo()
    world.wait_connected()


def test_daemon_keeps_few_capabilities(world):
    with open("/proc/%d/status" % world.hosts[0].pid, encoding="ascii") as f:
        fields = dict(line.split(":\t", 1) for line in f if ":\t" in line)
    have = int(fields["CapEff"], 16)
    assert have & 1 << 12, "CAP_NET_ADMIN is gone: %x" % have
    for name, bit in (("chown", 0), ("setuid", 7), ("net_raw", 13),
                      ("sys_module", 16), ("sys_rawio", 17),
                      ("sys_boot", 22), ("mknod", 27)):
        assert not have & 1 << bit, "CAP_%s is kept: %x" % (name, have)
    assert int(fields["CapInh"], 16) == 0


def test_socket_is_its_owners_alone(world):
    assert os.stat(world.hosts[0].socket_path).st_mode & 0o777 == 0o600


def test_no_raw_or_packet_socket(world):
    """DESIGN section 10: never."""
    for host in world.hosts:
        for table in ("packet", "raw", "raw6"):
            def lines(t=table):
                with open("/proc/thread-self/net/" + t,
                          encoding="ascii") as f:
                    return f.readlines()[1:]
            found = host.ns.call(lines)
            if table.startswith("raw"):
                # The kernel's own ICMPv6 sockets are not in these files.
                assert not found, (table, found)
            else:
                inodes = {line.split()[-1] for line in found}
                mine = {os.readlink("/proc/%d/fd/%s" % (host.pid, fd))
                        for fd in os.listdir("/proc/%d/fd" % host.pid)}
                assert not {"socket:[%s]" % i for i in inodes} & mine
