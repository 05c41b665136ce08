# SPDX-License-Identifier: Apache-2.0
"""A daemon that says whatever a test of fastdpctl wants, and what it says when
all is well.

FASTDP_BUILD is the build directory; without it the usual ones are tried.
"""

import json
import os
import socket
import subprocess
import threading
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def find_fastdpctl():
    places = [Path.cwd(), TOP, TOP / "build"]
    if os.environ.get("FASTDP_BUILD"):
        places = [Path(os.environ["FASTDP_BUILD"])]
    for place in places:
        if os.access(place / "fastdpctl", os.X_OK):
            return str((place / "fastdpctl").absolute())
    raise FileNotFoundError("no fastdpctl: build it, or set FASTDP_BUILD")


FASTDPCTL = find_fastdpctl()


# The daemon


class Raw(bytes):
    """A reply that is sent as it is, newline or not."""


def answer(connection, respond):
    with connection, connection.makefile("rb") as lines:
        for line in lines:
            reply = respond(json.loads(line))
            if reply is None:
                return
            if not isinstance(reply, Raw):
                reply = json.dumps(reply).encode() + b"\n"
            try:
                connection.sendall(reply)
            except OSError:
                return
            if isinstance(reply, Raw) and not reply.endswith(b"\n"):
                return


def serve(listener, respond):
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=answer, args=(connection, respond),
                         daemon=True).start()


class Daemon:
    """Answers every request with what `replies` has for its verb."""

    def __init__(self, path):
        self.path = str(path)
        self.requests = []
        self.replies = {}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.thread = threading.Thread(target=serve, daemon=True, args=(
            self.listener, lambda request: self.respond(request)))
        self.thread.start()

    def close(self):
        """Its thread ends first: it would accept at whatever socket is the
        next with the same number."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(60)
        self.listener.close()

    def respond(self, request):
        self.requests.append(request)
        return self.replies.get(request["verb"], {"error": {
            "code": "unknown-verb", "message": "no such verb",
            "hint": "upgrade"}})

    def run(self, *arguments, **options):
        return run("--socket", self.path, *arguments, **options)


def run(*arguments, env=None, timeout=60):
    environment = {k: v for k, v in os.environ.items()
                   if not k.startswith("FASTDP_") and k != "NO_COLOR"}
    environment.update(env or {})
    return subprocess.run([FASTDPCTL, *arguments], capture_output=True,
                          text=True, timeout=timeout, env=environment,
                          check=False)


def succeeds(result):
    assert result.stderr == ""
    assert result.returncode == 0
    return result.stdout


def fails(result, code, *words):
    """It says so in two lines on stderr, the second with what to do."""
    assert result.returncode == code, result
    lines = result.stderr.splitlines()
    assert lines[0].startswith("fastdpctl: "), result.stderr
    assert len(lines) == 2 and lines[1].startswith("  "), result.stderr
    for word in words:
        assert word in result.stderr
    return result


PEER = {
    "name": "4be2a1f09c3d5e67", "nickname": "host2", "address": "192.0.2.2",
    "state": "up", "path": "fastdp", "since": 192, "mtu": 1450,
    "reason": "the peer answers",
    "control": {"state": "up", "since": 3600, "reason": ""},
    "paths": {"fastdp": {"state": "up", "plpmtu": 1500, "rtt_us": 310,
                         "reason": "the peer answers", "last_error": None,
                         "pmtu": {"state": "complete"}},
              "sleeve": {"state": "down", "plpmtu": None, "rtt_us": 0,
                         "reason": "not built in", "last_error": None}},
}
LOST = dict(PEER, name="00000000000000aa", nickname="host3",
            address="2001:db8::3", state="down", path="none", mtu=None,
            since=time.time() - 7500, reason="no answer to 3 heartbeats",
            paths={})
PORT = {"ifname": "eth0", "host_ifname": "fd00112233aa", "port_no": 16,
        "mac": "02:00:00:00:00:01", "addresses": ["10.32.0.1/24",
                                                  "fd00::1/64"],
        "network": "default", "container_id": "web", "netns": "4:4026532",
        "trust": False}
STATUS = {
    "version": "0.1.0", "name": "4be2a1f09c3d5e60", "nickname": "host1",
    "datapath": {"type": "ovs", "name": "fastdp", "reason": "kernel module"},
    "mtu": 1450, "encryption": False, "uptime_s": 93784, "warnings": [],
    "peers": [PEER], "ports": [PORT],
}
