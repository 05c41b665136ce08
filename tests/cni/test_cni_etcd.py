# SPDX-License-Identifier: Apache-2.0
"""Blocks of addresses that are leased from an etcd."""

import collections
import json
import os
import shutil
import signal
import socket
import threading

import pytest

import etcd
import real
from space import wait_until

LEASE_S = 5
CONF = """[ipam]
store = etcd
endpoints = %s
lease-time = %d
[network default]
range = 10.32.0.0/%d
block-length = 29
"""


def why_not():
    """What is missing, or ""."""
    if not shutil.which("etcd") or not shutil.which("etcdctl"):
        return "no etcd: it is in etcd-server and etcd-client"
    if not shutil.which("openssl"):
        return "no openssl"
    return real.no_kernel()


@pytest.fixture
def make(request):
    """make(n, length): so many hosts beside one etcd, a range of /length."""
    reason = why_not()
    if reason:
        if os.environ.get("FASTDP_REQUIRE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)

    def build(n, length=24):
        world = real.RealWorld(n, start=False)
        request.addfinalizer(world.close)
        world.etcd = etcd.Etcd(world.directory, world.switch)
        request.addfinalizer(world.etcd.close)
        for host in world.hosts:
            host.configure(CONF % (etcd.URL, LEASE_S, length))
        starts = [threading.Thread(target=h.start) for h in world.hosts]
        for start in starts:
            start.start()
        for start in starts:
            start.join()
        return world

    return build


def call(on, **request):
    """One request, one reply, as the plugin has it."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(on.socket)
        s.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(s.makefile().readline())


def claim(host, name, **more):
    return call(host, verb="ipam-claim", container_id=name, ifname="eth0",
                **more)


def claimed(host, name):
    """An address, as soon as there is one to be had."""
    got = {}

    def try_it():
        got.update(claim(host, name))
        return "ips" in got or got.pop("error")["code"] not in (
            "not-yet", "no-store")

    wait_until(lambda: "%s: an address: %s %s" % (
        host.number, got, host.log()), try_it, 30, 0.1)
    assert "ips" in got, claim(host, name)
    return got["ips"][0]["address"].split("/")[0]


def code(host):
    """Why it gives out nothing now, or ""."""
    answer = claim(host, "probe")
    call(host, verb="ipam-free", container_id="probe", ifname="eth0")
    return answer.get("error", {}).get("code", "")


def refused(host, name, code, *words):
    error = claim(host, name)["error"]
    assert error["code"] == code, error
    for word in words:
        assert word in error["message"] + error["hint"], (word, error)


def blocks(host):
    return [b["block"] for b in host.ask("ipam", "list")["blocks"]]


def diagnosis(host):
    """What doctor finds of the store, and that it says what to do."""
    found = [f for f in host.doctor() if f["id"] == "block-store"]
    assert all(f["evidence"] and f["consequence"] and f["remedy"]
               for f in found), found
    return [f["subject"] for f in found]


def warning(host, *words):
    return any(all(w in text for w in words)
               for text in host.ask("status")["warnings"])


@pytest.mark.limit(240)
def test_ten_hosts(make):
    """They start at once and get a block each; one is killed, etcd goes and
    comes, its data is lost: no address is given twice."""
    world = make(10)
    hosts, given = world.hosts, {}

    def give(host, name):
        ip = claimed(host, name)
        assert ip not in given, (ip, given[ip], host.number)
        given[ip] = host.number

    for host in hosts:
        give(host, "a")
    assert len(world.etcd.blocks()) == 10
    assert len({blocks(h)[0] for h in hosts}) == 10
    # A killed one has its block when it is back, and nobody else meanwhile.
    mine = blocks(hosts[3])
    hosts[3].kill()
    give(hosts[4], "b")
    hosts[3].start()
    give(hosts[3], "b")
    assert blocks(hosts[3]) == mine
    # A full block takes another.
    for n in range(6):
        give(hosts[0], "c%d" % n)
    assert len(blocks(hosts[0])) == 2
    # Out of reach: for as long as it is safe, and no longer.
    world.etcd.stop()
    give(hosts[1], "d")
    wait_until("a warning", lambda: warning(hosts[1], "given out for"))
    wait_until("a diagnosis", lambda: diagnosis(hosts[1]) in (
        ["unreachable"], ["expired"]))
    wait_until("no more addresses", lambda: code(hosts[1]) == "no-store",
               LEASE_S + 5, 0.2)
    assert warning(hosts[1], "nothing is given out")
    assert diagnosis(hosts[1]) == ["expired"]
    hosts[1].call("STATUS", hosts[1].conf(
        "1.1.0", ipam={"type": "fastdp"})).failed(50, "given out")
    world.etcd.start()
    give(hosts[1], "f")
    assert diagnosis(hosts[1]) == []
    # Its data lost: all say what they have before anybody gets more.
    before = sorted(b for h in hosts for b in blocks(h))
    world.etcd.lose()
    wait_until("all blocks to be known again", lambda: sorted(
        b.replace("-", "/") for b in world.etcd.blocks()) == before, 30, 0.2)
    for n in range(6):
        give(hosts[2], "g%d" % n)
    for host in hosts:
        give(host, "h")
    assert not any(b["state"] == "disputed" for h in hosts
                   for b in h.ask("ipam", "list")["blocks"])


TLS = """[ipam]
store = etcd
endpoints = %s
%s[network default]
range = 10.32.0.0/24
block-length = 29
"""


@pytest.mark.limit(120)
def test_certificates(request):
    """etcd is believed by its certificate, and believes us by ours; a network
    that comes with a reload has its block at once."""
    reason = why_not()
    if reason:
        if os.environ.get("FASTDP_REQUIRE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    world = real.RealWorld(1, start=False)
    request.addfinalizer(world.close)
    authority = etcd.Authority(world.directory + "/ca")
    world.etcd = etcd.Etcd(world.directory, world.switch, authority)
    request.addfinalizer(world.etcd.close)
    (host,) = world.hosts
    ca = "ca-file = %s\n" % authority.path("ca.pem")
    ours = "cert-file = %s\nkey-file = %s\n" % (
        authority.path("client.pem"), authority.path("client.key"))

    def say(lines):
        host.configure(TLS % (world.etcd.url, lines))

    # Nobody says who etcd is; then nobody says who we are.
    say(ours)
    host.start()
    for lines, word in ((ours, "certificate"), (ca, "alert")):
        say(lines)
        host.ask("reload")
        wait_until(lambda: "%s: %s" % (word, host.ask("status")["warnings"]),
                   lambda w=word: warning(host, w), every=0.2)
        assert code(host) in ("not-yet", "no-store")
        host.call("STATUS", host.conf("1.1.0", ipam={
            "type": "fastdp"})).failed(50, word)
        assert diagnosis(host) == ["starting"]
    say(ca + ours)
    host.ask("reload")
    conf = host.conf("1.1.0", ipam={"type": "fastdp"})
    wait_until("it to be new", lambda: diagnosis(host) == ["new"])
    host.call("STATUS", conf).failed(50, "etcd is new", "30 s")
    refused(host, "a", "not-yet", "etcd is new")
    # It has not lost its data: nobody is waited for.
    world.etcd.ctl("put", "/fastdp/ready", "{}")
    host.ask("reload")
    claimed(host, "a")
    host.call("STATUS", conf).done()
    assert diagnosis(host) == [] and len(world.etcd.blocks()) == 1
    host.configure(TLS % (world.etcd.url, ca + ours) +
                   "[network blue]\nvni = 7\nrange = 10.33.0.0/24\n")
    host.ask("reload")
    # The next round would be in twenty seconds.
    wait_until("a block of the new network", lambda: any(
        b.startswith("10.33.") for b in world.etcd.blocks()), every=0.1)
    reloaded_while_leasing(host, TLS % (world.etcd.url, ca + ours))
    assert collections.Counter(b.split(".")[1] for b in world.etcd.blocks()
                               if b.startswith("10.4")) == {
        "4%d" % n: 1 for n in range(8)}


def reloaded_while_leasing(host, conf):
    """Again and again, and all the while somebody wants an address."""
    for n in range(8):
        conf += "[network more%d]\nrange = 10.4%d.0.0/24\nblock-length = " \
            "29\n" % (n, n)
        host.configure(conf)
        host.ask("reload")

        def is_claimed(n=n):
            host.daemon.send_signal(signal.SIGHUP)
            return "ips" in claim(host, "more%d" % n, network="more%d" % n)

        wait_until("an address", is_claimed, every=0.02 + 0.003 * n)


@pytest.mark.limit(240)
def test_partition_clone_and_reclaim(make):
    """A host that only etcd does not hear; one that was copied; one that is
    gone for good; a range with no block left."""
    world = make(2, 27)  # four blocks of six
    one, two = world.hosts
    given = [claimed(one, "a"), claimed(two, "a")]
    id1, id2 = one.identity(), two.identity()
    # Partitioned from etcd: as when etcd is gone, for this host alone.
    one.ns.ip("route", "add", "blackhole", etcd.ADDRESS + "/32")
    wait_until("no more addresses", lambda: code(one) == "no-store",
               LEASE_S + 8, 0.2)
    assert diagnosis(one) == ["expired"] and diagnosis(two) == []
    one.call("STATUS", one.conf("1.1.0", ipam={"type": "fastdp"})).failed(
        50, "does not answer")
    # It lives, and the other host hears it: the operator is refused.
    wait_until("its sign of life to go", lambda: not any(
        "alive/" + id1 in k for k in world.etcd.keys()), every=0.2)
    answer = call(two, verb="ipam-reclaim", host="host1")
    assert answer["error"]["code"] == "in-use", answer
    one.ns.ip("route", "del", "blackhole", etcd.ADDRESS + "/32")
    given.append(claimed(one, "b"))
    assert len(set(given)) == 3
    # Copied while the first one is up: it gives nothing out, and says why.
    clone = real.RealHost(9, world.directory)
    world.hosts.append(clone)
    world.wire(clone)
    shutil.copytree(two.directory + "/state", clone.directory + "/state")
    clone.configure(CONF % (etcd.URL, LEASE_S, 27))
    clone.start()
    wait_until(lambda: "the clone to know: %s" % clone.log(),
               lambda: warning(clone, "identity"))
    refused(clone, "x", "cloned", "identity")
    assert diagnosis(clone) == ["cloned"]
    clone.call("STATUS", clone.conf(
        "1.1.0", ipam={"type": "fastdp"})).failed(50, "identity")
    # The first one gives out more and goes: the copy's book is old.
    given.append(claimed(two, "c"))
    wait_until("etcd to know", lambda: any(
        json.loads(v).get("serial") == "2" for k, v in
        world.etcd.keys().items() if k.endswith("hosts/" + id2)))
    two.kill()
    wait_until("the clone to see it", lambda: warning(clone, "older"), every=0.2)
    refused(clone, "x", "cloned", "older")
    assert diagnosis(clone) == ["old"]
    clone.call("STATUS", clone.conf(
        "1.1.0", ipam={"type": "fastdp"})).failed(50, "older")
    clone.kill()
    # Gone for good: its block is another's, when it is needed.
    wait_until("host2 to be given up", lambda: "done" in call(
        one, verb="ipam-reclaim", host="host2"), 60, 0.5)
    wait_until("its block to be free", lambda: not any(
        "blocks/" in k and id2 in v or "hosts/" + id2 in k
        for k, v in world.etcd.keys().items()))
    more = [claimed(one, "m%d" % n) for n in range(4 * 6 - 2)]
    assert len(set(more + [given[0], given[2]])) == 24
    wait_until("a clear error", lambda: code(one) == "exhausted", every=0.2)
    refused(one, "n", "exhausted", "range", "leased")
    one.call("STATUS", one.conf("1.1.0", ipam={"type": "fastdp"})).failed(
        50, "all blocks of the range")
    # Given back.
    for n in range(4 * 6 - 2):
        call(one, verb="ipam-free", container_id="m%d" % n, ifname="eth0")
    one.ask("ipam", "release", "default")
    wait_until(lambda: "blocks to be given back: %s" % world.etcd.blocks(),
               lambda: len(world.etcd.blocks()) == 1)
    assert len(blocks(one)) == 1
