# SPDX-License-Identifier: Apache-2.0
"""podman and buildah on two hosts, with the real daemon."""

import json
import os
import shutil
import subprocess

import pytest

import real
from real import find_reference
from space import sh, wait_until

BUSYBOX = "/bin/busybox"
COMMANDS = ("sh", "ip", "ping", "nc", "sleep", "dd", "wc")
CONF = """
[network]
network_backend = "cni"
cni_plugin_dirs = [%s]
network_config_dir = "%s"
default_network = "net1"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
[containers]
# A sandbox may not raise its own.
default_ulimits = [ "nofile=1024:1024", "nproc=1024:1024" ]
%s
"""


def why_not():
    """What is missing, or ""."""
    if not find_reference("host-local"):
        return "no host-local: it is in containernetworking-plugins"
    for program in ("podman", "buildah", "crun"):
        if not shutil.which(program):
            return "no " + program
    # "not a dynamic executable"; of another the loader lists libraries.
    if not os.path.exists(BUSYBOX) or \
            sh("ldd", BUSYBOX, check=False).returncode == 0:
        return "no static busybox: it is in busybox-static"
    return real.no_kernel()


def skip_or_fail(reason):
    """Where all must be there, nothing is passed over."""
    if os.environ.get("FASTDP_REQUIRE") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


class Podman:
    """podman on one host, with storage and configuration of its own."""

    def __init__(self, host, version, cgroups):
        self.host = host
        d = self.directory = host.directory + "/podman"
        os.makedirs(d + "/net.d")
        ours = host.local_conf(version, capabilities={"ips": True,
                                                      "mac": True})
        ours = {k: v for k, v in ours.items()
                if k not in ("name", "cniVersion")}
        with open(d + "/net.d/10-net1.conflist", "w", encoding="ascii") as f:
            json.dump({"cniVersion": version, "name": "net1",
                       "plugins": [ours]}, f)
        with open(d + "/containers.conf", "w", encoding="ascii") as f:
            f.write(CONF % (", ".join('"%s"' % p for p in
                                      host.path.split(":")), d + "/net.d",
                            "" if cgroups else 'cgroups = "disabled"'))
        self.env = dict(os.environ, CONTAINERS_CONF=d + "/containers.conf",
                        XDG_RUNTIME_DIR=d, TMPDIR=d)
        self._import_image()

    def _import_image(self):
        root = self.directory + "/rootfs"
        os.makedirs(root + "/bin")
        shutil.copy(BUSYBOX, root + "/bin/busybox")
        for name in COMMANDS:
            os.symlink("busybox", root + "/bin/" + name)
        sh("tar", "-C", root, "-cf", root + ".tar", ".")
        self("import", root + ".tar", "box")

    def run(self, program, *args, check=True):
        done = subprocess.run(self.host.ns.argv(
            program, "--root", self.directory + "/storage", "--runroot",
            self.directory + "/runroot", "--storage-driver", "vfs", *args),
            env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, timeout=120, check=False)
        assert not check or done.returncode == 0, (
            program, args, done.stdout, done.stderr)
        return done

    def __call__(self, *args, **kw):
        return self.run("podman", *args, **kw).stdout


@pytest.fixture
def hosts():
    """podman on each of two connected hosts."""
    reason = why_not()
    if reason:
        skip_or_fail(reason)
    world = real.RealWorld()
    world.podmen = lambda version, cgroups=False: [
        Podman(h, version, cgroups) for h in world.hosts]
    yield world
    world.close()


@pytest.mark.limit(300)
@pytest.mark.parametrize("runtime,version", [
    ("crun", "0.4.0"), ("crun", "1.0.0"), ("runc", "0.4.0")])
def test_two_podmen(hosts, runtime, version):
    if not shutil.which(runtime):
        skip_or_fail("no " + runtime)
    one, two = hosts.podmen(version, cgroups=runtime == "runc")
    start = ["--runtime", runtime, "run", "-d", "--network", "net1"]
    one(*start, "--name", "a", "box", "/bin/sleep", "1000")
    two(*start, "--name", "b", "--ip", "10.32.2.99", "--mac-address",
        "02:00:00:00:00:99", "box", "/bin/sh", "-c",
        "dd if=/dev/zero bs=1024 count=1024 | nc -l -p 7000")
    wait_until("everybody to be known", lambda: all(
        len(h.macs()) == 2 for h in hosts.hosts), 10, 0.1)
    assert "02:00:00:00:00:99" in hosts.hosts[0].macs()
    got = one("exec", "a", "/bin/ping", "-c", "3", "-W", "2", "10.32.2.99")
    assert " 3 packets received" in got, got
    # Its nc ends with its stdin, and the other one with it.
    got = one("exec", "a", "/bin/sh", "-c",
              "sleep 8 | nc 10.32.2.99 7000 | wc -c")
    assert got.strip() == "1048576", got
    (port,) = hosts.hosts[0].ports()
    assert port["container_id"] == one("inspect", "-f", "{{.Id}}", "a").strip()
    one("rm", "-f", "-t", "0", "a")
    two("rm", "-f", "-t", "0", "b")
    for h in hosts.hosts:
        wait_until("nobody to be known", lambda h=h: not h.macs(), 10, 0.1)
        h.assert_nothing_left()


@pytest.mark.limit(300)
def test_buildah(hosts):
    one, two = hosts.podmen("1.0.0", cgroups=True)
    two("--runtime", "runc", "run", "-d", "--network", "net1", "--name", "b", "--ip", "10.32.2.99", "box", "/bin/sleep",
        "1000")
    name = one.run("buildah", "from", "--pull-never",
                   "localhost/box").stdout.strip()
    wait_until("it to be known", lambda: hosts.hosts[0].macs(), 10, 0.1)
    done = one.run("buildah", "run", "--runtime", "runc", "--network", "net1", "--cni-config-dir",
                   one.directory + "/net.d", "--cni-plugin-path",
                   one.host.path, name, "/bin/ping", "-c", "3", "-W", "2",
                   "10.32.2.99")
    assert " 3 packets received" in done.stdout, done.stdout + done.stderr
    two("rm", "-f", "-t", "0", "b")
    for h in hosts.hosts:
        h.assert_nothing_left()
