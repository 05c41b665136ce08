# SPDX-License-Identifier: Apache-2.0
"""Requests for a known address are seen by its owner alone."""

import time

import pytest

import machine
from capture import arp, neighbour_solicitation
from ns import wait_until
from topo import KINDS, PATIENT, Cluster, datapaths_of
from watch import Watch, mark_of, question

# Who asks for whom: of one host, and from host to host.
ASKS = [(0, 1), (0, 5), (2, 0), (2, 4)]


@pytest.fixture(scope="module", params=KINDS)
def world(request):
    """Two containers on each of three hosts."""
    with Cluster(3, datapaths=datapaths_of(request.param),
                 options=PATIENT) as cluster:
        for host in cluster.hosts:
            cluster.container(host)
            cluster.container(host)
        cluster.settle()
        time.sleep(1)  # what new links send on their own has passed
        yield cluster


@pytest.fixture
def watch(world):
    with Watch(world) as w:
        yield w


def is_answer(frame, target, asker):
    """It tells this asker who has the address."""
    if frame.dst != asker.mac:
        return False
    return (frame.arp and frame.arp[:2] == (2, target)) or \
        (frame.nd and (frame.nd[0], frame.nd[2]) == (136, target))


@pytest.mark.parametrize("kind", ["ip4", "ip6"])
def test_first_ping_asks_the_owner_alone(world, watch, kind):
    """And the answer comes to the asker alone."""
    for asker, owner in ASKS:
        asker, owner = world.containers[asker], world.containers[owner]
        target = getattr(owner, kind)
        asker.flush_neighbours()
        owner.flush_neighbours()
        watch.forget()
        got = asker.ping(target)
        assert got.received == 1, got
        away = owner.host is not asker.host
        there = {world.hosts.index(owner.host) + 1} if away else set()
        # The owner may ask back for the asker, whom it knows from the request.
        saw, hosts = watch.who_saw(lambda f, t=target: f.asks_for(t),
                                   mark_of(asker, target), {owner.label},
                                   there)
        assert saw == {owner.label}, saw
        assert hosts == there, hosts
        saw = watch.containers_with(
            lambda f, t=target, a=asker: is_answer(f, t, a))
        assert saw == {asker.label}, saw


@pytest.mark.parametrize("world", ["alike"], indirect=True)
def test_many_requests_make_no_upcall(world):
    """All of it is in the kernel before anybody asks."""
    asker = world.containers[0]
    before = world.hosts[0].kernel.statistics()
    upcalls = world.hosts[0].metrics()["upcalls"]
    for owner in world.containers[1:]:
        for _ in range(20):
            asker.send(arp(asker.mac, asker.ip4, owner.ip4))
            asker.send(neighbour_solicitation(asker.mac, asker.ip6,
                                              owner.ip6))
    machine.rest(0.3)
    after = world.hosts[0].kernel.statistics()
    assert after["hit"] - before["hit"] >= 200
    assert after["missed"] - before["missed"] <= 5, (before, after)
    assert world.hosts[0].metrics()["upcalls"] - upcalls <= 5


@pytest.mark.parametrize("target", ["10.32.99.99", "fd32::9999"])
def test_an_address_that_nobody_declared_is_asked_of_all(world, watch, target):
    """Guards the tests above: the captures do see a flooded request."""
    for asker in world.containers[0], world.containers[2]:
        watch.forget()
        asker.send(question(asker, target))
        others = watch.labels() - {asker.label}, \
            {1, 2, 3} - {world.hosts.index(asker.host) + 1}
        assert watch.who_saw(lambda f: f.asks_for(target),
                             mark_of(asker, target), *others) == others


@pytest.mark.parametrize("kind", ["ip4", "ip6"])
def test_a_container_that_left_is_asked_for_no_more(world, watch, kind):
    asker, owner = world.containers[0], world.containers[
        4 if kind == "ip4" else 5]
    target = getattr(owner, kind)
    mac = owner.mac
    owner.host.detach(owner)
    wait_until("all to forget it", lambda: not any(
        mac in h.known_macs() for h in world.hosts))
    machine.rest(0.2)
    asker.flush_neighbours()
    assert not asker.reaches(target)
    # Now nobody declares the address: it is a broadcast like any other.
    saw, _ = watch.who_saw(lambda f: f.asks_for(target))
    assert asker.label not in saw
