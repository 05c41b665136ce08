# SPDX-License-Identifier: Apache-2.0
"""Refusals: one sentence that says what is wrong, and what to do about it."""

import errno
import os
import re
import shutil
import socket
import subprocess
import time

import pytest

import netlink
from host import find_program
from ns import sh, wait_until


def refused(host, pattern, hint, status=1, extra=(), prefix=()):
    """The daemon does not start: exit status, the sentence, the hint."""
    done = host.ns.run(*prefix, "timeout", "10", *host.argv(extra),
                       check=False)
    said = done.stdout + done.stderr
    assert done.returncode == status, "status %d:\n%s" % (done.returncode,
                                                          said)
    assert re.search(pattern, said, re.I), "no /%s/ in:\n%s" % (pattern, said)
    assert re.search(hint, said, re.I), "no hint /%s/ in:\n%s" % (hint, said)
    assert len(said.splitlines()) <= 6, "more than a sentence:\n" + said
    return said


@pytest.fixture
def host(make_cluster):
    return make_cluster(1, start=False).hosts[0]


def leaves_nothing(host):
    assert not os.path.exists(host.socket_path)
    assert not [n for n in host.ns.links() if n.startswith("fastdp")]


def for_everybody(host, program):
    """A copy of a program, and directories, that any user may use."""
    os.chmod(host.directory, 0o777)
    os.chmod(os.path.dirname(host.directory), 0o755)
    return shutil.copy(find_program(program), host.directory)


def test_no_privilege(host):
    host.program = for_everybody(host, "fastdpd")
    refused(host, "CAP_NET_ADMIN|privilege|root", "sudo|root|systemd|cap",
            prefix=["setpriv", "--reuid=65534", "--regid=65534",
                    "--clear-groups", "--inh-caps=-all"])
    leaves_nothing(host)


def is_inside_a_vm():
    return os.environ.get("FASTDP_VM", "host") != "host"


@pytest.mark.any_kernel
def test_no_openvswitch(make_cluster):
    """Says what is missing and which package or setting has it."""
    if os.geteuid() != 0:
        pytest.skip("not root")
    find_program("fastdpd")
    cluster = make_cluster(1, start=False)
    (host,) = cluster.hosts
    if netlink.is_openvswitch_here(host.ns) is None:
        if not is_inside_a_vm():
            pytest.skip("the running kernel has openvswitch; it is unloaded "
                        "in a virtual machine only")
        with Unloaded():
            refused(host, "openvswitch", "modprobe|package|CONFIG_|install")
    else:
        refused(host, "openvswitch", "modprobe|package|CONFIG_|install")
    leaves_nothing(host)


class Unloaded:
    """openvswitch is out and does not come back while the block runs."""

    LOADER = "/proc/sys/kernel/modprobe"

    def __enter__(self):
        with open(self.LOADER, encoding="ascii") as f:
            self._loader = f.read().strip()
        # Datapaths of tests before go with their namespaces, a bit later:
        # the kernel takes these away one after the other.
        wait_until(lambda: "openvswitch to be unused: %s %s" % (
            sh("modprobe", "-r", "vport-vxlan", "openvswitch",
               check=False).stderr, sh("lsmod").stdout),
                   lambda: sh("modprobe", "-r", "vport-vxlan", "openvswitch",
                              check=False).returncode == 0, 120, 0.2)
        with open(self.LOADER, "w", encoding="ascii") as f:
            f.write("/bin/false\n")

    def __exit__(self, *_):
        with open(self.LOADER, "w", encoding="ascii") as f:
            f.write(self._loader + "\n")
        sh("modprobe", "openvswitch")
        sh("modprobe", "vport-vxlan")


@pytest.mark.parametrize("what,port", [("tcp", 6783), ("udp", 6784)])
@pytest.mark.parametrize("where", ["", "own"])
def test_port_taken(host, what, port, where):
    def bind():
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if what == "tcp"
                          else socket.SOCK_DGRAM)
        s.bind((host.address if where else "", port))
        if what == "tcp":
            s.listen(1)
        return s
    with host.ns.call(bind):
        said = refused(host, "%s.*%d|%d.*%s" % (what, port, port, what),
                       "--(control|vxlan)-port|ss -|stop|other")
        assert str(port) in said
    leaves_nothing(host)
    # Nothing stays behind that hinders the next start.
    host.start()
    host.stop()


def test_vxlan_port_taken_by_another_device(host):
    host.ns.ip("link", "add", "vx0", "type", "vxlan", "external", "dstport",
               "6784")
    host.ns.ip("link", "set", "vx0", "up")
    refused(host, "6784", "--vxlan-port|vx0|remove|other")


def test_link_name_taken(host):
    for name in ("fastdp", "fastdp-vx"):
        host.ns.ip("link", "add", name, "type", "dummy")
        refused(host, "%s\\b" % name, "--bridge-name|rename|remove|delete")
        # Somebody else's link is let alone.
        assert name in host.ns.links()
        host.ns.ip("link", "del", name)
    leaves_nothing(host)


def test_datapath_of_another_owner(host):
    genl = netlink.Genl(host.ns)
    dp = netlink.make_datapath(genl, "fastdp")
    host.ns.ip("link", "add", "theirs", "type", "dummy")
    netlink.make_vport(genl, dp, 1, "theirs")
    refused(host, "datapath.*fastdp|fastdp.*datapath",
            "--bridge-name|remove|delete|ovs-")
    assert netlink.vports(genl, dp) == {0: ("fastdp", "internal"),
                                        1: ("theirs", "netdev")}
    netlink.delete_datapath(genl, dp)
    genl.close()


def test_other_datapaths_are_let_alone(host):
    """One with another name beside ours is no reason to refuse."""
    genl = netlink.Genl(host.ns)
    dp = netlink.make_datapath(genl, "ovs-system")
    host.start()
    assert netlink.vports(genl, dp) == {0: ("ovs-system", "internal")}
    host.stop()
    genl.close()


def test_two_daemons_on_one_socket(make_cluster):
    cluster = make_cluster(2, join=False, start=False)
    one, two = cluster.hosts
    one.start()
    refused(two, "socket|%s" % one.socket_path, "--socket|stop|already",
            extra=["--socket", one.socket_path])
    assert one.is_running() and one.api("ping") is not None
    # The same for its directories, with a socket of its own.
    refused(two, "state|%s" % one.state_dir, "--state-dir|stop|already",
            extra=["--state-dir", one.state_dir])
    assert one.is_running()


def test_second_daemon_in_one_namespace(host):
    host.start()
    d = host.directory
    before = host.kernel.vports()
    refused(host, "6783|fastdp", "port|bridge-name|stop|already|other",
            extra=["--socket", d + "/sock2", "--state-dir", d + "/s2",
                   "--run-dir", d + "/r2"])
    assert host.kernel.vports() == before and host.is_running()


def test_something_else_at_the_sockets_path(host):
    with open(host.socket_path, "w", encoding="ascii") as f:
        f.write("precious")
    refused(host, re.escape(host.socket_path), "--socket|remove|not a socket")
    with open(host.socket_path, encoding="ascii") as f:
        assert f.read() == "precious"
    os.unlink(host.socket_path)


def test_stale_socket_is_taken_over(host):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.bind(host.socket_path)
    host.start()
    host.stop()


def test_directories_that_cannot_be_written(host):
    """Root may write everywhere, so it is a file in the way."""
    for option in ("--state-dir", "--run-dir"):
        path = os.path.join(host.directory, "file")
        with open(path, "w", encoding="ascii"):
            pass
        refused(host, re.escape(path), option + "|director", extra=[
            option, path + "/below"])


def test_neither_key_nor_insecure(host):
    argv = [a for a in host.argv() if a != "--insecure"]
    done = host.ns.run("timeout", "10", *argv, check=False)
    said = done.stdout + done.stderr
    assert done.returncode in (1, 2), said
    assert "--insecure" in said and "--key-file" in said, said


@pytest.mark.parametrize("args", [
    ["--no-such-option"], ["--control-port"], ["--control-port", "x"],
    ["--control-port", "70000"], ["--mtu", "1"], ["--datapath", "magic"],
    ["--local-address", "nonsense"], ["--peer", "a b"],
    ["--bridge-name", "much-too-long-a-name"], ["--log-level", "loud"],
    ["--heartbeat-interval", "never"], ["--name", "no name"], ["stray"]])
def test_wrong_usage(host, args):
    done = host.ns.run("timeout", "10", *host.argv(args), check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 2, "status %d:\n%s" % (done.returncode, said)
    assert args[0] in said or args[-1] in said, said
    leaves_nothing(host)


def test_address_that_is_not_ours(host):
    refused(host, "203\\.0\\.113\\.7", "--local-address|not .*host|configured",
            extra=["--local-address", "203.0.113.7"])
    leaves_nothing(host)


def test_version_and_help(host):
    for option in ("--version", "--help"):
        for program in ("fastdpd", "fastdpctl"):
            done = sh(find_program(program), option)
            assert done.stdout.strip() and not done.stderr, (program, option)


def test_a_peer_that_is_ourselves(host):
    """Nothing ends; it is said, and not tried without end."""
    host.start(extra=["--peer", host.address])
    wait_until(lambda: "it to be said: %s" % host.log(), lambda: re.search(
        "ourselves|this (daemon|host)|itself", host.log_now()))
    time.sleep(3)
    assert host.is_running()
    assert not host.status()["peers"], host.status()
    said = [line for line in host.log_now().splitlines()
            if re.search("ourselves|this (daemon|host)|itself", line)]
    assert len(said) <= 2, said
    targets = str(host.api("peers")["targets"])
    assert re.search("ourselves|this (daemon|host)|itself", targets), targets


def test_cloned_identity(make_cluster):
    """Two hosts of one name: both are named, and a third host that knows
    one of them is not confused."""
    cluster = make_cluster(3, join=False, start=False)
    one, two, three = cluster.hosts
    one.options += ["--name", "clone"]
    two.options += ["--name", "clone", "--peer", one.address]
    three.options += ["--peer", one.address]
    for h in cluster.hosts:
        h.start()
    a, b = cluster.container(one), cluster.container(three)
    wait_until("host 3 to know host 1", lambda: three.peer(one) and
               three.peer(one)["path"] == "fastdp")
    for h, other in ((one, two), (two, one)):
        wait_until(lambda h=h: "%s to name both: %s" % (h.label, h.log()),
                   lambda h=h, o=other: re.search(
                       "clon|identity|same name", h.log_now(), re.I) and
                   o.address in h.log_now())
        assert h.is_running()
    three.ctl("peer", "add", two.address)
    time.sleep(3)
    assert re.search("clon|identity", three.log_now(), re.I), three.log()
    for h in (one, two):
        assert h.address in three.log_now()
    got = b.start_ping(a.ip4, 0.05, 20)
    got.result().assert_perfect(got.who)


# --- what fastdpctl refuses

def ctl_refused(host, *args, status=1, words="."):
    got = host.ctl(*args, check=False, json_out=False)
    assert got.status == status, "%s: %s" % (args, got)
    assert not got.out, got
    assert re.search(words, got.err, re.I), "%s: %s" % (args, got)
    assert len(got.err.splitlines()) >= 2, "no hint: %s" % got
    return got


def test_no_daemon(host):
    ctl_refused(host, "status", status=3, words="sock")


def test_wrong_usage_of_the_command(host):
    for args in ([], ["nonsense"], ["attach"], ["why"], ["peer"],
                 ["peer", "add"], ["status", "extra"], ["reset"],
                 ["attach", "--netns", "1"], ["log-level", "loud"],
                 ["expose", "nonsense"]):
        ctl_refused(host, *args, status=2)


def test_attach_refusals_leave_nothing(make_cluster):
    cluster = make_cluster(1)
    (host,) = cluster.hosts
    c = cluster.container(host)
    other = cluster.bare_container("other")
    vports, links = host.kernel.vports(), sorted(host.ns.links())
    at = ["--netns", other.ns.path, "--ifname", "eth0"]
    ctl_refused(host, "attach", "--netns", "/run/netns/none", "--address",
                "10.32.5.1/16", words="/run/netns/none")
    ctl_refused(host, "attach", "--netns", "999999", "--address",
                "10.32.5.1/16", words="999999")
    ctl_refused(host, "attach", "--netns", "/etc/passwd", "--address",
                "10.32.5.1/16", words="/etc/passwd")
    ctl_refused(host, "attach", "--netns", c.ns.path, "--ifname", "eth0",
                "--address", "10.32.5.1/16", words="eth0")
    ctl_refused(host, "attach", *at[:2], "--ifname", "lo", "--address",
                "10.32.5.1/16", words="lo")
    ctl_refused(host, "attach", *at, "--address", c.ip4 + "/16",
                words=re.escape(c.ip4))
    ctl_refused(host, "attach", *at, "--address", "10.32.5.1/16", "--mac",
                c.mac, words=c.mac)
    assert host.kernel.vports() == vports
    assert sorted(host.ns.links()) == links
    assert other.ns.links() == ["lo"]
    ctl_refused(host, "detach", "--netns", other.ns.path)
    ctl_refused(host, "peer", "remove", "nobody", words="nobody")
    assert host.ctl("why", "10.32.77.77", check=False).status == 1


def fill(path):
    """Until there is no room; how to make some again."""
    with open(path, "wb", buffering=0) as f:
        for size in (4096, 1):
            try:
                while f.write(bytes(size)):
                    pass
            except OSError as e:
                assert e.errno == errno.ENOSPC, e
    return lambda: os.unlink(path)


@pytest.mark.any_datapath
def test_no_room_for_an_exposed_address(make_cluster):
    """Kernel, book and directory have an address, or none of them; asked again
    when there is room, it is done."""
    cluster = make_cluster(2, start=False)
    host, other = cluster.hosts
    host.mount_tmpfs(host.run_dir, "64k")
    host.start()
    other.start()
    cluster.wait_connected()
    book = "/proc/%d/root%s" % (host.pid, host.run_dir)

    def has(address):
        """In the kernel, in the book, in the daemon's word of it."""
        bare = address.split("/")[0]
        path = book + "/ports/fastdp.json"
        text = ""
        if os.path.exists(path):
            with open(path, encoding="ascii") as f:
                text = f.read()
        return ('"%s"' % address in text,
                bare in host.ns.ip("addr", "show", "dev", "fastdp").stdout,
                bare in str(host.directory_entries()),
                address in str(host.status()["ports"]))

    def heard(address, is_there):
        bare = address.split("/")[0]
        wait_until("%s %s" % (bare, is_there), lambda: is_there ==
                   (bare in str(other.directory_entries())))

    none, all_of = (False,) * 4, (True,) * 4
    one, two, three = ("10.32.255.%d/16" % k for k in (1, 2, 3))
    make_room = fill(book + "/filler")
    ctl_refused(host, "expose", one, words="space")
    assert has(one) == none, has(one)
    make_room()
    for address in (one, two):
        host.ctl("expose", address)
        assert has(address) == all_of, has(address)
    make_room = fill(book + "/filler")
    ctl_refused(host, "expose", three, words="space")
    ctl_refused(host, "hide", one, words="space")
    assert has(three) == none, has(three)
    assert has(one) == has(two) == all_of, (has(one), has(two))
    make_room()
    assert "already" not in host.ctl("expose", three, json_out=False)
    host.ctl("hide", one)
    assert has(three) == has(two) == all_of, (has(three), has(two))
    assert has(one) == none, has(one)
    for address in (one, two, three):
        heard(address, address != one)
    host.ctl("hide", two)
    host.ctl("hide", three)
    heard(three, False)


def test_socket_of_another_user(host):
    """mode 0600: who may not, is told so."""
    host.start()
    program = for_everybody(host, "fastdpctl")
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
         program, "--socket", host.socket_path, "status"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        check=False, timeout=10)
    assert done.returncode in (1, 3), done
    assert re.search("permission|root|sudo", done.stderr, re.I), done.stderr
