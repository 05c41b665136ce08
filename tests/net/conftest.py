# SPDX-License-Identifier: Apache-2.0
"""Fixtures and rules of the tests with real daemons and a real kernel.

They need root and openvswitch.ko: tests/vm/run brings a kernel that has it.
Without these each test is skipped and says why; with FASTDP_REQUIRE=1 it fails.

FASTDP_BUILD      directory of fastdpd and fastdpctl (default: build/, then .)
FASTDP_REQUIRE=1  fail instead of skipping
FASTDP_LONG=1     the full durations (a minute where the default is less)
FASTDP_VALGRIND=1 the daemons run under valgrind: AddressSanitizer's shadow does
                  not fit into the address space of User-mode Linux
FASTDP_TEST_LOG   log level of the daemons (default: info)
FASTDP_TEST_DATAPATH=bridge  all hosts are on bridges, where a test does not
                  say what they are on; needs no openvswitch.ko
"""

import os
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

# pylint: disable=wrong-import-position
import pytest

import mtu
import netlink
import topo
from host import find_program, is_sanitized
from ns import Namespace, sh, wait_until

LIMIT_S = 180
_why_not = {}


def no_kernel():
    """Why the kernel will not do, or ""."""
    if os.geteuid() != 0:
        return "not root"
    for module in ("openvswitch", "vport-vxlan"):
        sh("modprobe", "-q", module, check=False)
    probe = Namespace("probe")
    try:
        reason = netlink.is_openvswitch_here(probe)
    finally:
        probe.close()
    return reason and reason + ": run the tests with tests/vm/run -- " \
        "/usr/bin/python3 -m pytest tests/net" or ""


def no_bridges():
    """Why the kernel has not what bridges need, or ""."""
    if os.geteuid() != 0:
        return "not root"
    probe = Namespace("probe")
    try:
        for argv in (["ip", "link", "add", "b0", "type", "bridge"],
                     ["ip", "tuntap", "add", "t0", "mode", "tap"],
                     ["nft", "add", "table", "bridge", "probe"]):
            got = probe.run(*argv, check=False)
            if got.returncode != 0:
                return "%s: %s" % (" ".join(argv), got.stderr.strip())
    finally:
        probe.close()
    return ""


def no_program():
    """Why there is nothing to test, or ""."""
    try:
        find_program("fastdpd")
        find_program("fastdpctl")
        return ""
    except AssertionError as e:
        return str(e)


def why_not(question):
    """The answer of one of the above, asked once."""
    if question not in _why_not:
        _why_not[question] = question()
    return _why_not[question]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    reason = ""
    if item.get_closest_marker("running_kernel") or \
            os.environ.get("FASTDP_TEST_DATAPATH") == "bridge":
        reason = why_not(no_bridges)
    elif not item.get_closest_marker("any_kernel"):
        reason = why_not(no_kernel)
    if not reason and not item.get_closest_marker("no_daemon"):
        reason = why_not(no_program)
    if reason:
        if os.environ.get("FASTDP_REQUIRE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


def pytest_configure(config):
    config.addinivalue_line("markers", "any_kernel: needs no openvswitch")
    config.addinivalue_line("markers", "running_kernel: needs no openvswitch, "
                            "but bridges: not in a guest unless asked for")
    config.addinivalue_line("markers", "any_datapath: in a guest, and with "
                            "FASTDP_TEST_DATAPATH=bridge on the running "
                            "kernel, too")
    config.addinivalue_line("markers", "no_daemon: needs no program")
    config.addinivalue_line("markers", "limit(seconds): longest it may take")


def pytest_collection_modifyitems(config, items):
    """What needs no openvswitch.ko is run on the running kernel, by itself, so
    that two kernels are tried: pytest -m running_kernel"""
    if not os.environ.get("FASTDP_VM") or config.option.markexpr:
        return
    away = [i for i in items if i.get_closest_marker("running_kernel")]
    if away:
        items[:] = [i for i in items if i not in away]
        config.hook.pytest_deselected(items=away)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """No test hangs: SIGALRM ends it."""
    mark = item.get_closest_marker("limit")
    seconds = mark.args[0] if mark else LIMIT_S

    def over(_signum, _frame):
        raise TimeoutError("the test took longer than %d s" % seconds)

    old = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure tells of every host that lives at this moment."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and call.when in ("setup", "call"):
        for cluster in list(topo.live):
            try:
                report.sections.append(("hosts", cluster.report()))
            except Exception as e:  # pylint: disable=broad-except
                report.sections.append(("hosts", "no report: %r" % e))


@pytest.fixture
def make_cluster(request):
    """Cluster(...), taken down when the test ends. Of tests of the path MTU
    all that passes the underlay is watched, from the beginning to the end."""
    made = []

    def make(*args, **kw):
        if request.module.__name__.startswith("test_mtu_"):
            kw.setdefault("watch", mtu.Watch)
        cluster = topo.Cluster(*args, **kw)
        made.append(cluster)
        return cluster

    yield make
    faults = []
    for cluster in made:
        try:
            cluster.close()
        except AssertionError as e:
            faults.append(str(e))
    assert not faults, "\n".join(faults)


@pytest.fixture
def two(make_cluster):
    """Two hosts that are connected."""
    return make_cluster(2)


@pytest.fixture
def three(make_cluster):
    """Three hosts that are connected."""
    return make_cluster(3)


@pytest.fixture
def bystander(request, make_cluster):
    """Two hosts whose containers talk all the while, and a stranger. At the
    end nothing was lost, nothing has leaked, and the daemon is the same. With
    the parameter "mixed" the first one is on bridges, the other is not."""
    cluster = make_cluster(2, strangers=1, datapaths=topo.datapaths_of(
        getattr(request, "param", "alike"))[:2])
    for host in cluster.hosts:
        cluster.container(host)
    cluster.settle()
    time.sleep(0.5)
    a, b = cluster.containers
    victim = cluster.hosts[0]
    pid, fds, rss = victim.pid, victim.n_fds(), victim.rss()
    running = a.start_ping(b.ip4, 0.05)
    wait_until("the first reply", running.replies)
    yield cluster
    running.stop().assert_perfect(running.who)
    assert victim.is_running() and victim.pid == pid
    wait_until(lambda: "%d descriptors, %d before" % (victim.n_fds(), fds),
               lambda: victim.n_fds() <= fds, 8, 0.1)
    if not is_sanitized(find_program("fastdpd")):
        wait_until(lambda: "%d kB, %d before" % (victim.rss() >> 10,
                                                 rss >> 10),
                   lambda: victim.rss() <= rss + (32 << 20), 12, 0.2)
    assert len([p for p in victim.status()["peers"]
                if p["state"] == "up" and p["nickname"] == "host2"]) == 1
