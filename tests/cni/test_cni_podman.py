# SPDX-License-Identifier: Apache-2.0
"""podman and buildah on two hosts, with the real daemon."""

import os

import pytest

import client
import real
from space import wait_until

CONF = """
[network]
network_backend = "cni"
cni_plugin_dirs = [ "/opt/cni/bin" ]
network_config_dir = "%(directory)s/net.d"
default_network = "net1"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
[containers]
# A sandbox may not raise its own.
default_ulimits = [ "nofile=1024:1024", "nproc=1024:1024" ]
%(cgroups)s
"""


class Podman(client.Engine):
    """podman on one host, with storage and configuration of its own."""

    def __init__(self, host, version, runtime):
        # crun refuses hierarchies of which both versions have controllers,
        # and runc does not do without any.
        super().__init__(host, "podman", "cgroup2" if runtime == "crun"
                         else "as they are")
        d = self.directory
        self.runtime = runtime
        ours = host.local_conf(version, isGateway=True,
                               ipMasq=client.has_nat(),
                               capabilities={"ips": True, "mac": True})
        self.run("mkdir", "-p", d + "/net.d")
        with open(d + "/net.d/10-net1.conflist", "w", encoding="ascii") as f:
            f.write(self.conflist(version, ours))
        with open(d + "/containers.conf", "w", encoding="ascii") as f:
            f.write(CONF % {"directory": d, "cgroups":
                            'cgroups = "disabled"' if runtime == "crun"
                            else ""})
        self.env.update(CONTAINERS_CONF=d + "/containers.conf",
                        XDG_RUNTIME_DIR=d, TMPDIR=d)
        self.run("tar", "-C", d + "/rootfs", "-cf", d + "/rootfs.tar", ".")
        self("import", d + "/rootfs.tar", "box")

    def storage(self, program, *args, **kw):
        return self.run(program, "--root", self.directory + "/storage",
                        "--runroot", self.directory + "/runroot",
                        "--storage-driver", "vfs", *args, **kw)

    def __call__(self, *args, **kw):
        return self.storage("podman", "--runtime", self.runtime, *args,
                            **kw).stdout

    def close(self):
        self("rm", "-f", "-a", "-t", "0", check=False)
        super().close()


@pytest.fixture
def hosts(request):
    """engines(version, runtime): podman on each of two connected hosts."""
    client.need("podman", "buildah", "crun", "runc", "nft")
    world = real.RealWorld()
    request.addfinalizer(world.close)
    world.outside = client.Outside(world)
    request.addfinalizer(world.outside.ns.close)

    def engines(version, runtime):
        made = []
        for h in world.hosts:
            made.append(Podman(h, version, runtime))
            request.addfinalizer(made[-1].close)
        return made

    world.engines = engines
    return world


@pytest.mark.limit(300)
@pytest.mark.parametrize("runtime,version", [
    ("crun", "1.0.0"), ("runc", "0.4.0")])
def test_two_podmen(hosts, runtime, version):
    one, two = hosts.engines(version, runtime)
    one("run", "-d", "--network", "net1", "--name", "a", "box", "/bin/sleep",
        "1000")
    # Without NAT the rest is tested: the kernel with openvswitch has none.
    publish = ["-p", "8080:7000"] if client.has_nat() else []
    assert publish or os.environ.get("FASTDP_REQUIRE") != "1"
    two("run", "-d", "--network", "net1", "--name", "b", "--ip",
        "10.32.2.99", "--mac-address", "02:00:00:00:00:99", *publish, "box",
        "/bin/httpd", "-f", "-p", "7000")
    wait_until("everybody to be known", lambda: all(
        len([m for m in h.macs()]) == 4 for h in hosts.hosts), every=0.1)
    assert "02:00:00:00:00:99" in hosts.hosts[0].macs()
    got = one("exec", "a", "/bin/ping", "-c", "3", "-W", "2", "10.32.2.99")
    assert " 3 packets received" in got, got
    got = one("exec", "a", "/bin/sh", "-c",
              "wget -q -O - http://10.32.2.99:7000/file | wc -c")
    assert got.strip() == str(client.FILE_SIZE), got
    # The container's own way out, and a stranger's way in.
    if publish:
        got = one("exec", "a", "/bin/ping", "-c", "1", "-W", "2",
                  client.OUTSIDE)
        assert " 1 packets received" in got, got
        hosts.outside.fetch("http://10.99.0.2:8080/file")
    (port,) = [p for p in hosts.hosts[0].ports() if p["container_id"]]
    assert port["container_id"] == one("inspect", "-f", "{{.Id}}", "a").strip()
    one("rm", "-f", "-t", "0", "a")
    two("rm", "-f", "-t", "0", "b")
    assert hosts.outside.is_refused("http://10.99.0.2:8080/file")
    for h, engine in zip(hosts.hosts, (one, two)):
        client.assert_nothing_left(h, engine)


@pytest.mark.limit(300)
def test_buildah(hosts):
    one, two = hosts.engines("1.0.0", "runc")
    two("run", "-d", "--network", "net1", "--name", "b", "--ip", "10.32.2.99",
        "box", "/bin/httpd", "-f", "-p", "7000")
    name = one.storage("buildah", "from", "--pull-never",
                       "localhost/box").stdout.strip()
    wait_until("it to be known", lambda: len(hosts.hosts[0].macs()) == 2,
               every=0.1)
    done = one.storage(
        "buildah", "run", "--runtime", "runc", "--network", "net1",
        "--cni-config-dir", one.directory + "/net.d", "--cni-plugin-path",
        "/opt/cni/bin", name, "/bin/sh", "-c",
        "ping -c 3 -W 2 10.32.2.99 && "
        "wget -q -O - http://10.32.2.99:7000/file | wc -c")
    assert " 3 packets received" in done.stdout, done.stdout + done.stderr
    assert done.stdout.split()[-1] == str(client.FILE_SIZE), done.stdout
    two("rm", "-f", "-t", "0", "b")
    for h, engine in zip(hosts.hosts, (one, two)):
        client.assert_nothing_left(h, engine)
