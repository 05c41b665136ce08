# SPDX-License-Identifier: Apache-2.0
"""Numbered datagrams between all pairs of containers, each accounted for."""

import collections
import errno
import select
import socket
import struct
import threading
import time

HEAD = struct.Struct(">4sHHI")
MAGIC = b"endu"
PORT = 7007
SIZES = (64, 500, 1200, 1400)
# A socket's buffer may hold what was sent so long ago.
LATE_S = 2.0


class Pair:
    """One direction between two containers."""

    def __init__(self):
        self.sent_at = []  # by number; None: the kernel refused to send
        self.seen = bytearray()


class Probes(threading.Thread):
    """Sends from every container to every other, @per_s a pair."""

    def __init__(self, containers, per_s=8.0):
        super().__init__(daemon=True)
        self.containers = containers
        self.sockets = [c.socket(socket.AF_INET, socket.SOCK_DGRAM)
                        for c in containers]
        for c, s in zip(containers, self.sockets):
            s.bind((c.ip4, PORT))
            s.setblocking(False)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.pairs = {(i, k): Pair() for i in range(len(containers))
                      for k in range(len(containers)) if i != k}
        self.wrong = []  # sentences
        self.pause_s = 1.0 / per_s
        self.slept_until = []  # (from, to): this very thread had no processor
        self._end = threading.Event()

    def _send(self, i, k):
        pair = self.pairs[i, k]
        n = len(pair.sent_at)
        pair.seen.append(0)
        size = SIZES[(n + i + k) % len(SIZES)]
        data = HEAD.pack(MAGIC, i, k, n)
        data += bytes((n + j) & 0xff for j in range(4)) * (size // 4)
        pair.sent_at.append(time.monotonic())
        try:
            self.sockets[i].sendto(data[:size],
                                   (self.containers[k].ip4, PORT))
        except OSError as e:
            if e.errno not in (errno.EAGAIN, errno.ENOBUFS, errno.EMSGSIZE,
                               errno.EHOSTUNREACH, errno.ECONNREFUSED):
                raise
            # What the sender is told is not lost.
            pair.sent_at[n] = None if e.errno in (
                errno.EAGAIN, errno.ENOBUFS) else pair.sent_at[n]

    def _take(self, k, data):
        if len(data) < HEAD.size or data[:4] != MAGIC:
            self.wrong.append("container %d got what nobody sent" % k)
            return
        _magic, i, to, n = HEAD.unpack_from(data)
        pair = self.pairs.get((i, to))
        if to != k or pair is None or n >= len(pair.sent_at):
            self.wrong.append("container %d got a packet for %d" % (k, to))
            return
        body = bytes((n + j) & 0xff for j in range(4)) * (1 + len(data) // 4)
        if data[HEAD.size:] != body[:len(data) - HEAD.size]:
            self.wrong.append("packet %d from %d to %d is not as it was" %
                              (n, i, k))
        pair.seen[n] += 1
        if pair.seen[n] > 1:
            self.wrong.append("packet %d from %d to %d came %d times" %
                              (n, i, k, pair.seen[n]))

    def _receive(self, timeout):
        index = {s: k for k, s in enumerate(self.sockets)}
        for s in select.select(self.sockets, [], [], timeout)[0]:
            for _ in range(256):
                try:
                    data = s.recv(65536)
                except BlockingIOError:
                    break
                except OSError:
                    continue  # an ICMP error for what was sent
                self._take(index[s], data)

    def run(self):
        due = collections.deque(sorted(self.pairs))
        step = self.pause_s / len(due)
        at = last = time.monotonic()
        while not self._end.is_set():
            now = time.monotonic()
            if now - last > 0.5:
                self.slept_until.append((last, now))
                at = now
            last = now
            while at <= now:
                self._send(*due[0])
                due.rotate(-1)
                at += step
            self._receive(max(0.0, min(at - now, 0.02)))
        end = time.monotonic() + LATE_S
        while time.monotonic() < end:
            self._receive(0.1)

    def stop(self):
        self._end.set()
        self.join(60)

    def lost(self):
        """(time, from, to, number) of what never came."""
        return sorted((at, i, k, n) for (i, k), p in self.pairs.items()
                      for n, at in enumerate(p.sent_at)
                      if at is not None and not p.seen[n])

    def n_sent(self):
        return sum(len(p.sent_at) for p in self.pairs.values())
