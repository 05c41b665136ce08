# SPDX-License-Identifier: Apache-2.0
"""Network namespaces: made with a name of this run, entered, taken away."""

import ctypes
import os
import signal
import subprocess
import threading
import time

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_serial = 0


def is_long():
    """Were the full durations asked for?"""
    return os.environ.get("FASTDP_LONG") == "1"


def wait_until(what, predicate, timeout=5.0, every=0.02):
    """Ask until the answer is true and return it; fail with a sentence.

    @what may be a function that says at the end what was seen instead.
    """
    end = time.monotonic() + timeout
    while True:
        # The clock first: what is true at the last look counts.
        last = time.monotonic() >= end
        answer = predicate()
        if answer:
            return answer
        if last:
            seen = what() if callable(what) else what
            raise AssertionError("not within %g s: %s" % (timeout, seen))
        time.sleep(every)


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


class Namespace:
    """One network namespace. close() ends what runs in it and removes it."""

    def __init__(self, label):
        global _serial
        _serial += 1
        self.name = "fdt%x-%x-%s" % (os.getpid(), _serial, label)
        self.path = "/run/netns/" + self.name
        self._children = []
        sh("ip", "netns", "add", self.name)
        self.is_open = True
        sh("ip", "-n", self.name, "link", "set", "lo", "up")

    def argv(self, *argv):
        return ["nsenter", "--net=" + self.path, "--"] + [
            str(a) for a in argv]

    def run(self, *argv, **kw):
        return sh(*self.argv(*argv), **kw)

    def popen(self, *argv, **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        child = subprocess.Popen(self.argv(*argv), **kw)
        self._children.append(child)
        return child

    def ip(self, *args, **kw):
        return sh("ip", "-n", self.name, *args, **kw)

    def call(self, function, *args):
        """Call a function in a thread that is inside this namespace.

        Sockets that it makes stay in the namespace for ever.
        """
        result = []

        def inside():
            try:
                fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    if _libc.setns(fd, CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), "setns")
                finally:
                    os.close(fd)
                result.append((function(*args), None))
            except BaseException as e:  # pylint: disable=broad-except
                result.append((None, e))

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        value, error = result[0]
        if error is not None:
            raise error
        return value

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

    def links(self):
        """Names of the links in it."""
        out = self.ip("-o", "link", "show").stdout
        return [line.split(":")[1].strip().split("@")[0]
                for line in out.splitlines()]

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
        sh("ip", "netns", "del", self.name, check=False)
