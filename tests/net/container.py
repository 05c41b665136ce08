# SPDX-License-Identifier: Apache-2.0
"""A container: a namespace, and what one does in it to try the network."""

import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import machine
from capture import Capture
from ns import PATIENCE_S, Namespace, wait_until

WAIT_S = 5  # for an answer that must come, be it late
TCP_INFO_TOTAL_RETRANS = 100
TCP_INFO_DSACK_DUPS = 216


class PingResult:
    """What ping said: replies by sequence number, in milliseconds."""

    LINE = re.compile(r"(?:\[([\d.]+)\] )?\d+ bytes from .*icmp_seq=(\d+) "
                      r".*time=([\d.]+) ms( \(DUP!\))?")
    UNDER_WAY = 5
    LATE = 2
    SUMMARY = re.compile(r"(\d+) packets transmitted, (\d+) received"
                         r"(?:, \+(\d+) duplicates)?")

    def __init__(self, text, cut_short, quiet=False, n_wanted=None):
        self.text = text
        self.rtt, self.at = {}, {}
        self.n_duplicates = 0
        for line in text.splitlines():
            got = self.LINE.search(line)
            if got is None:
                continue
            seq = int(got[2])
            if got[4]:
                self.n_duplicates += 1
                continue
            self.rtt[seq] = float(got[3])
            if got[1]:
                self.at[seq] = float(got[1])
        got = self.SUMMARY.search(text)
        self.sent = int(got[1]) if got else 0
        # Some may be under way when ping is told to stop: those after the last
        # reply, if they are few (on a busy machine a reply takes its time). One
        # that ends by itself waits for two of the round trips it has seen, or
        # for @n_wanted replies: what did not come before the last is lost.
        expected = self.sent
        late = self.UNDER_WAY if cut_short else self.LATE
        if n_wanted and len(self.rtt) >= n_wanted:
            expected = max(self.rtt)
        elif self.rtt and (cut_short or self.sent >= 10):
            expected = max(max(self.rtt), self.sent - late)
        self.lost = [seq for seq in range(1, expected + 1)
                     if seq not in self.rtt]
        self.received = len(self.rtt)
        if quiet and got:
            # Only their number is known, not which.
            self.received = int(got[2])
            self.n_duplicates = int(got[3] or 0)
            self.lost = ["?"] * (self.sent - self.received)

    def __str__(self):
        return "%d sent, %d received, lost %s, %d duplicates%s" % (
            self.sent, self.received, self.lost[:20] or "none",
            self.n_duplicates, "" if self.received else ": " + self.text)

    __repr__ = __str__

    def assert_perfect(self, who=""):
        assert self.sent > 0 and self.received > 0 and not self.lost, \
            "%s: %s" % (who, self)
        assert self.n_duplicates == 0, "%s: %s" % (who, self)


class RunningPing:
    """A ping that goes on until it is stopped (or has sent `count`)."""

    def __init__(self, container, target, interval, count=None, quiet=False,
                 wait=WAIT_S):
        self._quiet = quiet
        self._out = tempfile.TemporaryFile(mode="w+")
        self.who = "%s to %s" % (container.label, target)
        argv = ["ping", "-q" if quiet else "-D", "-n", "-i", interval, "-W",
                wait]
        if count is not None:
            argv += ["-c", count]
        # With a deadline it sends and waits until it has had so many replies.
        self._n_wanted = count if count and 1 < count < 10 else None
        if self._n_wanted:
            argv += ["-w", wait]
        self._child = container.ns.popen(
            *argv, target, stdout=self._out, stderr=subprocess.STDOUT)

    def text(self):
        self._out.flush()
        self._out.seek(0)
        return self._out.read()

    def replies(self):
        """How many so far, without stopping it."""
        return len(PingResult.LINE.findall(
            os.pread(self._out.fileno(), 1 << 24, 0).decode()))

    def result(self, timeout=60):
        """Wait for the end of a counted ping."""
        self._child.wait(timeout)
        return self._done(False)

    def stop(self):
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGINT)
        self._child.wait(30)
        return self._done(True)

    def _done(self, cut_short):
        result = PingResult(self.text(), cut_short, self._quiet,
                            self._n_wanted)
        self._out.close()
        return result


class Stream:
    """A TCP connection between two containers that carries a known pattern
    at a steady rate, so that a pause or a loss can be told afterwards."""

    CHUNK = bytes(range(256)) * 32

    def __init__(self, client, server, address, port=7000, pause=0.01):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = server.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(1)
        listener.settimeout(PATIENCE_S)
        self._tx = client.socket(family, socket.SOCK_STREAM)
        self._tx.settimeout(PATIENCE_S)
        self._tx.connect((address, port))
        self._rx, _ = listener.accept()
        listener.close()
        self._pause = pause
        self._stop = threading.Event()
        self.n_sent = self.n_received = 0
        self.longest_gap, self.gap_at = 0.0, 0.0
        self.error = None
        self._threads = [threading.Thread(target=f, daemon=True)
                         for f in (self._send, self._receive)]
        for thread in self._threads:
            thread.start()

    def _send(self):
        try:
            self._tx.settimeout(None)
            while not self._stop.is_set():
                self._tx.sendall(self.CHUNK)
                self.n_sent += len(self.CHUNK)
                time.sleep(self._pause)
            self._tx.shutdown(socket.SHUT_WR)
        except OSError as e:
            self.error = "sender: %s" % e

    def _receive(self):
        last = time.monotonic()
        try:
            self._rx.settimeout(None)
            while True:
                data = self._rx.recv(1 << 16)
                now = time.monotonic()
                if now - last > self.longest_gap:
                    silence = now - last - machine.lost(last, now)
                    if silence > self.longest_gap:
                        self.longest_gap, self.gap_at = silence, last
                last = now
                if not data:
                    return
                at = self.n_received % len(self.CHUNK)
                want = (self.CHUNK * (len(data) // len(self.CHUNK) + 2))
                if data != want[at:at + len(data)]:
                    self.error = "wrong bytes at %d" % self.n_received
                    return
                self.n_received += len(data)
        except OSError as e:
            self.error = "receiver: %s" % e

    def stop(self, timeout=PATIENCE_S):
        """End it; returns segments sent again because they were lost."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout)
            if thread.is_alive() and self.error is None:
                self.error = "stuck: sent %d, received %d bytes" % (
                    self.n_sent, self.n_received)
        info = self._tx.getsockopt(socket.IPPROTO_TCP, 11, 232)
        self._tx.close()
        self._rx.close()
        again, = struct.unpack_from("=I", info, TCP_INFO_TOTAL_RETRANS)
        # Sent again although the first had arrived: the receiver said so.
        needless, = struct.unpack_from("=I", info, TCP_INFO_DSACK_DUPS)
        assert self.error is None, self.error
        assert self.n_received == self.n_sent, "%d bytes sent, %d received" \
            % (self.n_sent, self.n_received)
        return max(0, again - needless)


class Container:
    """One container. Host.attach() gives it its link."""

    def __init__(self, label):
        self.label = label
        self.ns = Namespace(label)
        self.host = None
        self.ifname = "eth0"
        self.mac = None
        self.ip4 = self.ip6 = None
        self.network = None
        self._open = []

    def run(self, *argv, **kw):
        return self.ns.run(*argv, **kw)

    def socket(self, *args):
        sock = self.ns.call(socket.socket, *args)
        self._open.append(sock)
        return sock

    def capture(self, ifname=None):
        capture = Capture(self.ns, ifname or self.ifname)
        self._open.append(capture)
        return capture

    def send(self, frame):
        """Put a frame on the link as it is."""
        with Capture(self.ns, self.ifname, promiscuous=False) as c:
            c.send(frame)

    def start_ping(self, target, interval=0.01, count=None, quiet=False,
                   wait=WAIT_S):
        """@wait: seconds for the answer to the last one."""
        return RunningPing(self, target, interval, count, quiet, wait)

    def ping(self, target, count=1, interval=0.01, timeout=60):
        return self.start_ping(target, interval, count).result(timeout)

    def reaches(self, target):
        """One ping, answered within a second."""
        return self.start_ping(target, count=1, wait=1).result() \
            .received == 1

    def flush_neighbours(self):
        self.ns.ip("neigh", "flush", "all", check=False)

    def neighbour(self, address):
        """The MAC that its cache has for an address, or None."""
        out = self.ns.ip("-j", "neigh", "show", "to", address).stdout
        for one in json.loads(out or "[]"):
            if "lladdr" in one:
                return one["lladdr"]
        return None

    def addresses(self, ifname=None):
        """(MAC, [ADDRESS/LEN, …], MTU) as the kernel has them."""
        (link,) = json.loads(self.ns.ip(
            "-j", "addr", "show", "dev", ifname or self.ifname).stdout)
        return (link["address"],
                ["%s/%d" % (a["local"], a["prefixlen"])
                 for a in link["addr_info"] if a["scope"] == "global"],
                link["mtu"])

    def has_link(self):
        return self.ifname in self.ns.links()

    def wait_usable(self, timeout=PATIENCE_S):
        """Until no global address is tentative (RFC 4862 section 5.4)."""
        wait_until("%s still has tentative addresses" % self.label,
                   lambda: not self.ns.tentative(), timeout, 0.05)

    def flood(self, frames, seconds):
        """Send these frames round and round as fast as it goes, from another
        process; returns it (its stdout says how many were sent)."""
        with tempfile.NamedTemporaryFile(delete=False) as f:
            for frame in frames:
                f.write(struct.pack("=H", len(frame)) + frame)
        self._open.append(_Unlink(f.name))
        return self.ns.popen("/usr/bin/python3", "-S", "-E", "-c", FLOOD,
                             self.ifname, f.name, seconds,
                             stdout=subprocess.PIPE, text=True)

    def close(self):
        for one in self._open:
            one.close()
        self._open = []
        self.ns.close()


class _Unlink:
    """Removes a file when the container is closed."""

    def __init__(self, path):
        self._path = path

    def close(self):
        os.unlink(self._path)


FLOOD = """
import socket, struct, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
data = open(sys.argv[2], "rb").read()
frames, at, n = [], 0, 0
while at < len(data):
    size, = struct.unpack_from("=H", data, at)
    frames.append(data[at + 2:at + 2 + size])
    at += 2 + size
end = time.monotonic() + float(sys.argv[3])
while time.monotonic() < end:
    for frame in frames:
        try:
            s.send(frame)
            n += 1
        except OSError:
            pass
print(n)
"""


def readable(sock, timeout):
    """Does it have something to read within this time?"""
    return bool(select.select([sock], [], [], timeout)[0])
