# SPDX-License-Identifier: Apache-2.0
"""Environment and configuration: what is refused, with which code, and what
has to be put up with."""

import json
import os

import pytest

from test_cni_verbs import assert_result
from world import VERSIONS, wait_until

NEEDED = {"ADD": ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
          "CHECK": ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
          "DEL": ["CNI_CONTAINERID", "CNI_IFNAME"]}
KEYS = {"CNI_CONTAINERID": "cid", "CNI_NETNS": "netns",
        "CNI_IFNAME": "ifname"}


@pytest.mark.parametrize("verb", NEEDED)
@pytest.mark.parametrize("version", VERSIONS)
def test_missing_variables_are_named(world, verb, version):
    c = world.container()
    conf = world.conf(version)
    for value in (None, ""):
        for name in NEEDED[verb]:
            world.call(verb, conf, c, **{KEYS[name]: value}).failed(
                4, name, version=version)
        got = world.call(verb, conf, c, cid=value, netns=value, ifname=value)
        got.failed(4, *NEEDED[verb], version=version)
    assert world.requests() == [] and world.ipam_calls() == []


def test_command(world):
    for verb in (None, "", "add", "ADDS", "NONSENSE"):
        world.call(verb, world.conf()).failed(4, "CNI_COMMAND")


@pytest.mark.parametrize("variable,values", [
    ("cid", ["-a", ".a", "a/b", "a b", "ä", "a" * 251, "a\nb"]),
    ("ifname", ["lo", "a" * 16, "a/b", ".", "..", "a b", "a:b", b"e\xfc"]),
    ("netns", ["1", "name", "self", b"/run/netns/\xfc"])])
def test_odd_variables(world, variable, values):
    c = world.container()
    for value in values:
        world.call("ADD", world.conf(), c, **{variable: value}).failed(4)
    assert world.requests() == [] and world.ipam_calls() == []


@pytest.mark.parametrize("stdin,code", [
    (b"", 6), (b"{", 6), (b"[]", 6), (b"3", 6), (b"null", 6),
    (b"\xff{}", 6), (b"{} x", 6), (b"[" * 100000, 6),
    (b'{"cniVersion": 1}', 6), (b'{"cniVersion": "1.0.0"}', 7),
    (b'{"cniVersion": "1.0.0", "name": 3}', 7),
    (b'{"cniVersion": "1.0.0", "name": "a/b"}', 7),
    (b'{"cniVersion": "1.0.0", "name": "' + b"a" * 201 + b'"}', 7),
    (b'{"cniVersion": "1.0.0", "name": "a", "x": "\\u0000"}', 6),
    (b" " * (9 << 20), 5)], ids=range(15))
def test_odd_stdin(world, stdin, code):
    c = world.container()
    for verb in ("ADD", "DEL"):
        env = world.env(verb, c.cid, c.netns, c.ifname)
        try:
            world.raw(env, stdin).failed(code)
        except BrokenPipeError:
            assert code == 5
    assert world.requests() == [] and world.ipam_calls() == []


def test_closed_descriptors(world):
    """A runtime that closes what it should not."""
    c = world.container()
    world.wrapper = ["sh", "-c", 'exec "$0" <&- 2>&-']
    world.call("ADD", world.conf(), c).failed(6)
    world.wrapper = ["sh", "-c", 'exec "$0" >&-']
    got = world.call("ADD", world.conf(), c)
    assert got.status == 0 and got.out == ""  # /dev/null took it
    world.wrapper = []
    world.delete(world.conf(), c).done()
    world.assert_nothing_left()


def test_result_that_nobody_reads(world):
    c = world.container()
    world.wrapper = ["sh", "-c", 'exec "$0" >/dev/full']
    got = world.call("ADD", world.conf(), c)
    assert got.status == 1 and "cannot write" in got.err, got
    world.assert_nothing_left()


@pytest.mark.parametrize("change,code,word", [
    ({"ipMasq": True}, 7, "isGateway"),
    ({"hairpinMode": True}, 2, "hairpinMode"),
    ({"isGateway": True, "network": "blue"}, 2, "isGateway"),
    ({"ipMasq": "yes"}, 7, "ipMasq"),
    ({"hairpinMode": 1}, 7, "hairpinMode"),
    ({"isGateway": "no"}, 7, "isGateway"),
    ({"mtu": 67}, 7, "mtu"), ({"mtu": -1}, 7, "mtu"),
    ({"mtu": 65536}, 7, "mtu"), ({"mtu": "1400"}, 7, "mtu"),
    ({"mtu": 1400.5}, 7, "mtu"), ({"mtu": 1451}, 7, "1450"),
    ({"network": 3}, 7, "network"), ({"network": "a b"}, 7, "network"),
    ({"network": "a" * 64}, 7, "network"), ({"socket": []}, 7, "socket"),
    ({"socket": "/" + "a" * 200}, 7, "socket"),
    ({"ipam": 3}, 7, "ipam"), ({"ipam": {}}, 7, "ipam"),
    ({"ipam": ...}, 7, "ipam"), ({"ipam": {"type": 3}}, 7, "ipam"),
    ({"ipam": {"type": "../x"}}, 7, "ipam"),
    ({"ipam": {"type": "/bin/sh"}}, 7, "ipam"),
    ({"ipam": {"type": "nonesuch"}}, 101, "nonesuch"),
    ({"prevResult": 3}, 7, "prevResult"),
    ({"runtimeConfig": {"mac": "x"}}, 7, "MAC"),
    ({"runtimeConfig": {"mac": 3}}, 7, "mac"),
    ({"runtimeConfig": {"mac": "01:00:00:00:00:01"}}, 7, "MAC"),
    ({"args": {"cni": {"mac": "zz"}}}, 7, "MAC")])
def test_odd_configuration(world, change, code, word):
    c = world.container()
    world.add(world.conf(**change), c).failed(code, word, version="1.0.0")
    world.assert_nothing_left()
    assert [i["verb"] for i in world.ipam_calls()] == []


def test_del_is_not_strict(world):
    c = world.container()
    conf = world.conf()
    world.add(conf, c).done()
    world.delete(dict(conf, mtu="x", ipMasq=3, hairpinMode=True,
                      prevResult=[], network="a b"), c,
                 CNI_ARGS="what=ever;x").done()
    world.assert_nothing_left()


def test_unknown_keys_are_named(world):
    c = world.container()
    got = world.add(world.conf(bridge="cni0", capabilities={"ips": True},
                               dns={}, args={}, runtimeConfig={}), c).done()
    assert '"bridge"' in got.err
    assert got.err.count("not known") == 1, got.err
    world.delete(world.conf(), c).done()


@pytest.mark.parametrize("form", ["/run", "/var/run", "/proc", "fd"])
def test_forms_of_the_namespace_path(world, form):
    c = world.container()
    pid = os.getpid()
    child = c.ns.popen("sleep", "100")
    fd = os.open(c.ns.path, os.O_RDONLY)
    c.netns = {"/run": "/run/netns/" + c.ns.name,
               "/var/run": "/var/run/netns/" + c.ns.name,
               "/proc": "/proc/%d/ns/net" % child.pid,
               "fd": "/proc/%d/fd/%d" % (pid, fd)}[form]
    if form == "/proc":
        # The child enters the namespace a moment after it has started.
        wait_until("the child to be in the namespace", lambda: os.stat(
            c.netns).st_ino == os.stat(c.ns.path).st_ino)
    conf = world.conf("1.1.0")
    result = world.add(conf, c).done().json
    assert_result(result, "1.1.0", c)
    world.check(conf, c, result).done()
    os.close(fd)
    child.kill()
    child.wait()
    world.delete(conf, c).done()
    world.assert_nothing_left()


def test_namespaces_that_will_not_do(world):
    c = world.container()
    conf = world.conf()
    world.add(conf, c, netns="/run/netns/gone").failed(3, "gone")
    world.add(conf, c, netns="/proc/999999999/ns/net").failed(3)
    world.add(conf, c, netns="/dev/null").failed(4, "/dev/null")
    world.add(conf, c, netns="/proc/self/ns/mnt").failed(4)
    world.add(conf, c, netns=world.ns.path).failed(4, "host")
    world.assert_nothing_left()
    assert world.ipam_calls() == []
    for netns in ("/run/netns/gone", "/dev/null", "", None, world.ns.path,
                  "1"):
        world.delete(conf, c, netns=netns).done()


def test_del_without_namespace_and_result(world):
    """containerd's second DEL, and ctr's only one."""
    c = world.container()
    conf = world.conf()
    world.add(conf, c).done()
    world.delete(conf, c, netns="").done()
    world.assert_nothing_left()
    world.add(conf, c).done()
    world.delete(conf, c).done()
    world.delete(conf, c, netns="").done()
    world.delete(conf, c, netns=None).done()
    world.assert_nothing_left()


def test_del_leaves_another_container_alone(world):
    """The same path or process id, another container by now."""
    c, stranger = world.container(), world.container()
    conf = world.conf()
    world.add(conf, c).done()
    world.delete(conf, c, cid=stranger.cid).done()
    assert c.link() is not None
    world.check(world.conf("1.0.0"), c, {"interfaces": [
        {"name": "eth0", "sandbox": c.netns}]}).done()
    # Of another network of the runtime's.
    world.delete(world.conf(name="net2", ipam=...), c).done()
    assert c.link() is not None
    # A link that is not ours.
    stranger.ns.ip("link", "add", "eth0", "type", "veth", "peer", "name",
                   "fd0123456789")
    world.delete(conf, stranger).done()
    assert stranger.link() is not None
    world.delete(conf, c).done()


@pytest.mark.parametrize("text", [
    "K8S_POD_NAMESPACE=a;K8S_POD_NAME=b;K8S_POD_INFRA_CONTAINER_ID=c",
    "IgnoreUnknown=1;K8S_POD_UID=d;X=y", "X=y;IgnoreUnknown=true",
    "IP=10.32.0.2;MAC=02:00:00:00:12:34", "MAC=02:00:00:00:12:34;IP=x", "",
    "K8S_POD_NAME=;;IgnoreUnknown=1;"])
def test_cni_args(world, text):
    c = world.container()
    world.add(world.conf(), c, CNI_ARGS=text).done()
    if "MAC" in text:
        assert c.link()["address"] == "02:00:00:00:12:34"
    assert world.ipam_calls()[0]["env"].get("CNI_ARGS") == text
    world.delete(world.conf(), c, CNI_ARGS=text).done()
    world.assert_nothing_left()


@pytest.mark.parametrize("text", [
    "X=y", "IgnoreUnknown=0;X=y", "nonsense", "=x", "MAC=zz",
    "MAC=ff:ff:ff:ff:ff:ff", "K8S_A=" + "x" * 5000])
def test_odd_cni_args(world, text):
    c = world.container()
    world.add(world.conf(), c, CNI_ARGS=text).failed(4)
    world.assert_nothing_left()


MACS = ["02:00:00:00:00:0%d" % i for i in range(4)]


def test_precedence_of_what_is_asked_for(world):
    """Capability, then args.cni, then CNI_ARGS; keys in any case."""
    text = "MAC=" + MACS[1]
    for conf, want in (
            ({}, MACS[1]),
            ({"args": {"cni": {"mac": MACS[2]}}}, MACS[2]),
            ({"args": {"cni": {"mac": MACS[2]}},
              "runtimeConfig": {"mac": MACS[3]}}, MACS[3]),
            ({"runtimeConfig": {"MAC": MACS[3]}}, MACS[3]),
            ({"runtimeConfig": {"Mac": MACS[3], "mac": MACS[2]}}, MACS[2])):
        c = world.container()
        world.add(world.conf(**conf), c, CNI_ARGS=text).done()
        assert c.link()["address"] == want
        world.delete(world.conf(**conf), c).done()


def test_everything_that_clients_send(world):
    """containerd's and podman's oddities all at once."""
    c = world.container()
    conf = world.conf("1.0.0", capabilities={"portMappings": True}, **{
        "cni.dev/attachments": None, "runtimeConfig": {
            "portMappings": [{"HostPort": 80, "ContainerPort": 80,
                              "Protocol": "tcp", "HostIP": ""}],
            "bandwidth": {"IngressRate": 1, "IngressBurst": 4294967295},
            "aliases": {"net1": ["a"]}, "ips": ["10.32.0.2/24"],
            "dns": {"Servers": ["192.0.2.53"]}, "ipRanges": [[]]}})
    got = world.add(conf, c).done()
    assert_result(got.json, "1.0.0", c)
    assert "asked for" not in got.err
    call, = world.ipam_calls()
    assert json.loads(call["stdin"]) == conf
    assert call["env"]["CNI_CONTAINERID"] == c.cid
    assert call["env"]["CNI_COMMAND"] == "ADD"
    world.delete(conf, c).done()


def test_another_address_than_asked_for_is_told(world):
    c = world.container()
    got = world.add(world.conf(runtimeConfig={"IPs": ["10.32.0.77"]}), c)
    assert "10.32.0.77" in got.done().err
    world.delete(world.conf(), c).done()
