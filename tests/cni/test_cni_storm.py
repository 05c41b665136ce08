# SPDX-License-Identifier: Apache-2.0
"""Real daemons under many calls at once, and under calls that are killed:
nothing is left, no address is lost, none is given twice."""

import os
import shutil
import threading

import pytest

import real
from space import wait_until
from test_cni_kill import knows, trace

CONF = "[network default]\nrange = 10.32.0.0/16\nblock = 10.32.%d.0/24\n"
# Those that change something or wait for somebody.
# Work in a namespace is a thread's: clone3.
CALLS = ["sendto", "sendmsg", "connect", "write", "clone3"]
if os.environ.get("FASTDP_LONG") == "1":
    CALLS += ["recvmsg", "recvfrom", "bind", "socket", "close", "openat",
              "poll", "wait4", "ppoll", "fcntl", "ioctl"]
N = 50
# User-mode Linux starts a plugin in a second.
LIMIT = 900 if os.environ.get("FASTDP_VM") == "uml" else 300


@pytest.fixture(params=["fastdp", "host-local"])
def host(request):
    """One of two connected hosts; conf() is with the IPAM plugin asked for."""
    reason = real.no_kernel()
    if not reason and not real.find_reference("host-local"):
        reason = "no host-local: it is in containernetworking-plugins"
    if reason:
        if os.environ.get("FASTDP_REQUIRE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    world = real.RealWorld(start=False)
    request.addfinalizer(world.close)
    for h in world.hosts:
        h.configure(CONF % h.number)
    world.start()
    one = world.hosts[0]
    one.world, one.is_own = world, request.param == "fastdp"
    # GC is of 1.1.0, which the host-local of today does not know.
    one.usual = one.conf("1.1.0", ipam={"type": "fastdp"}) if one.is_own \
        else one.local_conf("1.0.0")
    return one


def leases(host):
    if host.is_own:
        return sorted(ip.split("/")[0] for lease in
                      host.ask("ipam", "list")["leases"]
                      for ip in lease["addresses"])
    return host.host_local_leases()


def assert_empty(host):
    wait_until(lambda: "no lease: %s" % leases(host),
               lambda: leases(host) == [])
    if host.is_own:
        assert [b["used"] for b in host.ask("ipam", "list")["blocks"]] == [0]
        assert [n for n in os.listdir(host.directory + "/state/leases")
                if n.endswith(".json")] == []
    wait_until("its links to go", lambda: not [
        n for n in host.ns.links() if n.startswith("fd") and len(n) == 12])
    host.assert_nothing_left()


def at_once(*jobs):
    """All of them, each in a thread; the first exception of any."""
    failed = []

    def run(job):
        try:
            job()
        except BaseException as e:  # pylint: disable=broad-except
            failed.append(e)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        raise failed[0]


def valid(*containers):
    return {"cni.dev/valid-attachments": [
        {"containerID": c.cid, "ifname": c.ifname} for c in containers]}


@pytest.mark.limit(LIMIT)
def test_storm(host):
    """Fifty come while fifty go, and others are looked at."""
    world, conf, results = host.world, host.usual, {}
    old, new, still = ([world.container() for _ in range(n)]
                       for n in (N, N, 4))

    def add(c):
        def job():
            results[c.cid] = host.raw(host.env(
                "ADD", c.cid, c.netns, c.ifname), conf, 200).done().json
        return job

    def delete(c):
        return lambda: host.raw(host.env("DEL", c.cid, c.netns, c.ifname),
                                conf, 200).done()

    def check(c):
        return lambda: [host.raw(host.env(
            "CHECK", c.cid, c.netns, c.ifname),
            dict(conf, prevResult=results[c.cid]), 200).done()
            for _ in range(8)]

    def collect():
        for _ in range(8):
            host.call("GC", dict(conf, **valid(*old, *new, *still))).done()
            host.call("STATUS", conf).done()

    def given(containers):
        return sorted(results[c.cid]["ips"][0]["address"].split("/")[0]
                      for c in containers)

    at_once(*[add(c) for c in old + still])
    assert leases(host) == given(old + still)
    assert len(set(leases(host))) == N + len(still)
    jobs = [job(c) for pair in zip(old, new)
            for job, c in zip((delete, add), pair)]
    at_once(*jobs, *[check(c) for c in still],
            *([collect] * 2 if host.is_own else []))
    assert leases(host) == given(new + still)
    assert len(set(leases(host))) == N + len(still)
    assert sorted(p["container_id"] for p in host.ports()
                  if p["container_id"]) == sorted(
                      c.cid for c in new + still)
    assert all(c.link() is None for c in old)
    real.ping(new[0], given([new[-1]])[0])
    for c in new[::10] + still:
        host.check(conf, c, results[c.cid]).done()
    if host.is_own:
        # A part goes by DEL while GC takes all but those that stay.
        at_once(*[delete(c) for c in new[:10]],
                lambda: host.call("GC", dict(conf, **valid(*still))).done())
        assert leases(host) == given(still)
    at_once(*[delete(c) for c in new + still])
    assert_empty(host)


def end(host, c, how):
    """As a runtime does that knows of the container, or does not."""
    if how == "GC":
        host.call("GC", dict(host.usual, **valid())).done()
    elif how == "DEL":
        host.delete(host.usual, c).done()
        assert c.link() is None
    else:
        host.delete(host.usual, c, netns="").done()
    c.close()


@pytest.mark.limit(LIMIT)
@pytest.mark.parametrize("call", CALLS)
def test_killed_at_every_step(host, call):
    if not shutil.which("strace") or not knows(call):
        pytest.skip("strace cannot trace %s here" % call)
    finales = ["DEL", "DEL without namespace"] + ["GC"] * host.is_own
    last, addresses = None, []
    stays = host.world.container()
    addresses.append(host.add(host.usual, stays).done().json["ips"][0])
    for n in range(1, 200):
        c = host.world.container()
        host.wrapper = trace(call, n)
        last = host.add(host.usual, c)
        host.wrapper = []
        assert last.status in (0, -9), last
        if last.status == 0:
            host.delete(host.usual, c).done()
            break
        if finales[n % len(finales)] == "GC":
            host.call("GC", dict(host.usual, **valid(stays))).done()
            c.close()
        else:
            end(host, c, finales[n % len(finales)])
        # What is there is not harmed, and nothing else is there.
        assert leases(host) == [addresses[0]["address"].split("/")[0]]
        assert len([p for p in host.ports() if p["container_id"]]) == 1
    assert last.status == 0 and n > 1, (n, last)
    end(host, stays, "DEL")
    assert_empty(host)
