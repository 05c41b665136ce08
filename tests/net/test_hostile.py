# SPDX-License-Identifier: Apache-2.0
"""Hostile input on the control port: an error or a counted drop each time.

Run them with a build that has sanitizers too (FASTDP_BUILD): what these print
fails the test when the cluster is taken down.
"""

import random
import select
import socket
import struct
import threading
import time

import pytest

from ns import wait_until
from peer import (ScriptedPeer, ended, framed, pb, raw_connection)

N_RANDOM = 150
MAX_ENTRIES_PER_PEER = 65536

# What comes to a host on bridges whose peer has flows, too.
BOTH = pytest.mark.parametrize("bystander", ["alike", "mixed"], indirect=True)


@pytest.fixture
def world(bystander):
    return bystander


@pytest.fixture
def stranger(world):
    peer = ScriptedPeer(*world.stranger())
    yield peer
    peer.close()


def connect(world):
    return raw_connection(world.stranger()[0], world.hosts[0])


def bad_counters(host):
    m = host.metrics()
    return sum(v for k, v in m.items()
               if "handshake" in k or "bad" in k or "refused" in k)


# --- the control port

@BOTH
def test_random_bytes(world):
    rng = random.Random(1)
    before = bad_counters(world.hosts[0])
    for k in range(N_RANDOM):
        with connect(world) as s:
            try:
                s.sendall(rng.randbytes(rng.choice((1, 3, 4, 5, 64, 4096))))
                if k % 3:
                    s.shutdown(socket.SHUT_WR)
                    assert ended(s), "not closed after random bytes"
            except (BrokenPipeError, ConnectionResetError):
                pass
    assert bad_counters(world.hosts[0]) > before


def test_mutated_hellos(world, stranger):
    rng = random.Random(2)
    good = framed(stranger.hello())
    for _ in range(N_RANDOM):
        data = bytearray(good)
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(4, len(data))] = rng.randrange(256)
        if rng.random() < 0.2:
            del data[rng.randrange(4, len(data)):]
        with connect(world) as s:
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                assert ended(s)
            except (BrokenPipeError, ConnectionResetError):
                pass


HELLOS = [
    {"version_min": 2, "version_max": 9}, {"version_min": 0},
    {"version_min": 5, "version_max": 1}, {"id": 0}, {"id": 7},
    {"name": ""}, {"name": "x" * 64}, {"name": "-x"}, {"name": "a b"},
    {"nickname": "n" * 64}, {"nickname": "a\nb"}, {"software": "\x1b[2J"},
    {"control_port": 0}, {"control_port": 65536}, {"vxlan_port": 70000},
    {"vxlan_port": 0}]


def test_hellos_out_of_limits(world, stranger):
    for changes in HELLOS:
        with connect(world) as s:
            s.sendall(framed(stranger.hello(**changes)))
            got = receive_all(s)
        kinds = [e.WhichOneof("body") for e in got]
        assert "entries" not in kinds, (changes, kinds)
        refusals = [e.refuse for e in got if e.WhichOneof("body") == "refuse"]
        assert len(refusals) == 1, (changes, kinds)
        assert refusals[0].code and refusals[0].message, changes
        assert refusals[0].message.isprintable(), changes


def receive_all(sock, timeout=6.0):
    """Envelopes until the other side closes."""
    have, end = b"", time.monotonic() + timeout
    while time.monotonic() < end:
        if not select.select([sock], [], [], 0.1)[0]:
            continue
        try:
            more = sock.recv(1 << 16)
        except ConnectionResetError:
            break
        if not more:
            break
        have += more
    else:
        raise AssertionError("not closed in %g s" % timeout)
    out = []
    while len(have) >= 4:
        size, = struct.unpack_from("!I", have)
        out.append(pb().Envelope.FromString(have[4:4 + size]))
        have = have[4 + size:]
    return out


def test_sizes_that_lie_before_the_hello(world):
    for size in (4097, 65537, 1 << 24, 0xffffffff):
        with connect(world) as s:
            s.sendall(struct.pack("!I", size) + b"x" * 64)
            assert ended(s), size


def test_silent_and_slow_connections_are_closed(world, stranger):
    silent = connect(world)
    slow = connect(world)
    hello = framed(stranger.hello())
    start = time.monotonic()
    closed = {}
    at = 0
    while len(closed) < 2 and time.monotonic() < start + 10:
        for s in (silent, slow):
            if s not in closed and ended(s, 0.1):
                closed[s] = time.monotonic() - start
        if slow not in closed:
            try:
                slow.sendall(hello[at:at + 1])
                at += at < 20
            except OSError:
                pass
    for s in (silent, slow):
        s.close()
    assert len(closed) == 2, "still open after 10 s"
    assert min(closed.values()) >= 3


def bad_entries(peer):
    """Entries messages that break one limit each."""
    def one(**kw):
        e = pb().Envelope()
        values = dict(vni=5000, mac="02:00:03:00:00:01", ips=["10.40.0.1"])
        values.update(kw)
        peer.entry(e, values["vni"], values["mac"], values["ips"])
        return e

    yield "vni 0", one(vni=0)
    yield "vni of probes", one(vni=0xffffff)
    yield "vni of 25 bits", one(vni=1 << 24)
    yield "no mac", one(mac="00:00:00:00:00:00")
    yield "group mac", one(mac="01:00:5e:00:00:01")
    yield "17 addresses", one(ips=["10.40.0.%d" % k for k in range(1, 18)])
    yield "zero address", one(ips=["0.0.0.0"])
    e = one()
    e.entries.entries[0].mac = b"\2\0\3\0\1"
    yield "mac of 5 octets", e
    e = one()
    e.entries.entries[0].ips.append(b"\1\2\3\4\5")
    yield "address of 5 octets", e
    e = pb().Envelope()
    for k in range(129):
        peer.entry(e, 5000, "02:00:03:00:01:%02x" % k)
    yield "129 entries", e
    e = pb().Envelope()
    for k in range(65):
        hint = e.peers.peers.add()
        hint.id, hint.ip, hint.port = k + 1, b"\x0a\x63\0\x09", 6783
    yield "65 hints", e
    e = pb().Envelope()
    hint = e.peers.peers.add()
    hint.id, hint.ip, hint.port = 0, b"\x0a\x63\0\x09", 6783
    yield "hint without id", e
    e = pb().Envelope()
    e.hello.CopyFrom(peer.hello().hello)
    yield "second hello", e


@BOTH
def test_messages_out_of_limits_end_the_session(world, stranger):
    host = world.hosts[0]
    for what, envelope in bad_entries(stranger):
        session = stranger.dial(host)
        session.send(envelope)
        wait_until(lambda w=what, s=session: "%s to end the session: %s" % (
            w, s.error), lambda s=session: s.error is not None)
        assert "refused: 1 " in session.error, "%s: %s" % (what,
                                                            session.error)
        session.close()
        assert not [e for e in host.directory_entries()
                    if e["mac"].startswith("02:00:03")], what


def test_messages_at_every_limit_are_taken(world, stranger):
    session = stranger.dial(world.hosts[0])
    e = pb().Envelope()
    for k in range(128):
        stranger.entry(e, 0xfffffe if k else 1, "02:00:03:00:02:%02x" % k,
                       ["fd40::%x:%x" % (k, n + 1) for n in range(16)])
    session.send(e)
    # of unknown kind: ignored; and one of exactly the largest size
    session.send_raw(struct.pack("!I", 65536) + b"\xfa\x3f" + b"\xfb\xff\x03"
                     + b"u" * (65536 - 5))
    session.send_raw(struct.pack("!I", 0))
    ping = pb().Envelope()
    ping.ping.seq = 42
    session.send(ping)
    wait_until(lambda: "pong: %s" % session.error, lambda: any(
        m.WhichOneof("body") == "pong" and m.pong.seq == 42
        for m in session.received))
    got = [x for x in world.hosts[0].directory_entries()
           if x["mac"].startswith("02:00:03")]
    assert len(got) == 128 and len(got[0]["addresses"]) == 16
    assert session.error is None


@BOTH
def test_mutated_messages_in_a_session(world, stranger):
    rng = random.Random(3)
    e = pb().Envelope()
    for k in range(20):
        stranger.entry(e, 5000, "02:00:04:00:00:%02x" % k, ["10.41.0.%d" % k])
    good = e.SerializeToString()
    session = None
    for _ in range(N_RANDOM):
        if session is None or session.error is not None:
            if session is not None:
                session.close()
            session = stranger.dial(world.hosts[0])
        data = bytearray(good)
        for _ in range(rng.randrange(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            session.send_raw(struct.pack("!I", len(data)) + data)
        except OSError:
            pass
        time.sleep(0.005)


@pytest.mark.limit(300)
def test_more_entries_than_a_peer_may_have(world, stranger):
    host = world.hosts[0]
    session = stranger.dial(host)
    n = MAX_ENTRIES_PER_PEER + 500
    refused = host.metrics()["entries_refused"]
    vni = host.directory_entries()[0]["vni"]
    session._sock.settimeout(120)
    session.announce([(vni + 1 if k % 2 else vni,
                       "02:01:%02x:%02x:%02x:00" % (k >> 16, k >> 8 & 255,
                                                    k & 255), [])
                      for k in range(n)])
    wait_until(lambda: "%s" % host.metrics(), lambda: session.error or
               host.metrics()["entries_refused"] > refused, 60, 0.2)
    assert host.metrics()["entries"] <= MAX_ENTRIES_PER_PEER + 2
    session.close()
    again = stranger.dial(host)
    again.send_raw(stranger.snapshot([]))
    wait_until(lambda: "them to go: %s" % host.metrics()["entries"],
               lambda: host.metrics()["entries"] <= 2, 60, 0.2)


class Crowd:
    """Sessions of as many identities, kept alive by one thread."""

    def __init__(self, namespace, host, main):
        self._namespace, self._host, self._main = namespace, host, main
        self._poll = select.poll()
        self._socks, self._have = {}, {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def add(self, ident):
        s = raw_connection(self._namespace, self._host)
        s.sendall(framed(self._main.hello(id=ident, name="%016x" % ident,
                                          instance=ident)))
        # A source may have eight handshakes open, not hundreds.
        self._have[s.fileno()] = s.recv(1 << 16)
        assert self._have[s.fileno()], "closed instead of a hello"
        self._socks[s.fileno()] = s
        self._poll.register(s, select.POLLIN)

    def _answer(self):
        while not self._stop.is_set():
            for fd, _ in self._poll.poll(50):
                try:
                    more = self._socks[fd].recv(1 << 16)
                except OSError:
                    more = b""
                if more:
                    self._have[fd] = self._pongs(fd, self._have[fd] + more)
                else:
                    self._poll.unregister(fd)

    def _pongs(self, fd, have):
        while len(have) >= 4:
            size, = struct.unpack_from("!I", have)
            if len(have) < 4 + size:
                break
            got = pb().Envelope.FromString(have[4:4 + size])
            have = have[4 + size:]
            if got.WhichOneof("body") == "ping":
                pong = pb().Envelope()
                pong.pong.seq = got.ping.seq
                self._socks[fd].sendall(framed(pong))
        return have

    def close(self):
        self._stop.set()
        self._thread.join(5)
        for s in self._socks.values():
            s.close()


@pytest.mark.limit(240)
def test_two_hundred_sessions_at_once(world):
    host = world.hosts[0]
    namespace, address = world.stranger()
    main = ScriptedPeer(namespace, address)
    crowd = Crowd(namespace, host, main)
    try:
        for k in range(200):
            crowd.add(0x7000000000000000 + k + 1)
        wait_until(lambda: "%d sessions" % host.metrics()["sessions"],
                   lambda: host.metrics()["sessions"] >= 201, every=0.1)
        # They are peers with the same underlay address, so most of them are
        # nothing but a claim; the daemon goes on working.
        assert host.status()["peers"]
        time.sleep(1)
    finally:
        crowd.close()
        main.close()
    wait_until(lambda: "%d sessions" % host.metrics()["sessions"],
               lambda: host.metrics()["sessions"] == 1, every=0.1)


def test_many_connections_without_a_hello(world):
    """Eight from one address at most; a real peer still gets in."""
    socks = [connect(world) for _ in range(100)]
    time.sleep(0.5)
    still = [s for s in socks if not select.select([s], [], [], 0)[0]]
    assert len(still) <= 8, "%d connections are kept" % len(still)
    world.hosts[1].restart()
    world.wait_connected()
    for s in socks:
        s.close()


def test_reader_that_never_reads(world, stranger):
    """Pings without end, and the answers are never taken."""
    namespace, _ = world.stranger()
    s = raw_connection(namespace, world.hosts[0])
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.sendall(framed(stranger.hello()))
    ping = pb().Envelope()
    ping.ping.seq = 1
    s.settimeout(0.5)
    data = framed(ping) * 20000
    end = time.monotonic() + 3
    try:
        while time.monotonic() < end:
            s.sendall(data)
    except OSError:
        pass
    assert world.hosts[0].api("ping") is not None
    s.close()


@BOTH
def test_claims_of_a_strangers_peer_do_not_move_ours(world, stranger):
    """A session is trusted (--insecure says so), but a revision of the far
    future must not take the daemon's clock with it for ever."""
    host = world.hosts[0]
    victim = world.containers[0]
    vni = host.directory_entries()[0]["vni"]
    session = stranger.dial(host)
    e = pb().Envelope()
    stranger.entry(e, vni, "02:00:05:00:00:01", ["10.42.0.1"],
                   revision=(1 << 64) - 1)
    session.send(e)
    time.sleep(0.5)
    new = world.container(world.hosts[1])
    world.settle()
    assert new.reaches(victim.ip4) and victim.reaches(new.ip6)
