# SPDX-License-Identifier: Apache-2.0
"""A host with a daemon, containers, and a runtime that runs the plugin."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import uuid

from space import Namespace, sh, wait_until

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.realpath(os.path.join(HERE, "..", ".."))
VERSIONS = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]


def find_plugin():
    """The built plugin, or AssertionError."""
    places = [os.environ["FASTDP_BUILD"]] if os.environ.get("FASTDP_BUILD") \
        else [os.path.join(TOP, "build"), TOP]
    for place in places:
        path = os.path.join(os.path.realpath(place), "fastdp")
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise AssertionError("no program fastdp in %s" % " or ".join(places))


class Result:
    """What one run of the plugin gave."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return "exit status %s\nstdout: %s\nstderr: %s" % (
            self.status, self.out, self.err)

    def done(self):
        """It succeeded."""
        assert self.status == 0, self
        return self

    def failed(self, code, *words, version=None):
        """It failed in the way that the specification has."""
        assert self.status == 1, self
        got = self.json
        assert set(got) <= {"cniVersion", "code", "msg", "details"}, self
        assert isinstance(got["msg"], str) and got["msg"], self
        assert got["code"] == code, self
        if version is not None:
            assert got["cniVersion"] == version, self
        text = (got["msg"] + " " + got.get("details", "")).lower()
        for word in words:
            assert word.lower() in text, (word, self)
        return self


class Runtime:
    """Runs the plugin on a host as container runtimes do."""

    def __init__(self, namespace, cni_path, socket_path, environment=None):
        self.ns, self.path, self.socket = namespace, cni_path, socket_path
        self.environment = environment or {}
        self.wrapper = []  # a tracer

    def conf(self, version="1.0.0", **more):
        conf = {"cniVersion": version, "name": "net1", "type": "fastdp",
                "socket": self.socket, "ipam": {"type": "fake_ipam"}}
        conf.update(more)
        return {k: v for k, v in conf.items() if v is not ...}

    def env(self, verb, cid=None, netns=None, ifname=None, **more):
        env = {"PATH": os.environ["PATH"], "CNI_PATH": self.path}
        for key in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if key in os.environ:
                env[key] = os.environ[key]
        env.update(self.environment)
        env.update({"CNI_COMMAND": verb, "CNI_CONTAINERID": cid,
                    "CNI_NETNS": netns, "CNI_IFNAME": ifname})
        env.update(more)
        return {k: v for k, v in env.items() if v is not None}

    def launch(self, env, **kw):
        return subprocess.Popen(
            self.ns.argv(*self.wrapper, find_plugin()), env=env,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, **kw)

    def raw(self, env, stdin, timeout=60, **kw):
        """stdin as it is."""
        if not isinstance(stdin, bytes):
            stdin = json.dumps(stdin).encode()
        child = self.launch(env, **kw)
        try:
            out, err = child.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            raise
        err = err.decode(errors="replace")
        assert "Sanitizer" not in err and "runtime error" not in err, err
        return Result(child.returncode, out.decode(), err)

    def call(self, verb, conf, container=None, **env):
        """One verb for a container, with its usual variables."""
        usual = {}
        if container is not None:
            usual = {"cid": container.cid, "netns": container.netns,
                     "ifname": container.ifname}
        usual.update(env)
        return self.raw(self.env(verb, **usual), conf)

    def add(self, conf, container, **env):
        return self.call("ADD", conf, container, **env)

    def delete(self, conf, container, **env):
        got = self.call("DEL", conf, container, **env)
        if got.status == 0:
            assert got.out == "", got
        return got

    def check(self, conf, container, previous, **env):
        return self.call("CHECK", dict(conf, prevResult=previous), container,
                         **env)


class Container:
    """A namespace and the three words that name its attachment."""

    def __init__(self, ifname="eth0"):
        self.ns = Namespace("c")
        self.cid = uuid.uuid4().hex
        self.ifname = ifname
        self.netns = self.ns.path

    def link(self, ifname=None):
        """Of `ip -j addr`, or None."""
        out = self.ns.ip("-j", "addr", "show", "dev", ifname or self.ifname,
                         check=False)
        return json.loads(out.stdout)[0] if out.returncode == 0 else None

    def addresses(self):
        return sorted("%s/%d" % (a["local"], a["prefixlen"])
                      for a in self.link()["addr_info"]
                      if a["scope"] == "global")

    def routes(self, family="-4"):
        out = self.ns.ip("-j", family, "route", "show", "table", "all",
                         "dev", self.ifname)
        return json.loads(out.stdout or "[]")

    def close(self):
        self.ns.close()


class World(Runtime):
    """A host with the fake daemon and the fake IPAM plugin."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="fdc-")
        self.containers = []
        os.makedirs(self.directory + "/ipam/leases")
        os.mkdir(self.directory + "/bin")
        shutil.copy(HERE + "/fake_ipam.py", self.directory + "/bin/fake_ipam")
        super().__init__(Namespace("host"),
                         "/nonexistent:%s/bin" % self.directory,
                         self.directory + "/sock",
                         {"FAKE_IPAM": self.directory + "/ipam"})
        self._daemon = None
        self.start_daemon()

    def start_daemon(self):
        self._daemon = self.ns.popen("/usr/bin/python3",
                                     HERE + "/fake_daemon.py",
                                     self.directory, stdout=subprocess.PIPE)
        assert self._daemon.stdout.readline() == b"ready\n"

    def stop_daemon(self):
        self._daemon.send_signal(signal.SIGKILL)
        self._daemon.wait()

    def container(self, ifname="eth0"):
        c = Container(ifname)
        self.containers.append(c)
        return c

    def _misbehave(self, path, what):
        with open(path + ".new", "w", encoding="ascii") as f:
            json.dump(what, f)
        os.rename(path + ".new", path)

    def daemon_does(self, **what):
        self._misbehave(self.directory + "/behaviour.json", what)

    def ipam_does(self, **what):
        self._misbehave(self.directory + "/behaviour-ipam.json", what)
        os.rename(self.directory + "/behaviour-ipam.json",
                  self.directory + "/ipam/behaviour.json")

    def _lines(self, name):
        try:
            with open(self.directory + "/" + name, encoding="utf-8") as f:
                return [json.loads(line) for line in f]
        except FileNotFoundError:
            return []

    def requests(self, verb=None):
        return [r for r in self._lines("requests")
                if verb in (None, r["verb"])]

    def ipam_calls(self):
        return self._lines("ipam/calls")

    def leases(self):
        return sorted(os.listdir(self.directory + "/ipam/leases"))

    def host_links(self):
        """The host's links besides those that every namespace has."""
        return [n for n in self.ns.links() if n.startswith("fd")]

    def assert_nothing_left(self):
        assert self.leases() == []
        assert self.host_links() == []
        for c in self.containers:
            if c.ns.is_open:
                assert c.link() is None, c.link()

    def close(self):
        for c in self.containers:
            c.close()
        self.ns.close()
        shutil.rmtree(self.directory, ignore_errors=True)


__all__ = ["Container", "Namespace", "Result", "Runtime", "VERSIONS", "World",
           "find_plugin", "sh", "wait_until"]
