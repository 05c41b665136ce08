# SPDX-License-Identifier: Apache-2.0
"""Hostile input from this host: Unix socket, configuration, files of the
last life. A clear error each time, and nothing that worked is lost."""

import json
import os
import random
import socket
import time

import pytest

from host import find_program
from ns import Namespace, wait_until

N_RANDOM = 150


@pytest.fixture
def world(bystander):
    return bystander


# --- the Unix socket

def error_of(reply):
    """The error of a reply line; it has all three parts."""
    error = json.loads(reply)["error"]
    assert error["code"] and error["message"], error
    assert "hint" in error
    return error


LINES = [
    b"\n", b"garbage\n", b"{\n", b"[]\n", b"null\n", b"42\n", b"\"status\"\n",
    b"{}\n", b"{\"verb\": 5}\n", b"{\"verb\": null}\n",
    b"{\"verb\": \"nonsense\"}\n", b"{\"verb\": \"\"}\n",
    b"{\"verb\": \"status\", \"verb\": \"ping\"\n",
    b"\xff\xfe\xfd\n", b"{\"verb\": \"\xff\"}\n", b"\0\0\0\n",
    b"{\"verb\": \"" + b"a" * 31 + "\u00e9".encode() + b"\"}\n",
    b"{\"verb\": \"a\0b\"}\n", b"[" * 100000 + b"\n",
    b"{\"a\":" * 5000 + b"1" + b"}" * 5000 + b"\n",
    b"{\"verb\": \"" + b"x" * 60000 + b"\"}\n",
    b"1e999999\n", b"{\"verb\": \"why\", \"what\": 1e999}\n"]


def test_garbage_lines_get_an_error(world):
    for line in LINES:
        reply = world.hosts[0].api_raw(line)
        assert reply.endswith(b"\n"), (line[:40], reply)
        error_of(reply)


def test_bad_line_does_not_end_the_connection(world):
    host = world.hosts[0]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(5)
        s.connect(host.socket_path)
        s.sendall(b"garbage\n{\"verb\": \"ping\"}\n")
        got = b""
        while got.count(b"\n") < 2:
            more = s.recv(65536)
            assert more, got
            got += more
        first, second = got.splitlines()
        error_of(first)
        assert "error" not in json.loads(second)


def test_megabyte_lines(world):
    for size in (1 << 20, 3 << 20):
        send_line_of(world.hosts[0], size)


def send_line_of(host, size):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(5)
        s.connect(host.socket_path)
        reply = b""
        try:
            s.sendall(b"x" * size)
            s.sendall(b"\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            reply = s.recv(65536)
        except ConnectionResetError:
            pass
        if reply:
            error_of(reply)
    assert host.api("ping") is not None


REQUESTS = [
    ("why", {}), ("why", {"what": 7}), ("why", {"what": ""}),
    ("why", {"what": "x" * 5000}), ("why", {"what": ["a"]}),
    ("peer-add", {}), ("peer-add", {"address": ""}),
    ("peer-add", {"address": "a b"}), ("peer-add", {"address": "h:0"}),
    ("peer-add", {"address": "h:99999"}), ("peer-add", {"address": "[::1"}),
    ("peer-add", {"address": "x" * 300}), ("peer-add", {"address": {}}),
    ("peer-remove", {}), ("peer-remove", {"peer": "nobody"}),
    ("peer-remove", {"peer": 3}), ("log-level", {"level": "loud"}),
    ("log-level", {}), ("reset", {}), ("reset", {"force": "yes"}),
    ("expose", {}), ("expose", {"address": "10.0.0.1"}),
    ("expose", {"address": "10.0.0.1/33"}),
    ("expose", {"address": "300.0.0.1/8"}), ("hide", {"address": "fd00::/x"}),
    ("plan", {}), ("plan", {"netns": "1:2"}),
    ("attach", {}), ("attach", {"host_ifname": "lo"}),
    ("detach", {}), ("detach", {"netns": "x"}),
    ("detach", {"ifname": "eth0", "netns": 5}),
]
ATTACH = {"host_ifname": "fdfdfdfdfdfd", "netns": "4:4026531840",
          "netns_path": "/run/netns/none", "ifname": "eth0",
          "addresses": ["10.32.7.7/16"], "mac": "02:00:00:00:07:07",
          "network": "default", "trust": False}
for _field, _values in {
        "host_ifname": ["", "a/b", "x" * 16, "..", "nosuchlink", 5, None],
        "netns": ["", "x", "1", "1:2:3", "-1:5", 7],
        "ifname": ["", "x" * 300, "a b", {}],
        "addresses": [[], "10.0.0.1/8", [5], ["x"], ["10.0.0.1"],
                      ["10.0.0.1/40"], ["0.0.0.0/0"], ["224.0.0.1/4"],
                      ["ff02::1/64"], ["10.1.0.%d/24" % k
                                       for k in range(1, 19)]],
        "mac": ["", "x", "01:00:5e:00:00:01", "00:00:00:00:00:00",
                "02:00:00:00:00", 7],
        "network": ["", "x" * 64, "a b", "../x", 5],
        "trust": ["yes", 5]}.items():
    for _value in _values:
        REQUESTS.append(("attach", dict(ATTACH, **{_field: _value})))


def test_requests_with_wrong_arguments(world):
    host = world.hosts[0]
    before = (host.kernel.vports(), len(host.status()["ports"]))
    taken = []
    for verb, arguments in REQUESTS:
        reply = json.loads(host.api_raw(json.dumps(
            dict(arguments, verb=verb)).encode() + b"\n"))
        if "error" not in reply and not (
                verb == "why" and reply.get("found") is False) and not (
                    verb == "detach" and reply.get("detached") == 0):
            taken.append((verb, arguments, reply))
        elif "error" in reply:
            assert reply["error"]["code"] and reply["error"]["message"], reply
    assert not taken, taken
    assert (host.kernel.vports(), len(host.status()["ports"])) == before


def test_random_bytes_to_the_socket(world):
    host = world.hosts[0]
    rng = random.Random(5)
    for _ in range(N_RANDOM):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(2)
            s.connect(host.socket_path)
            try:
                s.sendall(rng.randbytes(rng.randrange(1, 3000)))
                if rng.random() < 0.5:
                    s.sendall(b"\n")
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(65536):
                        pass
            except (BrokenPipeError, ConnectionResetError):
                pass
    assert host.api("ping") is not None


def test_many_clients_and_clients_that_do_not_read(world):
    host = world.hosts[0]
    socks = []
    try:
        for _ in range(100):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            s.settimeout(2)
            try:
                s.connect(host.socket_path)
                s.setblocking(False)
                for _ in range(50):
                    s.send(b"{\"verb\": \"flows\"}\n" * 20)
            except (BlockingIOError, BrokenPipeError, ConnectionResetError,
                    socket.timeout):
                pass
            socks.append(s)
        # Whoever comes now waits for a place, or is told that there is none.
        time.sleep(1)
    finally:
        for s in socks:
            s.close()
    wait_until("an answer", lambda: host.api("ping") is not None)


# --- configuration files

CONFIGS = [
    ("[daemon]\nno-such-key = 1\n", "2"),
    ("[nonsense]\nx = 1\n", "1|2"),
    ("[daemon\n", "1"),
    ("name = x\n", "1"),
    ("[daemon]\nthis is no assignment\n", "2"),
    ("[daemon]\ncontrol-port = 0\n", "2"),
    ("[daemon]\ncontrol-port = 65536\n", "2"),
    ("[daemon]\ncontrol-port = x\n", "2"),
    ("[daemon]\ncontrol-port =\n", "2"),
    ("[daemon]\nvxlan-port = -1\n", "2"),
    ("[daemon]\nvxlan-port = 99999999999999999999\n", "2"),
    ("[daemon]\nmtu = 67\n", "2"),
    ("[daemon]\nmtu = huge\n", "2"),
    ("[daemon]\nlocal-address = 10.0.0\n", "2"),
    ("[daemon]\nlocal-address = 224.0.0.1\n", "2"),
    ("[daemon]\npeer = a b\n", "2"),
    ("[daemon]\npeer = host:70000\n", "2"),
    ("[daemon]\ndatapath = magic\n", "2"),
    ("[daemon]\nbridge-name = a-name-that-is-too-long\n", "2"),
    ("[daemon]\nbridge-name = a/b\n", "2"),
    ("[daemon]\nlog-level = loud\n", "2"),
    ("[daemon]\nheartbeat-interval = 0\n", "2"),
    ("[daemon]\nheartbeat-interval = 1.5\n", "2"),
    ("[daemon]\nno-discovery = perhaps\n", "2"),
    ("[daemon]\nname = two words\n", "2"),
    ("[daemon]\nname = x\nname = y\n", "3"),
    ("[daemon]\nname = " + "n" * 64 + "\n", "2"),
    ("[daemon]\nnickname = " + "n" * 9000 + "\n", "2"),
    ("[daemon]\nsocket = " + "/s" * 60 + "\n", "2|long"),
    ("[network blue]\nvni = 0\n", "2"),
    ("[network blue]\nvni = 16777215\n", "2"),
    ("[network blue]\nvni = blue\n", "2"),
    ("[network ]\nvni = 1\n", "1|2"),
    ("[network a b]\nvni = 1\n", "1|2"),
    ("[network a]\nvni = 7\n[network b]\nvni = 7\n", "2|4|same|both"),
    ("\0\0\0\0\n", "1"),
    ("\xff\xfe[daemon]\n", "1"),
    ("[daemon]\n" + "x" * 100000, "2"),
]


@pytest.mark.parametrize("text,where", CONFIGS,
                         ids=[repr(c[0][:32]) for c in CONFIGS])
def test_configuration_errors(config_host, text, where):
    status, said = config_host(text)
    assert status in (1, 2), "status %s: %s" % (status, said)
    assert "fastdpd.conf" in said, said
    lines = where.split("|")
    assert any(("%s" % w) in said for w in lines), \
        "no line %s in: %s" % (where, said)
    assert len(said.splitlines()) <= 6, "more than a sentence: " + said
    assert said.isprintable() or all(
        ch.isprintable() or ch == "\n" for ch in said), repr(said)


@pytest.fixture
def config_host(tmp_path):
    """Run the daemon with a configuration of this text, which it refuses."""
    ns = Namespace("cfg")

    def run(text):
        path = tmp_path / "fastdpd.conf"
        path.write_bytes(text.encode("latin-1"))
        d = str(tmp_path)
        done = ns.run("timeout", "5", find_program("fastdpd"), "--config",
                      path, "--insecure", "--socket", d + "/sock",
                      "--state-dir", d + "/state", "--run-dir", d + "/run",
                      check=False, env=dict(os.environ))
        assert done.returncode != 124, "it started:\n" + done.stderr
        return done.returncode, (done.stdout + done.stderr)

    yield run
    ns.close()


def test_missing_and_odd_configuration_files(tmp_path):
    directory = tmp_path / "dir.conf"
    directory.mkdir()
    for path in ("/no/such/fastdpd.conf", str(directory)):
        ns = Namespace("cfg2")
        try:
            done = ns.run("timeout", "5", find_program("fastdpd"),
                          "--config", path, "--insecure", "--socket",
                          str(tmp_path / "s"), "--state-dir",
                          str(tmp_path / "a"), "--run-dir",
                          str(tmp_path / "b"), check=False)
            assert done.returncode in (1, 2)
            assert path in done.stderr, done.stderr
        finally:
            ns.close()


def test_reload_of_a_broken_file_keeps_what_is(make_cluster):
    cluster = make_cluster(1, start=False)
    (host,) = cluster.hosts
    path = os.path.join(host.directory, "fastdpd.conf")
    with open(path, "w", encoding="ascii") as f:
        f.write("[daemon]\nlog-level = info\npeer = 10.99.0.77\n")
    host.start(extra=["--config", path])
    c = cluster.container(host)
    with open(path, "w", encoding="ascii") as f:
        f.write("[daemon]\nlog-level = loud\n")
    got = host.ctl("reload", check=False)
    assert got.status == 1 and "2" in got.err, got
    assert host.is_running() and c.mac in host.known_macs()
    with open(path, "w", encoding="ascii") as f:
        f.write("[daemon]\nlog-level = debug\npeer = 10.99.0.77\n"
                "peer = 10.99.0.78\ncontrol-port = 7000\nhold-time = 9\n")
    host.ctl("reload")
    assert "next start only: control-port, hold-time\n" in host.log_now()
    # That holds for the ports of peers, too.
    assert {t["address"] for t in host.api("peers")["targets"]} == {
        "10.99.0.77:6783", "10.99.0.78:6783"}


# --- what lies in its directories

@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\0" * 4096,
                                  b"{\"peers\": 5}", b"[" * 100000,
                                  b"\xff" * 100],
                         ids=lambda text: repr(text[:8]))
def test_damaged_files_of_the_last_life(make_cluster, text):
    """They are named in the log and done without."""
    cluster = make_cluster(2)
    a, b = (cluster.container(h) for h in cluster.hosts)
    host = cluster.hosts[0]
    # Whose packets the kernel carries.
    near = cluster.container(host) if host.datapath == "bridge" else b
    cluster.settle()
    running = a.start_ping(near.ip4, 0.05)
    host.kill()
    for directory in (host.run_dir, host.state_dir):
        for name in ("peers.json", "targets.json"):
            path = os.path.join(directory, name)
            if os.path.exists(path):
                with open(path, "wb") as f:
                    f.write(text)
    host.start()
    cluster.wait_connected()
    a.ping(b.ip6, 3).assert_perfect()
    running.stop().assert_perfect(running.who)
    if text:
        assert ".json" in host.log_now()
