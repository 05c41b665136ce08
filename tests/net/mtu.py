# SPDX-License-Identifier: Apache-2.0
"""Paths that are narrower than their links, and what must never leave a host."""

import json
import socket
import struct

from capture import IPV4, IPV6
from ns import wait_until

VXLAN, SLEEVE = 6784, 6783
OVERHEAD = {4: 50, 6: 70}


class Paths:
    """What is done to a routed underlay between its links."""

    def __init__(self, underlay):
        assert underlay.mode == "router"
        self._u = underlay
        # Wire packets are to be seen, not super-frames.
        for host in underlay.hosts:
            host.run("ethtool", "-K", "eth0", "sg", "off",
                     "tx-udp_tnl-segmentation", "off",
                     "tx-udp_tnl-csum-segmentation", "off",
                     "tx-udp-segmentation", "off")

    def narrow(self, i, mtu):
        """The way to host i carries no more: the router says so in ICMP."""
        middle = self._u.middle
        middle.ip("route", "replace", "10.99.%d.0/24" % i, "dev", "p%d" % i,
                  "proto", "kernel", "scope", "link", "src",
                  "10.99.%d.254" % i, "mtu", "lock", mtu)
        middle.ip("-6", "route", "replace", "fd00:99:%d::/64" % i, "dev",
                  "p%d" % i, "proto", "kernel", "metric", 256, "mtu", "lock",
                  mtu)

    def drop_icmp(self):
        """Every ICMP packet on its way to a host is lost."""
        rules = []
        for i in self._u.indices():
            rules += [(i, "protocol ip flower ip_proto icmp"),
                      (i, "protocol ipv6 flower ip_proto icmpv6 type 2")]
        return self._u.drop(rules, "egress")

    def swallow(self, i, size, port=VXLAN):
        """IPv4 packets of host i to a UDP port are lost if they are longer
        than this. Nobody is told; anything else passes."""
        return self._u.drop([(
            i, "protocol ip basic match 'meta(pkt_len gt %d) and cmp(u8 at 9 "
            "layer 1 eq 17) and cmp(u16 at 22 layer 1 eq %d)'" % (size,
                                                                  port))])


class Watch:
    """Everything on the links of the hosts, held against the rules: nothing
    above a link's MTU, no fragment, no ICMP error of a host."""

    def __init__(self, cluster):
        self._cluster = cluster
        u = cluster.underlay
        self._captures = {i: u.capture(i) for i in u.indices()}
        self._addresses = {a for i in u.indices() for a in (u.ip4(i),
                                                            u.ip6(i))}
        self.n_frames = 0
        self.largest = 0

    def _mtu(self, i):
        (link,) = json.loads(self._cluster.underlay.middle.ip(
            "-j", "link", "show", "dev", "p%d" % i).stdout)
        return link["mtu"]

    def look(self, mtu=None):
        """What passed since the last time is as it has to be."""
        for i, capture in self._captures.items():
            limit = mtu or self._mtu(i)
            for frame in capture.frames():
                self._check(frame, limit, "link of host %d" % i)
            assert capture.n_dropped() == 0, "the capture has gaps"

    def _check(self, frame, limit, where):
        self.n_frames += 1
        self.largest = max(self.largest, len(frame.data) - 14)
        assert len(frame.data) - 14 <= limit, "%s: %d bytes: %s" % (
            where, len(frame.data) - 14, frame)
        d = frame.data
        source = frame.addresses[0]
        if frame.type == IPV4:
            assert not struct.unpack_from("!H", d, 20)[0] & 0x3fff, \
                "%s: a fragment: %s" % (where, frame)
            is_error = d[23] == 1 and d[34] in (3, 4, 5, 11, 12)
        elif frame.type == IPV6:
            assert d[20] != 44, "%s: a fragment: %s" % (where, frame)
            is_error = d[20] == 58 and d[54] < 128
        else:
            return
        assert not (is_error and source in self._addresses), \
            "%s: ICMP of a host: %s" % (where, frame)


def plpmtu(host, other, path="fastdp"):
    p = host.peer(other)
    return p["paths"][path]["plpmtu"] if p else 0


def wait_plpmtu(host, other, size, timeout, path="fastdp"):
    wait_until(lambda: "%s to %s to be %d on %s: %s" % (
        host.label, other.label, size, path, host.peer(other)),
        lambda: plpmtu(host, other, path) == size, timeout, 0.03)


def has_completed(host, other, path="fastdp"):
    p = host.peer(other)
    return p and p["paths"][path]["pmtu"]["state"] == "complete"


def path_mtu(container, address):
    """What the container's kernel holds for the way to an address."""
    is_v4 = ":" not in address
    s = container.socket(socket.AF_INET if is_v4 else socket.AF_INET6,
                         socket.SOCK_DGRAM)
    s.connect((address, 9))
    # IP_MTU, IPV6_MTU
    return s.getsockopt(socket.IPPROTO_IP if is_v4 else socket.IPPROTO_IPV6,
                        14 if is_v4 else 24)
