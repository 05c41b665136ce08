# SPDX-License-Identifier: Apache-2.0
"""Containers of several hosts on networks: who talks to whom, what is seen
of it, what comes and goes. Of hosts alike, and with one that has but a Linux
bridge."""

import itertools
import os
import time

import pytest

import machine
from bridge import bridges, fdb
from capture import arp, ethernet
from ns import figure, wait_for_some, wait_until
from topo import KINDS, PATIENT, Cluster, datapaths_of

N_PINGS = 1000  # of each pair, half of them each way
# A guest has one processor, and it is slow.
AT_ONCE = 12 if os.environ.get("FASTDP_VM") else 36
# On an underlay of 1500: what a container may put into one packet.
MTU_OF = {"fastdp": 1450, "sleeve": 1430}


@pytest.fixture(scope="module", params=KINDS)
def world(request):
    """Three hosts with three containers each: two blue, one red."""
    with Cluster(3, datapaths=datapaths_of(request.param),
                 options=PATIENT) as cluster:
        for host in cluster.hosts:
            for network in ("blue", "blue", "red"):
                cluster.container(host, network)
        cluster.settle()
        yield cluster


def path_between(host, other):
    return "fastdp" if host.datapath == other.datapath == "ovs" else "sleeve"


def here(world, host, network="blue"):
    """Its containers in a network."""
    return [c for c in world.containers
            if c.host is host and c.network == network]


def same_network(cluster):
    by = {}
    for c in cluster.containers:
        if c.host is not None:
            by.setdefault(c.network, []).append(c)
    return [pair for group in by.values()
            for pair in itertools.combinations(group, 2)]


def is_mixed(world):
    return len({h.datapath for h in world.hosts}) > 1


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
    world.wait_connected()
    machine.rest(1)
    jobs = []
    for a, b in same_network(world):
        # Between two with openvswitch.ko nothing differs for a third without.
        if not is_mixed(world) or "bridge" in (a.host.datapath,
                                               b.host.datapath):
            jobs += [(a, b.ip4), (b, a.ip6)]
    run_pings(jobs, N_PINGS // 2, 0.01, quiet=True)


def test_no_pair_of_two_networks_talks(world):
    blue = [c for c in world.containers if c.network == "blue"]
    red = [c for c in world.containers if c.network == "red"]
    captures = [(c, c.capture()) for c in world.containers]
    running = []
    for k, a in enumerate(blue):
        for one, other in ((a, red[k % 3]), (red[k % 3], a)):
            running += [one.start_ping(t, 0.2, 2, wait=1)
                        for t in (other.ip4, other.ip6)]
    for one in running:
        got = one.result()
        assert got.received == 0, "%s: %s" % (one.who, got)
    # Nor with the MAC in hand.
    for a, b in zip(blue, red):
        a.send(ethernet(b.mac, a.mac, 0x88b5, b"between networks"))
        b.send(ethernet(a.mac, b.mac, 0x88b5, b"between networks"))
    machine.rest(0.2)
    macs = {"blue": {c.mac for c in blue}, "red": {c.mac for c in red}}
    for c, capture in captures:
        other = macs["red" if c.network == "blue" else "blue"]
        crossed = [str(f) for f in capture.frames(incoming=True)
                   if f.src in other]
        assert not crossed, "%s saw %s" % (c.label, crossed[:5])


def test_a_flooded_frame_comes_once_to_everybody(world):
    for asker in world.containers[0], world.containers[3]:
        captures = {c: c.capture() for c in world.containers}
        for _ in range(5):
            asker.send(arp(asker.mac, asker.ip4, "10.32.98.98"))
            time.sleep(0.05)
        n = dict.fromkeys(captures, 0)
        wanted = {c: 5 * (c.network == asker.network and c is not asker)
                  for c in captures}

        def have_come():
            for c, capture in captures.items():
                n[c] += sum(1 for f in capture.frames(incoming=True)
                            if f.asks_for("10.32.98.98"))
            return all(n[c] >= wanted[c] for c in captures)

        wait_for_some(have_come)
        machine.rest(0.3)
        have_come()
        for c, capture in captures.items():
            capture.close()
            assert n[c] == wanted[c], "%s got %d" % (c.label, n[c])


def test_frames_to_nobody_are_not_flooded(world):
    for asker in world.containers[0], world.containers[3]:
        captures = {c: c.capture() for c in world.containers}
        for _ in range(3):
            asker.send(ethernet("02:00:00:99:99:99", asker.mac, 0x88b5,
                                b"who is that"))
        machine.rest(0.3)
        for c, capture in captures.items():
            saw = [f for f in capture.frames(incoming=True)
                   if b"who is that" in f.data]
            capture.close()
            assert not saw, c.label


def test_flows_match_the_kernel(world):
    """`flows` shows what the kernel has, flow by flow."""
    for host in world.hosts:
        said = host.ctl("flows")["flows"]
        assert said, "%s shows no flows" % host.label
        if host.datapath == "bridge":
            # In another order: by MAC, once for each network.
            there = sorted(mac for name in bridges(host) for mac, (_, static)
                           in fdb(host, name).items() if static)
            assert sorted(f["match"].split("eth_dst=")[1] for f in said
                          if "eth_dst=" in f["match"]) == there
            continue
        # A flow of the first upcall may come or go between the two looks.
        there = host.kernel.by_ufid()
        assert abs(len(said) - len(there)) <= 4, (len(said), len(there))


@pytest.mark.parametrize("world", ["alike", "mixed"], indirect=True)
def test_every_flow_of_a_recirculation_id_is_disjoint(world):
    """No two flows of one id have the same match, in the kernel too."""
    for host in world.hosts:
        if host.datapath == "bridge":
            continue
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
    # Where a processor is short a path may have been down meanwhile.
    world.wait_connected()
    for host in world.hosts:
        s = host.ctl("status")
        assert s["nickname"] == host.label and s["version"] and s["name"]
        assert s["datapath"]["type"] == host.datapath
        assert s["datapath"]["name"] == "fastdp"
        assert s["datapath"]["reason"] == "asked for"
        assert "datapath %s: fastdp" % host.datapath in host.log()
        assert s["mtu"] == 1450 and s["encryption"] is False
        assert len(s["peers"]) == 2 and len(s["ports"]) >= 3
        for p in s["peers"]:
            (other,) = [h for h in world.hosts if h.label == p["nickname"]]
            path = path_between(host, other)
            assert p["state"] == "up" and p["path"] == path, p
            assert p["name"] and p["reason"] and p["since"], p
            assert p["mtu"] == MTU_OF[path], p
            assert p["paths"][path]["state"] == "up", p
            assert p["paths"][path]["rtt_us"] > 0, p
        for c in [c for c in world.containers if c.host is host]:
            (port,) = [p for p in s["ports"] if p["mac"] == c.mac]
            assert port["network"] == c.network and port["ifname"], port
            assert any(c.ip4 in a for a in port["addresses"]), port


def test_tables_for_people_and_every_verb(world):
    for host, other in (world.hosts[:2], world.hosts[1::-1]):
        away, near = here(world, other)[0], here(world, host)[0]
        for args in (["status"], ["peers"], ["ports"], ["directory"],
                     ["flows"], ["metrics"], ["why", away.mac],
                     ["why", away.ip4], ["why", near.ip6],
                     ["why", other.address], ["why", other.label]):
            text = host.ctl(*args, json_out=False)
            assert text.strip(), "%s says nothing" % args
            host.ctl(*args)
        why = host.ctl("why", away.ip4, json_out=False)
        assert other.label in why and path_between(host, other) in why, why
        flows = host.ctl("flows")["flows"]
        for c in away, near:
            assert [f for f in flows if c.mac in f["match"] and f["wanted"]]
    assert host.ctl("forget", check=False).status == 2  # no such verb


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
    friend = here(world, world.hosts[2])[0]
    wait_until("a ping to it", lambda: friend.reaches("10.32.9.9"))
    host.ctl("detach", "--netns", child.pid, "--ifname", "eth0")
    assert not c.has_link()


@pytest.mark.parametrize("k, network", [(2, "red"), (0, "red"), (0, "new")])
def test_attach_and_detach_leave_nothing(world, k, network):
    host = world.hosts[k]
    # Flows that came with an upcall go with age; the others are compared.
    links, vports = sorted(host.ns.links()), host.kernel.vports()
    macs = host.known_macs()
    c = world.container(host, network)
    world.settle()
    mac, ip4 = c.mac, c.ip4
    # A network of its own has a TAP, and a bridge where there are bridges.
    assert len(host.ns.links()) > len(links)
    assert len(host.kernel.vports()) > len(vports)
    assert host.kernel.mentions(mac)
    host.detach(c)
    assert not c.has_link()
    wait_until("its links to go", lambda: sorted(host.ns.links()) == links)
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
        b.ping(a.ip6, 5).assert_perfect(a.label)
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


def test_a_container_that_moves_is_found(world):
    """From host to host and back, with its MAC and addresses."""
    friend = here(world, world.hosts[2])[0]
    at, mac = ["10.32.77.7/16", "fd32::7777/64"], "02:00:00:00:77:07"
    for host in world.hosts[0], world.hosts[1], world.hosts[0]:
        c = world.container(host, "blue", at, mac=mac)
        c.wait_usable()
        wait_until("%s to reach it at %s" % (friend.label, host.label),
                   lambda c=c: friend.reaches(c.ip4) and
                   friend.reaches(c.ip6))
        c.ping(friend.ip4, 3, 0.2).assert_perfect(c.label)
        host.detach(c)


def test_a_restart_breaks_no_pair_of_the_kernels(world):
    """Pairs that do not need the daemon which is restarted: those of one
    host, and those of hosts with openvswitch.ko."""
    pairs = [(a, b) for a, b in same_network(world) if a.network == "blue" and
             (a.host is b.host or path_between(a.host, b.host) == "fastdp")]
    assert len(pairs) >= 3
    running = [a.start_ping(b.ip4 if k % 2 else b.ip6, 0.02)
               for k, (a, b) in enumerate(pairs)]
    wait_until("all of them", lambda: all(p.replies() > 5 for p in running))
    for host in world.hosts[:2]:
        away = here(world, world.hosts[2])[0]
        for how in (15, 9):
            host.restart(how)
            world.wait_connected()
            wait_until("the others to be reached", lambda h=host: here(
                world, h)[0].reaches(away.ip4))
    for one in running:
        one.stop().assert_perfect(one.who)


def is_udp(frame):
    return frame[23 if frame[12:14] == b"\x08\0" else 20] == 17


def full_packet(a, b, underlay):
    """The longest one that b's host says it takes gets there uncut, in a
    datagram of the underlay's size at most. A session's TCP may be cut by the
    card alone, and is longer here."""
    mtu = a.host.peer(b.host)["mtu"]
    with underlay.capture(2) as seen:
        out = a.run("ping", "-n", "-M", "do", "-c", "3", "-i", "0.05", "-W",
                    "1", "-s", mtu - 28, b.ip4).stdout
        sizes = [len(f.data) for f in seen.frames() if is_udp(f.data)]
    assert "3 received" in out, out
    return max(sizes) - 14


@pytest.mark.parametrize("family, mode, kind", [
    pytest.param(6, "bridge", "alike", marks=pytest.mark.any_datapath),
    pytest.param(4, "router", "alike", marks=pytest.mark.any_datapath),
    pytest.param(6, "router", "alike", marks=pytest.mark.any_datapath),
    (4, "router", "mixed"), (6, "router", "mixed")])
def test_other_underlays(make_cluster, family, mode, kind):
    cluster = make_cluster(3, family=family, mode=mode,
                           datapaths=datapaths_of(kind), options=PATIENT)
    containers = [cluster.container(h) for h in cluster.hosts]
    cluster.settle()
    run_pings([(a, t) for a, b in itertools.permutations(containers, 2)
               for t in (b.ip4, b.ip6)], 20, 0.02)
    mtu = 1450 if family == 4 else 1430
    a, b = containers[:2]
    assert a.host.status()["mtu"] == a.addresses()[2] == mtu
    assert full_packet(a, b, cluster.underlay) == 1500


@pytest.mark.any_datapath
def test_jumbo_underlay_gives_jumbo_containers(make_cluster):
    cluster = make_cluster(2, mtu=9000)
    a, b = (cluster.container(h) for h in cluster.hosts)
    cluster.settle()
    assert a.addresses()[2] == 8950
    wait_until("the path to be measured", lambda: a.host.peer(b.host)["mtu"]
               >= 8950 - 20)
    assert full_packet(a, b, cluster.underlay) == 9000
