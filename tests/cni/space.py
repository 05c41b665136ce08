# SPDX-License-Identifier: Apache-2.0
"""Network namespaces with names, and programs run in them."""

import os
import signal
import subprocess
import time

_serial = 0


def sh(*argv, check=True, timeout=60, stdin=None, **kw):
    """Run a program; a failure carries what it said."""
    done = subprocess.run([str(a) for a in argv], timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          input=stdin, text=True, check=False, **kw)
    if check and done.returncode != 0:
        raise AssertionError("%s: exit status %d: %s%s" % (
            " ".join(str(a) for a in argv), done.returncode, done.stdout,
            done.stderr))
    return done


def wait_until(what, predicate, timeout=30.0, every=0.02):
    """Ask until the answer is true and return it. What has no bound of its own
    is waited for long: the machine may run somebody else."""
    end = time.monotonic() + timeout
    while True:
        last = time.monotonic() >= end
        answer = predicate()
        if answer:
            return answer
        if last:
            raise AssertionError("not within %g s: %s" % (
                timeout, what() if callable(what) else what))
        time.sleep(every)


class Namespace:
    """One namespace. close() ends what runs in it and removes it."""

    def __init__(self, label):
        global _serial
        _serial += 1
        self.name = "fdc%x-%x-%s" % (os.getpid(), _serial, label)
        self.path = "/run/netns/" + self.name
        self._children = []
        sh("ip", "netns", "add", self.name)
        self.is_open = True
        self.ip("link", "set", "lo", "up")

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
