# SPDX-License-Identifier: Apache-2.0
"""One etcd, in a namespace of its own on the hosts' wire."""

import os
import shutil
import signal
import subprocess

from space import Namespace, sh, wait_until

ADDRESS = "10.99.0.200"
URL = "http://%s:2379" % ADDRESS


class Etcd:
    """Starts with its data, or without any after lose()."""

    def __init__(self, directory, switch):
        self.directory = directory + "/etcd"
        self.ns = Namespace("etcd")
        switch.ip("link", "add", "etcd", "type", "veth", "peer", "name",
                  "eth0", "netns", self.ns.name)
        switch.ip("link", "set", "etcd", "master", "br0", "up")
        self.ns.ip("addr", "add", ADDRESS + "/24", "dev", "eth0")
        self.ns.ip("link", "set", "eth0", "up")
        self.child = None
        self.start()

    def start(self):
        self.child = self.ns.popen(
            "etcd", "--data-dir", self.directory, "--listen-client-urls", URL,
            "--advertise-client-urls", URL, "--listen-peer-urls",
            "http://127.0.0.1:2380", "--log-level", "error",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        wait_until("etcd to answer", lambda: self.ctl(
            "endpoint", "health", check=False).returncode == 0, 30, 0.2)

    def stop(self):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def lose(self):
        """Its data."""
        self.stop()
        shutil.rmtree(self.directory)
        self.start()

    def ctl(self, *words, check=True):
        return sh(*self.ns.argv("etcdctl", "--endpoints", URL, *words),
                  check=check, env=dict(os.environ, ETCDCTL_API="3"))

    def keys(self):
        """Below /fastdp, with what is there."""
        lines = self.ctl("get", "--prefix", "/fastdp/").stdout.splitlines()
        return dict(zip(lines[::2], lines[1::2]))

    def blocks(self):
        return sorted(k.split("/")[-1] for k in self.keys()
                      if k.startswith("/fastdp/blocks/"))

    def close(self):
        if self.child.poll() is None:
            self.stop()
        self.ns.close()
