# SPDX-License-Identifier: Apache-2.0
"""A daemon that starts again among its containers does not get some answers of
the kernel's: none is off the network for that, and no address of the host's.

The first start has no faults and tells which places there are that ask the
kernel; in each of the others some calls of one of them fail. By default those
of the start's first part are tried, with FASTDP_LONG=1 all.
"""

import os
import signal

import pytest

from faults import ERRORS, Fault, Table
from host import find_program
from ns import figure, is_long, wait_until

GATEWAY = "10.32.250.1/16"
START_S, AGAIN_S = 30, 30
# The second: what packets come up by, one for each port; the third reads
# records.
ASKS = ("recvmsg", "socket", "fopen") + (("sendto",) if is_long() else ())
# What fails once only is asked for again at once. Of sockets the first few are
# those without which no daemon starts.
BURST, N_CALLS = 6, 24
BURST_OF_SOCKETS = 3
KEPT = ("is kept", "are kept")


@pytest.fixture
def world(make_cluster):
    cluster = make_cluster(1, start=False)
    (host,) = cluster.hosts
    table = Table(os.path.join(cluster.directory, "faults"))
    host._wrapped = lambda argv: [
        "env", "LD_PRELOAD=" + find_program("tests/fault/fault.so"),
        "FAULT_FILE=" + table.path, *argv]
    host.start()
    cluster.container(host)
    cluster.container(host)
    host.ctl("expose", GATEWAY)
    cluster.table = table
    yield cluster
    table.close()


def there(host):
    """Records, ports of the datapath and addresses."""
    shown = host.ns.ip("-o", "address", "show", "dev", "fastdp").stdout
    return set(os.listdir(os.path.join(host.run_dir, "ports"))) | \
        {name for name, kind in host.kernel.vports().values()
         if name.startswith("fd") and kind != "tun"} | \
        {word for word in shown.split() if word == GATEWAY}


def faults_of(table, before):
    """Of each place that asks more than once, some calls in a row, so that
    each is struck."""
    for (function, what, at), n in sorted(table.places().items()):
        n -= before.get((function, what, at), 0)
        if function in ASKS and what == "fastdpd" and n > 1:
            burst = BURST_OF_SOCKETS if function == "socket" else BURST
            for skip in range(0, n if is_long() else min(n, N_CALLS), burst):
                yield Fault(function, ERRORS[function][0], (what, at), skip,
                            burst)


def begin(world, fault):
    """True: it serves. Else it has ended, in order, and said why."""
    (host,) = world.hosts
    if host.is_running():
        host.kill()
    world.table.arm(fault)
    host.start(wait=False)
    wait_until(lambda: "%s: a start or an end:\n%s" % (fault, host.log()),
               lambda: "READY=1" in host.told_systemd() or
               not host.is_running(), START_S, 0.02)
    if host.is_running():
        return True
    assert host.process.returncode == 1 and \
        "fastdpd: " in host.log_now(), "%s: %s" % (fault, host.log())
    return False


def n_said(host, words):
    return sum(host.log_now().count(one) for one in words)


def is_awaited(host):
    return n_said(host, KEPT) > n_said(host, ["is served again"])


def left_for_later(world, faults):
    """More calls fail of those that made ports wait, until one waits when the
    daemon is ready."""
    (host,) = world.hosts
    for fault in faults:
        for fault.count in (BURST, 2 * BURST, 3 * BURST):
            if begin(world, fault) and is_awaited(host):
                return
    raise AssertionError("no port waits: %s" % [str(f) for f in faults])


@pytest.mark.any_datapath
@pytest.mark.limit(900)
def test_no_answer(world):
    (host,), (a, b) = world.hosts, world.containers
    before, places = there(host), world.table.places()
    assert len(before) == 3 + 2 + 1, before
    host.restart(signal.SIGKILL)
    faults = list(faults_of(world.table, places))
    n_ended, waited = 0, []
    for fault in faults:
        is_up = begin(world, fault)
        n_ended += not is_up
        if is_up and n_said(host, KEPT):
            waited.append(fault)
        lost = before - there(host)
        assert not lost, "%s: %s:\n%s" % (fault, lost, host.log())
    figure("starts", "%d, ended %d, ports kept in %d" % (
        len(faults), n_ended, len(waited)))
    left_for_later(world, waited)
    if host.datapath != "bridge":
        a.ping(b.ip4, 3).assert_perfect("while they wait")
    wait_until(lambda: "ports to be served: %s" % host.log(),
               lambda: not is_awaited(host), AGAIN_S)
    world.table.arm()
    host.restart(signal.SIGKILL)
    assert before == there(host) and len(host.status()["ports"]) == 3
    c = world.container(host)
    wait_until("all to talk", lambda: a.reaches(b.ip4) and b.reaches(c.ip6) and
               c.reaches(GATEWAY.split("/", maxsplit=1)[0]))
    host.detach(a)
    assert len(there(host)) == len(before)
