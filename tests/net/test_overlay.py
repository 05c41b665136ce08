# SPDX-License-Identifier: Apache-2.0
"""Containers of several hosts on one network; how hosts find each other."""

import itertools
import time

import pytest

from container import PingResult
from ns import always, figure, wait_until
from topo import Cluster

N_PINGS = 1000  # of each pair, half of them each way
AT_ONCE = 12


@pytest.fixture(scope="module")
def world():
    """Three hosts with three containers each: two blue, one red."""
    cluster = Cluster(3)
    try:
        for host in cluster.hosts:
            for network in ("blue", "blue", "red"):
                cluster.container(host, network)
        cluster.settle()
        yield cluster
    except BaseException:
        cluster.close(check=False)
        raise
    cluster.close()


def same_network(cluster):
    by = {}
    for c in cluster.containers:
        by.setdefault(c.network, []).append(c)
    return [pair for group in by.values()
            for pair in itertools.combinations(group, 2)]


def run_pings(jobs, count, interval, quiet=False):
    """[(container, target)] in batches; every reply must come."""
    left = list(jobs)
    while left:
        batch, left = left[:AT_ONCE], left[AT_ONCE:]
        running = [c.start_ping(target, interval, count, quiet)
                   for c, target in batch]
        for one in running:
            one.result(timeout=60 + count * interval).assert_perfect(one.who)
    figure("pings", "%d of %d pairs and directions, none lost" % (
        len(jobs) * count, len(jobs)))


def test_every_pair_of_a_network_talks_both_ways(world):
    jobs = []
    for a, b in same_network(world):
        # The other two are those of the thousand pings.
        jobs += [(b, a.ip4), (a, b.ip6)]
    run_pings(jobs, 1, 1)


@pytest.mark.limit(400)
def test_a_thousand_pings_a_pair_and_none_is_lost(world):
    time.sleep(1)
    jobs = []
    for a, b in same_network(world):
        jobs += [(a, b.ip4), (b, a.ip6)]
    run_pings(jobs, N_PINGS // 2, 0.01, quiet=True)


def test_no_pair_of_two_networks_talks(world):
    blue = [c for c in world.containers if c.network == "blue"]
    red = [c for c in world.containers if c.network == "red"]
    captures = [(c, c.capture()) for c in world.containers]
    running = []
    for k, a in enumerate(blue):
        for one, other in ((a, red[k % 3]), (red[k % 3], a)):
            running += [one.start_ping(t, 0.2, 2)
                        for t in (other.ip4, other.ip6)]
    for one in running:
        got = one.result()
        assert got.received == 0, "%s: %s" % (one.who, got)
    macs = {"blue": {c.mac for c in blue}, "red": {c.mac for c in red}}
    for c, capture in captures:
        other = macs["red" if c.network == "blue" else "blue"]
        crossed = [str(f) for f in capture.frames() if f.src in other]
        assert not crossed, "%s saw %s" % (c.label, crossed[:5])


def test_flows_match_the_kernel(world):
    """`flows` shows what the kernel has, flow by flow."""
    for host in world.hosts:
        said = host.ctl("flows")["flows"]
        there = host.kernel.by_ufid()
        assert said, "%s shows no flows" % host.label
        # A flow of the first upcall may come or go between the two looks.
        assert abs(len(said) - len(there)) <= 4, (len(said), len(there))


def test_every_flow_of_a_recirculation_id_is_disjoint(world):
    """No two flows of one id have the same match, in the kernel too."""
    for host in world.hosts:
        seen = {}
        for f in host.kernel.flows():
            key = tuple(sorted(f.match.items()))
            assert key not in seen, "%s and %s" % (f, seen[key])
            seen[key] = f


def test_directory_knows_every_container_on_every_host(world):
    for host in world.hosts:
        entries = {e["mac"]: e for e in host.directory_entries()}
        for c in world.containers:
            assert c.mac in entries, "%s: no %s" % (host.label, c.mac)
            text = str(entries[c.mac])
            assert c.ip4 in text and c.ip6 in text, text


def test_status_has_what_the_contract_says(world):
    for host in world.hosts:
        s = host.ctl("status")
        assert s["nickname"] == host.label and s["version"] and s["name"]
        assert s["datapath"]["type"] == "ovs"
        assert s["datapath"]["name"] == "fastdp"
        assert s["mtu"] == 1450 and s["encryption"] is False
        assert len(s["peers"]) == 2 and len(s["ports"]) >= 3
        for p in s["peers"]:
            assert p["state"] == "up" and p["path"] == "fastdp", p
            assert p["name"] and p["nickname"] and p["reason"], p
            assert p["since"] and p["mtu"] == 1450, p
            assert p["paths"]["fastdp"]["state"] == "up", p
            assert p["paths"]["fastdp"]["rtt_us"] > 0, p
        mine = [c for c in world.containers if c.host is host]
        for c in mine:
            (port,) = [p for p in s["ports"] if p["mac"] == c.mac]
            assert port["network"] == c.network and port["ifname"], port
            assert any(c.ip4 in a for a in port["addresses"]), port


def test_tables_for_people_and_every_verb(world):
    host = world.hosts[0]
    away = [c for c in world.containers if c.host is world.hosts[1]][0]
    for args in (["status"], ["peers"], ["ports"], ["directory"], ["flows"],
                 ["metrics"], ["why", away.mac], ["why", away.ip4],
                 ["why", away.ip6], ["why", world.hosts[1].address],
                 ["why", world.hosts[1].label]):
        text = host.ctl(*args, json_out=False)
        assert text.strip(), "%s says nothing" % args
        host.ctl(*args)
    why = host.ctl("why", away.ip4, json_out=False)
    assert "host2" in why and "fastdp" in why, why


def test_attach_sets_mac_addresses_and_mtu(world):
    host = world.hosts[0]
    c = world.container(host, "blue", mac="02:00:00:00:77:01")
    mac, addresses, mtu = c.addresses()
    assert mac == "02:00:00:00:77:01"
    assert set(addresses) == {c.ip4 + "/16", c.ip6 + "/64"}
    assert mtu == 1450
    host.detach(c)


def test_attach_by_process_id(world):
    """--netns takes the id of a process too."""
    host = world.hosts[1]
    c = world.bare_container("bypid")
    child = c.ns.popen("sleep", "60")
    # nsenter has to have entered before the daemon looks.
    wait_until("the process to be inside", lambda: c.run(
        "readlink", "/proc/%d/ns/net" % child.pid).stdout == c.run(
            "readlink", "/proc/self/ns/net").stdout)
    host.ctl("attach", "--netns", child.pid, "--ifname", "eth0",
             "--address", "10.32.9.9/16", "--network", "blue")
    friend = [x for x in world.containers
              if x.network == "blue" and x.host is world.hosts[2]][0]
    wait_until("a ping to it", lambda: friend.reaches("10.32.9.9"), 3)
    host.ctl("detach", "--netns", child.pid, "--ifname", "eth0")
    assert not c.has_link()


def test_attach_and_detach_leave_nothing(world):
    host = world.hosts[2]
    # Flows that came with an upcall go with age; the others are compared.
    links, vports = host.ns.links(), host.kernel.vports()
    macs = host.known_macs()
    c = world.container(host, "red")
    world.settle()
    mac, ip4 = c.mac, c.ip4
    assert len(host.ns.links()) == len(links) + 1
    assert len(host.kernel.vports()) == len(vports) + 1
    assert host.kernel.mentions(mac)
    host.detach(c)
    assert not c.has_link()
    assert sorted(host.ns.links()) == sorted(links)
    assert host.kernel.vports() == vports
    for h in world.hosts:
        wait_until(lambda h=h: "%s forgets %s: %s" % (
            h.label, mac, [str(f) for f in h.kernel.mentions(mac)]),
                   lambda h=h: mac not in h.known_macs() and
                   not h.kernel.mentions(mac) and
                   not h.kernel.mentions(ip4), 1.0)
    assert host.known_macs() == macs


def test_detach_twice_is_told(world):
    c = world.container(world.hosts[0], "red")
    world.hosts[0].detach(c)
    got = world.hosts[0].ctl("detach", "--netns", c.ns.path, "--ifname",
                             "eth0", check=False)
    assert got.status == 1 and "eth0" in got.err, got
    # For programs it is no error: nothing is attached, as was wanted.
    reply = world.hosts[0].api("detach", netns=c.ns.inode(), ifname="eth0")
    assert reply["detached"] == 0


def test_expose_and_hide(world):
    host = world.hosts[0]
    friend = world.container(world.hosts[1])
    near = world.container(host)
    world.settle()
    for address in ("10.32.255.1/16", "fd32::ffff/64"):
        bare = address.split("/")[0]
        host.ctl("expose", address)
        host.ctl("expose", address)  # again is no error
        wait_until("%s to be reached" % bare, lambda b=bare:
                   friend.reaches(b) and near.reaches(b))
        assert host.ns.run("ping", "-c", "1", "-W", "1",
                           friend.ip6 if ":" in bare else friend.ip4,
                           check=False).returncode == 0
        assert bare in host.ns.ip("addr", "show", "dev", "fastdp").stdout
        host.ctl("hide", address)
        host.ctl("hide", address)
        assert bare not in host.ns.ip("addr", "show", "dev", "fastdp").stdout
        assert not friend.reaches(bare)
    host.detach(near)
    world.hosts[1].detach(friend)


def test_same_addresses_in_two_networks(world):
    """Networks do not share an address space."""
    at = ["10.77.0.1/24", "fd77::1/64"], ["10.77.0.2/24", "fd77::2/64"]
    got = {}
    for network in ("blue", "red"):
        got[network] = [world.container(world.hosts[k], network, at[k])
                        for k in (0, 1)]
    world.settle()
    for a, b in got.values():
        a.ping(b.ip4, 5).assert_perfect(a.label)
        a.ping(b.ip6, 5).assert_perfect(a.label)
        assert a.neighbour(b.ip4) == b.mac
    for pair in got.values():
        for c in pair:
            c.host.detach(c)


def test_addresses_are_usable_at_once(world):
    """The first ping after attach is answered, without waiting."""
    a = world.container(world.hosts[0], "blue")
    b = world.container(world.hosts[1], "blue")
    got = a.start_ping(b.ip4, 0.02, 50)
    got.result().assert_perfect(got.who)
    a.host.detach(a)
    b.host.detach(b)


@pytest.mark.parametrize("family,mode", [(6, "bridge"), (4, "router"),
                                         (6, "router")])
def test_other_underlays(make_cluster, family, mode):
    cluster = make_cluster(3, family=family, mode=mode)
    containers = [cluster.container(h) for h in cluster.hosts]
    cluster.settle()
    jobs = [(a, t) for a, b in itertools.permutations(containers, 2)
            for t in (b.ip4, b.ip6)]
    run_pings(jobs, 20, 0.02)
    mtu = 1450 if family == 4 else 1430
    assert cluster.hosts[0].status()["mtu"] == mtu
    a, b = containers[:2]
    assert a.addresses()[2] == mtu
    # A full packet goes through, and nothing of the underlay's is fragmented.
    with cluster.underlay.capture(2) as seen:
        a.run("ping", "-n", "-M", "do", "-c", "3", "-i", "0.05", "-W", "1",
              "-s", mtu - 28, b.ip4)
        sizes = [len(f.data) for f in seen.frames() if f.vxlan()]
        assert max(sizes) == 1514, sizes


def test_jumbo_underlay_gives_jumbo_containers(make_cluster):
    cluster = make_cluster(2, mtu=9000)
    a, b = (cluster.container(h) for h in cluster.hosts)
    cluster.settle()
    assert a.addresses()[2] == 8950
    a.run("ping", "-n", "-M", "do", "-c", "1", "-W", "1", "-s", 8950 - 28,
          b.ip4)


# --- how hosts find each other

def test_one_address_joins_the_whole(three):
    """Hosts 2 and 3 were told of host 1 alone."""
    for host in three.hosts:
        others = {h.label for h in three.hosts} - {host.label}
        assert {p["nickname"] for p in host.status()["peers"]} == others
    # One session a pair, although both sides may dial.
    out = [h.ns.run("ss", "-Htn", "state", "established").stdout.splitlines()
           for h in three.hosts]
    assert [len([l for l in o if ":6783" in l]) for o in out] == [2, 2, 2], out


def test_without_discovery_nobody_tells(make_cluster):
    cluster = make_cluster(3, options=["--no-discovery"], start=False)
    for host in cluster.hosts:
        host.start()
    one, two, three = cluster.hosts
    wait_until("the two to be connected to the first",
               lambda: len([p for p in one.status()["peers"]
                            if p["state"] == "up"]) == 2, 10)
    always("host 2 knows host 1 alone",
           lambda: two.peer(three) is None and three.peer(two) is None, 2)


def test_peers_are_added_removed_and_kept(make_cluster):
    cluster = make_cluster(2, join=False, start=False)
    one, two = cluster.hosts
    one.start()
    two.start()
    assert not one.status()["peers"]
    a, b = cluster.container(one), cluster.container(two)
    assert not a.reaches(b.ip4)
    one.ctl("peer", "add", two.address)
    cluster.wait_connected()
    cluster.settle()
    a.ping(b.ip4, 20).assert_perfect()
    one.restart()
    cluster.wait_connected()
    # Only the one that was told dials; the other one keeps nothing of it.
    one.ctl("peer", "remove", two.address)
    wait_until("both to have let go",
               lambda: not [h for h in cluster.hosts for p in
                            h.status()["peers"] if p["state"] == "up"])
    wait_until("the way to be closed", lambda: not a.reaches(b.ip4))
    always("still removed", lambda: not [
        p for p in one.status()["peers"] if p["state"] == "up"], 2)
    one.restart()
    always("still removed after a restart", lambda: not [
        p for p in one.status()["peers"] if p["state"] == "up"], 2)
    one.ctl("peer", "add", two.address)
    cluster.wait_connected()
    wait_until("the way to be open", lambda: a.reaches(b.ip4))


def test_peer_that_starts_late_is_found(make_cluster):
    cluster = make_cluster(2, start=False)
    one, two = cluster.hosts
    two.start()
    time.sleep(1)
    one.start()
    cluster.wait_connected(timeout=15)


def test_host_names_are_resolved_again(make_cluster):
    """A name that led nowhere is asked again; /etc/hosts says it."""
    cluster = make_cluster(2, join=False, start=False)
    one, two = cluster.hosts
    hosts = cluster.directory + "/hosts"
    with open(hosts, "w", encoding="ascii") as f:
        f.write("127.0.0.1 localhost\n")
    one.start()
    two.mount_over("/etc/hosts", hosts)
    two.start(extra=["--peer", "first.test"])
    wait_until(lambda: "it to say that the name is unknown: %s" % two.log(),
               lambda: "first.test" in two.log_now(), 5)
    with open(hosts, "w", encoding="ascii") as f:
        f.write("127.0.0.1 localhost\n%s first.test\n" % one.address)
    cluster.wait_connected(timeout=15)


def test_sessions_come_back(two):
    """The TCP connection breaks; traffic does not notice."""
    a, b = (two.container(h) for h in two.hosts)
    two.settle()
    ping = a.start_ping(b.ip4, 0.02)
    undo = two.underlay.cut_both(1, 2, proto="tcp")
    two.hosts[0].ns.run("ss", "-K", "dport", "=", ":6783", check=False)
    two.hosts[0].ns.run("ss", "-K", "sport", "=", ":6783", check=False)
    time.sleep(2)
    undo()
    two.wait_connected(timeout=20)
    time.sleep(0.5)
    ping.stop().assert_perfect()


def test_ready_is_told_to_systemd(make_cluster):
    cluster = make_cluster(1, start=False)
    (host,) = cluster.hosts
    host.start(wait=False)
    host.wait_ready()
    assert host.api("ping") is not None
    assert host.stop() == 0
    assert "STOPPING=1" in host.told_systemd()


def test_log_level_and_reload(two):
    host = two.hosts[0]
    host.ctl("log-level", "debug")
    assert host.ctl("log-level", "loud", check=False).status in (1, 2)
    host.ctl("log-level", "info")
    host.process.send_signal(1)  # SIGHUP: reload
    time.sleep(0.3)
    assert host.is_running()
    assert len(host.status()["peers"]) == 1


def test_ping_results_are_not_empty():
    """Guards the helper: no output is no success."""
    with pytest.raises(AssertionError):
        PingResult("", False).assert_perfect()
