# SPDX-License-Identifier: Apache-2.0
"""The flows of a host's datapath, as the kernel tells them."""

import socket
import struct
import time

import netlink
from netlink import attributes, u32

GROUP = "01:00:00:00:00:00"  # the group bit alone
PORT_TAP = 65001
STAGE_FLOOD = 0x03000000  # and above: to all of a network


def mac(payload):
    return ":".join("%02x" % b for b in payload)


def v4(payload):
    return socket.inet_ntop(socket.AF_INET, payload)


def v6(payload):
    return socket.inet_ntop(socket.AF_INET6, payload)


def _tunnel(payload):
    out = {}
    for kind, value in attributes(payload):
        if kind == 0:
            out["id"] = struct.unpack("!Q", value)[0]
        elif kind in (1, 2):
            out["src" if kind == 1 else "dst"] = v4(value)
        elif kind in (12, 13):
            out["src" if kind == 12 else "dst"] = v6(value)
        elif kind == 4:
            out["ttl"] = value[0]
        elif kind == 5:
            out["df"] = True
        elif kind == 10:
            out["port"] = struct.unpack("!H", value)[0]
    return out


def _key(payload):
    """A key, or a mask, as a flat dictionary of what it has."""
    out = {}
    for kind, value in attributes(payload):
        if kind == 3:
            out["in_port"] = u32(value)
        elif kind == 4:
            # struct ovs_key_ethernet has the source first
            out["eth_src"], out["eth_dst"] = mac(value[:6]), mac(value[6:12])
        elif kind == 6:
            out["eth_type"] = struct.unpack("!H", value)[0]
        elif kind == 7:
            out["ip_proto"] = value[8]
        elif kind == 8:
            out["ip_proto"] = value[36]
        elif kind == 12:
            out["icmp6_type"] = value[0]
        elif kind == 13:
            out["arp_sip"], out["arp_tip"] = v4(value[:4]), v4(value[4:8])
            out["arp_op"] = struct.unpack_from("!H", value, 8)[0]
        elif kind == 14:
            out["nd_target"] = v6(value[:16])
        elif kind == 16:
            for name, field in _tunnel(value).items():
                out["tun_" + name] = field
        elif kind == 20:
            out["recirc"] = u32(value)
    return out


def _is_wild(value):
    return value in (0, "0.0.0.0", "::", "00:00:00:00:00:00", False)


def _actions(payload):
    out = []
    for kind, value in attributes(payload):
        if kind == 1:
            out.append(("output", u32(value)))
        elif kind == 2:
            out.append(("userspace", u32(dict(attributes(value))[1])))
        elif kind in (3, 11):
            for field, inner in attributes(value):
                if field == 16:
                    out.append(("tunnel", _tunnel(inner)))
                elif field == 4:
                    out.append(("eth_dst", mac(inner[6:12])))
                else:
                    out.append(("set", field))
        elif kind == 7:
            out.append(("recirc", u32(value)))
        else:
            out.append(("action", kind))
    return out


class Flow:
    """One flow: what it matches (masked out fields left out) and does."""

    def __init__(self, attrs):
        one = dict(attrs)
        self.ufid = one.get(9, b"").hex()
        key = _key(one.get(1, b""))
        mask = _key(one.get(7, b""))
        # The kernel keeps 16 bits, and shows a wildcard as 0xffff0000.
        mask["in_port"] = mask.get("in_port", 0) & 0xffff
        self.match = {name: value for name, value in key.items()
                      if not _is_wild(mask.get(name, 0))}
        self.mask = mask
        self.actions = _actions(one.get(2, b""))
        self.packets, self.n_bytes = struct.unpack(
            "=QQ", one[3][:16]) if 3 in one else (0, 0)
        # milliseconds of the kernel's monotonic clock, None: never
        self.used = struct.unpack("=Q", one[5])[0] if 5 in one else None

    @property
    def recirc(self):
        return self.match.get("recirc", 0)

    @property
    def is_lazy(self):
        """Not what follows from the directory alone: made by an upcall and
        gone with age (a class of group frames, a drop), or of sleeve's port,
        which comes and goes with the daemon."""
        if self.match.get("in_port", 0) >= PORT_TAP:
            return True
        return self.recirc >= STAGE_FLOOD or not self.actions or any(
            name == "recirc" and value >= STAGE_FLOOD
            for name, value in self.actions)

    def outputs(self):
        return [port for name, port in self.actions if name == "output"]

    def tunnels(self):
        return [t.get("dst") for name, t in self.actions if name == "tunnel"]

    def identity(self):
        """What the flow says, without its counters."""
        return (tuple(sorted(self.match.items())), repr(self.actions))

    def __str__(self):
        return "%s -> %s  packets %d" % (
            " ".join("%s=%s" % (n, hex(v) if n in ("recirc", "eth_type")
                                else v)
                     for n, v in self.match.items()),
            " ".join("%s(%s)" % (n, hex(v) if n == "recirc" else v)
                     for n, v in self.actions) or "drop", self.packets)


class Datapath:
    """Reads one datapath of a namespace."""

    def __init__(self, namespace, name="fastdp"):
        self.genl = netlink.Genl(namespace)
        self.name = name

    def close(self):
        self.genl.close()

    def ifindex(self):
        found = netlink.datapaths(self.genl)
        assert self.name in found, \
            "no datapath %s, but %s" % (self.name, sorted(found) or "none")
        return found[self.name][0]

    def statistics(self):
        return netlink.datapaths(self.genl)[self.name][1]

    def vports(self):
        return netlink.vports(self.genl, self.ifindex())

    def flows(self):
        return [Flow(attrs) for _, attrs in self.genl.ovs(
            "ovs_flow", netlink.GET, self.ifindex(),
            flags=netlink.NLM_F_DUMP)]

    def by_ufid(self):
        """{ufid: Flow}; every flow of the daemon has one."""
        flows = self.flows()
        assert all(f.ufid for f in flows), "a flow without UFID: %s" % (
            [str(f) for f in flows if not f.ufid])
        return {f.ufid: f for f in flows}

    def mentions(self, needle):
        """Flows in whose match or actions a MAC, IP or peer appears."""
        return [f for f in self.flows()
                if needle in f.match.values() or needle in f.tunnels()]

    def flush(self):
        netlink.delete_all_flows(self.genl, self.ifindex())


class FlowMonitor:
    """Counts what anybody does to the flows of a namespace.

    The kernel tells the multicast group of every put and delete; the daemon
    is not asked. A flow that went by another way (with its datapath) does not
    show.
    """

    def __init__(self, namespace):
        self.genl = netlink.Genl(namespace, rcvbuf=32 << 20)
        self.genl.join("ovs_flow", "ovs_flow")
        self._puts = []
        self._dels = []

    def _drain(self):
        for cmd, _, attrs in self.genl.notifications():
            if cmd == netlink.NEW or cmd == netlink.SET:
                self._puts.append(Flow(attrs))
            elif cmd == netlink.DEL:
                self._dels.append(Flow(attrs))

    def reset(self):
        self._drain()
        self._puts, self._dels = [], []

    def puts(self):
        self._drain()
        return list(self._puts)

    def dels(self):
        self._drain()
        return list(self._dels)

    def n(self):
        self._drain()
        return len(self._puts) + len(self._dels)

    def settle(self, quiet=0.3, timeout=5.0):
        """Wait until nobody has touched a flow for a while."""
        end = time.monotonic() + timeout
        last, since = self.n(), time.monotonic()
        while time.monotonic() < end:
            time.sleep(0.02)
            now = self.n()
            if now != last:
                last, since = now, time.monotonic()
            elif time.monotonic() - since >= quiet:
                return
        raise AssertionError("flows still change after %g s:\n%s" % (
            timeout, self.text()))

    def text(self):
        # A deletion says the UFID alone.
        known = {f.ufid: f for f in self.puts()}
        return "\n".join(
            ["put " + str(f) for f in self.puts()[-40:]] +
            ["del " + str(known.get(f.ufid, f.ufid))
             for f in self.dels()[-40:]])

    def close(self):
        self.genl.close()
