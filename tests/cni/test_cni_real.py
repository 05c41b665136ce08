# SPDX-License-Identifier: Apache-2.0
"""The plugin with the real daemon, in a kernel with openvswitch.ko, and with
the reference plugins for addresses and in chains."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading

import pytest

import client
import real
from real import find_reference, ping
from space import sh, wait_until

_why_not = []


@pytest.fixture
def world():
    """Two connected hosts; at the end nobody's container has left a trace."""
    if not _why_not:
        _why_not.append(real.no_kernel())
    if _why_not[0]:
        if os.environ.get("FASTDP_REQUIRE") == "1":
            pytest.fail(_why_not[0], pytrace=False)
        pytest.skip(_why_not[0])
    one = real.RealWorld()
    yield one
    one.close()


@pytest.fixture
def local(world):
    """The same where there is host-local."""
    if not find_reference("host-local"):
        pytest.skip("no host-local: it is in containernetworking-plugins")
    return world


def first(result, family=4):
    return [ip["address"].split("/")[0] for ip in result["ips"]
            if (":" in ip["address"]) == (family == 6)][0]


def fetch(client, server, address):
    """A megabyte over TCP."""
    code = ("import socket,sys\ns=socket.create_server((sys.argv[1],7000),"
            "family=socket.AF_INET6 if ':' in sys.argv[1] else "
            "socket.AF_INET)\nprint('r',flush=True)\nc,_=s.accept()\n"
            "c.sendall(b'x'*(1<<20))\nc.close()\n")
    child = server.ns.popen("/usr/bin/python3", "-c", code, address,
                            stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"r\n"
    got = client.ns.run("/usr/bin/python3", "-c",
                        "import socket,sys\ns=socket.create_connection(("
                        "sys.argv[1],7000),10)\nn=0\nwhile True:\n"
                        " b=s.recv(65536)\n n+=len(b)\n if not b: break\n"
                        "print(n)\n", address)
    child.wait(10)
    assert int(got.stdout) == 1 << 20


@pytest.mark.parametrize("version", ["0.3.1", "0.4.0", "1.0.0"])
def test_two_containers_on_two_hosts(local, version):
    one, two = local.hosts
    a, b = local.container(), local.container()
    ra = one.add(one.local_conf(version, v6=True), a).done().json
    rb = two.add(two.local_conf(version, v6=True), b).done().json
    local.wait_known(a, b)
    for family in (4, 6):
        ping(a, first(rb, family))
        ping(b, first(ra, family))
    # What every way between the two carries, whatever the datapath.
    ping(a, first(rb), "-M", "do", "-s", 1430 - 28)
    fetch(a, b, first(rb))
    fetch(b, a, first(ra, 6))
    for host, c, result in ((one, a, ra), (two, b, rb)):
        conf = host.local_conf(version, v6=True)
        if version >= "0.4.0":
            host.check(conf, c, result).done()
        (port,) = [p for p in host.ports() if p["container_id"]]
        assert port["container_id"] == c.cid and port["owner"] == "cni:net1"
        mac = c.link()["address"]
        host.delete(conf, c).done()
        host.delete(conf, c, netns="").done()
        assert c.link() is None
        local.wait_forgotten(mac)
        host.assert_nothing_left()


def test_ipv6_alone(local):
    one, two = local.hosts
    a, b = local.container(), local.container()
    conf = one.local_conf(v6="only")
    result = one.add(conf, a).done().json
    other = two.add(two.local_conf(v6="only"), b).done().json
    assert [ip["address"].split("/")[0] for ip in result["ips"]] == [
        first(result, 6)]
    assert all(":" in text for text in a.addresses())
    local.wait_known(a, b)
    ping(a, first(other, 6))
    fetch(a, b, first(other, 6))
    one.check(conf, a, result).done()
    one.delete(conf, a).done()
    two.delete(two.local_conf(v6="only"), b).done()
    for host in local.hosts:
        host.assert_nothing_left()


def test_static_address_and_mac(local):
    host = local.hosts[0]
    c = local.container()
    conf = host.local_conf()
    got = host.add(conf, c,
                   CNI_ARGS="IgnoreUnknown=1;IP=10.32.1.77;"
                   "MAC=02:00:00:00:00:77").done().json
    assert first(got) == "10.32.1.77"
    assert c.link()["address"] == "02:00:00:00:00:77"
    # The same MAC again on this host is refused, and no address is lost.
    d = local.container()
    host.add(conf, d, CNI_ARGS="IgnoreUnknown=1;MAC=02:00:00:00:00:77").failed(
        100)
    assert host.host_local_leases() == ["10.32.1.77"]
    host.delete(conf, c).done()
    c2 = local.container()
    asked = dict(conf, runtimeConfig={"ips": ["10.32.1.78"]})
    assert first(host.add(asked, c2).done().json) == "10.32.1.78"
    host.delete(asked, c2).done()
    host.assert_nothing_left()


def test_namespace_is_a_descriptor(world):
    """What the descriptor is counts, and not what is said of it."""
    host = world.hosts[0]
    c, other = world.container(), world.container()
    host.add(host.conf(ipam={"type": "fake_ipam"}), c).done()
    (port,) = [p for p in host.ports() if p["container_id"]]
    assert port["netns"] == c.ns.inode()

    def ask(path, **more):
        request = {"verb": "plan", "ifname": "eth0", "addresses": [], **more}
        with socket.socket(socket.AF_UNIX) as s, open(path, "rb") as f:
            s.settimeout(10)
            s.connect(host.socket)
            socket.send_fds(s, [json.dumps(request).encode() + b"\n"],
                            [f.fileno(), f.fileno()])
            return json.loads(s.makefile().readline())

    for path in ("/dev/null", "/etc/passwd", "/proc/self/ns/mnt"):
        got = ask(path)["error"]
        assert got["code"] == "invalid" and "descriptor" in got["message"]
    assert "host_ifname" in ask(other.ns.path, netns=c.ns.inode())
    assert ask(c.ns.path, netns=other.ns.inode())["error"]["code"] == "in-use"
    fds = "/proc/%d/fd" % host.daemon.pid
    assert not [n for n in os.listdir(fds)
                if os.readlink(fds + "/" + n).startswith("net:")]
    host.delete(host.conf(ipam={"type": "fake_ipam"}), c).done()
    host.assert_nothing_left()


def test_gateway(local):
    host = local.hosts[0]
    c = local.container()
    conf = host.local_conf(isGateway=True)
    got = host.add(conf, c).done().json
    ping(c, "10.32.1.1")
    assert host.ns.run("ping", "-n", "-c", 3, "-i", 0.05, "-W", 2,
                       first(got)).returncode == 0
    d = local.container()
    host.add(conf, d).done()
    host.delete(conf, c).done()
    ping(d, "10.32.1.1")
    # What was said by hand stays when the last container goes.
    host.ask("expose", "10.32.1.2/16")
    host.delete(conf, d).done()
    assert addresses(host) == ["10.32.1.2"]
    host.ask("hide", "10.32.1.2/16")
    assert addresses(host) == []
    # A container that takes its namespace with it, and the daemon killed.
    for end in (lambda: None, host.kill):
        e = local.container()
        host.add(conf, e).done()
        assert addresses(host) == ["10.32.1.1"]
        end()
        e.ns.close()
        if end == host.kill:
            host.start()
        wait_until("the gateway to go", lambda: addresses(host) == [])
        host.delete(conf, e).done()
    host.assert_nothing_left()


DELETE_DATAPATH = """import sys
sys.path.insert(0, sys.argv[1])
import netlink
class Here:
    def call(self, what, *args):
        return what(*args)
genl = netlink.Genl(Here())
netlink.delete_datapath(genl, netlink.datapaths(genl)["fastdp"][0])
"""


def test_datapath_made_anew(local):
    """Somebody takes it away while the daemon is down: containers have their
    gateway again, by the MAC that they know it by, and are masqueraded."""
    host = local.hosts[0]
    conf = host.local_conf(isGateway=True, ipMasq=client.has_nat())
    c, d = local.container(), local.container()
    host.add(conf, c).done()
    host.ask("expose", "10.32.1.2/16")
    ping(c, "10.32.1.1")
    mac = json.loads(host.ns.ip("-j", "link", "show", "dev",
                                "fastdp").stdout)[0]["address"]
    host.kill()
    if real.datapath() == "ovs":
        host.ns.run("/usr/bin/python3", "-B", "-c", DELETE_DATAPATH,
                    os.path.join(os.path.dirname(os.path.realpath(
                        __file__)), "..", "net"))
    else:
        host.ns.ip("link", "del", "fastdp")
    assert "fastdp" not in host.ns.links()
    host.start()
    assert addresses(host) == ["10.32.1.1", "10.32.1.2"]
    assert mac == json.loads(host.ns.ip(
        "-j", "link", "show", "dev", "fastdp").stdout)[0]["address"]
    ping(c, "10.32.1.1")
    ping(c, host.address)
    # One that has gone meanwhile takes its gateway along.
    host.delete(conf, c).done()
    assert addresses(host) == ["10.32.1.2"]
    host.ask("hide", "10.32.1.2/16")
    host.add(conf, d).done()
    ping(d, "10.32.1.1")
    host.delete(conf, d).done()
    assert addresses(host) == []
    host.assert_nothing_left()


def test_masquerading_that_somebody_takes_away(local):
    """With all of nf_tables' rules, as a firewall's start does; then only a
    container's address: the rules are made again, and it is said."""
    if not client.has_nat():
        pytest.skip("no NAT here: the running kernel has it")
    host, other = local.hosts
    conf = host.local_conf(isGateway=True, ipMasq=True)
    c = local.container()
    address = first(host.add(conf, c).done().json)

    def listed(*what):
        return host.ns.run("nft", "list", *what, check=False).stdout

    def rules():
        return listed("table", "inet", "masq_fastdp")

    made, tables = rules(), set(listed("tables").splitlines())
    assert address in made and "masquerade" in made
    # Nobody there has a route to the container.
    ping(c, other.address)
    for k, harm in enumerate(("flush ruleset", "delete element inet "
                              "masq_fastdp from4 { %s }" % address), 1):
        host.ns.run("nft", harm)
        wait_until(lambda: "%s, after %s" % (rules(), harm),
                   lambda: rules() == made)
        ping(c, other.address)
        assert host.log().count("the rules for masquerading") == k
    # So is every other table; or it was the kernel's not to let them go.
    wait_until("all tables", lambda: set(
        listed("tables").splitlines()) == tables)
    host.delete(conf, c).done()
    assert rules() == ""
    host.assert_nothing_left()


def addresses(host):
    """That the host has in the network."""
    out = json.loads(host.ns.ip("-j", "-4", "addr", "show", "dev",
                                "fastdp").stdout)
    return sorted(a["local"] for link in out for a in link["addr_info"])


def test_check_when_the_underlay_is_narrower(world):
    """The daemon gives its containers another MTU than ADD told."""
    host = world.hosts[0]
    c = world.container()
    conf = host.conf("1.1.0")
    result = host.add(conf, c).done().json
    mtu = c.link()["mtu"]
    host.ns.ip("link", "set", "eth0", "mtu", "1400")
    (port,) = [p for p in host.ports() if p["container_id"]]
    wait_until("a narrower container", lambda: c.link()["mtu"] < mtu and
               c.link()["mtu"] == json.loads(host.ns.ip(
                   "-j", "link", "show", "dev",
                   port["host_ifname"]).stdout)[0]["mtu"], every=0.1)
    host.check(conf, c, result).done()
    c.ns.ip("link", "set", "eth0", "mtu", "1300")
    host.check(conf, c, result).failed(104, "mtu")
    host.delete(conf, c).done()


def test_two_networks_of_one_container(local):
    one, two = local.hosts
    a, b = local.container(), local.container()
    a1 = local.container("eth1")
    a1.ns.close()
    a1.ns, a1.netns, a1.cid = a.ns, a.netns, a.cid
    one.add(one.conf(ipam={"type": "fake_ipam"}), a).done()
    conf = one.local_conf(network="blue", name="net1")
    one.add(conf, a1).done()
    got = two.add(two.local_conf(network="blue"), b).done().json
    local.wait_known(a1, b)
    ping(a1, first(got), "-I", "eth1")
    one.delete(conf, a1).done()
    assert a.link() is not None
    one.delete(one.conf(), a).done()
    one.assert_nothing_left()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_daemon_restarts_between_add_and_del(local, number):
    host = local.hosts[0]
    c = local.container()
    conf = host.local_conf()
    result = host.add(conf, c).done().json
    mac = c.link()["address"]
    host.kill(number)
    host.start()
    host.check(conf, c, result).done()
    host.delete(conf, c).done()
    local.wait_connected()
    local.wait_forgotten(mac)
    host.assert_nothing_left()


@pytest.mark.parametrize("how", ["namespace", "no namespace"])
def test_daemon_down_at_del(local, how):
    host, other = local.hosts
    c, d = local.container(), local.container()
    conf = host.local_conf()
    result = host.add(conf, c).done().json
    host.kill()
    host.add(conf, d).failed(11)
    mac = c.link()["address"]
    if how == "namespace":
        host.delete(dict(conf, prevResult=result), c).done()
        assert c.link() is None
    else:
        host.delete(conf, c, netns="").done()
        c.ns.close()
    assert host.host_local_leases() == []
    host.start()
    local.wait_connected()
    local.wait_forgotten(mac)
    host.delete(conf, c).done()
    host.assert_nothing_left()
    host.add(conf, d).done()
    assert other.ask("status")
    host.delete(conf, d).done()


def test_host_rebooted(local):
    """No namespace, no /run, no links; addresses of host-local are there."""
    host = local.hosts[0]
    c = local.container()
    conf = host.local_conf()
    host.add(conf, c).done()
    mac = c.link()["address"]
    local.wait_known(c)
    host.kill()
    c.ns.close()
    shutil.rmtree(host.directory + "/run")
    host.start()
    local.wait_connected()
    local.wait_forgotten(mac)
    host.delete(conf, c, netns="").done()
    host.assert_nothing_left()


def test_gc(world):
    """The daemon remembers over a restart whose port is whose."""
    host = world.hosts[0]
    conf = host.conf("1.1.0")
    kept, gone, other = (world.container() for _ in range(3))
    results = [host.add(conf, c).done().json for c in (kept, gone)]
    host.add(host.conf("1.1.0", name="net2"), other).done()
    byhand = world.container()
    host.ask("attach", "--netns", byhand.netns, "--address", "10.32.7.7/16",
             "--container-id", "byhand")
    host.kill()
    host.start()
    host.call("STATUS", conf).done()
    host.call("GC", dict(conf, **{"cni.dev/valid-attachments": [
        {"containerID": kept.cid, "ifname": "eth0"}]})).done()
    assert gone.link() is None
    for c in (kept, other, byhand):
        assert c.link() is not None
    host.check(conf, kept, results[0]).done()
    host.check(conf, gone, results[1]).failed(103)  # the IPAM plugin's
    host.call("GC", conf).done()
    host.call("GC", host.conf("1.1.0", name="net2")).done()
    assert {p["container_id"] for p in host.ports()} == {"byhand"}


@pytest.mark.limit(400)
@pytest.mark.parametrize("n", [50])
def test_many_at_once(local, n):
    host = local.hosts[0]
    conf = host.local_conf()
    containers = [local.container() for _ in range(n)]
    results = {}

    def at_once(function):
        threads = [threading.Thread(target=function, args=(c,))
                   for c in containers]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    def add(c):
        results[c.cid] = host.raw(host.env("ADD", c.cid, c.netns, c.ifname),
                                  conf, timeout=300)

    def delete(c):
        results[c.cid] = host.raw(host.env("DEL", c.cid, c.netns, c.ifname),
                                  conf, timeout=300)

    at_once(add)
    addresses = {first(r.done().json) for r in results.values()}
    assert len(addresses) == n and len(host.host_local_leases()) == n
    assert len([p for p in host.ports() if p["container_id"]]) == n
    ping(containers[0], containers[-1].addresses()[0].split("/")[0])
    at_once(delete)
    for got in results.values():
        got.done()
    host.assert_nothing_left()


def test_chain(local):
    """The sample list, with what this kernel has: tuning after ours."""
    if not find_reference("tuning"):
        pytest.skip("no tuning plugin")
    host = local.hosts[0]
    c = local.container()
    ours = host.local_conf(capabilities={"ips": True, "mac": True})
    del ours["name"], ours["cniVersion"]
    conflist = {"cniVersion": "1.0.0", "name": "net1", "plugins": [
        ours, {"type": "tuning",
               "sysctl": {"net.ipv4.conf.eth0.arp_announce": "1"},
               "capabilities": {"bandwidth": True}}]}
    asked = {"ips": ["10.32.1.42/16"], "mac": "02:00:00:00:00:42",
             "bandwidth": {"IngressRate": 1}}
    result = host.add_list(conflist, c, **asked)
    assert first(result) == "10.32.1.42"
    assert c.link()["address"] == "02:00:00:00:00:42"
    host.check_list(conflist, c, result, **asked)
    host.delete_list(conflist, c, result, **asked)
    host.delete_list(conflist, c, None, **asked)
    host.assert_nothing_left()


def has_shaping():
    """Whether this kernel has what the bandwidth plugin uses."""
    return sh("unshare", "-n", "sh", "-c", "ip link add i0 type ifb && "
              "tc qdisc add dev i0 root tbf rate 1mbit burst 32kbit "
              "latency 25ms", check=False).returncode == 0


def test_whole_chain(local):
    """All that the reference plugins have to add, as containerd words it."""
    if not client.has_nat() or not has_shaping():
        pytest.skip("no NAT or no tbf here: the running kernel has them")
    host, other = local.hosts
    c = local.container()
    ours = host.local_conf(isGateway=True, ipMasq=True)
    del ours["name"], ours["cniVersion"]
    conflist = {"cniVersion": "1.0.0", "name": "net1", "plugins": [
        ours,
        {"type": "portmap", "capabilities": {"portMappings": True}},
        {"type": "bandwidth", "capabilities": {"bandwidth": True}},
        {"type": "tuning"}, {"type": "firewall", "backend": "iptables"}]}
    asked = {"portMappings": [{"HostPort": 8080, "ContainerPort": 7000,
                               "Protocol": "tcp", "HostIP": ""}],
             "bandwidth": {"IngressRate": 800000000,
                           "IngressBurst": 4294967295,
                           "EgressRate": 800000000,
                           "EgressBurst": 4294967295}}
    before = host.ns.links()
    result = host.add_list(conflist, c, **asked)
    (port,) = [p for p in host.ports() if p["container_id"]]
    assert "tbf" in host.ns.run("tc", "qdisc", "show", "dev",
                                port["host_ifname"]).stdout
    # Of the others portmap misses rules of IPv6 that nobody asked for.
    host.check_list(dict(conflist, plugins=[ours]), c, result, **asked)
    # By a host that is in the same underlay, to the port of this one.
    server = c.ns.popen("/usr/bin/python3", "-m", "http.server", "7000",
                        "--bind", first(result), stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL, cwd=host.directory)
    wait_until("an answer", lambda: "7" in other.ns.run(
        "/usr/bin/python3", "-c", "import socket, sys\ns = socket."
        "create_connection((sys.argv[1], 8080), 5)\ns.sendall(b'GET / "
        "HTTP/1.0\\r\\n\\r\\n')\nprint(b'200' in s.recv(99) and 7)\n",
        host.address, check=False).stdout, every=0.2)
    server.kill()
    server.wait()
    host.delete_list(conflist, c, result, **asked)
    host.delete_list(conflist, c, None, **asked)
    host.assert_nothing_left()
    client.assert_no_rules(host)
    assert set(host.ns.links()) - {"fastdp"} == set(before) - {"fastdp"}


def test_sample_conflist_is_one():
    """It parses, and its plugins are known to the plugin's page."""
    top = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..")
    with open(os.path.join(top, "contrib", "cni", "10-fastdp.conflist"),
              encoding="utf-8") as f:
        conflist = json.load(f)
    assert conflist["cniVersion"] == "1.0.0"
    assert conflist["plugins"][0]["type"] == "fastdp"
    assert conflist["plugins"][0]["ipam"]["type"] == "host-local"
    assert socket.inet_aton(conflist["plugins"][0]["ipam"]["ranges"][0][0][
        "gateway"])

