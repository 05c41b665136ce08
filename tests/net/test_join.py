# SPDX-License-Identifier: Apache-2.0
"""How hosts find each other, keep each other, and let go."""

import time

import pytest

from container import PingResult
from ns import always, wait_until


@pytest.mark.any_datapath
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
                            if p["state"] == "up"]) == 2)
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
    cluster.wait_connected()


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
               lambda: "first.test" in two.log_now())
    with open(hosts, "w", encoding="ascii") as f:
        f.write("127.0.0.1 localhost\n%s first.test\n" % one.address)
    cluster.wait_connected()


@pytest.mark.any_datapath
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
    two.wait_connected()
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
