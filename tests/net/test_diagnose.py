# SPDX-License-Identifier: Apache-2.0
"""fastdpctl doctor beside real daemons: what is well, and what is broken."""

import json

from host import find_program
from ns import Namespace, sh, wait_until

BASE_V4, BASE_V6 = 1200, 1280  # RFC 8899 5.1.2, RFC 8200 5


def doctor(host, *options):
    done = host.ctl("doctor", *options, check=False)
    assert done.status in (0, 1) and done.err == "", str(done)
    report = done.json
    assert done.status == (1 if report["worst"] in ("warning", "error")
                           else 0), str(done)
    return report


def found(report, *severities):
    return {(f["id"], f["subject"]): f for f in report["findings"]
            if f["severity"] in severities}


def test_well_and_broken(two):
    """One world, broken in one place after the other."""
    one, other = two.hosts
    a = two.container(one)
    two.container(other)
    two.settle()
    wait_until("fastdp to carry", lambda: one.peer(other)["path"] == "fastdp")
    report = doctor(one)
    assert not found(report, "error"), found(report, "error")
    well = found(report, "ok")
    assert ("daemon", "") in well and ("peers", "") in well
    assert ("openvswitch", "") in well and ("ports", "") in well
    assert ("mtu-overlay", "eth0") in well
    facts = report["facts"]
    assert facts["has_check_len"] == "yes"
    assert not facts["is_elsewhere"]
    assert [w["ifname"] for w in facts["egress"]][:1] == ["eth0"]
    assert [p["container_mtu"] for p in facts["ports"]] == \
        [one.status()["mtu"]]
    sent = [p["fastdp"] for p in facts["peers"]]
    assert sent[0]["sent_after"] > sent[0]["sent_before"]

    a.ns.ip("link", "set", "eth0", "mtu", "1300")
    [problem] = [f for k, f in found(doctor(one, "--quick"), "note").items()
                 if k[0] == "mtu-smaller"]
    assert "1300" in problem["evidence"]
    a.ns.ip("link", "set", "eth0", "mtu", str(one.status()["mtu"]))

    undo = two.underlay.cut_both(1, 2, proto="udp", port=6784)
    wait_until("sleeve to carry", lambda: one.peer(other)["path"] == "sleeve")
    assert ("peer-sleeve", other.label) in found(doctor(one, "--quick"), "warning")
    undo()

    one.ns.ip("link", "set", "fastdp-vx", "down")
    assert ("vxlan-down", "fastdp-vx") in found(doctor(one, "--quick"), "error")
    one.ns.ip("link", "set", "fastdp-vx", "up")

    one.kill()
    report = doctor(one, "--quick")
    assert ("daemon-down", "") in found(report, "warning")
    one.start()


def test_capped(make_cluster, tmp_path, monkeypatch):
    """A kernel that is said to have the fault, and a card that wakes it."""
    (tmp_path / "kernels.json").write_text(json.dumps({
        "format": 1, "faults": [{
            "id": "ufo", "title": "made up", "caps_probes": True,
            "feature": "tx-checksum-ip-generic", "severity_on": "error",
            "remedy_on": "ethtool -K {nic} tx off", "remedy": "nothing",
            "consequence": "none", "builds": [{"name": "any"}]}]}))
    monkeypatch.setenv("FASTDP_DATA_DIR", str(tmp_path))
    cluster = make_cluster(2)
    one, other = cluster.hosts
    cluster.container(one)
    assert "DANGER: kernel " in one.log_now()
    assert "ethtool -K eth0 tx off" in one.log_now()
    wait_until("both paths to be measured", lambda: all(
        p["plpmtu"] for p in one.peer(other)["paths"].values()))
    assert any("made up" in w for w in one.status()["warnings"])
    report = doctor(one, "--quick")
    assert ("ufo", "eth0") in found(report, "error")
    assert "eth0" in found(report, "warning")[("daemon-capped", "")]["evidence"]
    for path in one.peer(other)["paths"].values():
        assert path["plpmtu"] in (BASE_V4, BASE_V6), path


def test_bridge_below_card():
    """A chain of real links, with the daemon down."""
    ns = Namespace("doctor")
    try:
        for line in ("link add eth7 mtu 1500 type dummy",
                     "link add br0 type bridge",
                     "link set eth7 master br0 up",
                     "link set br0 mtu 1400 up",
                     "link add link br0 name br0.7 mtu 1400 type vlan id 7",
                     "link set br0.7 up", "addr add 192.0.2.9/24 dev br0.7",
                     "route add default via 192.0.2.1"):
            ns.ip(*line.split())
        done = ns.call(lambda: sh(
            find_program("fastdpctl"), "--socket", "/nonexistent", "--json",
            "doctor", check=False))
        report = json.loads(done.stdout)
        narrow = found(report, "note")[("mtu-chain-narrow", "br0.7")]
        assert narrow["evidence"].startswith(
            "vlan br0.7 1400 > bridge br0 1400 > dummy eth7 1500")
        ns.ip("link", "set", "eth7", "mtu", "1300")
        ns.ip("link", "set", "br0", "mtu", "1400")
        done = ns.call(lambda: sh(
            find_program("fastdpctl"), "--socket", "/nonexistent", "--json",
            "doctor", check=False))
        report = json.loads(done.stdout)
        assert ("mtu-step", "eth7") in found(report, "error")
    finally:
        ns.close()
