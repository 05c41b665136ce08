# SPDX-License-Identifier: Apache-2.0
"""Can the tools of these tests see what the tests rely on? No daemon."""

import os
import subprocess
import time

import pytest

import machine
from capture import (Capture, arp, ethernet, neighbour_solicitation, udp,
                     unsolicited_advertisement, vxlan)
from container import Container, Stream
from ns import wait_for_some, wait_until
from topo import Underlay

pytestmark = [pytest.mark.any_kernel, pytest.mark.no_daemon]


@pytest.fixture
def needs_root():
    if os.geteuid() != 0:
        pytest.skip("not root")


@pytest.fixture(params=["bridge", "router", "routers"])
def underlay(request, needs_root):
    u = Underlay(2, mode=request.param)
    yield u
    u.close()


@pytest.fixture
def pair(needs_root):
    """Two containers joined by a plain veth."""
    a, b = Container("a"), Container("b")
    a.ns.ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth0",
            "netns", b.ns.name)
    for k, c in ((1, a), (2, b)):
        c.ns.ip("addr", "add", "10.32.0.%d/24" % k, "dev", "eth0")
        c.ns.ip("addr", "add", "fd32::%d/64" % k, "dev", "eth0", "nodad")
        c.ns.ip("link", "set", "eth0", "up")
        c.ip4, c.ip6 = "10.32.0.%d" % k, "fd32::%d" % k
        c.mac = c.ns.mac("eth0")
    wait_until("IPv4 and IPv6 between them",
               lambda: a.reaches(b.ip4) and a.reaches(b.ip6))
    yield a, b
    a.close()
    b.close()


def ping(ns, target, count=2):
    return ns.run("ping", "-n", "-c", count, "-i", "0.05", "-W", "1", target,
                  check=False).returncode == 0


def test_underlay_carries_both_families_and_can_be_cut(underlay):
    one = underlay.hosts[0]
    assert ping(one, underlay.ip4(2)) and ping(one, underlay.ip6(2))
    undo = underlay.cut(1, 2, proto="icmp")
    assert not ping(one, underlay.ip4(2), 1)
    assert ping(one, underlay.ip6(2))
    undo()
    assert ping(one, underlay.ip4(2))
    undo = underlay.cut_both(1, 2, family=6)
    assert not ping(one, underlay.ip6(2), 1)
    undo()
    assert ping(one, underlay.ip6(2))
    underlay.unplug(2)
    assert not ping(one, underlay.ip4(2), 1)


def test_lost_and_doubled_pings_are_told(pair):
    a, b = pair
    got = a.ping(b.ip4, 20)
    got.assert_perfect()
    assert got.received == 20
    running = a.start_ping(b.ip4, 0.02)
    wait_until("replies", lambda: running.replies() >= 5)
    before = b.ns.n_packets("eth0")
    b.run("tc", "qdisc", "add", "dev", "eth0", "root", "netem", "loss", "100%")
    wait_until("some to be lost", lambda: b.ns.n_packets("eth0") > before + 20)
    b.run("tc", "qdisc", "del", "dev", "eth0", "root")
    n = running.replies()
    wait_until("replies again", lambda: running.replies() >= n + 5)
    got = running.stop()
    assert 5 <= len(got.lost) and got.received >= 10, got
    with pytest.raises(AssertionError):
        got.assert_perfect()


def test_lost_segments_are_told(pair):
    a, b = pair
    stream = Stream(a, b, b.ip4)
    wait_until("some of it", lambda: stream.n_received > 10 * len(
        stream.CHUNK))
    assert stream.stop() == 0
    stream = Stream(a, b, b.ip6, 7001)
    a.run("tc", "qdisc", "add", "dev", "eth0", "root", "netem", "loss", "20%")
    n = stream.n_received
    wait_until("more of it", lambda: stream.n_received > n + 20 * len(
        stream.CHUNK))
    assert stream.stop() > 0


def test_captures_see_requests_and_announcements(pair):
    a, b = pair
    with b.capture() as seen:
        a.send(arp(a.mac, a.ip4, "10.32.0.9"))
        a.send(neighbour_solicitation(a.mac, a.ip6, "fd32::9"))
        a.send(arp(a.mac, "10.32.0.7", "10.32.0.7"))
        a.send(unsolicited_advertisement(a.mac, "fd32::7"))
        frames = []

        def have_come():
            frames.extend(seen.frames(incoming=True))
            return any(f.nd and f.nd[2] == "fd32::7" for f in frames)

        wait_for_some(have_come)
        assert any(f.asks_for("10.32.0.9") for f in frames)
        assert any(f.asks_for("fd32::9") for f in frames)
        assert any(f.arp == (1, "10.32.0.7", "10.32.0.7") for f in frames)
        assert any(f.nd == (136, "fd32::7", "fd32::7") for f in frames)
        assert not any(f.asks_for("10.32.0.2") for f in frames)
        assert seen.n_dropped() == 0


def test_announcements_are_believed(pair):
    a, b = pair
    assert a.reaches(b.ip4) and a.reaches(b.ip6)
    b.send(arp("02:00:00:00:00:77", b.ip4, b.ip4))
    b.send(unsolicited_advertisement("02:00:00:00:00:77", b.ip6))
    for address in (b.ip4, b.ip6):
        wait_until("%s to be believed" % address, lambda t=address:
                   a.neighbour(t) == "02:00:00:00:00:77")


def test_vxlan_is_taken_apart(pair):
    a, b = pair
    inner = ethernet("02:00:00:00:00:02", "02:00:00:00:00:01", 0x88b5,
                     b"x" * 40)
    with b.capture() as seen:
        a.send(udp(a.mac, b.mac, a.ip4, b.ip4, 5000, 6784,
                   vxlan(0x123456, inner)))
        frame = seen.wait_for(lambda f: f.vxlan() is not None)
        src, dst, vni, got = frame.vxlan()
        assert (src, dst, vni) == (a.ip4, b.ip4, 0x123456)
        assert got.data == inner and got.src == "02:00:00:00:00:01"


def test_flood_sends_and_ends(pair):
    a, b = pair
    with Capture(b.ns, "eth0") as seen:
        child = a.flood([ethernet("02:00:00:00:00:09", a.mac, 0x88b5,
                                  b"y" * 46)] * 8, 0.3)
        out, _ = child.communicate(timeout=30)
        assert int(out) > 100
        assert len(seen.frames()) > 100


def test_waiting_for_a_frame_in_vain_fails(pair):
    with pair[0].capture() as seen:
        with pytest.raises(AssertionError, match="no such frame"):
            seen.wait_for(lambda f: False, 0.1)


def test_what_the_machine_took_is_told():
    """We are stopped for a while, as by a machine that runs somebody else;
    and a bound of something that takes its time is still one."""
    begin = time.monotonic()
    subprocess.run(["sh", "-c", "kill -STOP %d; sleep 0.5; kill -CONT %d" % (
        os.getpid(), os.getpid())], check=True)
    took = time.monotonic() - begin
    assert 0.4 <= machine.lost(begin) <= took
    assert machine.elapsed(begin) <= took - 0.4
    assert machine.gap([begin], begin + took) <= took - 0.4

    def rests():
        begin = time.monotonic()
        time.sleep(0.2)
        return machine.lost(begin) == 0 and machine.gap(
            [begin, begin + 0.2]) == pytest.approx(0.2)

    wait_until("a moment without a pause", rests)
    with pytest.raises(AssertionError, match="not within 0.3 s"):
        wait_until("nothing", lambda: False, 0.3)
