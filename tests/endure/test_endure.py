# SPDX-License-Identifier: Apache-2.0
"""A cluster under churn for as long as asked (--seconds): every packet between
its containers is accounted for, memory and descriptors stay flat, and the logs
hold no warning that nothing explains."""

import collections
import re
import time

import pytest

from churn import Churn
from host import find_program, is_sanitized
from ns import figure
from probes import Probes

N_HOSTS = 4  # and a guest, who comes and goes
N_STEADY = 2  # containers a host
SAMPLE_S = 5.0
GROWTH = 3 << 20
# With the first container that goes come four threads that delete links, each
# with a socket, and their pipe; and a session may be about to be replaced.
MORE_FDS = 4 + 2 + 2
# What faults make a daemon say.
EXPLAINED = re.compile(
    r"session with .* (is down|ended)|is down|no answer|does not answer|"
    r"take (sleeve|fastdp)|cannot (reach|dial|connect)|unreachable|refused|"
    r"timed out|adopted|closed|reset by peer|is gone|starting|"
    r"no path to \S+ \(\w+\) works|the pair's other session was kept")
WARNING = re.compile(r"^\S+ (warn|error) +(.*)$", re.M)


class Sizes:
    """Memory and descriptors of daemons, life by life. Each container has one
    of the latter, which does not count."""

    def __init__(self):
        self.lives = {}
        self.next_at = 0.0

    def look(self, cluster):
        if time.monotonic() < self.next_at:
            return
        self.next_at = time.monotonic() + SAMPLE_S
        for h in cluster.hosts:
            if h.is_running():
                n = sum(1 for c in cluster.containers if c.host is h)
                self.lives.setdefault((h.label, h.pid), []).append(
                    (h.rss(), h.n_fds() - n))

    def grown(self):
        """Sentences: the end of a life against its first third."""
        found = []
        for (label, pid), seen in self.lives.items():
            if len(seen) < 9:
                continue
            third = len(seen) // 3
            for what, at, most in (("memory", 0, GROWTH),
                                   ("descriptors", 1, MORE_FDS)):
                first = max(s[at] for s in seen[:third])
                last = min(s[at] for s in seen[-3:])
                figure("%s of %s (%d)" % (what, label, pid),
                       "%d … %d" % (first, last))
                if last > first + most:
                    found.append("%s: %s of %d to %d" % (label, what, first,
                                                         last))
        return found


def unexplained(cluster):
    found = []
    explained = collections.Counter()
    for h in cluster.hosts:
        with open(h.log_path, encoding="utf-8", errors="replace") as f:
            for level, text in WARNING.findall(f.read()):
                why = EXPLAINED.search(text)
                if why:
                    explained[why[0] if len(why[0]) < 30 else "session"] += 1
                else:
                    found.append("%s: %s %s" % (h.label, level, text))
    figure("warnings, by what explains them", dict(explained))
    return sorted(set(found))


def host_of(cluster, container):
    return cluster.hosts.index(container.host) + 1


def judge(cluster, probes, churn):
    """Sentences about packets."""
    lost = []
    n_explained = n_paused = 0
    where = [host_of(cluster, c) for c in probes.containers]
    for at, i, k, n in probes.lost():
        if churn.why(at, where[i], where[k]):
            n_explained += 1
        elif any(a - 0.2 <= at <= b + 0.2 for a, b in probes.slept_until):
            n_paused += 1
        else:
            lost.append("%.3f s: packet %d from container %d (host %d) to %d "
                        "(host %d)" % (at, n, i, where[i], k, where[k]))
    figure("packets", probes.n_sent())
    figure("lost, with a reason", n_explained)
    figure("the machine stood still, in seconds",
           round(sum(b - a for a, b in probes.slept_until), 1))
    figure("lost, as it did", n_paused)
    figure("lost, without", len(lost))
    return lost[:20] + probes.wrong[:20]


def churn_log(churn):
    return "\n".join("%.3f … %.3f s: %s" % (w.begin, w.end, w.what)
                     for w in churn.windows)


@pytest.mark.limit(100000)
def test_endure(make_cluster, request):
    seconds = request.config.getoption("--seconds")
    cluster = make_cluster(N_HOSTS + 1)
    guest = cluster.hosts[-1]
    steady = [cluster.container(h) for h in cluster.hosts[:N_HOSTS]
              for _ in range(N_STEADY)]
    cluster.settle()
    probes = Probes(steady)
    churn = Churn(cluster, guest, request.config.getoption("--seed"),
                  lambda since: any(b > since for _a, b in probes.slept_until))
    sizes = Sizes()
    # Caches are cold, searches run: the beginning does not count.
    churn.window("the start").close(3)
    time.sleep(1)
    probes.start()
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            churn.step()
            sizes.look(cluster)
            assert not probes.wrong, probes.wrong[:5]
    finally:
        probes.stop()
    churn.finish()
    figure("what happened", churn.done)
    faults = judge(cluster, probes, churn) + unexplained(cluster)
    if not is_sanitized(find_program("fastdpd")):
        faults += sizes.grown()
    assert not faults, "\n".join(faults) + "\n" + churn_log(churn)
