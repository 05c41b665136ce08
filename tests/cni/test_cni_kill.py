# SPDX-License-Identifier: Apache-2.0
"""The plugin is killed at every step of ADD and of DEL; then DEL, or GC, and
nothing is left."""

import json
import shutil
import time

import pytest

from world import sh, wait_until

# Calls that change something or wait for somebody, and what is between them.
CALLS = ["sendto", "sendmsg", "recvmsg", "recvfrom", "connect", "bind",
         "socket", "write", "wait4", "clone3", "vfork", "clone",
         "openat", "close", "poll"]


def finish(world, conf, containers, how):
    if how == "GC":
        world.call("GC", conf).done()
    for c in containers:
        if how == "DEL":
            world.delete(conf, c).done()
        elif how == "DEL without namespace":
            world.delete(conf, c, netns="").done()
            c.ns.close()


@pytest.mark.parametrize("verb", ["ping", "plan", "attach"])
@pytest.mark.parametrize("how", ["kill", "kill-after"])
def test_killed_while_the_daemon_answers(world, verb, how):
    c = world.container()
    conf = world.conf(isGateway=True)
    world.daemon_does(**{verb: how})
    assert world.add(conf, c).status == -9
    world.daemon_does()
    world.delete(conf, c).done()
    world.assert_nothing_left()
    # The container can be tried again.
    world.add(conf, c).done()
    world.delete(conf, c).done()
    world.assert_nothing_left()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("finale", ["DEL", "DEL without namespace"])
def test_killed_while_the_ipam_plugin_works(world, when, finale):
    """DEL comes while it still works: it waits."""
    c = world.container()
    conf = world.conf()
    world.ipam_does(ADD={"serve": True, "sleep": 0.7, "kill_parent": when})
    child = world.launch(world.env("ADD", c.cid, c.netns, c.ifname))
    child.stdin.write(json.dumps(conf).encode())
    child.stdin.close()
    # Not for the end of its output, which the IPAM plugin has as well.
    assert child.wait() == -9
    finish(world, conf, [c], finale)
    child.stdout.close()
    child.stderr.close()
    time.sleep(1)
    world.assert_nothing_left()


def trace(call, number):
    return ["strace", "-qqq", "-e", "trace=" + call, "-e", "signal=none", "-o",
            "/dev/null", "-e",
            "inject=%s:signal=SIGKILL:when=%d" % (call, number)]


def knows(call):
    """Is there such a system call here, and may we trace?"""
    return sh(*trace(call, 1000)[:-2], "/bin/true",
              check=False).returncode == 0


@pytest.mark.limit(600)
@pytest.mark.parametrize("call", CALLS)
def test_killed_at_every_system_call(world, call):
    if not shutil.which("strace"):
        pytest.skip("no strace")
    if not knows(call):
        pytest.skip("strace cannot trace %s here" % call)
    conf = world.conf("1.1.0", isGateway=True)
    n = 0
    for n in range(1, 200):
        c = world.container()
        world.wrapper = trace(call, n)
        got = world.add(conf, c)
        world.wrapper = []
        finale = ("DEL", "DEL without namespace", "GC")[n % 3]
        if finale == "GC":
            # GC cannot see what no daemon knows: DEL of it has come before.
            world.delete(conf, c).done()
        finish(world, conf, [c], finale)
        if finale == "DEL without namespace":
            wait_until("the links to go with the namespace",
                       lambda: not world.host_links())
        world.assert_nothing_left()
        c.close()
        world.containers.remove(c)
        if got.status == 0:
            break
    assert got.status == 0, got
    if call in ("sendto", "write", "socket"):
        assert n > 2, "nothing was killed"


@pytest.mark.limit(300)
@pytest.mark.parametrize("call", ["sendmsg", "write", "poll"])
def test_del_killed_and_tried_again(world, call):
    if not shutil.which("strace"):
        pytest.skip("no strace")
    conf = world.conf()
    for n in range(1, 100):
        c = world.container()
        world.add(conf, c).done()
        world.wrapper = trace(call, n)
        got = world.delete(conf, c)
        world.wrapper = []
        world.delete(conf, c).done()
        world.assert_nothing_left()
        c.close()
        world.containers.remove(c)
        if got.status == 0:
            break
    assert got.status == 0 and n > 1, got
