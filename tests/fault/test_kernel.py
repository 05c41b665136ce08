# SPDX-License-Identifier: Apache-2.0
"""What the kernel has is taken from a running daemon, or is not what it was
told to have: with Open vSwitch alone, for bridges tell of everything."""

import errno
import os

import pytest

import netlink
from faults import Fault, Table
from host import find_program
from ns import PATIENCE_S, sh, wait_until
from topo import Cluster

# All calls there are behind the loop's back: to read what the datapaths tell.
LOST = Fault("recvfrom", errno.ENOBUFS, ("fastdpd", 0))
UNHEARD = Fault("recvfrom", errno.EAGAIN, ("fastdpd", 0), count=0)
# Once in five seconds it is looked whether the kernel has what it should.
MAX_TRIES = 5


@pytest.fixture(scope="module")
def world():
    """Two hosts with two containers and one; calls of the first fail."""
    with Cluster(2, start=False) as cluster:
        host = cluster.hosts[0]
        cluster.table = Table(os.path.join(cluster.directory, "faults"))
        host.wrapper = [
            "env", "LD_PRELOAD=" + find_program("tests/fault/fault.so"),
            "FAULT_FILE=" + cluster.table.path]
        cluster.start()
        for one in (host, host, cluster.hosts[1]):
            cluster.container(one)
        cluster.settle()
        yield cluster
        cluster.table.close()


def delete_datapath(host):
    netlink.delete_datapath(host.kernel.genl, host.kernel.ifindex())


def all_talk(world):
    a, b, c = world.containers[:3]
    wait_until("all to talk", lambda: a.reaches(b.ip4) and b.reaches(c.ip6) and
               c.reaches(a.ip4))


def sender(table):
    """Where requests for flows are sent: the place that calls sendto."""
    places = [k for k in table.places() if k[:2] == ("sendto", "fastdpd")]
    told = sh("addr2line", "-e", find_program("fastdpd"),
              *("%#x" % (offset - 1) for _, _, offset in places)).stdout
    found = [k[1:] for k, line in zip(places, told.splitlines())
             if "/genl.c:" in line]
    assert len(found) == 1, told
    return found[0]


def steady(host):
    """The flows that follow from the directory, and what they do."""
    return {u: str(f.actions) for u, f in host.kernel.by_ufid().items()
            if not f.is_lazy}


def test_an_exchange_about_flows_fails(world):
    """What was to be deleted in it is not wanted any more, and is deleted; of
    what is wanted one that somebody deleted meanwhile is put: their number
    alone would tell nothing."""
    host, other = world.hosts
    all_talk(world)
    before = steady(host)
    for _ in range(MAX_TRIES):
        gone = world.container(other)
        world.settle()
        wait_until("its flows", lambda: host.kernel.mentions(gone.mac))
        # The audit may be quicker: it may need it for something else, or have
        # deleted what is left before we look.
        n_before = host.log_now().count("did not answer for flows")
        world.table.arm(Fault("sendto", errno.ENOBUFS, sender(world.table)))
        mac = gone.mac
        other.detach(gone)
        wait_until("the exchange to fail", world.table.n_failed)
        wait_until("it to be forgotten", lambda: mac not in host.known_macs())
        stale = set(steady(host)) - set(before)
        if len(stale) > 1 and n_before < \
                host.log_now().count("did not answer for flows"):
            break
    assert len(stale) > 1, stale
    ufid = next(f.ufid for f in host.kernel.mentions(world.containers[2].mac)
                if f.ufid in before)
    netlink.delete_flow(host.kernel.genl, host.kernel.ifindex(), ufid)
    wait_until(lambda: "other flows than before: %s" % [
        str(f) for u, f in host.kernel.by_ufid().items()
        if not f.is_lazy and u not in before],
               lambda: steady(host) == before)
    assert "were not as they should be" in host.log_now()
    all_talk(world)


def test_a_datapath_that_somebody_deletes(world):
    """The daemon stops and says so; a new start, which is systemd's, makes it
    with all its ports. So it is when the kernel's word of it is lost among
    others, and when it is not heard at all."""
    host = world.hosts[0]
    ports = sorted((p["mac"], p["host_ifname"])
                   for p in host.status()["ports"])
    assert len(ports) == 2
    for fault in (), (LOST,), (UNHEARD,):
        world.table.arm(*fault)
        delete_datapath(host)
        assert host.process.wait(PATIENCE_S) == 1
        assert "somebody deleted fastdp, " in host.log_now()
        assert bool(world.table.n_failed()) == bool(fault)
        world.table.arm()
        host.start()
        assert ports == sorted((p["mac"], p["host_ifname"])
                               for p in host.status()["ports"])
        world.wait_connected()
        all_talk(world)


def test_reset_of_what_somebody_deleted(world):
    """It takes the rest away. The daemon may notice first that it has gone."""
    host = world.hosts[0]
    for _ in range(MAX_TRIES):
        world.table.arm(UNHEARD)
        delete_datapath(host)
        done = host.ctl("reset", "--force", check=False)
        if done.status == 0:
            break
        assert host.process.wait(PATIENCE_S) == 1, done
        world.table.arm()
        host.start()
    assert done.status == 0, done
    assert host.process.wait(PATIENCE_S) == 0
    assert not [n for n in host.ns.links() if n.startswith("fd")]
    assert not os.listdir(os.path.join(host.run_dir, "ports"))
