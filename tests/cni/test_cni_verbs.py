# SPDX-License-Identifier: Apache-2.0
"""Every verb at every version of the specification, and what it answers."""

import json
import re

import pytest

from world import VERSIONS

ATTACHED = ["0.4.0", "1.0.0", "1.1.0"]


def allowed(version, interface, ip, route):
    """The members that a result of this version may have."""
    base = {"interface": {"name", "mac", "sandbox"},
            "ip": {"address", "gateway", "interface"},
            "route": {"dst", "gw"}}
    if version < "1.0.0":
        base["ip"] |= {"version"}
    if version >= "1.1.0":
        base["interface"] |= {"mtu", "socketPath", "pciID"}
        base["route"] |= {"mtu", "advmss", "priority", "table", "scope"}
    assert set(interface) <= base["interface"], interface
    assert set(ip) <= base["ip"], ip
    assert set(route) <= base["route"], route


def assert_result(result, version, container):
    """Against the specification's fields."""
    assert result["cniVersion"] == version
    assert set(result) <= {"cniVersion", "interfaces", "ips", "routes", "dns"}
    outside, inside = result["interfaces"][-2:]
    assert outside["name"].startswith("fd") and "sandbox" not in outside
    assert inside["name"] == container.ifname
    assert inside["sandbox"] == container.netns
    link = container.link()
    assert inside["mac"] == link["address"]
    assert re.fullmatch("([0-9a-f]{2}:){5}[0-9a-f]{2}", outside["mac"])
    for ip in result["ips"]:
        assert isinstance(ip["interface"], int)
        assert result["interfaces"][ip["interface"]] == inside
        if version < "1.0.0":
            assert ip["version"] == ("6" if ":" in ip["address"] else "4")
        for route in result.get("routes") or [{}]:
            allowed(version, outside, ip, route)
            allowed(version, inside, ip, route)
    if version >= "1.1.0":
        assert inside["mtu"] == link["mtu"] and outside["mtu"] > 0
    assert isinstance(result["dns"], dict)


@pytest.mark.parametrize("version", VERSIONS)
def test_add_and_del(world, version):
    c = world.container()
    conf = world.conf(version, ipam={"type": "fake_ipam", "v6": True,
                                     "routes": [{"dst": "0.0.0.0/0"},
                                                {"dst": "::/0"}]})
    result = world.add(conf, c).done().json
    assert_result(result, version, c)
    assert c.addresses() == ["10.32.0.2/24", "fd32::2/64"]
    assert c.link()["mtu"] == 1450 and "UP" in c.link()["flags"]
    assert [r["gateway"] for r in c.routes()
            if r["dst"] == "default"] == ["10.32.0.1"]
    assert [r["gateway"] for r in c.routes("-6")
            if r["dst"] == "default"] == ["fd32::1"]
    attach, = world.requests("attach")
    assert attach["container_id"] == c.cid
    assert attach["owner"] == "cni:net1"
    assert attach["netns"] == c.ns.inode()
    for _ in range(3):
        world.delete(dict(conf, prevResult=result), c).done()
    world.assert_nothing_left()


@pytest.mark.parametrize("version", VERSIONS)
def test_check(world, version):
    c = world.container()
    conf = world.conf(version)
    result = world.add(conf, c).done().json
    if version < "0.4.0":
        world.check(conf, c, result).failed(1, version=version)
        return
    world.check(conf, c, result).done()
    assert world.check(conf, c, result).out == ""
    assert [i["verb"] for i in world.ipam_calls()][-1] == "CHECK"
    world.call("CHECK", conf, c).failed(7, "prevResult", version=version)


BREAKAGES = {
    "link": (["link", "delete", "eth0"], "no such interface"),
    "down": (["link", "set", "eth0", "down"], "down"),
    "address": (["addr", "flush", "dev", "eth0"], "address 10.32.0.2/24"),
    "route": (["route", "delete", "default"], "route to 0.0.0.0/0"),
    "other way": (["route", "replace", "default", "via", "10.32.0.9"],
                  "route to 0.0.0.0/0"),
    "mac": (["link", "set", "eth0", "address", "02:00:00:00:00:99"], "mac"),
    "mtu": (["link", "set", "eth0", "mtu", "1300"], "mtu"),
}


@pytest.mark.parametrize("what", BREAKAGES)
def test_check_sees(world, what):
    c = world.container()
    conf = world.conf("1.1.0")
    result = world.add(conf, c).done().json
    command, word = BREAKAGES[what]
    c.ns.ip(*command)
    world.check(conf, c, result).failed(104, word)


def test_check_takes_an_mtu_that_is_the_networks(world):
    """Both ends have what the daemon made of a link that is narrower now."""
    c = world.container()
    conf = world.conf("1.1.0")
    result = world.add(conf, c).done().json
    c.ns.ip("link", "set", "eth0", "mtu", "1400")
    world.check(conf, c, result).failed(104, "mtu")
    world.ns.ip("link", "set", world.host_links()[0], "mtu", "1400")
    world.check(conf, c, result).done()


def test_check_sees_what_the_daemon_has_lost(world):
    c = world.container()
    conf = world.conf("1.1.0")
    result = world.add(conf, c).done().json
    port = [p for p in json.loads(json.dumps(world.requests("attach")))][0]
    for change, word in ((None, "no such port"),
                         ({"mac": "02:00:00:00:00:77"}, "send only as"),
                         ({"addresses": []}, "does not know")):
        ports = [] if change is None else [dict(port, **change)]
        world.daemon_does(ports={"reply": {"ports": ports}})
        world.check(conf, c, result).failed(104, word)
    world.daemon_does()
    world.check(conf, c, result).done()


def test_check_tolerates_later_plugins(world):
    """portmap, tuning, sbr: more interfaces, addresses, routes; other MAC."""
    c = world.container()
    conf = world.conf("1.1.0")
    result = world.add(conf, c).done().json
    c.ns.ip("addr", "add", "192.0.2.9/32", "dev", "eth0")
    c.ns.ip("route", "add", "192.0.2.128/25", "via", "10.32.0.7")
    c.ns.ip("route", "add", "default", "via", "10.32.0.1", "table", "100")
    c.ns.ip("route", "delete", "default")
    result["interfaces"].insert(0, {"name": "ifb0", "mac": ""})
    for ip in result["ips"]:
        ip["interface"] += 1
    result["interfaces"].append({"name": "lo", "sandbox": c.netns})
    result["ips"].append({"address": "127.0.0.1/8", "interface": 3})
    world.check(conf, c, result).done()
    # Another path to the same namespace.
    again = dict(result)
    world.call("CHECK", dict(conf, prevResult=again), c,
               netns="/var/run/netns/" + c.ns.name).done()


@pytest.mark.parametrize("version", VERSIONS)
def test_version(world, version):
    for stdin in ({"cniVersion": version},
                  world.conf(version, prevResult={"ips": 3})):
        got = world.raw(world.env("VERSION", "dummy", "dummy", "dummy",
                                  CNI_PATH="dummy"), stdin).done().json
        assert got == {"cniVersion": version, "supportedVersions": VERSIONS}


@pytest.mark.parametrize("stdin", [
    b"", b"{}", b"[]", b"null", b"\xff\xfe", b'{"cniVersion": 3}',
    b'{"cniVersion": "9.9.9"}', b'{"cniVersion": ""}', b"{" * 5000],
                         ids=range(9))
def test_version_of_anything(world, stdin):
    got = world.raw(world.env("VERSION"), stdin).done().json
    assert got == {"cniVersion": "1.1.0", "supportedVersions": VERSIONS}


@pytest.mark.parametrize("verb", ["ADD", "DEL", "CHECK", "GC", "STATUS"])
def test_unsupported_versions(world, verb):
    c = world.container()
    for version in ("0.1.0", "0.2.0", "1.2.0", "2.0.0", "x", ""):
        world.call(verb, world.conf(version), c).failed(
            1, "0.3.0", version="1.1.0")
    world.call(verb, world.conf(...), c).failed(1)
    assert world.requests() == [] and world.ipam_calls() == []


@pytest.mark.parametrize("version", VERSIONS)
def test_gc_and_status_are_of_1_1(world, version):
    for verb in ("GC", "STATUS"):
        got = world.call(verb, world.conf(version))
        if version < "1.1.0":
            got.failed(1, verb, version=version)
        else:
            assert got.done().out == ""
            assert world.ipam_calls()[-1]["verb"] == verb


def test_status(world):
    conf = world.conf("1.1.0")
    empty = {"cid": "", "netns": "", "ifname": ""}
    world.call("STATUS", conf, **empty).done()
    world.ipam_does(STATUS={"raw": json.dumps(
        {"code": 51, "msg": "no more"}), "exit": 1})
    world.call("STATUS", conf).failed(51, "fake_ipam", "no more")
    world.ipam_does(STATUS={"kill": 9})
    world.call("STATUS", conf).failed(50, "fake_ipam")
    world.ipam_does()
    world.call("STATUS", conf, CNI_PATH="/nonexistent").failed(50, "fake_ipam")
    world.daemon_does(plan={"error": {"code": "limit", "hint": "",
                                      "message": "1024 ports already"}})
    world.call("STATUS", conf).failed(50, "1024 ports")
    world.daemon_does()
    world.call("STATUS", dict(conf, mtu=9000)).failed(50, "9000")
    world.call("STATUS", dict(conf, ipMasq=True)).failed(7, "ipMasq")
    world.stop_daemon()
    world.call("STATUS", conf).failed(50, "no daemon", version="1.1.0")


def listed(*containers):
    return [{"containerID": c.cid, "ifname": c.ifname} for c in containers]


@pytest.mark.parametrize("how", ["list", "early name", "both", "absent",
                                 "null"])
def test_gc(world, how):
    a, b = world.container(), world.container()
    other = world.container()
    conf = world.conf("1.1.0")
    for c in (a, b):
        world.add(conf, c).done()
    # Another network of the runtime's on the same network of ours.
    world.add(world.conf("1.1.0", name="net2"), other).done()
    keep = [a] if how not in ("absent", "null") else []
    lists = {"list": {"cni.dev/valid-attachments": listed(a)},
             "early name": {"cni.dev/attachments": listed(a)},
             "both": {"cni.dev/valid-attachments": listed(a),
                      "cni.dev/attachments": listed(a)},
             "absent": {}, "null": {"cni.dev/valid-attachments": None,
                                    "cni.dev/attachments": None}}[how]
    world.call("GC", dict(conf, **lists), cid="", netns="",
               ifname="").done()
    assert (a.link() is not None) == (a in keep)
    assert b.link() is None
    assert other.link() is not None
    call = world.ipam_calls()[-1]
    assert call["verb"] == "GC" and json.loads(call["stdin"]) == dict(
        conf, **lists)
    world.call("GC", dict(conf, **lists)).done()


@pytest.mark.parametrize("bad", [
    {}, "x", 3, [3], [{}], [{"containerID": "a"}],
    [{"containerID": 1, "ifname": "eth0"}]])
def test_gc_with_an_odd_list_takes_nothing(world, bad):
    c = world.container()
    conf = world.conf("1.1.0")
    world.add(conf, c).done()
    world.call("GC", dict(conf, **{"cni.dev/valid-attachments": bad})).failed(
        7, "valid-attachments")
    assert c.link() is not None and world.leases()


def test_gc_goes_on_after_an_error(world):
    containers = [world.container() for _ in range(3)]
    conf = world.conf("1.1.0")
    for c in containers:
        world.add(conf, c).done()
    world.daemon_does(detach={"error": {"code": "system", "message": "no",
                                        "hint": ""}})
    world.call("GC", conf).failed(103, "no")
    assert len(world.requests("detach")) == 3
    assert world.ipam_calls()[-1]["verb"] == "GC"
    world.daemon_does()
    world.ipam_does(GC={"raw": '{"code": 7, "msg": "bad"}', "exit": 1})
    world.call("GC", conf).failed(7, "fake_ipam: bad")
    for c in containers:
        assert c.link() is None


def test_gc_leaves_what_others_made(world):
    """A port of fastdpctl attach, and the host's own."""
    world.daemon_does(ports={"reply": {"ports": [
        {"ifname": "eth0", "host_ifname": "fd0000000001", "owner": "",
         "container_id": "x", "network": "default"},
        {"ifname": "eth0", "host_ifname": "fd0000000002",
         "container_id": "x", "network": "default"},
        {"ifname": "eth0", "host_ifname": "fd0000000003", "container_id": "",
         "owner": "cni:net1", "network": "default"}, 3, None]}})
    world.call("GC", world.conf("1.1.0")).done()
    assert world.requests("detach") == []
