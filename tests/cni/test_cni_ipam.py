# SPDX-License-Identifier: Apache-2.0
"""Addresses of the daemon's own, from declared blocks."""

import json
import os
import signal

import pytest

import real
from space import wait_until

RANGE = "[network default]\nrange = 10.32.0.0/16\n"


@pytest.fixture
def world():
    """Two connected hosts with a block each."""
    reason = real.no_kernel()
    if reason:
        if os.environ.get("FASTDP_REQUIRE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    one = real.RealWorld(start=False)
    for host in one.hosts:
        host.configure(RANGE + "block = 10.32.%d.0/29 fd32:%d::/112\n" % (
            host.number, host.number))
    one.start()
    yield one
    one.close()


def own(host, version="1.1.0", **more):
    """A configuration with addresses of the daemon's."""
    more.setdefault("ipam", {"type": "fastdp"})
    return host.conf(version, **more)


def ips(result):
    return [i["address"] for i in result.json["ips"]]


def leases(host):
    return host.ask("ipam", "list")["leases"]


def files(host):
    return [n for n in os.listdir(host.directory + "/state/leases")
            if n.endswith(".json")]


def block(host, family=4):
    (one,) = [b for b in host.ask("ipam", "list")["blocks"]
              if (":" in b["block"]) == (family == 6)]
    return one


def reload(host, text):
    host.configure(text)
    host.ask("reload")


def test_life(world):
    """ADD, CHECK, a restart, DEL, on two hosts; a full block; what comes back
    comes last."""
    one, two = world.hosts
    a, b = world.container(), world.container()
    ra = one.add(own(one), a).done()
    rb = two.add(own(two), b).done()
    assert ips(ra) == ["10.32.1.1/16", "fd32:1::1/112"]
    assert ips(rb) == ["10.32.2.1/16", "fd32:2::1/112"]
    world.wait_known(a, b)
    real.ping(a, "10.32.2.1")
    one.check(own(one), a, ra.json).done()
    wrong = json.loads(ra.out.replace("10.32.1.1/", "10.32.1.2/"))
    one.check(own(one), a, wrong).failed(104)
    # Killed and started: it knows what is in use.
    one.kill()
    one.start()
    world.wait_connected()
    one.check(own(one), a, ra.json).done()
    more = []
    for n in range(2, 7):
        more.append(world.container())
        assert ips(one.add(own(one), more[-1]).done())[0] == \
            "10.32.1.%d/16" % n
    one.call("STATUS", own(one)).failed(50, "6 IPv4 addresses", "default")
    late = world.container()
    one.add(own(one), late).failed(101, "6 IPv4 addresses", "in use")
    assert late.link() is None and len(leases(one)) == 6
    assert block(one)["state"] == "full" and block(one)["used"] == 6
    one.delete(own(one), more[2]).done()
    one.delete(own(one), more[0]).done()
    one.call("STATUS", own(one)).done()
    assert ips(one.add(own(one), late).done())[0] == "10.32.1.2/16"
    # GC takes what is not listed.
    kept = {"containerID": a.cid, "ifname": "eth0"}
    one.call("GC", own(one, **{"cni.dev/valid-attachments": [kept]})).done()
    assert [x["container_id"] for x in leases(one)] == [a.cid]
    one.delete(own(one), a).done()
    one.delete(own(one), a, netns="").done()
    two.delete(own(two), b).done()
    for host in world.hosts:
        assert leases(host) == [] and files(host) == []
        host.assert_nothing_left()


def test_daemon_down_at_delete(world):
    """A note says who has gone; an interface that is attached keeps its."""
    host = world.hosts[0]
    a, b, old = (world.container() for _ in range(3))
    for c in (a, b, old):
        host.add(own(host), c).done()
    old.ns.ip("link", "set", "eth0", "alias", "")
    host.kill(signal.SIGTERM)
    host.delete(own(host), a).done()
    host.delete(own(host), a, netns="").done()
    # An earlier version made it; and one that never was there.
    host.delete(own(host), old).done()
    host.delete(own(host), b, cid="never").done()
    assert a.link() is None and b.link() is not None
    assert old.link() is not None
    host.add(own(host), world.container()).failed(11)
    assert len(os.listdir(host.directory + "/freed")) == 3
    host.start()
    assert [x["container_id"] for x in leases(host)] == [b.cid]
    assert os.listdir(host.directory + "/freed") == []
    assert old.link() is None and b.link() is not None
    wait = host.ask("ipam", "free", b.cid, "eth0", "--owner", "cni:net1",
                    check=False)
    assert wait is None and len(leases(host)) == 1
    host.delete(own(host), b).done()
    assert leases(host) == []
    host.assert_nothing_left()


def test_daemon_stands_still_at_delete(world):
    """Its note is read when it goes on, and not at its next start only."""
    host = world.hosts[0]
    a = world.container()
    host.add(own(host), a).done()
    os.kill(host.daemon.pid, signal.SIGSTOP)
    try:
        host.delete(own(host), a, FASTDP_TIMEOUT_MS="500").done()
        assert a.link() is None
        assert len(os.listdir(host.directory + "/freed")) == 1
    finally:
        os.kill(host.daemon.pid, signal.SIGCONT)
    wait_until("the note to be read", lambda: not os.listdir(
        host.directory + "/freed"))
    assert leases(host) == []
    host.assert_nothing_left()


def test_static(world):
    """By capability, by CNI_ARGS; outside, taken, reserved."""
    host = world.hosts[0]
    a, b = world.container(), world.container()
    asked = own(host, runtimeConfig={"ips": ["10.32.1.5/16", "fd32:1::9"]})
    assert ips(host.add(asked, a).done()) == ["10.32.1.5/16",
                                              "fd32:1::9/112"]
    host.add(own(host), b, CNI_ARGS="IP=10.32.1.5").failed(100, "10.32.1.5")
    host.add(own(host), b, CNI_ARGS="IP=10.32.2.5").failed(7, "10.32.2.5")
    host.add(own(host), b, CNI_ARGS="IP=10.32.1.7").failed(7, "last")
    got = host.add(own(host), b, CNI_ARGS="IP=10.32.1.6").done()
    assert ips(got) == ["10.32.1.6/16"]
    refused = own(host, runtimeConfig={
        "ipRanges": [[{"subnet": "10.32.0.0/16"}]]})
    host.add(refused, world.container()).failed(2, "ipRanges")
    for c in (a, b):
        host.delete(own(host), c).done()
    host.assert_nothing_left()


def test_gateway_of_the_host(world):
    """The host itself, with an address of its block, while it is needed."""
    one, two = world.hosts
    conf = own(one, isGateway=True, ipam={
        "type": "fastdp", "routes": [{"dst": "0.0.0.0/0"}]})
    a, b, c = (world.container() for _ in range(3))
    got = one.add(conf, a).done().json
    assert [i["gateway"] for i in got["ips"]] == ["10.32.1.1", "fd32:1::1"]
    assert got["ips"][0]["address"] == "10.32.1.2/16"
    assert a.routes()[0]["gateway"] == "10.32.1.1"
    got = one.add(conf, b).done().json
    assert got["ips"][0]["gateway"] == "10.32.1.1"
    assert ips(two.add(dict(conf, socket=two.socket), c).done())[0] == \
        "10.32.2.2/16"
    for x, want in ((a, "10.32.1.1"), (a, "fd32:1::1"), (c, "10.32.2.1")):
        real.ping(x, want)
    one.call("GC", conf).done()
    two.delete(dict(conf, socket=two.socket), c).done()
    for host in (one, two):
        assert leases(host) == []
        assert "10.32" not in host.ns.ip("addr", "show", "dev",
                                         "fastdp").stdout
        host.assert_nothing_left()


def test_overlap(world):
    """Both sides name both hosts and give nothing out, over a restart too;
    then one changes its mind."""
    one, two = world.hosts
    a = world.container()
    one.add(own(one), a).done()
    reload(two, RANGE + "block = 10.32.1.0/24\n")
    for host in (one, two):
        wait_until(lambda: "a dispute: %s" % host.ask("ipam", "list"),
                   lambda h=host: any(b["state"] == "disputed" for b in
                                      h.ask("ipam", "list")["blocks"]))
        c = world.container()
        host.add(own(host), c).failed(101, "host1", "host2", "overlap")
        host.call("STATUS", own(host)).failed(50, "host1", "host2")
        assert any("host1" in w and "host2" in w
                   for w in host.ask("status")["warnings"])
    # The other host is away, and one that starts anew remembers.
    two.kill()
    one.kill()
    one.start()
    one.add(own(one), world.container()).failed(101, "host2")
    assert one.ask("ipam", "reclaim", "nobody", check=False) is None
    two.start()
    world.wait_connected()
    assert one.ask("ipam", "reclaim", "host2", check=False) is None
    reload(two, RANGE + "block = 10.32.2.0/24\n")
    wait_until("the dispute to end", lambda: not any(
        b["state"] == "disputed" for h in (one, two)
        for b in h.ask("ipam", "list")["blocks"]))
    c = world.container()
    assert ips(two.add(own(two), c).done()) == ["10.32.2.1/16"]
    # A host that is gone for good.
    reload(two, RANGE + "block = 10.32.1.0/29\n")
    wait_until("the dispute", lambda: block(one)["state"] == "disputed")
    two.kill()
    wait_until("the session to end", lambda: one.ask(
        "ipam", "reclaim", "host2", check=False), 40, 0.5)
    d = world.container()
    assert ips(one.add(own(one), d).done())[0] == "10.32.1.2/16"
    for x in (a, d):
        one.delete(own(one), x).done()
    one.assert_nothing_left()


def test_reboot_and_damage(world):
    """Leases of an earlier life of the host wait for their containers, until
    their address is needed; a damaged file is put aside and said."""
    host = world.hosts[0]
    a = world.container()
    host.add(own(host), a).done()
    host.kill()
    (name,) = files(host)
    path = host.directory + "/state/leases/" + name
    with open(path, encoding="ascii") as f:
        lease = json.load(f)
    host.delete(own(host), a).done()  # the link: its port is gone
    os.unlink(host.directory + "/freed/" +
              os.listdir(host.directory + "/freed")[0])
    with open(path, "w", encoding="ascii") as f:
        json.dump(dict(lease, boot="another"), f)
    with open(path.replace(".json", "0.json"), "w", encoding="ascii") as f:
        f.write("{")
    host.start()
    assert any("damaged" in w for w in host.ask("status")["warnings"])
    assert [x["stale"] for x in leases(host)] == [True]
    # It comes back, and gets what it had.
    a.ns.close()
    back = world.container()
    back.cid = a.cid
    assert ips(host.add(own(host), back).done())[0] == "10.32.1.1/16"
    assert [x["stale"] for x in leases(host)] == [False]
    host.delete(own(host), back).done()
    # It does not come back: the last address is its.
    host.kill()
    with open(path, "w", encoding="ascii") as f:
        json.dump(dict(lease, boot="another"), f)
    host.start()
    got = []
    for _ in range(6):
        c = world.container()
        got.append(ips(host.add(own(host), c).done())[0])
    assert sorted(got) == ["10.32.1.%d/16" % n for n in range(1, 7)]
    assert got[-1] == "10.32.1.1/16"
    host.add(own(host), world.container()).failed(101, "in use")
