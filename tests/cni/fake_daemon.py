# SPDX-License-Identifier: Apache-2.0
"""A daemon that does no more than the plugin sees: plan, attach, ports, detach.

usage: fake_daemon.py DIRECTORY

Run it inside the namespace that is to be the host. The directory gets `sock`
and `requests` (a JSON object a line); `behaviour.json` in it, read anew for
each request, says for a verb what to do instead of serving it:

"close" | "garbage" | "hang" | "kill" (the client, unserved) |
"kill-after" (served, and the client killed before the reply) |
{"error": {…}} | {"reply": {…}} | {"port": {…}} (served, and that told)
"""

import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

MTU = 1450


def link(*args):
    return subprocess.run(["ip", "link", *args], check=False,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).returncode == 0


class Refusal(Exception):
    """What goes back as {"error": …}."""

    def __init__(self, code, message):
        super().__init__(message)
        self.error = {"code": code, "message": message, "hint": "a hint"}


class Daemon:
    """The ports, and a method for each verb."""

    def __init__(self, directory):
        self.directory = directory
        self.ports = {}
        self.exposed = []
        self.lock = threading.Lock()

    def serve(self, request):
        with self.lock:
            return getattr(self, "do_" + request["verb"].replace("-", "_"))(
                request)

    def do_ping(self, _request):
        return {"pong": True}

    def _check_free(self, request):
        for port in self.ports.values():
            if request.get("netns") == port["netns"] and \
                    request["ifname"] == port["ifname"]:
                raise Refusal("in-use", "that interface is in use")
            if set(request.get("addresses", [])) & set(port["addresses"]):
                raise Refusal("in-use", "an address is in use")
            if request.get("mac") == port["mac"]:
                raise Refusal("in-use", "the MAC is in use")

    def do_plan(self, request):
        self._check_free(request)
        mac = request.get("mac") or "02:%s" % ":".join(
            "%02x" % random.randrange(256) for _ in range(5))
        return {"host_ifname": "fd%010x" % random.getrandbits(40),
                "mac": mac, "mtu": MTU, "vni": 4711,
                "network": request.get("network") or "default"}

    def do_attach(self, request):
        self._check_free(request)
        name = request["host_ifname"]
        if not link("set", name, "up"):
            raise Refusal("not-found", "no link " + name)
        for address in request.get("gateways", []):
            if address not in self.exposed:
                self.exposed.append(address)
        port = {"trust": False, "container_id": "", "owner": ""}
        port.update({k: v for k, v in request.items() if k != "verb"})
        port.setdefault("network", "default")
        self.ports[name] = port
        return {"port": port, "mtu": MTU}

    def _sweep(self):
        """The kernel takes away the port whose link has gone."""
        for name in list(self.ports):
            if not link("show", name):
                del self.ports[name]

    def do_ports(self, _request):
        self._sweep()
        host = {"ifname": "fastdp", "host_ifname": "fastdp",
                "mac": "02:00:00:00:00:fe", "addresses": self.exposed,
                "network": "default", "container_id": "", "owner": "",
                "netns": "", "netns_path": "the host", "trust": False}
        return {"ports": [host] + list(self.ports.values())}

    def do_detach(self, request):
        name = request["host_ifname"]
        n = 1 if self.ports.pop(name, None) else 0
        if n:
            link("delete", name)
        return {"detached": n}

    # --- one client

    def _behaviour(self, verb):
        try:
            with open(self.directory + "/behaviour.json",
                      encoding="ascii") as f:
                return json.load(f).get(verb)
        except FileNotFoundError:
            return None

    def _note(self, request):
        with self.lock, open(self.directory + "/requests", "a",
                             encoding="utf-8") as f:
            f.write(json.dumps(request) + "\n")

    def answer(self, connection, request):
        """The reply to a request; None: close the connection."""
        pid, = struct.unpack_from("i", connection.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        how = self._behaviour(request["verb"])
        self._note(request)
        if how == "kill":
            os.kill(pid, signal.SIGKILL)
        if how in ("close", "kill"):
            return None
        if how == "garbage":
            return b"\x00{]\n"
        if how == "hang":
            time.sleep(3600)
        if isinstance(how, dict) and "port" not in how:
            return json.dumps(how.get("reply", how)).encode() + b"\n"
        try:
            reply = self.serve(request)
        except Refusal as e:
            reply = {"error": e.error}
        if isinstance(how, dict):
            reply = {"port": dict(reply["port"], **how["port"])}
        if how == "kill-after":
            os.kill(pid, signal.SIGKILL)
        return json.dumps(reply).encode() + b"\n"

    def attend(self, connection):
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                try:
                    reply = self.answer(connection, json.loads(line))
                    if reply is None:
                        return
                    connection.sendall(reply)
                except OSError:
                    return


def main():
    directory = sys.argv[1]
    daemon = Daemon(directory)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(directory + "/sock")
    listener.listen(256)
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=daemon.attend, args=(connection,),
                         daemon=True).start()


if __name__ == "__main__":
    main()
