# SPDX-License-Identifier: Apache-2.0
"""The underlay: hosts joined by a switch or a router, and how to break it."""

import itertools
import os
import shutil
import tempfile

import pytest

from capture import Capture
from container import Container
from host import Host
from ns import PATIENCE_S, Namespace, ip_batch, wait_until

live = []  # what a failed test is to print

# What the hosts of a cluster are on: all on the usual datapath, or one on a
# bridge among others that have openvswitch.ko.
KINDS = [pytest.param("alike", marks=pytest.mark.any_datapath), "mixed"]

# Of tests that are not about paths: where a processor is short, heartbeats are
# answered late, and packets are lost and flows put for that reason alone.
PATIENT = ("--heartbeat-interval", "1500")


def datapaths_of(kind):
    return ("bridge", "ovs", "ovs") if kind == "mixed" else ()


class Underlay:
    """N host namespaces, each with one link `eth0` to a namespace between.

    "bridge": all in one subnet. "router": a subnet each, the namespace
    between forwards. "routers": one host has a router of its own, and two
    links join it to the other, one for each direction: "east" to that host,
    "west" away from it. Every host has an IPv4 and an IPv6 address.
    """

    def __init__(self, n, mode="bridge", mtu=1500, n_daemons=None):
        """@n_daemons: of the first hosts; the last of these is the far one."""
        self.n, self.mode = n, mode
        self.n_daemons = n_daemons or n
        self.middle = Namespace("u")
        self.hosts = [Namespace("h%d" % i) for i in self.indices()]
        self.far = self.n_daemons if mode == "routers" else None
        self.beyond = Namespace("v") if self.far else None
        self._rules = 0
        self._has_clsact = set()
        self.resized = []  # called with (link, MTU): the larger of both holds
        for one in self._namespaces():
            # Links serve at once, link-local addresses too.
            one.sysctl("ipv6/conf/default/accept_dad", 0)
            one.sysctl("ipv4/conf/default/rp_filter", 0)
            one.sysctl("ipv4/conf/all/rp_filter", 0)
        self._wire(mtu)

    def _namespaces(self):
        return [*self.hosts, self.middle] + [self.beyond] * bool(self.beyond)

    def between(self, i):
        """The namespace at the other end of host i's link."""
        return self.beyond if i == self.far else self.middle

    def indices(self):
        return range(1, self.n + 1)

    def ip4(self, i):
        return "10.99.%d.%d" % ((0, i) if self.mode == "bridge" else (i, 1))

    def ip6(self, i):
        return "fd00:99:%s::%d" % (("0", i) if self.mode == "bridge"
                                   else ("%d" % i, 1))

    def _wire(self, mtu):
        lines = {one: [] for one in self._namespaces()}
        if self.mode == "bridge":
            lines[self.middle] += ["link add br0 type bridge",
                                   "link set br0 up"]
        for i, host in zip(self.indices(), self.hosts):
            middle = lines[self.between(i)]
            middle += [
                "link add p%d mtu %d type veth peer name eth0 mtu %d netns %s"
                % (i, mtu, mtu, host.name)]
            if self.mode == "bridge":
                middle += ["link set p%d master br0" % i]
            else:
                middle += ["addr add 10.99.%d.254/24 dev p%d" % (i, i),
                           "addr add fd00:99:%d::fe/64 dev p%d nodad" % (i, i)]
            middle += ["link set p%d up" % i]
            lines[host] += ["addr add %s/24 dev eth0" % self.ip4(i),
                            "addr add %s/64 dev eth0 nodad" % self.ip6(i),
                            "link set eth0 up"]
            if self.mode != "bridge":
                lines[host] += ["route add default via 10.99.%d.254" % i,
                                "route add ::/0 via fd00:99:%d::fe" % i]
        if self.far:
            lines[self.middle] += [
                "link add %s mtu %d type veth peer name %s mtu %d netns %s" % (
                    way, mtu, way, mtu, self.beyond.name)
                for way in ("east", "west")]
        for one in (self.middle, self.beyond):
            if one and self.mode != "bridge":
                one.sysctl("ipv4/ip_forward", 1)
                one.sysctl("ipv6/conf/all/forwarding", 1)
        # Those that have the links' other ends come last.
        for one in reversed(self._namespaces()):
            if lines[one]:
                ip_batch(lines[one], one)
        for way in ("east", "west") if self.far else ():
            for one, lines in self._way_lines(way, mtu):
                ip_batch(lines, one)

    def _way_lines(self, way, mtu):
        """(router, what gives its end of a link its addresses and routes);
        a link of less than 1 280 has no IPv6."""
        k = 1 + (way == "west")
        here, there = (self.middle, self.beyond) if way == "east" else \
            (self.beyond, self.middle)
        to4, to6 = ("10.99.%d.0/24" % self.far, "fd00:99:%d::/64" % self.far) \
            if way == "east" else ("0.0.0.0/0", "::/0")
        ends = ((there, []), (here, [
            "route replace %s via 10.98.%d.2" % (to4, k),
            "route replace %s via fd00:98:%d::2" % (to6, k)]))
        for host, (one, routes) in zip((2, 1), ends):
            lines = ["addr replace 10.98.%d.%d/24 dev %s" % (k, host, way),
                     "addr replace fd00:98:%d::%d/64 dev %s nodad" % (
                         k, host, way), "link set %s up" % way, *routes]
            yield one, [line for line in lines
                        if mtu >= 1280 or "fd00" not in line]

    def set_way(self, i, mtu):
        """Of the second link, in the direction to host i: all hosts but the
        far one share it."""
        way = "east" if i == self.far else "west"
        self._resize(way, [(self.middle, way), (self.beyond, way)], mtu)
        for one, lines in self._way_lines(way, mtu):
            ip_batch(lines, one)

    def _resize(self, link, ends, mtu):
        was = ends[0][0].mtu(ends[0][1])
        for tell in self.resized if mtu > was else ():
            tell(link, mtu)
        for one, name in ends:
            one.ip("link", "set", name, "mtu", mtu)
        for tell in self.resized if mtu < was else ():
            tell(link, mtu)

    _has_flower = None  # the kernel's classifier: asked once

    def _tc(self, lines):
        """Several at the cost of one process, so that they come at once; each
        is (host, command)."""
        for one in (self.middle, self.beyond):
            here = [line for i, line in lines if self.between(i) is one]
            if here:
                one.run("tc", "-batch", "-", stdin="\n".join(here) + "\n")

    def drop(self, rules, direction="ingress"):
        """Drop what comes from a host ("egress": what goes to it) and matches:
        @rules are (host, match). Returns how to undo it."""
        for i in {i for i, _ in rules} - self._has_clsact:
            # What takes its time is done before.
            self._has_clsact.add(i)
            self._tc([(i, "qdisc add dev p%d clsact" % i),
                      (i, "filter add dev p%d ingress pref 9999 protocol ip "
                       "flower dst_ip 0.0.0.0 action drop" % i)])
        where = []
        for i, _ in rules:
            self._rules += 1
            where.append((i, "dev p%d %s pref %d" % (i, direction,
                                                     self._rules)))
        self._tc([(i, "filter add %s %s action drop" % (at, match))
                  for (i, at), (_, match) in zip(where, rules)])
        return lambda: self._tc([(i, "filter del " + at) for i, at in where])

    def cut_ways(self, ways, proto=None, port=None, family=4):
        """Drop from host to host, for each (source, destination) of @ways,
        all or one protocol's packets to one port. Returns a function that
        ends it."""
        if not self._can_classify():
            return self._cut_by_rules(ways, proto, port, family)
        rules = []
        for src, dst in ways:
            match = ["protocol", "ip" if family == 4 else "ipv6", "flower",
                     "dst_ip", self.ip4(dst) if family == 4
                     else self.ip6(dst)]
            if proto:
                match += ["ip_proto", proto]
            if port:
                match += ["dst_port", str(port)]
            rules.append((src, " ".join(match)))
        return self.drop(rules)

    def _can_classify(self):
        if Underlay._has_flower is None:
            self.middle.run("tc", "qdisc", "add", "dev", "lo", "clsact")
            Underlay._has_flower = self.middle.run(
                "tc", "filter", "add", "dev", "lo", "ingress", "protocol",
                "ip", "flower", "dst_ip", "0.0.0.0", "action", "drop",
                check=False).returncode == 0
        return Underlay._has_flower

    def _cut_by_rules(self, ways, proto, port, family):
        """The same where the kernel has nf_tables in place of it."""
        self._rules += 1
        table = "cut%d" % self._rules
        lines = ["add table netdev " + table]
        for k, (src, dst) in enumerate(ways):
            match = "ip daddr " + self.ip4(dst) if family == 4 else \
                "ip6 daddr " + self.ip6(dst)
            if proto:
                match += " meta l4proto " + proto
            if port:
                match += " %s dport %d" % (proto, port)
            lines += ["add chain netdev %s c%d { type filter hook ingress "
                      "device p%d priority 0; }" % (table, k, src),
                      "add rule netdev %s c%d %s drop" % (table, k, match)]
        self.middle.run("nft", "-f", "-", stdin="\n".join(lines) + "\n")
        return lambda: self.middle.run("nft", "delete", "table", "netdev",
                                       table)

    def cut(self, src, dst, **kw):
        return self.cut_ways([(src, dst)], **kw)

    def cut_both(self, a, b, **kw):
        return self.cut_ways([(a, b), (b, a)], **kw)

    def unplug(self, i):
        self.between(i).ip("link", "set", "p%d" % i, "down")

    def plug(self, i):
        self.between(i).ip("link", "set", "p%d" % i, "up")

    def set_mtu(self, i, mtu):
        """Of the link between host i and the middle, both ends."""
        self._resize("p%d" % i, [(self.between(i), "p%d" % i),
                                 (self.hosts[i - 1], "eth0")], mtu)

    def impair(self, i, *netem):
        """What comes to host i: "delay", "10ms", "loss", "5%" …"""
        self.between(i).run("tc", "qdisc", "replace", "dev", "p%d" % i,
                            "root", "netem", *netem)

    def capture(self, i):
        """What passes between the middle and host i."""
        return Capture(self.between(i), "p%d" % i)

    def close(self):
        for one in self._namespaces():
            one.close()


class Cluster:
    """An underlay, a Host on each of its namespaces, and their containers.

    The hosts know of host 1 alone and are to find each other through it.
    """

    def __init__(self, n=2, family=4, mode="bridge", mtu=1500, start=True,
                 options=(), join=True, strangers=0, datapaths=(),
                 watch=None):
        """@strangers: namespaces on the underlay that run no daemon.
        @datapaths: of each host, where it is not the usual one.
        @watch: made with the cluster before anything is sent; its faults()
        at the end are the cluster's."""
        self.directory = tempfile.mkdtemp(prefix="fdt-")
        self.containers = []
        self.hosts = []
        self._addresses = 0
        live.append(self)
        try:
            self.underlay = Underlay(n + strangers, mode, mtu, n)
            self.family = family
            self.watch = watch(self.underlay) if watch else None
            for i, ns in zip(range(1, n + 1), self.underlay.hosts):
                args = list(options)
                if join and i > 1:
                    args += ["--peer", self.address(1)]
                self.hosts.append(Host(
                    "host%d" % i, ns, self.address(i),
                    os.path.join(self.directory, "host%d" % i), args,
                    datapaths[i - 1] if datapaths else None))
            if start:
                self.start()
        except BaseException:
            # The fixture has no handle on it yet.
            self.close(check=False)
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close(check=kind is None)

    def address(self, i):
        return self.underlay.ip4(i) if self.family == 4 else \
            self.underlay.ip6(i)

    def pairs(self):
        """(host, another host), both ways round."""
        return list(itertools.permutations(self.hosts, 2))

    def paths(self):
        """Which path each of pairs() has taken."""
        return [h.peer(o)["path"] for h, o in self.pairs()]

    def start(self):
        for host in self.hosts:
            host.start(wait=False)
        for host in self.hosts:
            host.wait_ready()
        self.wait_connected()

    def wait_connected(self, timeout=PATIENCE_S, hosts=None):
        """Until each host has every other as a peer that is up, on the best
        path that both have."""
        hosts = hosts or self.hosts
        best = {h.label: h.datapath for h in hosts}

        def up(host):
            return sum(1 for p in host.status()["peers"]
                       if p["state"] == "up" and p["path"] == (
                           "fastdp" if host.datapath == "ovs" and
                           best.get(p["nickname"], "ovs") == "ovs"
                           else "sleeve"))

        for host in hosts:
            wait_until(lambda h=host: "%s is not connected to all: %s" % (
                h.label, h.status()["peers"]),
                       lambda h=host: up(h) >= len(hosts) - 1, timeout)

    def wait_warm(self, timeout=PATIENCE_S):
        """Until both paths of each two hosts are up."""
        wait_until("both paths to be up", lambda: all(
            h.peer(o)["paths"][path]["state"] == "up"
            for h, o in self.pairs() for path in ("fastdp", "sleeve")),
                   timeout)

    def container(self, host, network=None, addresses=None, **kw):
        """A new container on a host, with the next addresses of the test's
        range 10.32.0.0/16 and fd32::/64."""
        self._addresses += 1
        k = self._addresses
        c = Container("%s-c%d" % (host.label, k))
        self.containers.append(c)
        if addresses is None:
            addresses = ["10.32.0.%d/16" % k, "fd32::%x/64" % k]
        host.attach(c, addresses, network=network, **kw)
        return c

    def bare_container(self, label):
        """One without a link, closed with the rest."""
        c = Container(label)
        self.containers.append(c)
        return c

    def stranger(self, k=1):
        """(namespace, address) of a namespace without daemon."""
        i = len(self.hosts) + k
        return self.underlay.hosts[i - 1], self.address(i)

    def settle(self):
        """All addresses usable, and every host knows all of them."""
        for c in self.containers:
            if c.host is not None:
                c.wait_usable()
        macs = {c.mac for c in self.containers if c.host is not None}
        for host in self.hosts:
            if host.is_running():
                wait_until(
                    lambda h=host: "%s does not know %s" % (
                        h.label, sorted(macs - h.known_macs())),
                    lambda h=host: macs <= h.known_macs())

    def report(self):
        return "\n\n".join(h.report() for h in self.hosts)

    def close(self, check=True):
        if self in live:
            live.remove(self)
        faults = []
        for host in self.hosts:
            faults += host.close()
        for c in self.containers:
            c.close()
        if check and self.watch:
            faults += self.watch.faults()
        if hasattr(self, "underlay"):
            self.underlay.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        if check and faults:
            raise AssertionError("\n".join(faults))
