# SPDX-License-Identifier: Apache-2.0
"""fastdpctl attach and detach, with real interfaces.

They need root: their daemon and their container live in network namespaces of
their own.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli_daemon import FASTDPCTL, PORT, fails, run, serve, succeeds

HERE = Path(__file__).resolve()
HOST_IFNAME = "fd00112233aa"
PLAN = {"host_ifname": HOST_IFNAME, "mac": "02:00:00:00:00:07", "mtu": 1410,
        "network": "default", "vni": 4711}


def links():
    out = subprocess.run(["ip", "-json", "link"], check=True,
                         capture_output=True).stdout
    return {link["ifname"]: link for link in json.loads(out)}


def datapath(replies):
    """What the daemon does with links, and what `replies` says instead."""
    log = []

    def respond(request):
        verb = request["verb"]
        if verb == "log":
            return {"log": log, "links": sorted(links())}
        if verb == "set":
            replies.clear()
            replies.update(request["replies"])
            return {}
        log.append(request)
        if "sleep" in replies.get(verb, {}):
            time.sleep(replies[verb]["sleep"])
        elif verb in replies:
            return replies[verb]
        if verb == "plan":
            return PLAN
        if verb == "attach":
            assert request["host_ifname"] in links()
            subprocess.run(["ip", "link", "set", HOST_IFNAME, "up"],
                           check=True)
            return {"port": dict(PORT, mac=request["mac"],
                                 addresses=request["addresses"])}
        assert verb == "detach"
        if HOST_IFNAME not in links():
            return {"detached": 0}
        subprocess.run(["ip", "link", "del", HOST_IFNAME], check=True)
        return {"detached": 1}

    return respond


def main(path):
    """The daemon as a process in a namespace of its own."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path + ".new")
        listener.listen()
        os.rename(path + ".new", path)  # who sees it may connect
        serve(listener, datapath({}))


class Host:
    def __init__(self, path, daemon_pid, container_pid):
        self.path = path
        self.daemon_pid = daemon_pid
        self.container_pid = container_pid
        self.netns = str(container_pid)

    def call(self, **request):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(self.path)
            s.sendall(json.dumps(request).encode() + b"\n")
            with s.makefile("rb") as f:
                return json.loads(f.readline())

    def replies(self, **replies):
        self.call(verb="set", replies=replies)

    def seen(self):
        return self.call(verb="log")

    def inside(self, *command, check=True):
        return subprocess.run(
            ["nsenter", "-t", str(self.container_pid), "-n", *command],
            check=check, capture_output=True, text=True, timeout=20).stdout

    def ctl(self, verb, *arguments):
        return run("--socket", self.path, verb, "--netns", self.netns,
                   *arguments)

    def is_clean(self):
        names = [link["ifname"]
                 for link in json.loads(self.inside("ip", "-json", "link"))]
        return names == ["lo"] and self.seen()["links"] == ["lo"]


@pytest.fixture
def host(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root, for network namespaces")
    path = str(tmp_path / "sock")
    processes = [
        subprocess.Popen(["unshare", "-n", sys.executable, str(HERE), path]),
        subprocess.Popen(["unshare", "-n", "sleep", "600"])]
    try:
        own = os.readlink("/proc/self/ns/net")
        deadline = time.monotonic() + 20
        while not os.path.exists(path) or any(
                os.readlink(f"/proc/{p.pid}/ns/net") == own
                for p in processes):
            assert all(p.poll() is None for p in processes)
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield Host(path, processes[0].pid, processes[1].pid)
    finally:
        for p in processes:
            p.kill()
            p.wait(10)


def test_attach_and_detach(host):
    out = succeeds(host.ctl(
        "attach", "--address", "10.32.0.1/24", "--address", "fd00::1/64",
        "--network", "blue", "--container-id", "web", "--trust"))
    assert out.startswith("attached eth0, MAC 02:00:00:00:00:07, "
                          "10.32.0.1/24, fd00::1/64, to network ")
    plan, attach = host.seen()["log"]
    ident = os.stat(f"/proc/{host.container_pid}/ns/net")
    assert plan == {
        "verb": "plan", "netns": f"{ident.st_dev}:{ident.st_ino}",
        "netns_path": f"/proc/{host.container_pid}/ns/net",
        "ifname": "eth0", "addresses": ["10.32.0.1/24", "fd00::1/64"],
        "network": "blue", "container_id": "web"}
    assert attach == dict(plan, verb="attach", host_ifname=HOST_IFNAME,
                          mac=PLAN["mac"], trust=True)
    link = json.loads(host.inside("ip", "-json", "addr", "show", "eth0"))[0]
    assert link["mtu"] == 1410
    assert link["address"] == PLAN["mac"]
    assert {"UP", "LOWER_UP"} <= set(link["flags"])
    addresses = {f"{a['local']}/{a['prefixlen']}": a
                 for a in link["addr_info"]}
    assert addresses["10.32.0.1/24"]["broadcast"] == "10.32.0.255"
    assert addresses["fd00::1/64"]["nodad"]
    assert not addresses["fd00::1/64"].get("tentative")
    lo = json.loads(host.inside("ip", "-json", "link", "show", "lo"))[0]
    assert "UP" not in lo["flags"]

    assert succeeds(host.ctl("detach")) == "detached eth0\n"
    assert host.seen()["log"][-1] == {
        "verb": "detach", "ifname": "eth0", "netns": plan["netns"],
        "netns_path": plan["netns_path"]}
    assert host.is_clean()
    fails(host.ctl("detach"), 1, "eth0", "fastdpctl ports")


def test_attach_with_mac_and_json(host):
    out = succeeds(host.ctl("attach", "--address", "10.32.0.1/24", "--mac",
                            "02:00:00:00:00:AA", "--ifname", "net1",
                            "--json"))
    assert json.loads(out)["port"]["addresses"] == ["10.32.0.1/24"]
    assert host.seen()["log"][0]["mac"] == "02:00:00:00:00:AA"
    assert "net1" in host.inside("ip", "link")
    out = succeeds(host.ctl("detach", "--ifname", "net1", "--json"))
    assert json.loads(out) == {"detached": 1}
    assert host.is_clean()


def test_attach_by_path(host, tmp_path):
    path = f"/proc/{host.container_pid}/ns/net"
    (tmp_path / "link").symlink_to("/proc")
    host.netns = f"{tmp_path}/link/{host.container_pid}/ns/net"
    succeeds(host.ctl("attach", "--address", "10.32.0.1/24"))
    assert host.seen()["log"][0]["netns_path"] == path


def test_attach_twice(host):
    succeeds(host.ctl("attach", "--address", "10.32.0.1/24"))
    fails(host.ctl("attach", "--address", "10.32.0.2/24"), 1, "already",
          "--ifname")
    assert "10.32.0.1/24" in host.inside("ip", "addr")
    assert [r["verb"] for r in host.seen()["log"]] == ["plan", "attach",
                                                       "plan"]


def test_attach_refused_leaves_nothing(host):
    error = {"error": {"code": "limit", "message": "no more ports",
                       "hint": "detach one"}}
    host.replies(plan=error)
    fails(host.ctl("attach", "--address", "10.32.0.1/24"), 1, "no more ports")
    assert host.is_clean()
    host.replies(attach=error)
    fails(host.ctl("attach", "--address", "10.32.0.1/24"), 1, "no more ports",
          "detach one")
    assert host.is_clean()


def test_attach_that_cannot_go_on_leaves_nothing(host):
    # Twice the same address: the second is refused by the kernel.
    fails(host.ctl("attach", "--address", "10.32.0.1/24", "--address",
                   "10.32.0.1/24"), 1, "10.32.0.1/24", "once")
    assert host.is_clean()
    assert [r["verb"] for r in host.seen()["log"]] == ["plan"]


def test_attach_without_ipv6_says_why(host):
    host.inside("sh", "-c",
                "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6")
    fails(host.ctl("attach", "--address", "fd00::1/64"), 1, "fd00::1/64",
          "disable_ipv6")
    assert host.is_clean()


@pytest.mark.parametrize("change", [
    {"host_ifname": "a/b"}, {"host_ifname": None}, {"host_ifname": "x" * 99},
    {"mac": "ff:ff:ff:ff:ff:ff"}, {"mac": "00:00:00:00:00:00"}, {"mac": 5},
    {"mac": None}, {"mtu": 0}, {"mtu": 70000}, {"mtu": -1}, {"mtu": "1410"}])
def test_plans_that_make_no_sense(host, change):
    host.replies(plan=dict(PLAN, **change))
    fails(host.ctl("attach", "--address", "10.32.0.1/24"), 1, "no sense")
    assert host.is_clean()


def test_interrupted_attach_is_whole(host):
    def mind_interrupts():
        # A shell has its background jobs ignore them, and so would this.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    host.replies(attach={"sleep": 2})
    with subprocess.Popen([FASTDPCTL, "--socket", host.path, "attach",
                           "--netns", host.netns, "--address",
                           "10.32.0.1/24"], stdout=subprocess.DEVNULL,
                          preexec_fn=mind_interrupts) as p:
        deadline = time.monotonic() + 30
        while "attach" not in [r["verb"] for r in host.seen()["log"]]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        p.send_signal(signal.SIGINT)
        assert p.wait(30) == -signal.SIGINT
    link = json.loads(host.inside("ip", "-json", "addr", "show", "eth0"))[0]
    assert "LOWER_UP" in link["flags"]
    assert succeeds(host.ctl("detach")) == "detached eth0\n"
    assert host.is_clean()


def test_attach_whose_daemon_dies_leaves_nothing(host):
    host.replies(attach={"sleep": 60})
    with subprocess.Popen([FASTDPCTL, "--socket", host.path, "attach",
                           "--netns", host.netns, "--address",
                           "10.32.0.1/24"], stderr=subprocess.PIPE,
                          text=True) as p:
        deadline = time.monotonic() + 30
        while "attach" not in [r["verb"] for r in host.seen()["log"]]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(host.daemon_pid, signal.SIGKILL)
        _, stderr = p.communicate(timeout=20)
        assert p.returncode == 1
        assert "closed the connection" in stderr
    assert "eth0" not in host.inside("ip", "link")


def test_attach_to_nothing(host):
    for netns in ("4194999", "/nowhere", "absent", "/etc/passwd"):
        host.netns = netns
        fails(host.ctl("attach", "--address", "10.32.0.1/24"), 1, netns)
    host.netns = str(host.daemon_pid)
    fails(host.ctl("attach", "--address", "10.32.0.1/24"), 1, "expose")
    assert host.seen()["log"] == []


def test_detach_of_a_namespace_that_is_gone(host):
    host.netns = "/nowhere/net"
    host.replies(detach={"detached": 1})
    assert succeeds(host.ctl("detach")) == "detached eth0\n"
    assert host.seen()["log"] == [{"verb": "detach", "ifname": "eth0",
                                   "netns_path": "/nowhere/net"}]


def test_detach_takes_what_an_interrupted_attach_left(host):
    host.replies(detach={"detached": 0})
    succeeds(host.ctl("attach", "--address", "10.32.0.1/24"))
    assert succeeds(host.ctl("detach")) == "detached eth0\n"
    assert host.is_clean()


def test_detach_leaves_strangers_alone(host):
    host.inside("ip", "link", "add", "eth0", "type", "veth", "peer", "name",
                HOST_IFNAME)
    fails(host.ctl("detach"), 1, "eth0")
    host.inside("ip", "link", "del", "eth0")
    host.inside("ip", "link", "add", "eth0", "type", "veth", "peer", "name",
                "other", "netns", str(host.daemon_pid))
    fails(host.ctl("detach"), 1, "eth0")
    assert "other" in host.seen()["links"]


if __name__ == "__main__":
    main(sys.argv[1])
