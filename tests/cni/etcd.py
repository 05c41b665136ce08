# SPDX-License-Identifier: Apache-2.0
"""One etcd, in a namespace of its own on the hosts' wire."""

import os
import shutil
import signal
import subprocess

from space import Namespace, sh, wait_until

ADDRESS = "10.99.0.200"
URL = "http://%s:2379" % ADDRESS


class Authority:
    """Makes certificates that nobody else believes in."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory)
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
           "ec_paramgen_curve:P-256", "-nodes", "-days", 2, "-subj",
           "/CN=authority", "-keyout", self.path("ca.key"), "-out",
           self.path("ca.pem"))

    def path(self, name):
        return self.directory + "/" + name

    def issue(self, name, extra=""):
        """NAME.key and NAME.pem."""
        with open(self.path(name + ".ext"), "w", encoding="ascii") as f:
            f.write("extendedKeyUsage=serverAuth,clientAuth\n" + extra)
        sh("openssl", "req", "-newkey", "ec", "-pkeyopt",
           "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name,
           "-keyout", self.path(name + ".key"), "-out",
           self.path(name + ".csr"))
        sh("openssl", "x509", "-req", "-in", self.path(name + ".csr"), "-CA",
           self.path("ca.pem"), "-CAkey", self.path("ca.key"),
           "-CAcreateserial", "-days", 2, "-extfile",
           self.path(name + ".ext"), "-out", self.path(name + ".pem"))


class Etcd:
    """Starts with its data, or without any after lose(). With an authority it
    talks to those alone that have a certificate of it."""

    def __init__(self, directory, switch, authority=None):
        self.directory = directory + "/etcd"
        self.url, self.server, self.client = URL, [], []
        if authority:
            authority.issue("etcd", "subjectAltName=IP:%s\n" % ADDRESS)
            authority.issue("client")
            path = authority.path
            self.url = URL.replace("http:", "https:")
            self.server = ["--cert-file", path("etcd.pem"), "--key-file",
                           path("etcd.key"), "--client-cert-auth",
                           "--trusted-ca-file", path("ca.pem")]
            self.client = ["--cacert", path("ca.pem"), "--cert",
                           path("client.pem"), "--key", path("client.key")]
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
            "etcd", "--data-dir", self.directory, "--listen-client-urls",
            self.url, "--advertise-client-urls", self.url,
            "--listen-peer-urls", "http://127.0.0.1:2380", "--log-level",
            "error", *self.server,
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
        return sh(*self.ns.argv("etcdctl", "--endpoints", self.url,
                                *self.client, *words), check=check, env=dict(os.environ, ETCDCTL_API="3"))

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
