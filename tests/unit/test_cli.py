# SPDX-License-Identifier: Apache-2.0
"""fastdpctl against a daemon that says whatever the test wants: what it asks,
what it shows, what it refuses."""

import json
import os
import re
import socket
import subprocess
import threading
import time

import pytest

from cli_daemon import (FASTDPCTL, LOST, PEER, PORT, STATUS, TOP, Daemon, Raw,
                        fails, run, succeeds)

MAX_REPLY = 64 * 1024 * 1024


@pytest.fixture
def daemon(tmp_path):
    d = Daemon(tmp_path / "sock")
    yield d
    d.close()


# Asking


def test_status(daemon):
    daemon.replies["status"] = STATUS
    lines = succeeds(daemon.run("status")).splitlines()
    assert daemon.requests == [{"verb": "status"}]
    assert lines[0] == "fastdpd 0.1.0, up for 1d02h"
    assert lines[1].split() == ["name", "4be2a1f09c3d5e60", "(host1)"]
    assert lines[2] == "datapath    ovs fastdp: kernel module"
    assert lines[3].split() == ["mtu", "1450"]
    assert lines[4] == "encryption  none (--insecure)"
    peer = next(n for n in lines if n.startswith("host2"))
    assert peer.split()[1:7] == ["192.0.2.2", "up", "fastdp", "1450",
                                 "310us", "3m12s"]
    assert peer.endswith("the peer answers")
    port = next(n for n in lines if n.startswith("eth0"))
    assert port.split()[-1] == "web"
    assert "10.32.0.1/24, fd00::1/64" in port
    assert lines[-1] == "no problems"


def test_status_columns_are_aligned(daemon):
    daemon.replies["status"] = dict(STATUS, peers=[PEER, LOST])
    lines = succeeds(daemon.run("status")).splitlines()
    head = next(i for i, n in enumerate(lines) if n.startswith("PEER"))
    for column in "ADDRESS", "STATE", "PATH", "REASON":
        at = lines[head].index(column)
        for line in lines[head + 1:head + 3]:
            assert line[at] != " " and line[at - 1] == " "
    end = lines[head].index("MTU") + 3
    assert lines[head + 1][:end].endswith("1450")
    assert lines[head + 2][:end].endswith("-")


def test_status_tells_problems_last(daemon):
    daemon.replies["status"] = dict(
        STATUS, peers=[PEER, LOST], warnings=["clock went backwards"])
    lines = succeeds(daemon.run("status")).splitlines()
    assert lines[-3:] == [
        "problems", "  clock went backwards",
        "  peer host3 is down for 2h05m: no answer to 3 heartbeats"]


def test_status_encrypted_and_empty(daemon):
    daemon.replies["status"] = dict(STATUS, encryption=True, peers=[],
                                    ports=[])
    out = succeeds(daemon.run("status"))
    assert "encryption  on\n" in out
    assert "no peers\n" in out and "no ports\n" in out


@pytest.mark.parametrize("verb", ["status", "peers", "ports", "directory",
                                  "flows", "metrics"])
@pytest.mark.parametrize("reply", [
    {}, {"peers": None, "ports": 7, "entries": "x", "flows": [None, 3, {}],
         "metrics": []},
    {"peers": [{}, None, 4, []], "ports": [{}], "entries": [{}],
     "targets": [{}], "removed": [1], "datapath": 9, "warnings": [1, None],
     "metrics": {"a": None}}])
def test_odd_replies_are_shown_as_far_as_they_go(daemon, verb, reply):
    daemon.replies[verb] = reply
    succeeds(daemon.run(verb))


@pytest.mark.parametrize("since,want", [
    (0, "0s"), (59, "59s"), (60, "1m00s"), (192, "3m12s"), (7500, "2h05m"),
    (273600, "3d04h"), (None, "-"), ("yesterday", "-"), (-1, "-"), (True, "-"),
    (1e300, "-"), ("2999-01-01T00:00:00Z", "0s")])
def test_durations(daemon, since, want):
    daemon.replies["status"] = dict(STATUS, peers=[dict(PEER, since=since)])
    out = succeeds(daemon.run("status"))
    line = next(n for n in out.splitlines() if n.startswith("host2"))
    assert line.split()[6] == want


def test_since_as_a_time(daemon):
    then = time.strftime("%Y-%m-%dT%H:%M:%S.123456Z",
                         time.gmtime(time.time() - 7530))
    daemon.replies["status"] = dict(STATUS, peers=[dict(PEER, since=then)])
    assert " 2h05m " in succeeds(daemon.run("status"))


def test_peers(daemon):
    daemon.replies["peers"] = {
        "peers": [PEER, LOST], "removed": ["host9"],
        "targets": [{"address": "192.0.2.9:6783", "kind": "configured",
                     "state": "connecting", "next_dial_s": 12.7,
                     "failures": 3, "reason": "connection refused",
                     "peer": None}]}
    out = succeeds(daemon.run("peers"))
    lines = [n.split() for n in out.splitlines()]
    assert ["host2", "4be2a1f09c3d5e67", "up", "1h00m", "-"] in lines
    assert ["host2", "fastdp", "up", "1500", "complete", "310us", "the", "peer",
            "answers", "-"] in lines
    assert ["host2", "sleeve", "down", "-", "-", "-", "not", "built", "in",
            "-"] in lines
    assert ["192.0.2.9:6783", "configured", "connecting", "-", "12s", "3",
            "connection", "refused"] in lines
    assert out.endswith("removed, and not taken back: host9\n")


def test_ports(daemon):
    daemon.replies["ports"] = {"ports": [PORT, dict(PORT, trust=True)]}
    lines = succeeds(daemon.run("ports")).splitlines()
    assert len(lines) == 3
    assert " no " in lines[1] and " yes " in lines[2]
    assert lines[1].split()[-5:] == ["no", "fd00112233aa", "16", "web",
                                     "4:4026532"]


def test_directory(daemon):
    entry = {"network": "default", "vni": 4711, "mac": "02:00:00:00:00:02",
             "addresses": ["10.32.0.2"], "owner": "4be2a1f09c3d5e67",
             "owner_nickname": "host2", "local": False, "port": None,
             "revision": 17, "flags": ["learnt"], "since": 5, "wins": True}
    daemon.replies["directory"] = {"entries": [
        entry, dict(entry, wins=False), dict(entry, local=True)]}
    lines = succeeds(daemon.run("directory")).splitlines()
    assert lines[1].split() == ["default", "4711", "02:00:00:00:00:02",
                                "10.32.0.2", "host2", "5s", "17", "learnt"]
    assert lines[2].split()[-1] == "superseded"
    assert "this host" in lines[3]
    assert lines[-1] == "3 entries"


def test_flows(daemon):
    daemon.replies["flows"] = {
        "flows": [
            {"stage": "B", "match": "recirc local(4711), dst 02:00:…:02",
             "actions": "tunnel to 192.0.2.2, output vxlan", "packets": 12,
             "bytes": 1176, "used_ms": 320, "wanted": True},
            {"stage": "?", "match": "in_port 9", "actions": "", "packets": 0,
             "bytes": 0, "used_ms": None, "wanted": False},
            {"stage": "E", "match": "x", "actions": "y", "packets": 2**60,
             "bytes": 2**62, "used_ms": 65000, "wanted": True}],
        "datapath": {"lookups": 100, "hit": 90, "missed": 10, "lost": 0}}
    lines = succeeds(daemon.run("flows")).splitlines()
    assert len(lines) == 6
    assert re.search(r"output vxlan +12 +1176 +320ms", lines[1])
    assert re.search(r"drop +0 +0 +never  not ours any more", lines[2])
    assert re.search(rf"y +{2**60} +{2**62} +1m05s", lines[3])
    assert lines[5] == "datapath: lookups 100, hit 90, missed 10, lost 0"


def test_many_flows(daemon):
    flow = {"stage": "B", "match": "m" * 80, "actions": "a" * 80,
            "packets": 1, "bytes": 2, "used_ms": 3, "wanted": True}
    daemon.replies["flows"] = {"flows": [flow] * 50000}
    assert len(succeeds(daemon.run("flows")).splitlines()) == 50001


def test_why(daemon):
    daemon.replies["why"] = {
        "what": "mac", "found": True, "owner": "host2", "path": "fastdp",
        "lines": ["02:00:00:00:00:02 is a port of host2", "it takes fastdp"],
        "flow": {"stage": "B", "match": "m", "actions": "a", "packets": 1,
                 "bytes": 98, "used_ms": 5}}
    out = succeeds(daemon.run("why", "02:00:00:00:00:02"))
    assert daemon.requests == [{"verb": "why", "what": "02:00:00:00:00:02"}]
    lines = out.splitlines()
    assert lines[:3] == ["02:00:00:00:00:02 is a port of host2",
                         "it takes fastdp", ""]
    assert lines[4].split()[:3] == ["B", "m", "a"]


def test_why_nobody(daemon):
    daemon.replies["why"] = {"what": "ip", "found": False,
                             "lines": ["nobody has 10.32.0.99"]}
    for extra in [], ["--json"]:
        result = daemon.run("why", "10.32.0.99", *extra)
        assert result.returncode == 1
        assert "nobody has 10.32.0.99" in result.stdout
        assert result.stderr == ""


def test_metrics(daemon):
    daemon.replies["metrics"] = {"metrics": {
        "flow_puts": 12, "rtt_seconds": 0.25, "odd-name é{}": 1,
        "text": "x"}}
    assert succeeds(daemon.run("metrics")).splitlines() == [
        "fastdp_flow_puts 12", "fastdp_rtt_seconds 0.25",
        "fastdp_odd_name_____ 1"]


def test_json_is_what_the_daemon_said(daemon):
    daemon.replies["status"] = dict(STATUS, extra={"new": [1, 2.5, None]},
                                    nickname="h\u00f6st\u009b1\x1b")
    for arguments in (["--json", "status"], ["status", "--json"]):
        out = succeeds(daemon.run(*arguments))
        assert json.loads(out) == daemon.replies["status"]
        assert out.isascii() and "\x1b" not in out


def test_control_characters_do_not_reach_the_terminal(daemon):
    evil = "\x1b[2Jevil\r\n\x9b31m\x7f"
    daemon.replies["status"] = dict(
        STATUS, nickname=evil, warnings=[evil],
        peers=[dict(PEER, nickname=evil, reason=evil)],
        ports=[dict(PORT, addresses=[evil])],
        datapath={"type": evil, "name": evil, "reason": evil})
    daemon.replies["why"] = {"found": True, "lines": [evil]}
    daemon.replies["reload"] = {"done": evil}
    for arguments in ["status"], ["why", "x"], ["reload"]:
        out = succeeds(daemon.run(*arguments))
        assert "evil" in out
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", out)


def test_no_colour_without_a_terminal(daemon):
    daemon.replies["status"] = dict(STATUS, peers=[LOST])
    assert "\x1b" not in succeeds(daemon.run("status"))


@pytest.mark.parametrize("env,coloured", [({}, True), ({"NO_COLOR": "1"},
                                                       False)])
def test_colour_on_a_terminal(daemon, env, coloured):
    daemon.replies["status"] = dict(STATUS, peers=[LOST])
    ours, theirs = os.openpty()
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    with subprocess.Popen([FASTDPCTL, "--socket", daemon.path, "status"],
                          stdout=theirs, env={**environment, **env}) as p:
        os.close(theirs)
        out = b""
        try:
            while chunk := os.read(ours, 4096):
                out += chunk
        except OSError:
            pass
        assert p.wait(30) == 0
    os.close(ours)
    assert b"host3" in out
    assert (b"\x1b[31mdown\x1b[0m" in out) == coloured


# Telling


@pytest.mark.parametrize("arguments,request_", [
    (["peer", "add", "host2"], {"verb": "peer-add", "address": "host2"}),
    (["peer", "add", "[2001:db8::2]:6783"],
     {"verb": "peer-add", "address": "[2001:db8::2]:6783"}),
    (["peer", "remove", "4be2a1f09c3d5e67"],
     {"verb": "peer-remove", "peer": "4be2a1f09c3d5e67"}),
    (["expose", "10.32.0.254/24"],
     {"verb": "expose", "address": "10.32.0.254/24"}),
    (["hide", "fd00::fe/64"], {"verb": "hide", "address": "fd00::fe/64"}),
    (["log-level", "debug"], {"verb": "log-level", "level": "debug"}),
    (["reload"], {"verb": "reload"}),
    (["reset", "--force"], {"verb": "reset", "force": True})])
def test_verbs_that_change_something(daemon, arguments, request_):
    daemon.replies[request_["verb"]] = {"done": "it is so"}
    assert succeeds(daemon.run(*arguments)) == "it is so\n"
    assert daemon.requests == [request_]
    assert json.loads(succeeds(daemon.run(*arguments, "--json"))) == {
        "done": "it is so"}


def test_refusal(daemon):
    daemon.replies["reload"] = {"error": {
        "code": "invalid", "message": "line 3 of the file is odd",
        "hint": "mend it"}}
    result = fails(daemon.run("reload"), 1)
    assert result.stdout == ""
    assert result.stderr == ("fastdpctl: line 3 of the file is odd\n"
                             "  mend it\n")


@pytest.mark.parametrize("error", [
    {}, None, 7, "x", {"code": 4, "message": [], "hint": {}},
    {"code": "no-daemon", "message": "m", "hint": "h"},
    {"code": "c" * 4000, "message": "m" * 4000, "hint": "h" * 4000},
    {"code": "a", "message": "\x1b[2J\n\n", "hint": "x\ny"}])
def test_odd_refusals(daemon, error):
    daemon.replies["reload"] = {"error": error}
    result = daemon.run("reload")
    assert result.returncode == 1
    assert result.stderr.startswith("fastdpctl: ")
    assert result.stderr.count("\n") <= 2
    assert "\x1b" not in result.stderr


# Wrong usage


@pytest.mark.parametrize("arguments,words", [
    ([], ["--help"]),
    (["stauts"], ["`fastdpctl status`"]),
    (["peer"], []),
    (["peer", "ad", "host2"], ["`fastdpctl peer add`"]),
    (["peer", "add"], ["HOST[:PORT]"]),
    (["peer", "add", "host2", "host3"], ["HOST[:PORT]"]),
    (["peer", "add", "host2:0"], ["host2:0"]),
    (["peer", "add", "2001:db8::2]:6783"], ["HOST[:PORT]"]),
    (["doctor-strange-love"], ["--help"]),
    (["x" * 5000], ["--help"]),
    (["x" * 70, "add"], ["--help"]),
    (["peer", "y" * 5000], ["--help"]),
    ([""], ["verb"]),
    (["status", "now"], ["now"]),
    (["status", "--bogus"], ["--bogus", "status --help"]),
    (["status", "-x"], ["-x"]),
    (["status", "--force"], ["--force"]),
    (["--bogus", "status"], ["--bogus"]),
    (["--socket"], ["--socket", "value"]),
    (["status", "--json=yes"], ["--json=yes"]),
    (["expose", "10.32.0.1"], ["ADDR/LEN"]),
    (["expose", "10.32.0.1/33"], ["ADDR/LEN"]),
    (["hide"], ["ADDR/LEN"]),
    (["log-level", "loud"], ["loud"]),
    (["reset"], ["--force"]),
    (["attach"], ["--netns"]),
    (["attach", "--netns", "1"], ["--address"]),
    (["attach", "--netns", "1", "--address", "10.0.0.1"], ["10.0.0.1"]),
    (["attach", "--netns", "1", "--address", "10.0.0.1/24", "--mac", "2"],
     ["MAC"]),
    (["attach", "--netns", "1", "--address", "10.0.0.1/24", "--ifname",
      "much-too-long-a-name"], ["much-too-long-a-name"]),
    (["attach", "--netns", "1"] + ["--address", "10.0.0.1/24"] * 17, ["16"]),
    (["attach"] + ["--address", "10.0.0.1/24"] * 70, ["64"]),
    (["detach"], ["--netns"]),
    (["detach", "--netns", "1", "--ifname", "a/b"], ["a/b"])])
def test_wrong_usage(daemon, arguments, words):
    fails(daemon.run(*arguments), 2, *words)
    assert daemon.requests == []


@pytest.mark.parametrize("arguments", [
    ["attach", "--netns", "1", "--address", "10.32.0.1/24",
     "--network", b"bl\xfc"],
    ["attach", "--netns", "1", "--address", "10.32.0.1/24",
     "--container-id", b"\xff"],
    ["attach", "--netns", b"/run/netns/\xe9", "--address", "10.32.0.1/24"],
    ["attach", "--netns", "1", "--address", "10.32.0.1/24",
     "--ifname", b"eth\xc3"],
    ["detach", "--netns", "1", b"--ifname=eth\xc3"],
    ["ipam", "free", "c1", "eth0", "--owner", b"cni:\xfc"],
    ["ipam", "free", b"c\xfc", "eth0"], ["ipam", "release", b"bl\xfc"],
    ["ipam", "reclaim", b"host\xfc"], ["peer", "remove", b"\xed\xa0\x80"],
    ["why", b"host\xfc"], [b"st\xfctus"]])
def test_words_that_are_no_text(daemon, arguments):
    """JSON has no such text: the daemon would not hear of the word at all."""
    fails(daemon.run(*arguments), 2, "UTF-8")
    assert daemon.requests == []


def test_help_and_version():
    out = succeeds(run("--help"))
    verbs = ["status", "peers", "peer add", "peer remove", "ports",
             "directory", "flows", "why", "attach", "detach", "expose",
             "hide", "metrics", "log-level", "reload", "reset",
             "doctor"]
    for verb in verbs:
        assert f"\n  {verb} " in out
        for flag in "--help", "-h":
            text = succeeds(run(*verb.split(), flag))
            assert text.startswith(f"usage: fastdpctl {verb}")
    assert all(len(line) <= 80 for line in out.splitlines())
    assert succeeds(run("help")) == out
    assert "its MAC (default: random)" in succeeds(run("attach", "--help"))
    assert re.fullmatch(r"fastdpctl \S+\n", succeeds(run("--version")))


# No daemon, and daemons that are none


def test_no_daemon(tmp_path):
    path = tmp_path / "sock"
    fails(run("--socket", str(path), "status"), 3, "--socket", str(path))
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
    fails(run("--socket", str(path), "status"), 3, "start")
    fails(run("status", "--socket", str(path)), 3)
    fails(run("--socket", str(path / "x"), "status"), 3)
    fails(run("attach", "--netns", "1", "--address", "10.0.0.1/24",
              "--socket", str(path)), 3)
    fails(run("detach", "--netns", "1", "--socket", str(path)), 3)


def test_socket_by_environment(daemon):
    daemon.replies["reload"] = {"done": "x"}
    assert succeeds(run("reload", env={"FASTDP_SOCKET": daemon.path})) == "x\n"
    fails(run("reload", "--socket", "/nowhere/sock",
              env={"FASTDP_SOCKET": daemon.path}), 3, "/nowhere/sock")


def test_bad_socket_paths():
    fails(run("--socket", "/" + "x" * 200, "status"), 1, "bytes")
    fails(run("--socket", "", "status"), 1, "bytes")


@pytest.mark.parametrize("reply", [
    Raw(b"garbage\n"), Raw(b"\n"), Raw(b"\x00\xff\xfe\n"), Raw(b"[1]\n"),
    Raw(b"null\n"), Raw(b'{"a":1}{"b":2}\n'), Raw(b'{"a":1}\n{"b":2}\n'),
    Raw(b'{"a":1,"a":2}\n'), Raw(b'{"a":"\xff"}\n'), Raw(b'{"cut": '),
    Raw(b"[" * 100000 + b"\n"), Raw(b'{"a":1e999}\n')])
def test_garbage(daemon, reply):
    daemon.replies["status"] = reply
    fails(daemon.run("status"), 1, "version")


def test_end_of_file(daemon):
    daemon.replies["status"] = None
    fails(daemon.run("status"), 1, "closed")


def test_reply_of_any_length_within_the_limit(daemon):
    daemon.replies["reload"] = {"done": "x" * (MAX_REPLY - 100)}
    assert len(succeeds(daemon.run("reload"))) == MAX_REPLY - 99


def test_reply_that_is_too_long(daemon):
    daemon.replies["reload"] = Raw(b'{"done": "' + b"x" * (MAX_REPLY + 99999))
    fails(daemon.run("reload"), 1, "longer than 64 MiB")


def test_daemon_that_does_not_answer(daemon):
    hang = threading.Event()
    daemon.respond = lambda request: hang.wait(60) and None
    began = time.monotonic()
    result = daemon.run("status")
    hang.set()
    assert 29 < time.monotonic() - began < 50
    fails(result, 1, "30 seconds")


def test_full_disk(daemon):
    daemon.replies["reload"] = {"done": "x"}
    with open("/dev/full", "w", encoding="ascii") as full:
        result = subprocess.run([FASTDPCTL, "--socket", daemon.path, "reload"],
                                stdout=full, stderr=subprocess.PIPE,
                                text=True, check=False, timeout=60)
    assert result.returncode == 1
    assert "cannot write" in result.stderr


# Hints


def test_ipam_free(daemon):
    """What a container has is an owner's: none of that one is no success."""
    lease = {"container_id": "c1", "ifname": "eth0", "owner": "cni:net1",
             "network": "default", "addresses": ["10.32.0.1/16"]}
    daemon.replies["ipam"] = {"blocks": [], "leases": [lease], "claims": []}
    daemon.replies["ipam-free"] = {"freed": 1}
    words = ["ipam", "free", "c1", "eth0"]
    succeeds(daemon.run(*words, "--owner", "cni:net1"))
    assert daemon.requests == [{"verb": "ipam-free", "container_id": "c1",
                                "ifname": "eth0", "owner": "cni:net1"}]
    daemon.replies["ipam-free"] = {"freed": 0}
    fails(daemon.run(*words), 1, "no addresses", "--owner 'cni:net1'")
    daemon.replies["ipam"]["leases"] = [dict(lease, ifname="eth1")]
    fails(daemon.run(*words), 1, "no addresses", "fastdpctl ipam list")
    daemon.replies["ipam-free"] = {"error": {
        "code": "in-use", "message": "it is attached", "hint": "wait"}}
    fails(daemon.run(*words), 1, "attached")


def test_hints_name_verbs_that_there_are():
    """All that the daemon and the tools say is to be typed."""
    phrases = set()
    for place in ("daemon", "cni", "client", "cli"):
        for path in (TOP / "src" / place).glob("*.c"):
            text = re.sub(r'"\s*\n\s*"', "", path.read_text())
            phrases |= set(re.findall(
                r"['`]fastdpctl ([a-z-]+)(?: ([a-z]+))?|"
                r": fastdpctl ([a-z-]+)(?: ([a-z]+))?", text))
    assert len(phrases) > 9
    for words in phrases:
        words = [w for w in words if w]
        got = [run(*words[:n], "--help").returncode
               for n in range(1, len(words) + 1)]
        assert 0 in got, words
