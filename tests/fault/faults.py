# SPDX-License-Identifier: Apache-2.0
"""The other end of fault.c: rules in, places out, through a shared file."""

import errno
import mmap
import os
import random
import struct

from ns import is_long

RULE = struct.Struct("16s16sQiIII")
PLACE = struct.Struct("16s16sQQ")
N_RULES, N_PLACES = 8, 1000
RULES_AT = 8
PLACES_AT = RULES_AT + N_RULES * RULE.size
SIZE = PLACES_AT + N_PLACES * PLACE.size
SHORT, JUMP = 1000, 1001  # as in fault.c

# What the kernel may answer; the first is the usual one.
ERRORS = {
    "socket": [errno.EMFILE, errno.ENOBUFS], "bind": [errno.EADDRINUSE],
    "listen": [errno.EADDRINUSE], "connect": [errno.ENETUNREACH],
    "accept4": [errno.EMFILE, errno.ECONNABORTED, errno.EINTR],
    "getsockname": [errno.ENOBUFS], "getsockopt": [errno.ENOBUFS],
    "setsockopt": [errno.ENOMEM], "sendmsg": [errno.ENOBUFS, errno.EINTR],
    "sendmmsg": [errno.ENOBUFS, errno.EINTR],
    "recvmsg": [errno.ENOBUFS, errno.EINTR],
    "recvmmsg": [errno.ENOBUFS, errno.EINTR],
    "readv": [errno.EIO, errno.EINTR], "writev": [errno.EIO, errno.EAGAIN],
    "epoll_create1": [errno.EMFILE], "epoll_ctl": [errno.ENOMEM],
    "epoll_wait": [errno.EINTR], "eventfd": [errno.EMFILE],
    "pipe2": [errno.EMFILE], "nanosleep": [errno.EINTR],
    "mkdir": [errno.ENOSPC], "rename": [errno.ENOSPC],
    "unlink": [errno.EIO], "fsync": [errno.EIO], "flock": [errno.ENOLCK],
    "setns": [errno.EPERM], "fstat": [errno.ENOMEM], "stat": [errno.EACCES],
    "lstat": [errno.EACCES], "fopen": [errno.EMFILE],
    "getrandom": [errno.ENOSYS], "open": [errno.EMFILE, errno.EINTR],
    "ioctl": [errno.EPERM], "pthread_create": [errno.EAGAIN],
    "read": [errno.EIO, errno.EINTR, SHORT],
    "write": [errno.ENOSPC, errno.EINTR, SHORT],
    "send": [errno.ENOBUFS, errno.EINTR, SHORT],
    "recv": [errno.ENOBUFS, errno.EINTR, SHORT],
    "sendto": [errno.ENOBUFS, errno.EINTR],
    "recvfrom": [errno.ENOBUFS, errno.EINTR, SHORT],
    "access": [errno.EACCES], "dup2": [errno.EMFILE],
    "fchmod": [errno.EPERM], "fdopen": [errno.ENOMEM],
    "fork": [errno.EAGAIN], "getpeername": [errno.ENOBUFS],
    "getaddrinfo": [errno.EAGAIN, errno.ENOMEM],
    "if_nametoindex": [errno.ENODEV], "opendir": [errno.EMFILE],
    "open_memstream": [errno.ENOMEM], "pwrite": [errno.EACCES],
    "readlinkat": [errno.EACCES], "reallocarray": [errno.ENOMEM],
    "realpath": [errno.EACCES], "setpriority": [errno.EPERM],
    "setrlimit": [errno.EPERM], "shutdown": [errno.ENOTCONN],
    "socketpair": [errno.EMFILE], "malloc": [errno.ENOMEM], "calloc": [errno.ENOMEM],
    "realloc": [errno.ENOMEM],
    "clock_gettime": [JUMP + 5, JUMP + 3600],
}
ALLOCATORS = ("malloc", "calloc", "realloc", "reallocarray")
# The C library's own; and the event loop's wake-up, which an eventfd takes
# without fail.
NOT_HERE = {"libc.so.6", "ld-linux-x86-64."}
NOT_REAL = {("write", "libev.so.4")}


def name_of(error):
    if error == SHORT:
        return "short"
    if error >= JUMP:
        return "%d s ahead" % (error - JUMP)
    return errno.errorcode[error]


class Fault:
    """One function, or one place that calls it, fails @count times (0: each
    time) after @skip calls that pass."""

    def __init__(self, function, error, where=("", 0), skip=0, count=1):
        self.function, self.error, self.where = function, error, where
        self.skip, self.count = skip, count

    def __str__(self):
        text = "%s -> %s" % (self.function, name_of(self.error))
        if self.where[0]:
            text += " at %s+%#x" % self.where
        if self.skip:
            text += " after %d" % self.skip
        return text + (", %d times" % self.count if self.count else ", always")


class Table:
    """The shared file."""

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as f:
            f.write(bytes(SIZE))
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), SIZE)

    def arm(self, *faults):
        assert len(faults) <= N_RULES
        self.map[RULES_AT:PLACES_AT] = bytes(PLACES_AT - RULES_AT)
        for i, f in enumerate(faults):
            RULE.pack_into(self.map, RULES_AT + i * RULE.size,
                           f.function.encode(), f.where[0].encode(),
                           f.where[1], f.error, f.skip, f.count, 0)

    def n_failed(self):
        return sum(RULE.unpack_from(self.map, RULES_AT + i * RULE.size)[6]
                   for i in range(N_RULES))

    def places(self):
        """{(function, object, offset): calls} so far."""
        n, = struct.unpack_from("I", self.map, 0)
        found = {}
        for i in range(n):
            function, what, offset, calls = PLACE.unpack_from(
                self.map, PLACES_AT + i * PLACE.size)
            found[(function.rstrip(b"\0").decode(),
                   what.rstrip(b"\0").decode(), offset)] = calls
        return found

    def ours(self):
        """Functions at places of ours, and of libraries that work for us."""
        return sorted(k for k in self.places()
                      if k[0] in ERRORS and k[1] not in NOT_HERE and
                      k[:2] not in NOT_REAL and
                      not k[1].startswith("python"))

    def close(self):
        self.map.close()


def some(faults, n, always=()):
    """Of a list, as many as there is time for; the same each time, and two of
    those at @always (function, object). On bridges half as many: most of a
    daemon is the same."""
    if os.environ.get("FASTDP_TEST_DATAPATH") == "bridge":
        n //= 2
    if is_long() or len(faults) <= n:
        return faults
    found = [f for f in faults if (f.function, f.where[0]) in always and
             (f.where[1] or f.skip)][:2]
    rest = [f for f in faults if f not in found]
    return found + random.Random(6).sample(rest, n - len(found))
