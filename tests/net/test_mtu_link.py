# SPDX-License-Identifier: Apache-2.0
"""The containers' MTU follows the link: at their start and while they run."""

import json
import time

import pytest

from mtu import Paths, wait_plpmtu
from ns import wait_until


def host_end(host, container):
    """The MTU of the port's end that the host has."""
    (port,) = [p for p in host.status()["ports"] if p["mac"] == container.mac]
    (link,) = json.loads(host.ns.ip("-j", "link", "show", "dev",
                                    port["host_ifname"]).stdout)
    return link["mtu"]


def ends(world):
    """Of each container: (the host's end, its own)."""
    return [(host_end(c.host, c), c.addresses()[2]) for c in world.containers]


def wait_mtu(world, mtu):
    wait_until(lambda: "both ends to have %d: %s" % (mtu, ends(world)),
               lambda: set(ends(world)) == {(mtu, mtu)}, 3)


def test_link_grows_and_shrinks(make_cluster):
    """Running containers get it, and not a packet is lost."""
    world = make_cluster(2, family=6)
    a, b = (world.container(host) for host in world.hosts)
    world.settle()
    wait_mtu(world, 1430)
    ping = a.start_ping(b.ip4)
    for size in (9000, 1400):
        for i in (1, 2):
            world.underlay.set_mtu(i, size)
        wait_mtu(world, size - 70)
        for host in world.hosts:
            assert host.status()["mtu"] == size - 70
    ping.stop().assert_perfect()


def test_what_others_set_stays(two):
    """An interface that was made smaller by hand is not made larger; what is
    above the new size has to follow."""
    c = two.container(two.hosts[0])
    d = two.container(two.hosts[0])
    wait_mtu(two, 1450)
    c.ns.ip("link", "set", "eth0", "mtu", 1300)
    two.underlay.set_mtu(1, 1600)
    wait_until("the other to grow", lambda: d.addresses()[2] == 1550, 3)
    assert c.addresses()[2] == 1300
    two.underlay.set_mtu(1, 1320)
    wait_until("the larger to shrink", lambda: d.addresses()[2] == 1270, 3)
    wait_until("the smaller too", lambda: c.addresses()[2] == 1270, 3)


def test_restart_catches_up(two):
    """A link that changed while no daemon was there."""
    host = two.hosts[0]
    two.container(host)
    wait_mtu(two, 1450)
    host.stop()
    two.underlay.set_mtu(1, 1400)
    host.start()
    wait_mtu(two, 1350)


def test_fixed(make_cluster):
    """It is obeyed, whatever the link does; what does not fit is said."""
    world = make_cluster(1, options=["--mtu", "1300"])
    host = world.hosts[0]
    world.container(host)
    wait_mtu(world, 1300)
    assert "more than fits" not in host.log()
    world.underlay.set_mtu(1, 1320)
    wait_until("the log to say it", lambda: "--mtu 1300 is more than fits"
               in host.log(), 3)
    wait_mtu(world, 1300)
    assert any("1270" in w for w in host.status()["warnings"])


def long_ones(host):
    return [w for w in host.status()["warnings"] if "long packets" in w]


def test_flows_that_cannot_tell(make_cluster):
    """On a kernel without check_pkt_len all containers get what the narrowest
    peer takes, running ones too; it is said everywhere, and it ends."""
    world = make_cluster(2, mode="routers", start=False,
                         options=["--pmtu-raise-time", "2"])
    paths = Paths(world.underlay)
    paths.drop_icmp()
    one, two = world.hosts
    one.env["FASTDP_NO_CHECK_PKT_LEN"] = "1"
    world.start()
    a, b = (world.container(host) for host in world.hosts)
    world.settle()
    assert "cannot tell long packets" in one.log()
    assert host_end(one, a) == a.addresses()[2] == 1450
    assert not long_ones(one)
    paths.narrow(2, 1400)
    wait_plpmtu(one, two, 1400, 5)
    wait_until("its containers to follow", lambda: host_end(one, a) ==
               a.addresses()[2] == 1350, 3)
    assert b.addresses()[2] == 1450
    assert one.status()["mtu"] == 1350
    (said,) = long_ones(one)
    assert "1350" in said
    assert "cannot tell long packets" in one.ctl("status", json_out=False)
    found = one.ctl("doctor", check=False).json["findings"]
    (verdict,) = [f for f in found if f["id"] == "check-pkt-len"]
    assert "check_pkt_len" in verdict["evidence"], verdict
    # The kernel's flows have no such action, and the largest goes through.
    assert not any("check" in str(f.actions) for f in one.kernel.flows())
    done = a.run("ping", "-n", "-c", 1, "-W", 1, "-M", "do", "-s", 1350 - 28,
                 b.ip4, check=False)
    assert done.returncode == 0, done.stdout
    paths.narrow(2, 1500)
    wait_plpmtu(one, two, 1500, 60)
    wait_until("them to grow again", lambda: host_end(one, a) ==
               a.addresses()[2] == 1450, 3)
    assert not long_ones(one)


def test_address_on_lo(make_cluster):
    """A host that is known by an address of lo, as routing protocols announce
    it: the link that packets leave by counts, not lo with its 65 536."""
    world = make_cluster(2, mode="routers", start=False, join=False)
    one, two = world.hosts
    one.ns.ip("addr", "add", "10.97.0.1/32", "dev", "lo")
    world.underlay.middle.ip("route", "add", "10.97.0.1/32", "via",
                             world.underlay.ip4(1))
    one.address = "10.97.0.1"
    two.options += ["--peer", one.address]
    world.start()
    a, b = (world.container(host) for host in world.hosts)
    world.settle()
    wait_mtu(world, 1450)
    a.ping(b.ip4, 3).assert_perfect()
    assert one.status()["mtu"] == 1450


def follows(host, seconds=1.2):
    """The MTU of containers is that of eth0, less 50, while it changes for
    longer than the daemon keeps to the link it found."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for size in (9000, 1500):
            host.ns.ip("link", "set", "eth0", "mtu", size)
            wait_until(lambda s=size: "%d: it is %d" % (
                s - 50, host.status()["mtu"]),
                       lambda s=size: host.status()["mtu"] == s - 50, 5)


@pytest.mark.running_kernel
def test_own_links_and_bridges_of_others(make_cluster):
    """Without --local-address and default route the smallest link that is up
    counts; not our own, whose MTU follows from it, which ended at 576."""
    world = make_cluster(1, start=False, datapaths=("bridge",))
    host = world.hosts[0]
    host.is_bound = False
    host.ns.ip("route", "add", "default", "via", "10.99.0.254")
    host.start()
    world.container(host)
    host.ctl("expose", "10.32.255.254/16")
    follows(host, 0)
    host.ns.ip("route", "del", "default")
    follows(host)
    # A default route through the overlay changes nothing.
    host.ns.ip("route", "add", "default", "via", "10.32.255.253")
    follows(host)
    host.ns.ip("route", "del", "default")
    for line in ("link add docker0 mtu 1400 type bridge",
                 "link set docker0 up",
                 "link add v1 mtu 1300 type veth peer name v2 mtu 1300",
                 "link set v1 master docker0", "link set v1 up"):
        host.ns.ip(*line.split())
    host.restart()
    follows(host)
    wait_mtu(world, 1450)
    # A bridge with a link that leads out is as good as that.
    for line in ("link add br0 type bridge", "link set br0 up",
                 "link add link eth0 name m0 type macvlan",
                 "link set m0 master br0", "link set m0 up",
                 "link set br0 mtu 1400"):
        host.ns.ip(*line.split())
    wait_until("the bridge to be found",
               lambda: host.status()["mtu"] == 1350, 5)
    wait_mtu(world, 1350)
