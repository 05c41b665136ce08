# SPDX-License-Identifier: Apache-2.0
"""Two hosts with the real daemon, and a runtime that drives whole chains."""

import json
import os
import shutil
import signal
import subprocess
import tempfile

from space import Namespace, sh, wait_until
from world import TOP, Container, Runtime, find_plugin

PLUGIN_DIRS = ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"]
CAPABILITIES = ("ips", "mac", "portMappings", "bandwidth")


def find_reference(name):
    """A plugin of containernetworking-plugins, or None."""
    for place in PLUGIN_DIRS:
        if os.access(os.path.join(place, name), os.X_OK):
            return os.path.join(place, name)
    return None


def datapath():
    """What this kernel has: "ovs", or "bridge"."""
    for module in ("openvswitch", "vport-vxlan"):
        sh("modprobe", "-q", module, check=False)
    return "ovs" if os.path.isdir("/sys/module/openvswitch") or \
        os.path.isdir("/sys/class/net/ovs-system") else "bridge"


def no_kernel():
    """Why the daemon cannot run here, or ""."""
    if datapath() == "ovs" or os.path.exists("/dev/net/tun"):
        return ""
    return "neither openvswitch nor /dev/net/tun: run the tests with " \
        "tests/vm/run -- /usr/bin/python3 -m pytest tests/cni"


class RealHost(Runtime):
    """A daemon, a directory for its plugins and one for their leases."""

    def __init__(self, number, directory, options=()):
        self.number = number
        self.address = "10.99.0.%d" % number
        self.directory = "%s/host%d" % (directory, number)
        self.options = list(options)
        os.makedirs(self.directory + "/bin")
        os.symlink(find_plugin(), self.directory + "/bin/fastdp")
        shutil.copy(os.path.dirname(os.path.realpath(__file__)) +
                    "/fake_ipam.py", self.directory + "/bin/fake_ipam")
        os.makedirs(self.directory + "/ipam/leases")
        super().__init__(Namespace("host%d" % number), ":".join(
            [self.directory + "/bin"] + PLUGIN_DIRS),
            self.directory + "/sock", {"FAKE_IPAM": self.directory + "/ipam"})
        self.daemon = None

    def configure(self, text):
        """What fastdpd.conf says from its next start or reload on."""
        with open(self.directory + "/conf", "w", encoding="ascii") as f:
            f.write(text)
        if "--config" not in self.options:
            self.options += ["--config", self.directory + "/conf"]

    def start(self):
        with open(self.directory + "/log", "ab") as log:
            self.daemon = self.ns.popen(
                os.path.join(os.path.dirname(find_plugin()), "fastdpd"),
                "--nickname", "host%d" % self.number, "--local-address",
                self.address, "--socket", self.socket, "--state-dir",
                self.directory + "/state", "--run-dir",
                self.directory + "/run", "--insecure", "--datapath", datapath(),
                *self.options, stdout=log, stderr=log)
        wait_until(lambda: "host%d does not answer: %s" % (
            self.number, self.log()), lambda: self.ask(
                "ping", check=False) is not None)

    def log(self):
        with open(self.directory + "/log", encoding="utf-8",
                  errors="replace") as f:
            return f.read()[-4000:]

    def ask(self, *words, check=True):
        done = sh(os.path.join(os.path.dirname(find_plugin()), "fastdpctl"),
                  "--socket", self.socket, "--json", *(
                      words if words != ("ping",) else ("status",)),
                  check=check)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def doctor(self):
        """Its findings, good ones too."""
        done = sh(os.path.join(os.path.dirname(find_plugin()), "fastdpctl"),
                  "--socket", self.socket, "--json", "doctor", "--quick",
                  "--data", os.path.join(TOP, "data"), check=False)
        return json.loads(done.stdout)["findings"]

    def kill(self, number=signal.SIGKILL):
        self.daemon.send_signal(number)
        self.daemon.wait(10)

    def identity(self):
        return self.ask("status")["name"]

    def ports(self):
        return self.ask("ports")["ports"]

    def macs(self):
        """Whom it knows of."""
        return {e["mac"] for e in self.ask("directory")["entries"]}

    def local_conf(self, version="1.0.0", **more):
        """Addresses by host-local, a range a host."""
        ipam = {"type": "host-local", "dataDir": self.directory + "/leases",
                "routes": [{"dst": "0.0.0.0/0"}],
                "ranges": [[{"subnet": "10.32.0.0/16", "rangeStart":
                             "10.32.%d.10" % self.number, "rangeEnd":
                             "10.32.%d.250" % self.number,
                             "gateway": "10.32.%d.1" % self.number}]]}
        v6 = more.pop("v6", False)
        if v6 == "only":
            ipam.update(ranges=[], routes=[{"dst": "::/0"}])
        if v6:
            ipam["ranges"].append([{
                "subnet": "fd32::/64",
                "rangeStart": "fd32::%d:10" % self.number,
                "rangeEnd": "fd32::%d:fff" % self.number,
                "gateway": "fd32::%d:1" % self.number}])
        return self.conf(version, ipam=ipam, **more)

    def host_local_leases(self):
        place = self.directory + "/leases/net1"
        return sorted(n for n in os.listdir(place) if n[0].isdigit() or
                      ":" in n) if os.path.isdir(place) else []

    def fake_leases(self):
        return os.listdir(self.directory + "/ipam/leases")

    def assert_nothing_left(self):
        """No port, link, lease or file."""
        assert [p for p in self.ports() if p["container_id"]] == []
        assert [n for n in self.ns.links() if n.startswith("fd") and
                len(n) == 12] == []
        assert self.host_local_leases() == [] and self.fake_leases() == []
        ports = self.directory + "/run/ports"
        assert not os.path.isdir(ports) or os.listdir(ports) in (
            [], ["fastdp.json"]), os.listdir(ports)

    # --- a list of plugins, as libcni runs it

    def _plugin(self, conflist, plugin, previous, asked):
        conf = {k: v for k, v in plugin.items() if k != "capabilities"}
        conf.update(name=conflist["name"], cniVersion=conflist["cniVersion"])
        granted = {k: asked[k] for k, v in
                   plugin.get("capabilities", {}).items()
                   if v and k in asked}
        if granted:
            conf["runtimeConfig"] = granted
        if previous is not None:
            conf["prevResult"] = previous
        return conf

    def run_plugin(self, verb, conf, container):
        for place in self.path.split(":"):
            program = os.path.join(place, conf["type"])
            if os.access(program, os.X_OK):
                break
        done = subprocess.run(
            self.ns.argv(program), env=self.env(
                verb, container.cid, container.netns, container.ifname),
            input=json.dumps(conf).encode(), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=60, check=False)
        assert done.returncode == 0, (verb, conf["type"], done.stdout,
                                      done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def add_list(self, conflist, container, **asked):
        result = None
        for plugin in conflist["plugins"]:
            result = self.run_plugin("ADD", self._plugin(
                conflist, plugin, result, asked), container)
        return result

    def check_list(self, conflist, container, result, **asked):
        for plugin in conflist["plugins"]:
            self.run_plugin("CHECK", self._plugin(conflist, plugin, result,
                                                  asked), container)

    def delete_list(self, conflist, container, result, **asked):
        for plugin in reversed(conflist["plugins"]):
            self.run_plugin("DEL", self._plugin(conflist, plugin, result,
                                                asked), container)

    def close(self):
        if self.daemon is not None and self.daemon.poll() is None:
            self.kill(signal.SIGTERM)
        self.ns.close()


class RealWorld:
    """Hosts on one wire, connected."""

    def __init__(self, n=2, start=True):
        self.directory = tempfile.mkdtemp(prefix="fdr-")
        self.containers = []
        self.hosts = []
        self.switch = Namespace("wire")
        self.switch.ip("link", "add", "br0", "type", "bridge")
        self.switch.ip("link", "set", "br0", "up")
        for i in range(1, n + 1):
            host = RealHost(i, self.directory, [] if i == 1 else
                            ["--peer", "10.99.0.1"])
            self.hosts.append(host)
            self.wire(host)
        if start:
            self.start()

    def wire(self, host):
        port = "p%d" % host.number
        self.switch.ip("link", "add", port, "type", "veth", "peer", "name",
                       "eth0", "netns", host.ns.name)
        self.switch.ip("link", "set", port, "master", "br0", "up")
        host.ns.ip("addr", "add", host.address + "/24", "dev", "eth0")
        host.ns.ip("link", "set", "eth0", "up")

    def start(self):
        for host in self.hosts:
            host.start()
        self.wait_connected()

    def wait_connected(self):
        wait_until("the hosts to be connected", lambda: all(
            len([p for p in h.ask("status")["peers"]
                 if p["state"] == "up" and p["path"] != "none"]) ==
            len(self.hosts) - 1 for h in self.hosts), every=0.1)

    def container(self, ifname="eth0"):
        c = Container(ifname)
        self.containers.append(c)
        return c

    def wait_known(self, *containers):
        want = {c.link()["address"] for c in containers}
        wait_until("everybody to be known", lambda: all(
            want <= h.macs() for h in self.hosts), every=0.1)

    def wait_forgotten(self, *macs):
        wait_until("everybody to be forgotten", lambda: not any(
            set(macs) & h.macs() for h in self.hosts), every=0.1)

    def close(self):
        for c in self.containers:
            c.close()
        for h in self.hosts:
            h.close()
        self.switch.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def ping(container, address, *options):
    """Five answered of five."""
    done = container.ns.run("ping", "-n", "-c", 5, "-i", 0.05, "-W", 2,
                            *options, address, check=False)
    assert " 5 received" in done.stdout, done.stdout + done.stderr
