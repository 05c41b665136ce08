# SPDX-License-Identifier: Apache-2.0
"""A router that masquerades: hosts behind it can dial out, and nobody in."""

import os
import socket
import struct

from host import Host
from ns import Namespace, ip_batch

SLEEVE_PORT = 6783
# linux/netfilter/nfnetlink.h, nfnetlink_conntrack.h
NETLINK_NETFILTER = 12
NLM_F_REQUEST_ACK = 5
CTNETLINK_DELETE = 1 << 8 | 2
NFGENMSG = struct.pack("=BBH", socket.AF_INET, 0, 0)


class Nat:
    """One router on the underlay of a cluster, and what is behind it.

    It lets out what comes from inside, from its own address, and lets in only
    what belongs to that.
    """

    INSIDE = "192.168.77."

    def __init__(self, cluster, stranger=1):
        self.cluster = cluster
        self.ns, self.address = cluster.stranger(stranger)
        self.spaces = []
        self._udp_ports = None
        ip_batch(["link add inside type bridge",
                  "addr add %s1/24 dev inside" % self.INSIDE,
                  "link set inside up"], self.ns)
        self.ns.sysctl("ipv4/ip_forward", 1)
        self._iptables("filter", "-P", "FORWARD", "DROP")
        self._iptables("filter", "-A", "FORWARD", "-i", "inside", "-j",
                       "ACCEPT")
        self._iptables("filter", "-A", "FORWARD", "-i", "eth0", "-m",
                       "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j",
                       "ACCEPT")
        self._iptables("nat", "-A", "POSTROUTING", "-o", "eth0", "-j",
                       "MASQUERADE")

    def _iptables(self, table, *args):
        self.ns.run("iptables-legacy", "-w", "-t", table, *args)

    def host(self, *options):
        """A host behind it that knows of host 1; it is not started."""
        k = 2 + len(self.spaces)
        label = "inner%d" % (k - 1)
        space = Namespace(label)
        self.spaces.append(space)
        address = self.INSIDE + str(k)
        ip_batch(["link add i%d type veth peer name eth0 netns %s" %
                  (k, space.name),
                  "link set i%d master inside up" % k], self.ns)
        ip_batch(["addr add %s/24 dev eth0" % address, "link set eth0 up",
                  "route add default via %s1" % self.INSIDE], space)
        host = Host(label, space, address,
                    os.path.join(self.cluster.directory, label),
                    ["--peer", self.cluster.address(1), *options])
        self.cluster.hosts.append(host)
        return host

    def rebind(self, first=30000):
        """From now on other ports on the outside, for UDP. What was mapped is
        forgotten, as by a router that was switched off and on."""
        rule = ["POSTROUTING", "-o", "eth0", "-p", "udp", "-j", "MASQUERADE",
                "--to-ports"]
        if self._udp_ports:
            self._iptables("nat", "-D", *rule, self._udp_ports)
        self._udp_ports = "%d-%d" % (first, first + 999)
        self._iptables("nat", "-I", *rule, self._udp_ports)
        self.forget()

    def forget(self):
        """Ends all mappings; what `conntrack -F` does."""
        with self.ns.call(socket.socket, socket.AF_NETLINK, socket.SOCK_RAW,
                          NETLINK_NETFILTER) as s:
            s.send(struct.pack("=IHHII", 16 + len(NFGENMSG),
                               CTNETLINK_DELETE, NLM_F_REQUEST_ACK, 1, 0) +
                   NFGENMSG)
            reply = s.recv(4096)
        error, = struct.unpack_from("=i", reply, 16)
        assert error == 0, "the mappings stay: %s" % os.strerror(-error)

    def close(self):
        for space in self.spaces:
            space.close()
