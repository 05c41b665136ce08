# SPDX-License-Identifier: Apache-2.0
"""Packet sockets of the tests: what passes a link, and sending anything."""

import select
import socket
import struct
import time

ETH_P_ALL = 3
PACKET_OUTGOING = 4
SO_RCVBUFFORCE = 33
SO_ATTACH_FILTER = 26

ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86dd


def mac_text(b):
    return ":".join("%02x" % x for x in b)


def mac_bytes(text):
    return bytes(int(x, 16) for x in text.split(":"))


class Frame:
    """An Ethernet frame, looked at as far as the tests need."""

    def __init__(self, data, outgoing=False):
        self.data = data
        self.outgoing = outgoing
        self.dst = mac_text(data[:6])
        self.src = mac_text(data[6:12])
        self.type = struct.unpack_from("!H", data, 12)[0]

    @property
    def arp(self):
        """(op, sender, target) of an ARP packet, else None."""
        if self.type != ARP or len(self.data) < 42:
            return None
        d = self.data
        return (struct.unpack_from("!H", d, 20)[0],
                socket.inet_ntop(socket.AF_INET, d[28:32]),
                socket.inet_ntop(socket.AF_INET, d[38:42]))

    @property
    def nd(self):
        """(type, source, target) of a neighbour message, else None."""
        d = self.data
        if self.type != IPV6 or len(d) < 78 or d[20] != 58 or \
                d[54] not in (135, 136):
            return None
        return (d[54], socket.inet_ntop(socket.AF_INET6, d[22:38]),
                socket.inet_ntop(socket.AF_INET6, d[62:78]))

    def asks_for(self, address):
        """Is it an ARP request or a neighbour solicitation for it?"""
        if self.arp:
            return self.arp[0] == 1 and self.arp[2] == address
        if self.nd:
            return self.nd[0] == 135 and self.nd[2] == address
        return False

    @property
    def addresses(self):
        """(source, destination) of IP, else (None, None)."""
        d = self.data
        if self.type == IPV4 and len(d) >= 34:
            return (socket.inet_ntop(socket.AF_INET, d[26:30]),
                    socket.inet_ntop(socket.AF_INET, d[30:34]))
        if self.type == IPV6 and len(d) >= 54:
            return (socket.inet_ntop(socket.AF_INET6, d[22:38]),
                    socket.inet_ntop(socket.AF_INET6, d[38:54]))
        return (None, None)

    def vxlan(self, port=6784):
        """(outer source, outer destination, vni, inner Frame) or None."""
        d = self.data
        if self.type == IPV4 and len(d) >= 34 and d[23] == 17:
            at = 14 + (d[14] & 15) * 4
        elif self.type == IPV6 and len(d) >= 54 and d[20] == 17:
            at = 54
        else:
            return None
        if len(d) < at + 8 + 8 + 14 or \
                struct.unpack_from("!H", d, at + 2)[0] != port:
            return None
        vni = int.from_bytes(d[at + 12:at + 15], "big")
        return (*self.addresses, vni, Frame(d[at + 16:]))

    def __str__(self):
        inner = self.vxlan()
        if inner:
            return "%s > %s vni %#x [%s]" % inner
        what = self.arp or self.nd or self.addresses
        return "%s > %s type %#06x %s" % (self.src, self.dst, self.type, what)


class Capture:
    """All frames of one link from now on; the kernel keeps them for us."""

    def __init__(self, namespace, ifname, promiscuous=True):
        self._sock = namespace.call(
            socket.socket, socket.AF_PACKET, socket.SOCK_RAW,
            socket.htons(ETH_P_ALL))
        self._sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        self._sock.bind((ifname, ETH_P_ALL))
        if promiscuous:
            index = namespace.call(socket.if_nametoindex, ifname)
            # PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC
            self._sock.setsockopt(263, 1, struct.pack("=iHH8x", index, 1, 0))
        self._sock.setblocking(False)
        self.where = "%s/%s" % (namespace.name, ifname)
        self._read(1 << 20)  # what came before the bind

    def _read(self, limit):
        got = []
        while len(got) < limit:
            try:
                data, addr = self._sock.recvfrom(1 << 16)
            except (BlockingIOError, OSError):
                break
            if len(data) >= 14:
                got.append(Frame(data, addr[2] == PACKET_OUTGOING))
        return got

    def frames(self, incoming=False):
        """What has passed since the last call."""
        return [f for f in self._read(1 << 20)
                if not (incoming and f.outgoing)]

    def wait_for(self, predicate, timeout=20.0):
        """The first frame for which it is true; fails if none comes."""
        end = time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._sock], [], [], left)[0]:
                raise AssertionError("%s: no such frame within %g s" % (
                    self.where, timeout))
            for frame in self._read(1):
                if predicate(frame):
                    return frame

    def attach(self, program):
        """Only what this sock_fprog lets through is kept from now on."""
        self._sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)

    def n_dropped(self):
        """Frames the kernel had no room for (PACKET_STATISTICS)."""
        return struct.unpack("=II", self._sock.getsockopt(263, 6, 8))[1]

    def send(self, data):
        self._sock.send(data)

    def close(self):
        self._sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ethernet(dst, src, kind, payload):
    return mac_bytes(dst) + mac_bytes(src) + struct.pack("!H", kind) + payload


def arp(src, sip, tip, op=1, dst="ff:ff:ff:ff:ff:ff", tha=None):
    """An ARP packet; sip == tip makes it a gratuitous announcement."""
    return ethernet(dst, src, ARP, struct.pack("!HHBBH", 1, IPV4, 6, 4, op) +
                    mac_bytes(src) + socket.inet_aton(sip) +
                    mac_bytes(tha or "00:00:00:00:00:00") +
                    socket.inet_aton(tip))


def ipv4(src, dst, sip, dip, proto, payload, ttl=64):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0,
                       0x4000, ttl, proto, 0, socket.inet_aton(sip),
                       socket.inet_aton(dip))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return ethernet(dst, src, IPV4, head + payload)


def ipv6(src, dst, sip, dip, proto, payload, hops=64):
    return ethernet(dst, src, IPV6, struct.pack(
        "!IHBB", 6 << 28, len(payload), proto, hops) +
        socket.inet_pton(socket.AF_INET6, sip) +
        socket.inet_pton(socket.AF_INET6, dip) + payload)


def udp(src, dst, sip, dip, sport, dport, payload):
    """UDP over IPv4 without a checksum (RFC 768 allows that)."""
    return ipv4(src, dst, sip, dip, 17, struct.pack(
        "!HHHH", sport, dport, 8 + len(payload), 0) + payload)


def icmp_echo(src, dst, sip, dip, ident=0x4646, seq=1):
    body = struct.pack("!BBHHH", 8, 0, 0, ident, seq) + b"fastdp"
    body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    return ipv4(src, dst, sip, dip, 1, body)


def _icmp6(src, dst, sip, dip, body):
    pseudo = (socket.inet_pton(socket.AF_INET6, sip) +
              socket.inet_pton(socket.AF_INET6, dip) +
              struct.pack("!IHBB", len(body), 0, 0, 58))
    body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    return ipv6(src, dst, sip, dip, 58, body, hops=255)


def neighbour_solicitation(src, sip, target):
    last = socket.inet_pton(socket.AF_INET6, target)[13:]
    group = "ff02::1:ff%02x:%02x%02x" % tuple(last)
    body = (struct.pack("!BBHI", 135, 0, 0, 0) +
            socket.inet_pton(socket.AF_INET6, target) + b"\1\1" +
            mac_bytes(src))
    return _icmp6(src, "33:33:ff:%02x:%02x:%02x" % tuple(last), sip, group,
                  body)


def unsolicited_advertisement(src, address):
    """A neighbour advertisement to all nodes, override flag set."""
    body = (struct.pack("!BBHI", 136, 0, 0, 0x20000000) +
            socket.inet_pton(socket.AF_INET6, address) + b"\2\1" +
            mac_bytes(src))
    return _icmp6(src, "33:33:00:00:00:01", address, "ff02::1", body)


def behind_options(frame):
    """An IPv6 @frame, its payload behind eight bytes of hop-by-hop options."""
    size, = struct.unpack_from("!H", frame, 18)
    options = bytes((frame[20], 0, 1, 4, 0, 0, 0, 0))
    return (frame[:18] + struct.pack("!HB", size + len(options), 0) +
            frame[21:54] + options + frame[54:])


def vxlan(vni, frame):
    """The UDP payload that carries @frame (RFC 7348)."""
    return struct.pack("!II", 0x08000000, vni << 8) + frame
