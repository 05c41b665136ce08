# SPDX-License-Identifier: Apache-2.0
"""System calls of a daemon, as strace writes them: which sockets it makes, and
how long what it sends is."""

import re

CALLS = "socket,accept4,sendto,sendmsg,sendmmsg"
# Of payloads as much as shows what a message is.
STRACE = ["strace", "-D", "-f", "-xx", "-s", "32", "-e", "trace=" + CALLS]
UDP_HEADER = {4: 28, 6: 48}
VXLAN_HEADER = {4: 36, 6: 56}
SLEEVE_START = r"\x01\x01\x00\x00"
OVS_PACKET_ATTR_PACKET = 1
UDP_SEGMENT = "cmsg_level=SOL_UDP, cmsg_type=0x67"


class Trace:
    """What was sent, as {kind: sizes of the outer IP packets}."""

    def __init__(self, path, family=4):
        self.sockets = []
        self.sizes = {"datagram": [], "segment": [], "frame": []}
        self._family = family
        self._udp = set()
        with open(path, encoding="utf-8") as f:
            for line in f:
                self._read(line)

    def _read(self, line):
        made = re.search(r"\b(socket|accept4)\((.*) = (\d+)$", line.rstrip())
        if made:
            if made[1] == "socket":
                self.sockets.append(made[2])
            self._udp.discard(int(made[3]))
            if re.match("AF_INET6?, SOCK_DGRAM", made[2]):
                self._udp.add(int(made[3]))
            return
        sent = re.search(r"\b(sendto|sendmsg|sendmmsg)\((\d+), (.*)$", line)
        if not sent:
            return
        if "nlmsg_type=ovs_packet" in line:
            self._frames(sent[3])
        elif int(sent[2]) in self._udp:
            self._datagrams(sent[1], sent[3])

    def _frames(self, text):
        """PACKET_EXECUTE: the frame is the first attribute."""
        for data in re.findall(r'nlmsg_type=ovs_packet[^"]*"((?:\\x..)+)"',
                               text):
            raw = bytes.fromhex(data.replace(r"\x", ""))
            kind = int.from_bytes(raw[10:12], "little")
            assert raw[0] == 3 and kind == OVS_PACKET_ATTR_PACKET, text
            self.sizes["frame"].append(
                int.from_bytes(raw[8:10], "little") - 4 +
                VXLAN_HEADER[self._family])

    def _datagrams(self, call, text):
        head = UDP_HEADER[self._family]
        if call == "sendto":
            size = int(re.search(r'"(?:\.\.\.)?, (\d+), ', text)[1])
            self.sizes["datagram"].append(size + head)
            return
        for one in text.split("msg_name=")[1:]:
            parts = [(int(size), data.startswith(SLEEVE_START))
                     for data, size in re.findall(
                         r'iov_base="([^"]*)"(?:\.\.\.)?, iov_len=(\d+)',
                         one)]
            if UDP_SEGMENT in one:
                self.sizes["segment"] += [n + head for n in _segments(parts)]
            else:
                self.sizes["datagram"].append(sum(n for n, _ in parts) + head)


def _segments(parts):
    """Where the kernel cuts: each piece has a header of its own."""
    sizes = []
    for size, is_start in parts:
        if is_start or not sizes:
            sizes.append(0)
        sizes[-1] += size
    return sizes
