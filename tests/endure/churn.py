# SPDX-License-Identifier: Apache-2.0
"""What happens to a cluster meanwhile, and which losses that explains."""

import random
import signal
import time

from ns import wait_until

VXLAN_PORT, SLEEVE_PORT = 6784, 6783
# A path is noticed dead within a second; a busy machine adds to it.
DETECT_S = 2.5
# From a cut that heals to packets: the peer is asked once a second.
BACK_S = 6.0
# A path that failed again and again is taken again after a minute of health.
SETTLE_S = 60.0


class Window:
    """Packets between these hosts (None: any) may be lost in this time."""

    def __init__(self, what, hosts):
        self.what, self.hosts = what, hosts
        self.begin, self.end = time.monotonic() - 0.3, float("inf")

    def close(self, after):
        self.end = time.monotonic() + after

    def explains(self, at, a, b):
        return self.begin <= at <= self.end and (
            self.hosts is None or {a, b} == self.hosts or
            (len(self.hosts) == 1 and self.hosts & {a, b}))


class Churn:
    """Containers, paths, daemons, peers; one of them after the other."""

    def __init__(self, cluster, guest, seed, stood_still):
        """@stood_still(t): did the machine, after t?"""
        self.cluster, self.guest = cluster, guest
        self.stood_still = stood_still
        self.random = random.Random(seed)
        self.windows = []
        self.extra = []
        self.done = {}

    def hosts(self):
        """Numbers of those that stay, 1 and up."""
        return [i for i, h in enumerate(self.cluster.hosts, 1)
                if h is not self.guest]

    def window(self, what, hosts=None):
        w = Window(what, hosts)
        self.windows.append(w)
        return w

    def _pause(self, low, high):
        time.sleep(self.random.uniform(low, high))

    def _settled(self):
        hosts = [h for h in self.cluster.hosts if h.is_running()]
        for tries_left in (2, 1, 0):
            begin = time.monotonic()
            try:
                self.cluster.wait_connected(SETTLE_S + 45, hosts)
                return
            except AssertionError:
                # A machine that stands still makes all paths fail.
                if not tries_left or not self.stood_still(begin):
                    raise

    def container_comes(self):
        host = self.cluster.hosts[self.random.choice(self.hosts()) - 1]
        self.extra.append(self.cluster.container(host))

    def container_goes(self):
        if self.extra:
            c = self.extra.pop(self.random.randrange(len(self.extra)))
            c.host.detach(c)
            self.cluster.containers.remove(c)
            c.close()

    def containers(self):
        for _ in range(4):
            if self.random.random() < 0.5 and len(self.extra) < 8:
                self.container_comes()
            else:
                self.container_goes()

    def vxlan_is_cut(self):
        a, b = self.random.sample(self.hosts(), 2)
        w = self.window("VXLAN between %d and %d is cut" % (a, b), {a, b})
        undo = self.cluster.underlay.cut_both(a, b, proto="udp",
                                              port=VXLAN_PORT)
        w.close(DETECT_S)
        self._pause(1, 5)
        self.containers()
        undo()
        self._settled()

    def vxlan_is_cut_one_way(self):
        a, b = self.random.sample(self.hosts(), 2)
        w = self.window("VXLAN from %d to %d is cut" % (a, b), {a, b})
        undo = self.cluster.underlay.cut(a, b, proto="udp", port=VXLAN_PORT)
        w.close(DETECT_S)
        self._pause(1, 5)
        undo()
        self._settled()

    def link_is_cut(self):
        a, b = self.random.sample(self.hosts(), 2)
        w = self.window("all between %d and %d is cut" % (a, b), {a, b})
        undo = self.cluster.underlay.cut_both(a, b)
        self._pause(0.5, 12)
        undo()
        w.close(BACK_S)
        self._settled()

    def sleeve_is_cut(self):
        a, b = self.random.sample(self.hosts(), 2)
        undo = self.cluster.underlay.cut_both(a, b, proto="udp",
                                              port=SLEEVE_PORT)
        self._pause(1, 4)
        undo()

    def daemon_restarts(self):
        """The kernel path loses nothing, whatever ended the daemon."""
        i = self.random.choice(self.hosts()[1:])
        self.cluster.hosts[i - 1].restart(self.random.choice(
            [signal.SIGKILL, signal.SIGTERM]))
        self._settled()

    def daemon_is_away(self):
        host = self.cluster.hosts[self.random.choice(self.hosts()[1:]) - 1]
        host.kill()
        self._pause(1, 6)
        host.start()
        self._settled()

    def peer_leaves_and_joins(self):
        self.guest.stop()
        self._pause(0.5, 4)
        self.guest.start()
        self._settled()

    def step(self):
        what = self.random.choice([
            self.containers, self.containers, self.vxlan_is_cut,
            self.vxlan_is_cut_one_way, self.link_is_cut, self.sleeve_is_cut,
            self.daemon_restarts, self.daemon_is_away,
            self.peer_leaves_and_joins])
        self.done[what.__name__] = self.done.get(what.__name__, 0) + 1
        what()
        self._pause(0.1, 1.0)

    def why(self, at, a, b):
        """What explains a loss at this time between these hosts, or None."""
        for w in self.windows:
            if w.explains(at, a, b):
                return w.what
        return None

    def finish(self):
        while self.extra:
            self.container_goes()
        for h in self.cluster.hosts:
            wait_until("%s forgets containers that went" % h.label,
                       lambda h=h: len(h.known_macs()) ==
                       len([c for c in self.cluster.containers if c.host]),
                       40, 0.2)
