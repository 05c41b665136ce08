# SPDX-License-Identifier: Apache-2.0
"""A peer made of Python: speaks the control protocol, echoes heartbeats.

It is written from docs/protocol.md and control.proto alone, so that it also
shows whether these are enough to talk with the daemon.
"""

import importlib
import multiprocessing
import os
import select
import socket
import struct
import sys
import tempfile
import threading
import time

from capture import mac_bytes
from host import TOP
from ns import sh, wait_until

CONTROL_PORT, VXLAN_PORT = 6783, 6784
PROBE_VNI = 0xffffff
PROBE_REQUEST = mac_bytes("02:46:44:00:00:01")
PROBE_REPLY = mac_bytes("02:46:44:00:00:02")
PROBE_SIZE = mac_bytes("02:46:44:00:00:03")
PROBE_CUT = 60  # what of a probe of a size comes back
MAX_ENTRIES = 128
MAX_MESSAGE = 65536

_pb = None


def pb():
    """The module that protoc makes of control.proto."""
    global _pb
    if _pb is None:
        with tempfile.TemporaryDirectory(prefix="fdt-") as directory:
            sh("protoc", "--python_out=" + directory,
               "-I", os.path.join(TOP, "src", "control"), "control.proto")
            sys.path.insert(0, directory)
            try:
                _pb = importlib.import_module("control_pb2")
            finally:
                sys.path.remove(directory)
    return _pb


def pack_ip(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text
                            else socket.AF_INET, text)


def framed(envelope):
    data = envelope.SerializeToString()
    return struct.pack("!I", len(data)) + data


class ScriptedPeer:
    """One peer in a namespace without daemon: identity and heartbeats.

    dial() gives it a session with a host; one with each, as a daemon has.
    """

    def __init__(self, namespace, address, name="scripted", identity=None):
        self.ns, self.address, self.name = namespace, address, name
        self.identity = identity or 0x5c717ed000000001
        self.instance = int.from_bytes(os.urandom(8), "big") | 1
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.sessions = []
        self._revision = 1000
        self._udp = self.bound(socket.SOCK_DGRAM, VXLAN_PORT)
        # A process: a thread would wait while tests read thousands of flows.
        self._kernel = multiprocessing.get_context("fork").Process(
            target=self._echo, daemon=True)
        self._kernel.start()

    def bound(self, kind, port):
        """A socket of the peer's address."""
        def make():
            s = socket.socket(self.family, kind)
            s.bind((self.address, port))
            return s
        return self.ns.call(make)

    def _echo(self):
        """What the kernel of a real peer does by flow H."""
        while True:
            data, source = self._udp.recvfrom(65536)
            if len(data) < 22 or data[4:7] != b"\xff\xff\xff" or \
                    data[8:14] not in (PROBE_REQUEST, PROBE_SIZE):
                continue
            self._udp.sendto(data[:8] + PROBE_REPLY + data[14:8 + PROBE_CUT],
                             (source[0], VXLAN_PORT))

    def hello(self, **changes):
        envelope = pb().Envelope()
        h = envelope.hello
        h.version_min = h.version_max = 1
        h.id, h.instance = self.identity, self.instance
        h.name = "%016x" % self.identity
        h.nickname, h.software = self.name, "scripted 1"
        h.control_port, h.sleeve_port = CONTROL_PORT, CONTROL_PORT
        h.vxlan_port = VXLAN_PORT
        h.can_fastdp, h.has_discovery = True, True
        for field, value in changes.items():
            setattr(h, field, value)
        return envelope

    def dial(self, host, **changes):
        """Connect to a host's daemon and shake hands."""
        session = Session(self, host)
        self.sessions.append(session)
        session.send(self.hello(**changes))
        wait_until(lambda: "the daemon's hello: %s" % (
            session.error or session.received),
                   lambda: session.their_hello is not None)
        return session

    def entry(self, envelope, vni, mac, ips=(), withdrawn=False,
              revision=None):
        """Append one entry to an Entries envelope."""
        e = envelope.entries.entries.add()
        e.vni, e.mac, e.is_withdrawn = vni, mac_bytes(mac), withdrawn
        if revision is None:
            self._revision += 1
            revision = self._revision
        e.revision = revision
        e.ips.extend(pack_ip(ip) for ip in ips)

    def snapshot(self, entries):
        """The bytes that announce [(vni, mac, ips)] as all there is."""
        out = []
        batches = [entries[at:at + MAX_ENTRIES]
                   for at in range(0, len(entries), MAX_ENTRIES)] or [[]]
        for k, batch in enumerate(batches):
            envelope = pb().Envelope()
            envelope.entries.is_first = k == 0
            envelope.entries.is_last = k == len(batches) - 1
            for one in batch:
                self.entry(envelope, *one)
            out.append(framed(envelope))
        return b"".join(out)

    def close(self):
        self._kernel.kill()
        self._kernel.join(2)
        for session in self.sessions:
            session.close()
        self._udp.close()


class Session:
    """One control session of a ScriptedPeer."""

    def __init__(self, peer, host):
        self.peer = peer
        self.received = []  # envelopes of the daemon
        self.their_hello = None
        self.error = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._sock = peer.bound(socket.SOCK_STREAM, 0)
        self._sock.settimeout(5)
        self._sock.connect((host.address, CONTROL_PORT))
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def send(self, *envelopes):
        self.send_raw(b"".join(framed(e) for e in envelopes))

    def send_raw(self, data):
        with self._lock:
            self._sock.sendall(data)

    def announce(self, entries, withdrawn=False):
        """A delta of [(vni, mac, ips)]."""
        for at in range(0, len(entries), MAX_ENTRIES):
            envelope = pb().Envelope()
            for one in entries[at:at + MAX_ENTRIES]:
                self.peer.entry(envelope, *one, withdrawn=withdrawn)
            self.send(envelope)

    def _read(self):
        have = b""
        while not self._stop.is_set():
            try:
                if not select.select([self._sock], [], [], 0.1)[0]:
                    continue
                more = self._sock.recv(1 << 16)
            except (OSError, ValueError) as e:
                self.error = self.error or str(e)
                return
            if not more:
                self.error = self.error or "closed by the daemon"
                return
            have += more
            while len(have) >= 4:
                size, = struct.unpack_from("!I", have)
                if len(have) < 4 + size:
                    break
                self._got(have[4:4 + size])
                have = have[4 + size:]

    def _got(self, data):
        envelope = pb().Envelope.FromString(data)
        what = envelope.WhichOneof("body")
        if what == "hello":
            self.their_hello = envelope.hello
        elif what == "ping":
            pong = pb().Envelope()
            pong.pong.seq = envelope.ping.seq
            self.send(pong)
        elif what == "refuse":
            self.error = "refused: %d %s" % (envelope.refuse.code,
                                             envelope.refuse.message)
        self.received.append(envelope)

    def close(self):
        """End the session; the peer goes on answering heartbeats."""
        self._stop.set()
        self._thread.join(2)
        self._sock.close()


def raw_connection(namespace, host, timeout=5.0, port=CONTROL_PORT):
    """A TCP connection to the control port, nothing said yet."""
    def connect():
        return socket.create_connection((host.address, port), timeout)
    return namespace.call(connect)


def ended(sock, timeout=5.0):
    """Does the other side close within this time? What it said is read."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if not select.select([sock], [], [], 0.05)[0]:
            continue
        try:
            if not sock.recv(1 << 16):
                return True
        except OSError:
            return True
    return False
