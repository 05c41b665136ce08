# SPDX-License-Identifier: Apache-2.0
"""The containers' MTU follows the link: at their start and while they run."""

import json

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
