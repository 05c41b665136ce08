# SPDX-License-Identifier: Apache-2.0
"""Requests for a known address are seen by its owner alone."""

import time

import pytest

from capture import arp, neighbour_solicitation


@pytest.fixture
def world(three):
    """Two containers on each of three hosts, all with cold caches."""
    for host in three.hosts:
        three.container(host)
        three.container(host)
    three.settle()
    time.sleep(1)  # what new links send on their own has passed
    return three


class Watch:
    """Captures on every container and towards every host."""

    def __init__(self, cluster):
        self.containers = {c: c.capture() for c in cluster.containers}
        self.links = {i: cluster.underlay.capture(i)
                      for i in cluster.underlay.indices()}

    def who_saw(self, predicate):
        """Labels of the containers, and numbers of the hosts to which the
        underlay carried such a frame."""
        time.sleep(0.2)
        saw = {c.label for c, cap in self.containers.items()
               if any(predicate(f) for f in cap.frames(incoming=True))}
        # Outgoing on the middle's end is what goes to the host.
        hosts = {i for i, cap in self.links.items()
                 for f in cap.frames() if f.outgoing and f.vxlan() and
                 predicate(f.vxlan()[3])}
        return saw, hosts

    def close(self):
        for one in list(self.containers.values()) + list(self.links.values()):
            one.close()


@pytest.fixture
def watch(world):
    w = Watch(world)
    yield w
    w.close()


@pytest.mark.parametrize("kind", ["ip4", "ip6"])
def test_first_ping_asks_the_owner_alone(world, watch, kind):
    asker = world.containers[0]
    for owner in world.containers[1:]:
        target = getattr(owner, kind)
        watch.who_saw(lambda f: True)  # what was before
        asker.flush_neighbours()
        owner.flush_neighbours()
        got = asker.ping(target)
        assert got.received == 1, got
        # The owner may ask back for the asker, whom it knows from the request.
        saw, hosts = watch.who_saw(lambda f, t=target: f.asks_for(t))
        away = owner.host is not asker.host
        assert saw == {owner.label}, saw
        assert hosts == ({world.hosts.index(owner.host) + 1} if away
                         else set()), hosts


@pytest.mark.parametrize("kind", ["ip4", "ip6"])
def test_answers_go_to_the_asker_alone(world, watch, kind):
    asker, owner = world.containers[0], world.containers[2]
    asker.flush_neighbours()
    owner.flush_neighbours()
    assert asker.reaches(getattr(owner, kind))
    # New links announce themselves to all (33:33:…): that is no answer.
    saw, _ = watch.who_saw(lambda f: not f.data[0] & 1 and
                           ((f.arp and f.arp[0] == 2) or
                            (f.nd and f.nd[0] == 136)))
    assert asker.label in saw and saw <= {asker.label, owner.label}


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
    time.sleep(0.3)
    after = world.hosts[0].kernel.statistics()
    assert after["hit"] - before["hit"] >= 200
    assert after["missed"] - before["missed"] <= 5, (before, after)
    assert world.hosts[0].metrics()["upcalls"] - upcalls <= 5


def test_an_address_that_nobody_declared_is_asked_of_all(world, watch):
    """Guards the tests above: the captures do see a flooded request."""
    asker = world.containers[0]
    others = {c.label for c in world.containers} - {asker.label}
    for target in ("10.32.99.99", "fd32::9999"):
        asker.send(arp(asker.mac, asker.ip4, target) if ":" not in target else
                   neighbour_solicitation(asker.mac, asker.ip6, target))
        saw, hosts = watch.who_saw(lambda f, t=target: f.asks_for(t))
        assert saw == others and hosts == {2, 3}, (target, saw, hosts)


def test_a_flooded_frame_comes_once(world):
    asker = world.containers[0]
    captures = {c: c.capture() for c in world.containers}
    for _ in range(5):
        asker.send(arp(asker.mac, asker.ip4, "10.32.98.98"))
        time.sleep(0.05)
    time.sleep(0.3)
    for c, capture in captures.items():
        n = sum(1 for f in capture.frames(incoming=True)
                if f.asks_for("10.32.98.98"))
        assert n == (0 if c is asker else 5), "%s got %d" % (c.label, n)


@pytest.mark.parametrize("kind", ["ip4", "ip6"])
def test_a_container_that_left_is_asked_for_no_more(world, watch, kind):
    asker, owner = world.containers[0], world.containers[4]
    target = getattr(owner, kind)
    owner.host.detach(owner)
    time.sleep(0.5)
    asker.flush_neighbours()
    assert not asker.reaches(target)
    # Now nobody declares the address: it is a broadcast like any other.
    saw, _ = watch.who_saw(lambda f: f.asks_for(target))
    assert asker.label not in saw
