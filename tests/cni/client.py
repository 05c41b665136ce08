# SPDX-License-Identifier: Apache-2.0
"""What tests of container engines share: a host with an outside, an image, and
a mount namespace in which an engine's directories are its own."""

import json
import os
import shutil
import subprocess

import pytest

import real
from space import Namespace, sh, wait_until

BUSYBOX = "/bin/busybox"
COMMANDS = ("sh", "ip", "ping", "sleep", "httpd", "wget", "wc")
FILE_SIZE = 1 << 20
OUTSIDE = "10.99.0.250"

# Nothing of the machine's own engines is seen in it, and nothing of what is
# made there outlives it. Plugins and their lists are where containerd looks,
# which has no way to say otherwise.
SETUP = """set -e
for d in /run /var/lib/cni /var/lib/containers /dev/shm /opt /etc/cni; do
	[ ! -d $d ] || mount -t tmpfs none $d
done
mkdir -p /run/netns /opt/cni /etc/cni/net.d
ln -s "$1/plugins" /opt/cni/bin
if [ "$2" = cgroup2 ]; then
	umount -R /sys/fs/cgroup || :
	mount -t cgroup2 none /sys/fs/cgroup
fi
echo ready
exec cat
"""


def skip_or_fail(reason):
    """Where all must be there, nothing is passed over."""
    if os.environ.get("FASTDP_REQUIRE") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def need(*programs):
    """These, a static busybox, plugins, and a kernel for the daemon."""
    reason = real.no_kernel()
    for program in programs:
        if not shutil.which(program):
            reason = "no " + program
    for name in ("host-local", "portmap"):
        if not real.find_reference(name):
            reason = "no %s: it is in containernetworking-plugins" % name
    if not os.path.isdir("/etc/cni"):
        reason = "no /etc/cni: it is in containernetworking-plugins"
    # "not a dynamic executable"; of another the loader lists libraries.
    if not os.path.exists(BUSYBOX) or \
            sh("ldd", BUSYBOX, check=False).returncode == 0:
        reason = "no static busybox: it is in busybox-static"
    if reason:
        skip_or_fail(reason)


def has_nat():
    """Whether this kernel translates addresses; the one for tests does not."""
    return sh("unshare", "-n", "nft", "add table ip t; add chain ip t c { "
              "type nat hook postrouting priority 100; }; "
              "add rule ip t c masquerade", check=False).returncode == 0


class Engine:
    """A container engine's place on a host: its mount namespace."""

    def __init__(self, host, name, cgroups="as they are"):
        self.host = host
        self.directory = host.directory + "/" + name
        os.makedirs(self.directory + "/plugins")
        for place in reversed(host.path.split(":")):
            for plugin in os.listdir(place) if os.path.isdir(place) else []:
                link = self.directory + "/plugins/" + plugin
                if os.path.lexists(link):
                    os.unlink(link)
                os.symlink(os.path.realpath(place + "/" + plugin), link)
        self.env = dict(os.environ)
        self.holder = host.ns.popen(
            "unshare", "-m", "--propagation", "private", "sh", "-c", SETUP,
            "sh", self.directory, cgroups, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"ready\n"
        root = self.directory + "/rootfs"
        os.makedirs(root + "/bin")
        shutil.copy(BUSYBOX, root + "/bin/busybox")
        for name in COMMANDS:
            os.symlink("busybox", root + "/bin/" + name)
        with open(root + "/file", "wb") as f:
            f.write(os.urandom(4096) * (FILE_SIZE // 4096))

    def argv(self, *argv):
        return ["nsenter", "--mount=/proc/%d/ns/mnt" % self.holder.pid,
                "--net=" + self.host.ns.path, "--"] + [str(a) for a in argv]

    def launch(self, *argv, **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        kw.setdefault("stdout", subprocess.PIPE)
        kw.setdefault("stderr", subprocess.STDOUT)
        return subprocess.Popen(self.argv(*argv), env=self.env, text=True,
                                **kw)

    def run(self, *argv, check=True):
        """To its end; what it printed."""
        done = subprocess.run(
            self.argv(*argv), env=self.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=120, check=False)
        assert not check or done.returncode == 0, (argv, done.stdout,
                                                   done.stderr)
        return done

    def conflist(self, version, ours, runtime_config=None):
        """The plugin, then portmap, where there is NAT: written as text."""
        portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
        if runtime_config:
            portmap["runtimeConfig"] = runtime_config
        ours = {k: v for k, v in ours.items()
                if k not in ("name", "cniVersion")}
        return json.dumps({"cniVersion": version, "name": "net1", "plugins":
                           [ours, portmap] if has_nat() else [ours]})

    def kept(self):
        """What is left of namespaces, caches and results."""
        return [line for line in self.run(
            "find", "/run/netns", "/var/lib/cni", "(", "-type", "f", "-o",
            "-type", "s", ")", "!", "-name", "lock", "!", "-name",
            "last_reserved_ip.*").stdout.splitlines() if line]

    def close(self):
        self.holder.kill()
        self.holder.wait()


GET = """import sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=5) as f:
    print(len(f.read()))
"""


class Outside:
    """A namespace on the hosts' wire that is in no overlay."""

    def __init__(self, world):
        self.ns = Namespace("outside")
        world.switch.ip("link", "add", "outside", "type", "veth", "peer",
                        "name", "eth0", "netns", self.ns.name)
        world.switch.ip("link", "set", "outside", "master", "br0", "up")
        self.ns.ip("addr", "add", OUTSIDE + "/24", "dev", "eth0")
        self.ns.ip("link", "set", "eth0", "up")

    def _get(self, url):
        return self.ns.run("/usr/bin/python3", "-c", GET, url, check=False,
                           env=dict(os.environ, no_proxy="*"))

    def fetch(self, url):
        """A file of the right size, as soon as somebody listens."""
        wait_until("an answer from " + url, lambda: self._get(
            url).stdout.strip() == str(FILE_SIZE), every=0.2)

    def is_refused(self, url):
        return "refused" in self._get(url).stderr


def assert_no_rules(host):
    """The chains that all rules of a plugin are in stay, by their design."""
    left = [line.strip() for line in host.ns.run(
        "nft", "list", "ruleset").stdout.splitlines()
        if "10.32." in line or "dnat to" in line or "CNI-DN-" in line or
        "table inet masq_" in line]
    assert left == []


def assert_nothing_left(host, engine):
    """No port, link, lease, rule, namespace, cache file, directory entry."""
    wait_until("nobody to be known", lambda: not host.macs(), every=0.1)
    host.assert_nothing_left()
    assert host.ask("ipam", "list")["leases"] == []
    assert_no_rules(host)
    assert engine.kept() == []
    # With the last container the host's own address goes, and its link.
    assert "10.32." not in host.ns.ip("addr", "show").stdout


__all__ = ["Engine", "FILE_SIZE", "Outside", "assert_nothing_left", "need"]
