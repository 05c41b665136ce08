# SPDX-License-Identifier: Apache-2.0
"""Generic netlink towards openvswitch, written for the tests alone.

It shares nothing with the daemon's own netlink code, so that what the daemon
says about the kernel can be compared with what the kernel says.
"""

import errno
import os
import select
import socket
import struct
import time

NETLINK_GENERIC = 16
SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP = 1

NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300
NLMSG_ERROR, NLMSG_DONE, GENL_ID_CTRL = 2, 3, 16

NEW, DEL, GET, SET = 1, 2, 3, 4  # of every openvswitch family

VPORT_TYPES = {1: "netdev", 2: "internal", 3: "gre", 4: "vxlan", 5: "geneve"}


def attributes(data):
    """The attributes in @data as (type, payload), flags taken off."""
    at = 0
    while at + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, at)
        if size < 4 or at + size > len(data):
            raise ValueError("broken attribute at %d" % at)
        yield kind & 0x3fff, data[at + 4:at + size]
        at += (size + 3) & ~3


def attribute(kind, payload):
    size = 4 + len(payload)
    return struct.pack("=HH", size, kind) + payload + b"\0" * (-size % 4)


def text(payload):
    return payload.rstrip(b"\0").decode()


def u32(payload):
    return struct.unpack("=I", payload)[0]


class Genl:
    """One generic netlink socket in a namespace."""

    def __init__(self, namespace, rcvbuf=4 << 20):
        self._sock = namespace.call(
            socket.socket, socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        self._sock.bind((0, 0))
        self._sock.setsockopt(socket.SOL_SOCKET, 33, rcvbuf)  # RCVBUFFORCE
        self._seq = 0
        self._families = {}

    def close(self):
        self._sock.close()

    def request(self, family, cmd, version, body, flags=0):
        """Send one request; the bodies of all answers (after genlmsghdr)."""
        self._seq += 1
        message = struct.pack("=BBH", cmd, version, 0) + body
        self._sock.sendto(struct.pack(
            "=IHHII", 16 + len(message), family,
            NLM_F_REQUEST | NLM_F_ACK | flags, self._seq, 0) + message, (0, 0))
        answers = []
        end = time.monotonic() + 10
        while time.monotonic() < end:
            for kind, seq, payload in self._receive(end):
                if seq != self._seq:
                    continue
                if kind == NLMSG_ERROR:
                    code = -struct.unpack_from("=i", payload)[0]
                    if code:
                        raise OSError(code, os.strerror(code))
                    return answers
                if kind == NLMSG_DONE:
                    return answers
                answers.append(payload[4:])
        raise TimeoutError("no answer from the kernel")

    def _receive(self, end):
        left = max(0, end - time.monotonic())
        if not select.select([self._sock], [], [], left)[0]:
            raise TimeoutError("no answer from the kernel")
        data = self._sock.recv(1 << 20)
        at = 0
        while at + 16 <= len(data):
            size, kind, _, seq, _ = struct.unpack_from("=IHHII", data, at)
            yield kind, seq, data[at + 16:at + size]
            at += (size + 3) & ~3

    def family(self, name):
        """(number, {group: number}) of a family."""
        if name not in self._families:
            body = attribute(2, name.encode() + b"\0")
            (answer,) = self.request(GENL_ID_CTRL, 3, 1, body)
            number, groups = None, {}
            for kind, payload in attributes(answer):
                if kind == 1:
                    number = struct.unpack("=H", payload)[0]
                elif kind == 7:
                    for _, group in attributes(payload):
                        one = dict(attributes(group))
                        groups[text(one[1])] = u32(one[2])
            self._families[name] = (number, groups)
        return self._families[name]

    def ovs(self, family, cmd, dp=0, body=b"", flags=0):
        """A request to an openvswitch family; each answer (dp, attributes)."""
        number, _ = self.family(family)
        answers = self.request(number, cmd, 2 if family == "ovs_datapath"
                               else 1, struct.pack("=i", dp) + body, flags)
        return [(struct.unpack_from("=i", a)[0], list(attributes(a[4:])))
                for a in answers]

    def join(self, family, group):
        _, groups = self.family(family)
        self._sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
                              groups[group])

    def notifications(self):
        """What has come in since, without waiting: (cmd, dp, attributes)."""
        got = []
        while select.select([self._sock], [], [], 0)[0]:
            for _, _, payload in self._receive(time.monotonic() + 1):
                if len(payload) >= 8:
                    got.append((payload[0],
                                struct.unpack_from("=i", payload, 4)[0],
                                list(attributes(payload[8:]))))
        return got


def datapaths(genl):
    """{name: (ifindex, statistics)} of the namespace."""
    found = {}
    for dp, attrs in genl.ovs("ovs_datapath", GET, flags=NLM_F_DUMP):
        one = dict(attrs)
        hit, missed, lost, flows = struct.unpack_from("=4Q", one[3])
        found[text(one[1])] = (dp, {"hit": hit, "missed": missed,
                                    "lost": lost, "flows": flows})
    return found


def vports(genl, dp):
    """{port number: (name, type)} of a datapath."""
    found = {}
    for _, attrs in genl.ovs("ovs_vport", GET, dp, flags=NLM_F_DUMP):
        one = dict(attrs)
        found[u32(one[1])] = (text(one[3]),
                              VPORT_TYPES.get(u32(one[2]), "?"))
    return found


def make_datapath(genl, name):
    """A datapath as somebody else would make it."""
    body = (attribute(1, name.encode() + b"\0") + attribute(2, b"\0" * 4) +
            attribute(5, struct.pack("=I", 0)))
    genl.ovs("ovs_datapath", NEW, 0, body)
    return datapaths(genl)[name][0]


def delete_datapath(genl, dp):
    genl.ovs("ovs_datapath", DEL, dp)


def delete_all_flows(genl, dp):
    """What the daemon must never do, but somebody might."""
    genl.ovs("ovs_flow", DEL, dp)


def delete_flow(genl, dp, ufid):
    """@ufid: in hexadecimal."""
    genl.ovs("ovs_flow", DEL, dp, attribute(9, bytes.fromhex(ufid)))


def make_vport(genl, dp, number, name, kind=1):
    body = (attribute(1, struct.pack("=I", number)) +
            attribute(2, struct.pack("=I", kind)) +
            attribute(3, name.encode() + b"\0") +
            attribute(5, struct.pack("=I", 0)))
    genl.ovs("ovs_vport", NEW, dp, body)


def is_openvswitch_here(namespace):
    """Why the kernel has no openvswitch, or None."""
    genl = Genl(namespace)
    try:
        genl.family("ovs_datapath")
        return None
    except OSError as e:
        if e.errno == errno.ENOENT:
            return "the running kernel has no openvswitch"
        raise
    finally:
        genl.close()
