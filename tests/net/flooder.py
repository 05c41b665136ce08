# SPDX-License-Identifier: Apache-2.0
"""Sends the frames of a file round and round, so many a second at most.

usage: flooder.py IFNAME FILE SECONDS RATE

Each frame has its size before it, two octets. Ends after SECONDS, or when its
standard input does; prints how many were sent.
"""

import ctypes
import select
import socket
import struct
import sys
import time

BATCH = 64


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


class Msghdr(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint32),
                ("iov", ctypes.POINTER(Iovec)), ("iovlen", ctypes.c_size_t),
                ("control", ctypes.c_void_p),
                ("controllen", ctypes.c_size_t), ("flags", ctypes.c_int)]


class Mmsghdr(ctypes.Structure):
    _fields_ = [("header", Msghdr), ("size", ctypes.c_uint32)]


def frames_of(data):
    at = 0
    while at < len(data):
        size, = struct.unpack_from("=H", data, at)
        yield data[at + 2:at + 2 + size]
        at += 2 + size


def batches(frames):
    """What sendmmsg() wants; and what must live as long as that."""
    buffers = [ctypes.create_string_buffer(f, len(f)) for f in frames]
    iov = (Iovec * len(frames))()
    for i, buffer in enumerate(buffers):
        iov[i] = Iovec(ctypes.addressof(buffer), len(buffer))
    made = []
    for first in range(0, len(frames), BATCH):
        n = min(BATCH, len(frames) - first)
        batch = (Mmsghdr * n)()
        for k in range(n):
            batch[k].header.iov = ctypes.pointer(iov[first + k])
            batch[k].header.iovlen = 1
        made.append(batch)
    return made, (buffers, iov)


def main(ifname, path, seconds, rate):
    sendmmsg = ctypes.CDLL(None, use_errno=True).sendmmsg
    with open(path, "rb") as f:
        made, kept = batches(list(frames_of(f.read())))
    n, rate = 0, float(rate)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind((ifname, 0))
        start = now = time.monotonic()
        while now < start + float(seconds) and not select.select(
                [sys.stdin], [], [], 0)[0]:
            for batch in made:
                n += max(0, sendmmsg(s.fileno(), batch, len(batch), 0))
            now = time.monotonic()
            if n > (now - start) * rate:
                time.sleep(0.001)
    del kept
    print(n)


main(*sys.argv[1:])
