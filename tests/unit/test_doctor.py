# SPDX-License-Identifier: Apache-2.0
"""fastdpctl doctor: on this machine as it is, in namespaces with something
wrong, with a daemon that says what the test wants, and over saved reports.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
from test_cli import FASTDPCTL, PEER, PORT, STATUS, Daemon, fails, run

HERE = Path(__file__).resolve().parent
HOST = HERE / "doctor" / "host.json"
PARTS = {"id", "group", "severity", "subject", "title", "evidence",
         "consequence", "remedy"}
SEVERITIES = ["ok", "note", "warning", "error"]


def check_report(result):
    """Valid, whole, and the exit code by the worst; the report."""
    report = json.loads(result.stdout)
    assert result.stderr == ""
    for finding in report["findings"]:
        assert set(finding) == PARTS
        assert finding["severity"] in SEVERITIES
        assert all(isinstance(value, str) for value in finding.values())
        assert finding["id"] and finding["title"] and finding["group"]
        if finding["severity"] != "ok":
            assert finding["evidence"], finding
            assert finding["consequence"], finding
            assert finding["remedy"], finding
        assert "\n" not in finding["title"]
    worst = max(SEVERITIES.index(f["severity"]) for f in report["findings"])
    assert report["worst"] == SEVERITIES[worst]
    assert result.returncode == (1 if worst > 1 else 0)
    return report


def brief(report):
    return {" ".join([f["severity"], f["id"], f["subject"]]).strip()
            for f in report["findings"] if f["severity"] != "ok"}


def find(report, name):
    return next(f for f in report["findings"] if f["id"] == name)


def test_this_machine(tmp_path):
    report = check_report(run("--json", "doctor", "--socket",
                              str(tmp_path / "none")))
    facts = report["facts"]
    assert facts["release"] == os.uname().release
    assert facts["daemon"]["state"] == "down"
    assert "lo" in [link["ifname"] for link in facts["links"]]
    assert find(report, "daemon-down")["severity"] == "warning"
    uplinks = {way["ifname"] for way in facts["egress"]}
    assert uplinks <= {link["ifname"] for link in facts["links"]}


def test_text(tmp_path):
    result = run("doctor", "--socket", str(tmp_path / "none"))
    report = check_report(run("--json", "doctor", "--socket",
                              str(tmp_path / "none")))
    assert result.returncode == 1
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    for finding in report["findings"]:
        at = [i for i, line in enumerate(lines) if line.split(None, 1)[:1] ==
              [finding["severity"]] and line.endswith(finding["title"])]
        assert at, finding
        if finding["severity"] != "ok":
            below = [line.strip() for line in lines[at[0] + 1:at[0] + 4]]
            assert [part.split()[0] for part in below] == ["seen", "so", "do"]
    assert lines[-1].endswith("in order")


def test_saved_report(tmp_path):
    path = tmp_path / "report.json"
    first = run("--json", "doctor", "--socket", str(tmp_path / "none"))
    path.write_text(first.stdout)
    again = run("--json", "doctor", "--facts", str(path))
    assert json.loads(again.stdout) == json.loads(first.stdout)
    assert again.returncode == first.returncode


def test_only_notes_is_well():
    result = run("doctor", "--json", "--facts", str(HOST))
    report = check_report(result)
    assert brief(report) == {"note nic-capture eth0"}
    assert result.returncode == 0


@pytest.mark.parametrize("text, words", [
    ("", ["cannot read"]),
    ("{", ["cannot read"]),
    ("[]", ["no report of doctor", "--json"]),
    ("{}", ["no report of doctor", "--json"]),
    (json.dumps(STATUS), ["no report of doctor", "--json"]),
    ('{"facts": {}}', ["no report of doctor"]),
    ('{"facts": 5, "format": "fastdp-facts-1"}', ["no report of doctor"]),
    ('{"format": "fastdp-facts-2"}', ["no report of doctor", "version"]),
    ('{"format": "fastdp-facts-1", "links": 5}', ["links"]),
    ('{"facts": {"format": "fastdp-facts-1", "links": [{"mtu": -1}]}}',
     ["links[0]", "mtu"])])
def test_bad_report(tmp_path, text, words):
    path = tmp_path / "report.json"
    path.write_text(text)
    result = run("doctor", "--facts", str(path))
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("fastdpctl: ")
    for word in words:
        assert word in result.stderr
    fails(run("doctor", "--facts", str(tmp_path / "none")), 1, "--json")


def test_own_data(tmp_path):
    """An operator's list of faults replaces the one that is installed."""
    (tmp_path / "kernels.json").write_text(json.dumps({
        "format": 1, "faults": [{
            "id": "mine", "title": "ours to test", "severity_off": "error",
            "consequence": "c", "remedy": "r",
            "builds": [{"name": "any", "release": "6.1.0-*"}]}]}))
    report = check_report(run("doctor", "--json", "--facts", str(HOST),
                              "--data", str(tmp_path)))
    assert "error mine" in brief(report)
    (tmp_path / "kernels.json").write_text("nothing")
    report = check_report(run("doctor", "--json", "--facts", str(HOST),
                              "--data", str(tmp_path)))
    assert "warning data" in brief(report)
    assert str(tmp_path) in find(report, "data")["evidence"]


def test_configured_ports(tmp_path):
    path = tmp_path / "fastdpd.conf"
    path.write_text("[daemon]\nvxlan-port = 7001\nmtu = 1300\n")
    report = check_report(run("doctor", "--json", "--config", str(path),
                              "--socket", str(tmp_path / "none")))
    assert report["facts"]["vxlan_port"] == 7001
    assert report["facts"]["config_mtu"] == 1300
    assert "error config" not in brief(report)


@pytest.mark.parametrize("text,word", [
    ("[daemon]\ninsecure = yes\ncontol-port = 6783\n", ":3: "),
    ("[daemon]\ninsecure = yes\nvxlan-port = many\n", "vxlan-port"),
    ("[daemon]\ninsecure = yes\nmtu = 15\n", "mtu"),
    ("[daemon]\ninsecure = yes\nheartbeat-interval = 1s\n", ":3: "),
    ("[daemon]\ninsecure = yes\n[network blue]\nvnl = 5\n", "vnl"),
    ("[ipam]\nstore = zookeeper\n[daemon]\ninsecure = yes\n", ":2: "),
    ("[deamon]\ninsecure = yes\n", "deamon"),
    ("insecure\n", ":1: "), (None, "there is no ")])
def test_what_the_daemon_refuses(tmp_path, text, word):
    """Both read the file in one way, and say the same of it."""
    path = tmp_path / "fastdpd.conf"
    if text is not None:
        path.write_text(text)
    daemon = subprocess.run(
        [Path(FASTDPCTL).with_name("fastdpd"), "--config", path],
        capture_output=True, text=True, timeout=60, check=False)
    assert daemon.returncode == 1
    report = check_report(run("doctor", "--json", "--config", str(path),
                              "--socket", str(tmp_path / "none")))
    finding = find(report, "config" if text else "config-none")
    assert finding["severity"] == ("error" if text else "warning")
    assert word in finding["evidence"]
    assert str(path) in finding["evidence"]
    assert finding["evidence"] in daemon.stderr
    assert "systemctl" in finding["remedy"]
    if not text:
        sample = f"/fastdpd.conf {path}"
        assert sample in daemon.stderr and sample in finding["remedy"]
    assert "configuration" in find(report, "daemon-down")["remedy"]


# With a daemon


@pytest.fixture
def daemon(tmp_path):
    d = Daemon(tmp_path / "sock")
    d.replies["status"] = STATUS
    d.replies["metrics"] = {"metrics": {"limit_hits": 0}}
    d.replies["doctor"] = {
        "control_port": 46783, "sleeve_port": 46783, "vxlan_port": 46784,
        "mtu_wanted": 0, "check_pkt_len": True, "capped": False,
        "capped_reason": ""}
    yield d
    d.close()


def ask(daemon):
    return check_report(daemon.run("--json", "doctor", "--quick"))


def test_daemon_is_asked(daemon):
    report = check_report(daemon.run("--json", "doctor"))
    asked = [request["verb"] for request in daemon.requests]
    assert asked == ["status", "doctor", "ipam", "metrics", "status",
                     "metrics"]
    assert find(report, "daemon")["severity"] == "ok"
    assert report["facts"]["peers"][0]["address"] == PEER["address"]
    assert report["facts"]["ports"][0]["host_ifname"] == PORT["host_ifname"]
    assert report["facts"]["vxlan_port"] == 46784
    assert report["facts"]["interval_ms"] > 0


def test_daemon_is_capped(daemon):
    daemon.replies["doctor"]["capped"] = True
    daemon.replies["doctor"]["capped_reason"] = "kernel 3.10.0-123"
    report = ask(daemon)
    assert find(report, "daemon-capped")["evidence"] == "kernel 3.10.0-123"
    assert find(report, "daemon-capped")["severity"] == "warning"


def test_peer_on_sleeve(daemon):
    slow = dict(PEER, path="sleeve", paths={
        "fastdp": {"state": "down", "reason": "no heartbeat is answered"},
        "sleeve": {"state": "up", "plpmtu": 1500}})
    daemon.replies["status"] = dict(STATUS, peers=[slow],
                                    warnings=["something\x1b[2J is wrong"])
    report = ask(daemon)
    assert "warning peer-sleeve host2" in brief(report)
    assert "no heartbeat is answered" in \
        find(report, "peer-sleeve")["evidence"]
    text = daemon.run("doctor", "--quick").stdout
    assert "\x1b" not in text
    assert "is wrong" in text


@pytest.mark.parametrize("status", [
    {}, {"peers": 5, "ports": "x", "datapath": []},
    {"peers": [[], {"paths": 5, "name": 1}], "ports": [None, {}],
     "warnings": [{}], "mtu": -1, "version": "v" * 5000}])
def test_odd_daemon(daemon, status):
    daemon.replies["status"] = status
    daemon.replies["doctor"] = {"control_port": "x", "capped": 5}
    daemon.replies["metrics"] = {"metrics": 5}
    ask(daemon)


def test_blocks(daemon):
    daemon.replies["ipam"] = {"store": "declared", "blocks": [
        {"network": "default", "block": "10.32.0.0/24", "state": "full",
         "reason": "", "size": 254, "used": 254}, 5, {}]}
    report = ask(daemon)
    assert "warning block-full 10.32.0.0/24" in brief(report)
    assert len(report["facts"]["daemon"]["blocks"]) == 1


def test_daemon_without_the_verb(daemon):
    del daemon.replies["doctor"]
    report = ask(daemon)
    assert "note daemon-old" in brief(report)


def test_daemon_that_refuses(daemon):
    daemon.replies["status"] = {"error": {"code": "system", "message": "m",
                                          "hint": "h"}}
    report = ask(daemon)
    assert find(report, "daemon-odd")["evidence"] == "m"
    assert find(report, "daemon-odd")["remedy"] == "h"


# In namespaces of their own, where something is wrong


def doctor_in_namespace(commands, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("not root: no namespaces")
    script = "set -e\n" + commands + \
        '\nexec "$0" --socket "$1" --json doctor --config /nonexistent\n'
    return check_report(subprocess.run(
        ["unshare", "--net", "sh", "-c", script, FASTDPCTL,
         str(tmp_path / "none")],
        capture_output=True, text=True, timeout=60, check=False))


def test_empty_namespace(tmp_path):
    report = doctor_in_namespace(":", tmp_path)
    assert [link["ifname"] for link in report["facts"]["links"]][0] == "lo"
    assert report["facts"]["nics"] == []


def test_unequal_veth(tmp_path):
    report = doctor_in_namespace(
        "ip link add va mtu 1500 type veth peer name vb mtu 1400", tmp_path)
    assert "warning mtu-veth vb" in brief(report) or \
        "warning mtu-veth va" in brief(report)
    assert "1400" in find(report, "mtu-veth")["evidence"]


def test_bridge_and_vxlan(tmp_path):
    """Facts of real links: MTUs, masters, ports, hairpin, what is up."""
    report = doctor_in_namespace(
        "ip link add br0 type bridge\n"
        "ip link add va type veth peer name vb\n"
        "ip link set va master br0 up\n"
        "ip link set vb up\n"
        "bridge link set dev va hairpin on\n"
        "ip link set br0 mtu 1400 up\n"
        "ip addr add 192.0.2.9/24 dev br0\n"
        "ip route add default via 192.0.2.1\n"
        "ip link add fastdp-vx type vxlan id 8 dstport 6784 dev br0\n"
        "ip link add vx0 type vxlan id 7 dstport 6784 dev br0", tmp_path)
    assert "error vxlan-down fastdp-vx" in brief(report)
    assert "warning vxlan-other vx0" in brief(report)
    links = {link["ifname"]: link for link in report["facts"]["links"]}
    assert links["va"]["master"] == "br0"
    assert links["va"]["peer"] == "vb"
    assert links["va"]["is_hairpin"]
    assert not links["vb"]["is_hairpin"]
    assert links["vx0"]["vxlan_port"] == 6784
    assert not links["vx0"]["is_up"]
    assert links["br0"]["is_up"]
    way = next(w for w in report["facts"]["egress"] if not w["peer"])
    assert way["ifname"] == "br0"
    assert way["link_mtu"] == way["kernel_mtu"] == 1400
    assert find(report, "mtu-chain")["title"] == "br0 carries 1400 bytes"
    assert {"prefix": "192.0.2.0/24", "ifname": "br0"} in \
        report["facts"]["routes"]


def test_taken_by_vxlan(tmp_path):
    report = doctor_in_namespace(
        "ip link set lo up\n"
        "ip link add flannel.1 type vxlan id 1 dstport 6784 dev lo\n"
        "ip link set flannel.1 up", tmp_path)
    found = find(report, "port-taken")
    assert found["severity"] == "error"
    assert found["subject"] == "UDP 6784"
    assert "flannel.1" in found["evidence"]
    assert "ip link delete flannel.1" in found["remedy"]


def test_taken_by_program(tmp_path):
    """A program of this test has both ports; its PID is told."""
    holder = tmp_path / "holder.py"
    ready = tmp_path / "ready"
    holder.write_text(
        "import socket, pathlib, time\n"
        "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "u.bind(('127.0.0.1', 6784))\n"
        "t = socket.socket(socket.AF_INET)\n"
        "t.bind(('127.0.0.1', 6783))\n"
        "t.listen()\n"
        "pathlib.Path(%r).touch()\n"
        "time.sleep(30)\n" % str(ready))
    started = time.monotonic()
    report = doctor_in_namespace(
        "ip link set lo up\n"
        "%s %s >/dev/null 2>&1 &\necho $! >%s/pid\n"
        "while ! test -e %s; do sleep 0.02; done" % (
            sys.executable, holder, tmp_path, ready), tmp_path)
    pid = int((tmp_path / "pid").read_text())
    os.kill(pid, 15)
    assert time.monotonic() - started < 30
    taken = {f["subject"]: f for f in report["findings"]
             if f["id"] == "port-taken"}
    assert set(taken) == {"UDP 6784", "TCP 6783"}
    for finding in taken.values():
        assert "(pid %d)" % pid in finding["evidence"]
