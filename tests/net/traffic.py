# SPDX-License-Identifier: Apache-2.0
"""Traffic that tells afterwards what became of each packet and each byte."""

import hashlib
import os
import socket
import struct
import threading
import time

import machine


class Numbered:
    """Numbered UDP datagrams from one container to another at a steady pace:
    which were lost, which came twice, which in what order."""

    HEAD = struct.Struct("=Q")

    def __init__(self, client, server, address, interval=0.004, size=200,
                 port=7100):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.who = "%s to %s" % (client.label, address)
        self._rx = server.socket(family, socket.SOCK_DGRAM)
        self._rx.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._rx.bind((address, port))
        self._rx.settimeout(0.3)
        self._tx = client.socket(family, socket.SOCK_DGRAM)
        self._tx.connect((address, port))
        self._interval = interval
        self._pad = bytes(size - self.HEAD.size)
        self._stop = threading.Event()
        self.n_sent = 0
        self.order, self.times = [], []
        self._threads = [threading.Thread(target=f, daemon=True)
                         for f in (self._send, self._receive)]
        for thread in self._threads:
            thread.start()

    def _send(self):
        due = time.monotonic()
        while not self._stop.is_set():
            try:
                self._tx.send(self.HEAD.pack(self.n_sent) + self._pad)
                self.n_sent += 1
            except OSError:
                pass  # an ICMP error of an earlier one
            due += self._interval
            time.sleep(max(0, due - time.monotonic()))

    def _receive(self):
        while True:
            try:
                data = self._rx.recv(1 << 16)
            except socket.timeout:
                if self._stop.is_set():
                    return
                continue
            except OSError:
                return
            self.times.append(time.monotonic())
            self.order.append(self.HEAD.unpack_from(data)[0])

    def stop(self):
        """Ends it when what is under way has arrived."""
        self._stop.set()
        self._stopped_at = time.monotonic()
        for thread in self._threads:
            thread.join()
        self._tx.close()
        self._rx.close()
        return self

    @property
    def lost(self):
        return sorted(set(range(self.n_sent)) - set(self.order))

    @property
    def n_duplicates(self):
        return len(self.order) - len(set(self.order))

    @property
    def longest_gap(self):
        """Seconds between two that arrived one after the other; what did
        not go on before the end counts until then."""
        return machine.gap(self.times, self._stopped_at)

    def stalled(self):
        """Seconds in which it stood still, in pauses that are none of its own
        making. Of traffic that stays on one host: what the machine lost
        without standing still."""
        times = self.times + [self._stopped_at]
        return sum(b - a - machine.lost(a, b)
                   for a, b in zip(times, times[1:])
                   if b - a > 5 * self._interval)

    def assert_complete(self, when=""):
        assert self.n_sent and not self.lost and not self.n_duplicates, \
            "%s: %s %s" % (self.who, self, when)

    def late(self):
        """Those that came after a later one."""
        late, top = [], -1
        for n in self.order:
            if n < top:
                late.append(n)
            top = max(top, n)
        return late

    def assert_order_but_for_one_switch(self):
        """What went by the old path may be overtaken by what went by the new
        one; on each of the two the order is kept."""
        late = self.late()
        if not late:
            return
        first = min(n for n in late)
        at = self.order.index(first)
        split = min(n for n in self.order[:at] if n > first)
        for part in ([n for n in self.order if n < split],
                     [n for n in self.order if n >= split]):
            assert part == sorted(part), \
                "%s: out of order beyond the switch: %s" % (self.who, late)

    def __str__(self):
        return "%d sent, %d received, lost %s, %d duplicates, %d late, " \
            "longest gap %.3f s" % (
                self.n_sent, len(self.order), self.lost[:20] or "none",
                self.n_duplicates, len(self.late()), self.longest_gap)


def longest_gap(result, end):
    """Of a ping that was stopped at @end of time.time(): seconds without a
    reply."""
    shift = time.monotonic() - time.time()
    return machine.gap([t + shift for t in result.at.values()], end + shift)


def transfer(client, server, address, size, port=7200, timeout=60):
    """Random bytes over one TCP connection; fails unless they arrive as they
    are. Returns the seconds that it took."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = server.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(1)
    listener.settimeout(timeout)
    tx = client.socket(family, socket.SOCK_STREAM)
    tx.settimeout(timeout)
    data = os.urandom(size)
    got = hashlib.sha256()
    n_got = [0]

    def receive():
        rx, _ = listener.accept()
        rx.settimeout(timeout)
        with rx:
            while True:
                part = rx.recv(1 << 17)
                if not part:
                    return
                got.update(part)
                n_got[0] += len(part)

    thread = threading.Thread(target=receive, daemon=True)
    thread.start()
    start = time.monotonic()
    tx.connect((address, port))
    tx.sendall(data)
    tx.shutdown(socket.SHUT_WR)
    thread.join(timeout)
    took = time.monotonic() - start
    tx.close()
    listener.close()
    who = "%s to %s" % (client.label, address)
    assert n_got[0] == size, "%s: %d of %d bytes after %.1f s" % (
        who, n_got[0], size, took)
    assert got.digest() == hashlib.sha256(data).digest(), \
        "%s: other bytes than were sent" % who
    return took
