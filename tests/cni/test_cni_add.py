# SPDX-License-Identifier: Apache-2.0
"""What ADD makes, what it takes back when a step fails, and chains."""

import json
import os
import signal
import subprocess
import threading

import pytest

from test_cni_verbs import assert_result
from world import VERSIONS, wait_until


@pytest.mark.parametrize("version", VERSIONS)
def test_previous_result_passes_through(world, version):
    c = world.container()
    before = {"cniVersion": version, "interfaces": [
        {"name": "dummy0", "sandbox": c.netns, "odd": [1]}],
        "ips": [{"address": "192.0.2.1/32", "interface": 0,
                 **({"version": "4"} if version < "1.0.0" else {})}],
        "routes": [{"dst": "192.0.2.0/24"}], "odd": {"a": None},
        "dns": {"nameservers": ["192.0.2.53"]}}
    got = world.add(world.conf(version, prevResult=before), c).done().json
    assert got["interfaces"][0] == before["interfaces"][0]
    assert got["ips"][0] == before["ips"][0]
    assert got["routes"][0] == before["routes"][0]
    assert got["odd"] == before["odd"] and got["dns"] == before["dns"]
    assert [ip["interface"] for ip in got["ips"]] == [0, 2]
    assert_result({"cniVersion": version, "interfaces": got["interfaces"],
                   "ips": got["ips"][1:], "routes": got["routes"],
                   "dns": got["dns"]}, version, c)


def test_routes(world):
    c = world.container()
    routes = [{"dst": "192.0.2.0/24", "gw": "10.32.0.9", "mtu": 1300,
               "advmss": 1200, "priority": 7, "table": 100},
              {"dst": "198.51.100.77/24", "scope": 0},
              {"dst": "2001:db8::/32", "gw": "fd32::9", "priority": 5}]
    conf = world.conf("1.1.0", ipam={"type": "fake_ipam", "v6": True,
                                     "routes": routes})
    got = world.add(conf, c).done().json
    assert got["routes"][0] == routes[0]
    assert got["routes"][1] == {"dst": "198.51.100.0/24", "scope": 0}
    first, = [r for r in c.routes() if r["dst"] == "192.0.2.0/24"]
    assert (first["gateway"], first["metric"], first["table"]) == (
        "10.32.0.9", 7, "100")
    assert {"mtu": 1300, "advmss": 1200} == first["metrics"][0]
    second, = [r for r in c.routes() if r["dst"] == "198.51.100.0/24"]
    assert second["gateway"] == "10.32.0.1"
    third, = [r for r in c.routes("-6") if r["dst"] == "2001:db8::/32"]
    assert (third["gateway"], third["metric"]) == ("fd32::9", 5)
    world.check(conf, c, got).done()


def test_route_without_gateway_is_on_link(world):
    c = world.container()
    world.ipam_does(ADD={"result": {"ips": [{"address": "10.32.0.2/24"}],
                                    "routes": [{"dst": "192.0.2.0/24"}]}})
    got = world.add(world.conf("1.0.0"), c).done().json
    assert "gateway" not in got["ips"][0]
    route, = [r for r in c.routes() if r["dst"] == "192.0.2.0/24"]
    assert route["scope"] == "link" and "gateway" not in route


def test_mtu(world):
    c = world.container()
    got = world.add(world.conf("1.1.0", mtu=1400), c).done().json
    assert c.link()["mtu"] == 1400
    assert got["interfaces"][1]["mtu"] == 1400
    assert got["interfaces"][0]["mtu"] == 1450


SNIFFER = """import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.settimeout(5)
print("ready", flush=True)
want, end = set(sys.argv[1:]), time.monotonic() + 10
while want and time.monotonic() < end:
    f = s.recv(2000)
    if f[12:14] == b"\\x08\\x06" and f[28:32] == f[38:42]:
        want.discard(socket.inet_ntoa(f[28:32]))
    if f[12:14] == b"\\x86\\xdd" and f[20] == 58 and f[54] == 136:
        want.discard(socket.inet_ntop(socket.AF_INET6, f[62:78]))
print(sorted(want))
"""


def test_addresses_are_announced(world):
    """By the kernel, when the interface comes up: who had them before in his
    neighbour table learns of the new MAC."""
    child = world.ns.popen("/usr/bin/python3", "-c", SNIFFER, "10.32.0.2",
                           "fd32::2", stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"ready\n"
    got = world.add(world.conf(ipam={"type": "fake_ipam", "v6": True}),
                    world.container()).done().json
    assert [i["address"] for i in got["ips"]] == ["10.32.0.2/24",
                                                  "fd32::2/64"]
    assert child.communicate(timeout=20)[0] == b"[]\n"


def test_ipv6_needs_its_mtu(world):
    c = world.container()
    ipam = {"type": "fake_ipam", "v6": True}
    world.add(world.conf(mtu=1279, ipam=ipam), c).failed(7, "1280")
    world.assert_nothing_left()
    world.add(world.conf(mtu=1280, ipam=ipam), c).done()
    assert len(c.addresses()) == 2
    world.delete(world.conf(), c).done()
    world.add(world.conf(mtu=576), c).done()
    assert c.link()["mtu"] == 576


def test_ipv6_that_is_turned_off(world):
    c = world.container()
    for name in ("all", "default"):
        c.ns.run("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/%s/"
                 "disable_ipv6" % name)
    world.add(world.conf(ipam={"type": "fake_ipam", "v6": True}), c).failed(
        103, "fd32::2", "disable_ipv6")
    world.assert_nothing_left()
    world.add(world.conf(), c).done()


def test_dns(world):
    ours, theirs = {"nameservers": ["192.0.2.1"]}, {"domain": "example"}
    ipam = {"type": "fake_ipam", "dns": theirs}
    for conf, want in ((world.conf(dns=ours, ipam=ipam), ours),
                       (world.conf(ipam=ipam), theirs),
                       (world.conf(dns=ours, runtimeConfig={"dns": {
                           "Servers": ["192.0.2.2"], "searches": ["a.example"],
                           "options": []}}),
                        {"nameservers": ["192.0.2.2"],
                         "search": ["a.example"]}),
                       (world.conf(dns=ours, runtimeConfig={"dns": [3]}), ours),
                       (world.conf(dns={}), {})):
        c = world.container()
        assert world.add(conf, c).done().json["dns"] == want


def test_gateway_and_masquerade_are_asked_for(world):
    """Once each, with the port; a refusal leaves nothing."""
    c = world.container()
    conf = world.conf(isGateway=True, ipam={"type": "fake_ipam", "v6": True})
    world.add(conf, c).done()
    (attach,) = world.requests("attach")
    assert attach["gateways"] == ["10.32.0.1/24", "fd32::1/64"]
    assert "masquerade" not in attach and not world.requests("expose")
    world.delete(conf, c).done()
    world.add(dict(conf, ipMasq=True), c).done()
    assert world.requests("attach")[-1]["masquerade"] is True
    d = world.container()
    world.add(world.conf(), d).done()
    assert "gateways" not in world.requests("attach")[-1]
    world.daemon_does(attach={"error": {"code": "in-use", "message": "taken",
                                        "hint": ""}})
    e = world.container()
    world.add(conf, e).failed(100, "taken")
    assert e.link() is None and len(world.leases()) == 2


def test_network(world):
    c = world.container()
    world.add(world.conf(network="blue"), c).done()
    assert world.requests("attach")[0]["network"] == "blue"
    world.delete(world.conf(network="blue"), c).done()
    assert world.requests("detach")[0]["network"] == "blue"
    world.assert_nothing_left()


def test_two_interfaces_of_one_container(world):
    a = world.container()
    b = world.container("eth1")
    b.ns.close()
    b.ns, b.netns, b.cid = a.ns, a.netns, a.cid
    world.add(world.conf(), a).done()
    got = world.add(world.conf(name="net2"), b).done()
    assert "there is a route to 0.0.0.0/0 already" in got.err
    world.check(world.conf(name="net2"), b, got.json).done()
    world.delete(world.conf(), a).done()
    assert b.link() is not None and a.link() is None
    world.delete(world.conf(name="net2"), b).done()
    world.assert_nothing_left()


def test_interface_that_exists_is_not_harmed(world):
    c = world.container()
    conf = world.conf()
    world.add(conf, c).done()
    link = c.link()
    world.add(conf, c).failed(100, "eth0")
    world.add(conf, c, cid="another").failed(100, "eth0")
    assert c.link() == link and len(world.leases()) == 1
    c.ns.ip("link", "add", "eth7", "type", "veth", "peer", "name", "eth8")
    world.add(conf, c, ifname="eth7").failed(100, "eth7")
    assert "eth7" in c.ns.links()
    assert [i["verb"] for i in world.ipam_calls()] == ["ADD"]


@pytest.mark.parametrize("verb", ["plan", "attach"])
@pytest.mark.parametrize("code,want", [
    ("in-use", 100), ("limit", 102), ("invalid", 7), ("system", 103),
    ("no-daemon", 102)])
def test_refusals_of_the_daemon(world, verb, code, want):
    c = world.container()
    world.daemon_does(**{verb: {"error": {
        "code": code, "message": "because \u00e4", "hint": "do that"}}})
    world.add(world.conf(), c).failed(want, "because \u00e4", "do that",
                                      version="1.0.0")
    world.assert_nothing_left()


@pytest.mark.parametrize("verb", ["plan", "attach"])
@pytest.mark.parametrize("how", ["close", "garbage"])
def test_daemon_that_breaks_off(world, verb, how):
    c = world.container()
    world.daemon_does(**{verb: how})
    got = world.add(world.conf(isGateway=True), c)
    got.failed(11 if how == "close" else 102)
    world.daemon_does()
    world.assert_nothing_left()


@pytest.mark.parametrize("reply", [
    {}, {"host_ifname": "eth0/x", "mac": "02:00:00:00:00:01", "mtu": 1450},
    {"host_ifname": "fd0000000000", "mac": "ff:00:00:00:00:01", "mtu": 1450},
    {"host_ifname": "fd0000000000", "mac": "02:00:00:00:00:01", "mtu": 1e9},
    {"host_ifname": 3, "mac": None, "mtu": "x"}])
def test_plans_that_make_no_sense(world, reply):
    c = world.container()
    world.daemon_does(plan={"reply": reply})
    world.add(world.conf(), c).failed(102)
    world.assert_nothing_left()


def test_attach_of_another_namespace_is_undone(world):
    c = world.container()
    world.daemon_does(attach={"port": {"netns": "1:1"}})
    world.add(world.conf(), c).failed(3, "another namespace")
    world.assert_nothing_left()


def test_daemon_down(world):
    """ADD is to be tried again, DEL succeeds, the daemon learns of it."""
    c, d = world.container(), world.container()
    conf = world.conf("1.1.0")
    result = world.add(conf, c).done().json
    world.add(conf, d).done()
    world.stop_daemon()
    world.add(conf, world.container()).failed(11, "no daemon")
    world.check(conf, c, result).failed(11)
    world.call("GC", conf).failed(11)
    assert world.ipam_calls()[-1]["verb"] == "GC"
    world.delete(dict(conf, prevResult=result), c).done()
    assert c.link() is None
    # Without a result: its other end tells that it is ours.
    world.delete(conf, d).done()
    world.delete(conf, d).done()
    world.assert_nothing_left()


def notes(world):
    """Whom the daemon is to forget when it is back."""
    where = world.directory + "/freed"
    return sorted(json.loads(open(where + "/" + n, encoding="utf-8").read())[
        "container_id"] for n in os.listdir(where)) if os.path.isdir(
            where) else []


def test_daemon_down_and_another_container_there(world):
    """What is not known to be its own is left, and the daemon is told."""
    c, other = world.container(), world.container()
    conf = world.conf()
    result = world.add(conf, c).done().json
    other.ns.close()
    other.ns, other.netns = c.ns, c.netns
    world.add(conf, other).failed(100)
    world.stop_daemon()
    # As a runtime does after an ADD that failed.
    world.delete(conf, other).done()
    assert c.link() is not None and notes(world) == [other.cid]
    # The result's MAC tells it from the one that was.
    wrong = json.loads(json.dumps(result))
    wrong["interfaces"][1]["mac"] = "02:00:00:00:00:55"
    world.delete(dict(conf, prevResult=wrong), c).done()
    assert c.link() is not None
    assert notes(world) == sorted([c.cid, other.cid])
    # An earlier version made it.
    c.ns.ip("link", "set", "eth0", "alias", "")
    world.delete(conf, c).done()
    assert c.link() is not None
    world.delete(dict(conf, prevResult=result), c).done()
    assert c.link() is None


def test_daemon_that_hangs(world):
    """DEL waits for it once, not three times."""
    c = world.container()
    conf = world.conf("1.1.0", ipam={"type": "fastdp"})
    world.add(world.conf("1.1.0"), c).done()
    n = len(world.requests("ping"))
    world.daemon_does(ping="hang")
    got = world.delete(conf, c, FASTDP_TIMEOUT_MS="500").done()
    assert len(world.requests("ping")) == n + 1, got
    assert c.link() is None and notes(world) == [c.cid]


def test_daemon_refuses_to_detach(world):
    c = world.container()
    world.add(world.conf(), c).done()
    world.daemon_does(detach={"error": {"code": "system", "message": "no",
                                        "hint": ""}})
    got = world.delete(world.conf(), c).done()
    assert "no" in got.err
    world.assert_nothing_left()


@pytest.mark.parametrize("fault,code,word", [
    ({"raw": '{"code": 11, "msg": "later", "details": "d"}', "exit": 1}, 11,
     "fake_ipam: later d"),
    ({"raw": '{"code": 7, "msg": "\\u00e4"}', "exit": 3}, 7, "\u00e4"),
    ({"raw": '{"code": 0, "msg": "no code"}', "exit": 1}, 101, "no code"),
    ({"raw": '{"code": -3, "msg": "no code"}', "exit": 1}, 101, "no code"),
    ({"raw": "panic: runtime", "exit": 2}, 101, "exit status was 2"),
    ({"raw": "", "exit": 1}, 101, "exit status was 1"),
    ({"kill": 9}, 101, "signal 9"), ({"kill": 11}, 101, "signal 11"),
    ({"raw": "{", "exit": 0}, 101, "no JSON"),
    ({"raw": "", "exit": 0}, 101, "no JSON"),
    ({"raw": "[]", "exit": 0}, 101, "no JSON"),
    ({"raw": "{}", "exit": 0}, 101, "no address"),
    ({"flood": 2 << 20, "exit": 0}, 101, "too much"),
    ({"result": {"ips": [{"address": "x"}]}}, 101, "address"),
    ({"result": {"ips": [{"address": "10.0.0.1"}]}}, 101, "address"),
    ({"result": {"ips": [{"address": "10.0.0.1/24", "gateway": "::1"}]}},
     101, "address"),
    ({"result": {"ips": [{"address": "10.0.0.%d/24" % i}
                         for i in range(17)]}}, 101, "16"),
    ({"result": {"ips": 3}}, 101, "no address"),
    ({"result": {"ips": [3]}}, 101, "address"),
    ({"result": {"routes": [{"dst": "x"}]}}, 101, "route"),
    ({"result": {"routes": [{"dst": "::/0", "gw": "10.0.0.1"}]}}, 101,
     "route"),
    ({"result": {"routes": [{"dst": "10.0.0.0/8", "mtu": -1}]}}, 101,
     "route"),
    ({"result": {"routes": [{"dst": "10.0.0.0/8"}] * 257}}, 101, "256"),
    ({"result": {"routes": [{"dst": "192.0.2.0/24",
                             "gw": "203.0.113.1"}]}}, 103, "192.0.2.0/24"),
    ({"result": {"ips": [{"address": "10.32.0.2/24"},
                         {"address": "10.32.0.2/24"}]}}, 100, "10.32.0.2"),
])
def test_faults_of_the_ipam_plugin(world, fault, code, word):
    c = world.container()
    world.ipam_does(ADD=fault)
    world.add(world.conf(), c).failed(code, word, version="1.0.0")
    world.assert_nothing_left()


def test_ipam_result_that_is_lost_is_given_back(world):
    c = world.container()
    for fault in ({"raw": "{", "exit": 0}, {"kill": 9}, {"flood": 2 << 20}):
        world.ipam_does(ADD=dict(fault, serve=True))
        world.add(world.conf(), c).failed(101)
        world.assert_nothing_left()
    calls = [i["verb"] for i in world.ipam_calls()]
    assert calls == ["ADD", "DEL"] * 3


def test_failure_of_the_ipam_plugin_at_del_is_told(world):
    c = world.container()
    world.add(world.conf(), c).done()
    world.ipam_does(DEL={"raw": '{"code": 11, "msg": "x"}', "exit": 1})
    world.delete(world.conf(), c).failed(11)
    world.ipam_does()
    world.delete(world.conf(), c).done()
    world.assert_nothing_left()


def test_stdin_comes_to_the_ipam_plugin_to_the_byte(world):
    c = world.container()
    text = b' {"a":1.50,"cniVersion" :"1.0.0","name":"n","a":2,' + \
        b'"pad":"' + b"x" * 300000 + b'","socket":"' + \
        world.socket.encode() + b'","ipam":{"type":"fake_ipam"}}\n\n'
    world.raw(world.env("ADD", c.cid, c.netns, c.ifname), text).done()
    assert world.ipam_calls()[0]["stdin"].encode() == text
    # And one that reads none of it.
    world.ipam_does(DEL={"raw": "", "exit": 0})
    world.raw(world.env("DEL", c.cid, c.netns, c.ifname), text).done()


def test_ipam_that_is_no_program(world):
    c = world.container()
    with open(world.directory + "/bin/text", "w", encoding="ascii") as f:
        f.write("nothing")
    for name, mode in (("text", 0o644), ("text", 0o755), ("dir", 0)):
        if name == "dir":
            os.makedirs(world.directory + "/bin/dir", exist_ok=True)
        else:
            os.chmod(world.directory + "/bin/text", mode)
        world.add(world.conf(ipam={"type": name}), c).failed(101, name)
    world.add(world.conf(), c, CNI_PATH=None).failed(101, "CNI_PATH")
    world.add(world.conf(), c, CNI_PATH=":::").failed(101)
    world.assert_nothing_left()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT,
                                    signal.SIGHUP])
def test_signals_wait_for_the_end(world, number):
    c = world.container()
    world.ipam_does(ADD={"serve": True, "sleep": 0.5})
    child = world.launch(world.env("ADD", c.cid, c.netns, c.ifname))
    child.stdin.write(json.dumps(world.conf()).encode())
    child.stdin.close()
    wait_until("the IPAM plugin to run", world.ipam_calls)
    child.send_signal(number)
    out = child.stdout.read()
    child.wait()
    child.stdout.close()
    child.stderr.close()
    assert child.returncode == 0 and json.loads(out)["ips"]
    world.delete(world.conf(), c).done()
    world.assert_nothing_left()


@pytest.mark.limit(300)
def test_many_at_once(world):
    """Adds, checks, deletes and collections mixed."""
    n = 30
    conf = world.conf("1.1.0")
    containers = [world.container() for _ in range(n)]
    results = {}

    def in_parallel(function, items):
        threads = [threading.Thread(target=function, args=(i,))
                   for i in items]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    def add(c):
        results[c.cid] = world.add(conf, c)

    def check_or_del(c):
        if containers.index(c) % 2:
            results[c.cid] = world.delete(conf, c)
        else:
            results[c.cid] = world.check(conf, c, results[c.cid].json)

    in_parallel(add, containers)
    for got in results.values():
        got.done()
    assert len({a for c in containers for a in c.addresses()}) == n
    in_parallel(check_or_del, containers)
    for got in results.values():
        got.done()
    keep = containers[::4]
    world.call("GC", dict(conf, **{"cni.dev/valid-attachments": [
        {"containerID": c.cid, "ifname": c.ifname} for c in keep]})).done()
    assert [c for c in containers if c.link() is not None] == keep
    assert len(world.leases()) == len(keep)
    in_parallel(lambda c: world.delete(conf, c).done(), containers)
    world.assert_nothing_left()


def test_output_is_one_line_of_json_and_nothing_else(world):
    c = world.container()
    got = world.add(world.conf(), c).done()
    assert got.out.count("\n") == 1 and got.out.endswith("}\n")
    got = world.add(world.conf(), c)
    assert got.status == 1
    assert got.out.count("\n") == 1 and got.out.endswith("}\n")
