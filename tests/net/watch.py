# SPDX-License-Identifier: Apache-2.0
"""Who gets to see a frame: containers, and hosts by the underlay."""

import socket

import machine
from capture import arp, mac_bytes, neighbour_solicitation
from ns import wait_for_some


def question(asker, target):
    """The frame by which a container asks for an address."""
    return arp(asker.mac, asker.ip4, target) if ":" not in target else \
        neighbour_solicitation(asker.mac, asker.ip6, target)


def mark_of(asker, target):
    """Bytes of such a frame that are in no other."""
    if ":" not in target:
        return question(asker, target)[14:42]
    # Behind a checksum: it asks from whichever of its addresses.
    return bytes(4) + socket.inet_pton(socket.AF_INET6, target) + b"\1\1" + \
        mac_bytes(asker.mac)


class Watch:
    """Captures on every container that is attached and towards every host."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.containers = {c: c.capture() for c in cluster.containers
                           if c.host is not None}
        self.links = {i: cluster.underlay.capture(i)
                      for i in cluster.underlay.indices()}
        self._seen = {c: [] for c in self.containers}
        self._sent = {i: [] for i in self.links}

    def _look(self):
        """Takes what has come since the last time."""
        for c, cap in self.containers.items():
            self._seen[c] += cap.frames(incoming=True)
        # Outgoing on the middle's end is what goes to the host.
        for i, cap in self.links.items():
            self._sent[i] += [f for f in cap.frames() if f.outgoing]

    def forget(self):
        """All that came until now."""
        machine.rest(0.2)
        self._look()
        for frames in [*self._seen.values(), *self._sent.values()]:
            frames.clear()

    def containers_with(self, predicate):
        """Labels of the containers that got such a frame."""
        return {c.label for c, frames in self._seen.items()
                if any(predicate(f) for f in frames)}

    def hosts_with(self, predicate, mark=None):
        """Numbers of the hosts to which the underlay took such a frame: in
        VXLAN, or, as @mark, some of its bytes, in a datagram of the user-space
        path."""
        return {i for i, frames in self._sent.items()
                if any(self._carries(f, predicate, mark) for f in frames)}

    def who_saw(self, predicate, mark=None, expected=(), hosts=()):
        """(containers, hosts) that got such a frame. Those that are expected
        to get it are waited for; the others have a moment more."""
        def look():
            self._look()
            return self.containers_with(predicate), \
                self.hosts_with(predicate, mark)

        def has_come():
            saw, sent = look()
            return saw >= set(expected) and sent >= set(hosts)

        wait_for_some(has_come)
        machine.rest(0.2)
        return look()

    @staticmethod
    def _carries(frame, predicate, mark):
        inner = frame.vxlan()
        if inner:
            return predicate(inner[3])
        return mark is not None and mark in frame.data

    def labels(self):
        return {c.label for c in self.containers}

    def close(self):
        for one in [*self.containers.values(), *self.links.values()]:
            one.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
