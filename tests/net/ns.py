# SPDX-License-Identifier: Apache-2.0
"""Network namespaces: made with a name of this run, entered, taken away."""

import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import threading
import time

import machine

CLONE_NEWNET = 0x40000000
PR_CAPBSET_DROP, CAP_NET_RAW = 24, 13
MS_BIND, MNT_DETACH = 4096, 2
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
SIOCGIFHWADDR, SIOCGIFMTU = 0x8927, 0x8921
IFA_F_TENTATIVE = 0x40
_libc = ctypes.CDLL(None, use_errno=True)
PATIENCE_S = 20.0  # for what has no bound: only who fails waits so long
_serial = 0


def is_long():
    """Were the full durations asked for?"""
    return os.environ.get("FASTDP_LONG") == "1"


def figure(what, value):
    """A measurement for the reader of `pytest -rP`."""
    print("figure: %s: %s" % (what, value))


def wait_until(what, predicate, timeout=PATIENCE_S, every=0.02):
    """Ask until the answer is true and return it; fail with a sentence.

    @what may be a function that says at the end what was seen instead.
    @timeout: a bound of what is tested, in the machine's time, if it has one.
    """
    begin = time.monotonic()
    while True:
        # The clock first: what is true at the last look counts.
        last = machine.elapsed(begin) >= timeout
        answer = predicate()
        if answer:
            return answer
        if last:
            seen = what() if callable(what) else what
            raise AssertionError("not within %g s: %s" % (timeout, seen))
        time.sleep(every)


def wait_for_some(predicate, timeout=PATIENCE_S, every=0.02):
    """As wait_until, for who judges afterwards: is it true?"""
    try:
        return wait_until("", predicate, timeout, every)
    except AssertionError:
        return False


def always(what, predicate, seconds, every=0.05):
    """It is so now and stays so for this long."""
    end = time.monotonic() + seconds
    while True:
        assert predicate(), "%s: not for %g s" % (what, seconds)
        if time.monotonic() >= end:
            return
        time.sleep(every)


def sh(*argv, check=True, timeout=30, stdin=None, **kw):
    """Run a program; a failure carries what it said."""
    done = subprocess.run([str(a) for a in argv], timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          input=stdin, text=True, check=False, **kw)
    if check and done.returncode != 0:
        raise AssertionError("%s: exit status %d: %s%s" % (
            " ".join(str(a) for a in argv), done.returncode, done.stdout,
            done.stderr))
    return done


def ip_batch(lines, namespace=None):
    """Many `ip` commands at the cost of one process."""
    argv = ["ip"]
    if namespace is not None:
        argv += ["-n", namespace.name]
    sh(*argv, "-batch", "-", stdin="\n".join(lines) + "\n")


def _checked(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def in_thread(function):
    """Run it in a thread of its own, so that what it does to the thread's
    namespace ends with it."""
    result = []

    def inside():
        try:
            result.append((function(), None))
        except BaseException as e:  # pylint: disable=broad-except
            result.append((None, e))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    value, error = result[0]
    if error is not None:
        raise error
    return value


def _make_namespace(path):
    """As `ip netns add`, without a process: these are many."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "x", encoding="ascii"):
        pass
    _checked(_libc.unshare(CLONE_NEWNET), "unshare")
    _checked(_libc.mount(b"/proc/thread-self/ns/net", path.encode(), b"none",
                         MS_BIND, None), "mount " + path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("=16sH14x", b"lo", 0)
        _, flags = struct.unpack(
            "=16sH14x", fcntl.ioctl(s, SIOCGIFFLAGS, request))
        fcntl.ioctl(s, SIOCSIFFLAGS,
                    struct.pack("=16sH14x", b"lo", flags | IFF_UP))


class Namespace:
    """One network namespace. close() ends what runs in it and removes it."""

    def __init__(self, label):
        global _serial
        _serial += 1
        self.name = "fdt%x-%x-%s" % (os.getpid(), _serial, label)
        self.path = "/run/netns/" + self.name
        self._children = []
        in_thread(lambda: _make_namespace(self.path))
        self.is_open = True

    def run(self, *argv, **kw):
        return self.call(lambda: sh(*argv, **kw))

    def without_raw(self, function):
        """As call(), but what it starts may not open raw sockets."""
        def inside():
            _checked(_libc.prctl(PR_CAPBSET_DROP, CAP_NET_RAW, 0, 0, 0),
                     "PR_CAPBSET_DROP")
            return function()

        return self.call(inside)

    def popen(self, *argv, **kw):
        """A child is born into the namespace of the thread that makes it."""
        kw.setdefault("stdin", subprocess.DEVNULL)
        child = self.call(lambda: subprocess.Popen([str(a) for a in argv],
                                                   **kw))
        self._children.append(child)
        return child

    def ip(self, *args, **kw):
        return sh("ip", "-n", self.name, *args, **kw)

    def call(self, function, *args):
        """Call a function in a thread that is inside this namespace.

        Sockets that it makes stay in the namespace for ever.
        """
        def inside():
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _checked(_libc.setns(fd, CLONE_NEWNET), "setns")
            finally:
                os.close(fd)
            return function(*args)

        return in_thread(inside)

    def sysctl(self, name, value=None):
        """Read or write /proc/sys/net/NAME as this namespace sees it."""
        def touch():
            path = "/proc/sys/net/" + name
            if value is None:
                with open(path, encoding="ascii") as f:
                    return f.read().strip()
            with open(path, "w", encoding="ascii") as f:
                f.write(str(value))
            return None
        return self.call(touch)

    def inode(self):
        """The dev:ino that names the namespace in requests."""
        st = os.stat(self.path)
        return "%d:%d" % (st.st_dev, st.st_ino)

    def mac(self, ifname):
        """The hardware address of a link, as text."""
        def ask():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                return fcntl.ioctl(s, SIOCGIFHWADDR, struct.pack(
                    "=16s24x", ifname.encode()))[18:24]
        return ":".join("%02x" % b for b in self.call(ask))

    def mtu(self, ifname):
        def ask():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                return struct.unpack("=16si20x", fcntl.ioctl(
                    s, SIOCGIFMTU, struct.pack("=16s24x",
                                               ifname.encode())))[1]
        return self.call(ask)

    def n_packets(self, ifname):
        """That it sent and received."""
        def read():
            with open("/proc/thread-self/net/dev", encoding="ascii") as f:
                return [line.split(":")[1].split() for line in f
                        if line.strip().startswith(ifname + ":")]
        (row,) = self.call(read)
        return int(row[1]) + int(row[9])

    def tentative(self):
        """Global IPv6 addresses that are not usable yet."""
        def read():
            with open("/proc/thread-self/net/if_inet6",
                      encoding="ascii") as f:
                return [line.split() for line in f]
        return [one[0] for one in self.call(read)
                if one[3] == "00" and int(one[4], 16) & IFA_F_TENTATIVE]

    def links(self):
        """Names of the links in it."""
        return [name for _, name in self.call(socket.if_nameindex)]

    def close(self):
        if not self.is_open:
            return
        self.is_open = False
        for child in self._children:
            if child.poll() is None:
                child.send_signal(signal.SIGKILL)
                child.wait()
            for stream in (child.stdout, child.stderr):
                if stream is not None:
                    stream.close()
        _libc.umount2(self.path.encode(), MNT_DETACH)
        os.unlink(self.path)
