# SPDX-License-Identifier: Apache-2.0
"""Paths narrower than their links, and what must never leave a host."""

import ctypes
import datetime
import functools
import socket
import struct

from capture import IPV4, IPV6, Capture
from ns import figure, sh, wait_until

VXLAN, SLEEVE = 6784, 6783
OVERHEAD = {4: 50, 6: 70}


class Paths:
    """What is done to an underlay with two routers between its links."""

    def __init__(self, underlay):
        assert underlay.mode == "routers"
        self._u = underlay

    def narrow(self, i, mtu):
        """The way to host i carries no more: the first router's second link
        is not larger, and it says so in ICMP. Of all but the far host it is
        the same link."""
        self._u.set_way(i, mtu)

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


# Outer fragments, ICMP errors, "too big" inside of VXLAN, and what is longer
# than a link: all that has to be looked at. (Indices of ip6[] count from its
# header: 40 for UDP's, 48 for VXLAN's, 56 for the frame's, 70 for inner IP's.)
SUSPECTS = """
    greater %d or (ip and ip[6:2] & 0x3fff != 0) or ip6[6] = 44
    or icmp[0] = 3 or icmp[0] = 4 or icmp[0] = 5 or icmp[0] = 11
    or icmp[0] = 12 or (ip6[6] = 58 and ip6[40] < 128)
    or (udp dst port 6784 and (
        (udp[28:2] = 0x800 and udp[39] = 1 and udp[50:2] = 0x304) or
        (udp[28:2] = 0x86dd and udp[36] = 58 and udp[70] = 2) or
        (ip6[6] = 17 and (
            (ip6[68:2] = 0x800 and ip6[79] = 1 and ip6[90:2] = 0x304) or
            (ip6[68:2] = 0x86dd and ip6[76] = 58 and ip6[110] = 2)))))
""".replace("\n", " ")
MAX_FAULTS = 5  # of one link, for the reader
SOME_LENGTH = 54321  # stands for the limit in the compiled filter
FRAGMENT_COUNTERS = ("FragCreates", "FragOKs")


@functools.lru_cache(maxsize=None)
def _compiled():
    """The filter as the kernel takes it, with SOME_LENGTH in it."""
    done = sh("tcpdump", "-ddd", "-y", "EN10MB", SUSPECTS % SOME_LENGTH)
    rows = [tuple(int(x) for x in line.split())
            for line in done.stdout.splitlines()[1:]]
    assert any(k == SOME_LENGTH for _, _, _, k in rows), done.stdout
    return rows


class Link:
    """One link of the underlay; the kernel hands over what is suspicious."""

    def __init__(self, namespace, ifname):
        self._capture = Capture(namespace, ifname)
        self.faults = []
        self.limit(namespace.mtu(ifname))
        before = namespace.n_packets(ifname)
        self.n_frames = lambda: namespace.n_packets(ifname) - before

    def limit(self, mtu):
        code = b"".join(struct.pack(
            "=HBBI", op, jt, jf, 14 + mtu + 1 if k == SOME_LENGTH else k)
            for op, jt, jf, k in _compiled())
        program = ctypes.create_string_buffer(code)
        self._capture.attach(struct.pack(
            "HL", len(code) // 8, ctypes.addressof(program)))
        self._mtu = mtu

    def look(self, hosts):
        """What passed and should not have."""
        where = self._capture.where
        for frame in self._capture.frames():
            if len(self.faults) == MAX_FAULTS:
                break
            # What is received is held against its sender's link.
            if len(frame.data) - 14 > self._mtu and frame.outgoing:
                what = "%d bytes" % (len(frame.data) - 14)
            elif is_fragment(frame):
                what = "a fragment"
            elif frame.vxlan() and icmp_error(frame.vxlan()[3]) in TOO_BIG:
                what = "inner ICMP"
            elif frame.addresses[0] in hosts and icmp_error(frame) not in (
                    None, *CLOSED_PORT):
                what = "ICMP of a host"
            else:
                continue
            self.faults.append("%s, MTU %d: %s: %s, %s" % (
                where, self._mtu, what, frame, frame.data[:120].hex()))
        if self._capture.n_dropped():
            self.faults.append(where + ": the capture has gaps")
        return self.faults


def is_fragment(frame):
    d = frame.data
    if frame.type == IPV4:
        return bool(struct.unpack_from("!H", d, 20)[0] & 0x3fff)
    return frame.type == IPV6 and d[20] == 44


def icmp_error(frame):
    """Type and code of an ICMP error, both families; else None."""
    d = frame.data
    if frame.type == IPV4 and d[23] == 1 and d[34] in (3, 4, 5, 11, 12):
        return 4, d[34], d[35]
    if frame.type == IPV6 and d[20] == 58 and d[54] < 128:
        return 6, d[54], d[55]
    return None


TOO_BIG = ((4, 3, 4), (6, 2, 0))
# A host whose daemon has ended may say so.
CLOSED_PORT = ((4, 3, 3), (6, 1, 4))


class Watch:
    """Everything on all links of an underlay, from its making to its end, held
    against the rules: nothing above a link's MTU, no fragment, no ICMP error
    of a host, no "too big" in the tunnel; and the kernels' counters."""

    def __init__(self, underlay):
        self._u = underlay
        self._links = {}
        self._forgiven = {}
        for i, host in zip(underlay.indices(), underlay.hosts):
            # Wire packets are to be seen, not super-frames.
            host.run("ethtool", "-K", "eth0", "sg", "off",
                     "tx-udp_tnl-segmentation", "off",
                     "tx-udp_tnl-csum-segmentation", "off",
                     "tx-udp-segmentation", "off")
            self._links["p%d" % i] = Link(host, "eth0")
        if underlay.far:
            self._links["east"] = Link(underlay.middle, "east")
            self._links["west"] = Link(underlay.beyond, "west")
        self._hosts = {a for i in underlay.indices()[:underlay.n_daemons]
                       for a in (underlay.ip4(i), underlay.ip6(i))}
        underlay.resized.append(lambda link, mtu:
                                self._links[link].limit(mtu))

    def faults(self):
        found = []
        for link in self._links.values():
            found += link.look(self._hosts)
        figure("frames watched", sum(link.n_frames()
                                     for link in self._links.values()))
        return found + ["%s: %d more" % (name, n - self._forgiven.get(name, 0))
                        for name, n in self._fragments()
                        if n != self._forgiven.get(name, 0)]

    def _fragments(self):
        return [("%s: %s" % (one.name, name), n)
                for one in [*self._u.hosts, self._u.middle, self._u.beyond]
                if one for name, n in fragment_counters(one)]

    def forgive(self):
        """What has been so far was meant to be."""
        self._forgiven = dict(self._fragments())
        for link in self._links.values():
            link.look(self._hosts)
            link.faults.clear()


def fragment_counters(namespace):
    """(name, count) of the kernel's own cutting, both families."""
    def read(path):
        with open("/proc/thread-self/net/" + path, encoding="ascii") as f:
            return [line.split() for line in f]
    rows = namespace.call(read, "snmp")
    names, values = [row[1:] for row in rows if row[0] == "Ip:"]
    both = [("Ip" + k, int(v)) for k, v in zip(names, values)]
    both += [(k, int(v)) for k, v in namespace.call(read, "snmp6")]
    return [(k, n) for k, n in both if k.endswith(FRAGMENT_COUNTERS)]


def plpmtu(host, other, path="fastdp"):
    p = host.peer(other)
    return p["paths"][path]["plpmtu"] if p else 0


def wait_plpmtu(host, other, size, timeout, path="fastdp"):
    wait_until(lambda: "%s to %s to be %d on %s: %s" % (
        host.label, other.label, size, path, host.peer(other)),
        lambda: plpmtu(host, other, path) == size, timeout, 0.03)


def is_same_moment(a, b):
    """Two readings of one: the daemon asks two clocks, one after the other.
    What happened again happened at least two seconds later."""
    first, second = (datetime.datetime.fromisoformat(t.rstrip("Z"))
                     for t in (a, b))
    return abs((second - first).total_seconds()) < 1


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
