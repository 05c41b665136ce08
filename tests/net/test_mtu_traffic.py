# SPDX-License-Identifier: Apache-2.0
"""Containers whose MTU is larger than one of three peers takes."""

import select
import socket
import threading
import time

import pytest

from mtu import OVERHEAD, Paths, path_mtu, wait_plpmtu
from ns import CAP_NET_RAW, figure, wait_until
from trace import STRACE, Trace

NARROW = 1400
# IP_MTU_DISCOVER, IPV6_MTU_DISCOVER; DONT and DO
PMTU = {4: (socket.IPPROTO_IP, 10), 6: (socket.IPPROTO_IPV6, 23)}
DONT, DO = 0, 2
IPV6_DONTFRAG = 62


def family_of(address):
    return 6 if ":" in address else 4


def af_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def transfer(a, b, address, size=1 << 20):
    """So much over TCP, in super-frames where the kernel likes; it arrives."""
    listener = b.socket(af_of(address), socket.SOCK_STREAM)
    listener.bind((address, 0))
    listener.listen(1)
    listener.settimeout(10)
    tx = a.socket(af_of(address), socket.SOCK_STREAM)
    tx.settimeout(10)
    tx.connect(listener.getsockname()[:2])
    rx, _ = listener.accept()
    rx.settimeout(10)

    def send():
        tx.sendall(b"fastdp.." * (size // 8))
        tx.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    got = 0
    while True:
        data = rx.recv(1 << 18)
        if not data:
            break
        got += len(data)
    thread.join(10)
    for one in (listener, tx, rx):
        one.close()
    assert got == size, "%d of %d bytes" % (got, size)


class Datagrams:
    """UDP from one container to another."""

    def __init__(self, a, b, address, discover):
        self._rx = b.socket(af_of(address), socket.SOCK_DGRAM)
        self._rx.bind((address, 0))
        self._to = self._rx.getsockname()[:2]
        self._tx = a.socket(af_of(address), socket.SOCK_DGRAM)
        level, option = PMTU[family_of(address)]
        self._tx.setsockopt(level, option, discover)
        if family_of(address) == 6 and discover == DO:
            self._tx.setsockopt(level, IPV6_DONTFRAG, 1)

    def arrives(self, payload, timeout=1.0):
        """One datagram; False too when our own kernel refuses it."""
        data = bytes(range(256)) * (payload // 256 + 1)
        try:
            self._tx.sendto(data[:payload], self._to)
        except OSError:
            return False
        if not select.select([self._rx], [], [], timeout)[0]:
            return False
        return self._rx.recv(1 << 16) == data[:payload]


class Broadcast:
    """UDP from one container to all."""

    PORT = 7400

    def __init__(self, a, others):
        self._rx = []
        for one in others:
            s = one.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.bind(("", self.PORT))
            self._rx.append((one, s))
        self._tx = a.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._tx.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.cut(DONT)

    def cut(self, discover):
        self._tx.setsockopt(*PMTU[4], discover)

    def reaches(self, payload, n):
        """Who gets it; @n are waited for."""
        self._tx.sendto(bytes(payload), ("10.32.255.255", self.PORT))
        got = []

        def look():
            for one, s in self._rx:
                if select.select([s], [], [], 0)[0]:
                    got.append((one, len(s.recv(1 << 16))))
            return len(got) >= n
        wait_until("the broadcast", look, 3)
        time.sleep(0.2)
        look()
        assert all(size == payload for _, size in got), got
        return [one for one, _ in got]


@pytest.fixture(params=[4, 6], ids=["IPv4", "IPv6"])
def world(request, make_cluster):
    """Four hosts with a container each; the way to the last, which has two,
    is narrow."""
    cluster = make_cluster(4, family=request.param, mode="routers", start=False)
    paths = Paths(cluster.underlay)
    paths.narrow(4, NARROW)
    if request.param == 4:
        # The other hears the router, and its kernel answers too.
        paths.drop_icmp()
    cluster.start()
    for host in [*cluster.hosts, cluster.hosts[-1]]:
        cluster.container(host)
    cluster.settle()
    first = cluster.hosts[0]
    for other, size in zip(cluster.hosts[1:], (1500, 1500, NARROW)):
        wait_plpmtu(first, other, size, 5)
    return cluster


def upcalls(host):
    return host.metrics()["upcalls"]


def is_free(host, work):
    """Whether work() costs no upcall: once in three times, for containers
    speak of their own accord as well."""
    for _ in range(3):
        before = upcalls(host)
        work()
        if upcalls(host) == before:
            return True
    return False


def test_all_kinds_arrive(world):
    a, *wide, narrow, fresh = world.containers
    first = world.hosts[0]
    fits = NARROW - OVERHEAD[world.family]
    # Neighbours are known from here on.
    for b in (*wide, narrow):
        for address in (b.ip4, b.ip6):
            wait_until("a ping", lambda p=address: a.reaches(p), 3)
    time.sleep(0.3)

    def speak_to_wide():
        for b in wide:
            for address in (b.ip4, b.ip6):
                transfer(a, b, address)
                for discover in (DONT, DO):
                    assert Datagrams(a, b, address, discover).arrives(1370)
    assert is_free(first, speak_to_wide), "wide peers cost upcalls"

    for address in (narrow.ip4, narrow.ip6):
        # The answer to the first is what the container's kernel learns.
        head = 28 if address == narrow.ip4 else 48
        strict = Datagrams(a, narrow, address, DO)
        wait_until("the container to be told", lambda d=strict, p=address: not
                   d.arrives(1370, 0.1) and path_mtu(a, p) == fits, 3)
        assert strict.arrives(fits - head)
        assert not strict.arrives(fits - head + 1, 0.2)
        assert is_free(first, lambda p=address: transfer(a, narrow, p)), \
            "upcalls after the first answers"
    loose = Datagrams(a, narrow, narrow.ip4, DONT)
    for payload in (1370, 1423, 4000, 9000):
        assert loose.arrives(payload), payload
    assert Datagrams(a, narrow, narrow.ip6, DONT).arrives(4000)
    # A long broadcast is cut for the narrow peer, where it may be; else the
    # others get it, and it is counted. Nobody is told.
    last = world.hosts[-1]
    told = first.metrics()["too_big_answered"]
    everybody = Broadcast(a, [*wide, narrow])
    assert is_free(first, lambda: everybody.reaches(1000, 3)), \
        "short broadcasts cost upcalls"
    for payload in (1000, 1370, 4000):
        assert set(everybody.reaches(payload, 3)) == {*wide, narrow}
    assert first.peer(last)["too_big"]["groups_lost"] == 0
    everybody.cut(DO)
    assert set(everybody.reaches(1370, 2)) == set(wide)
    assert first.peer(last)["too_big"]["groups_lost"] == 1
    assert "broadcasts and multicasts were too long" in first.ctl(
        "why", narrow.ip4, json_out=False)
    assert first.metrics()["too_big_answered"] == told
    # Nobody has told the containers of these two anything: super-frames are
    # judged by their segments.
    for c, d in ((a, fresh), (fresh, a)):
        transfer(c, d, d.ip4)
        transfer(c, d, d.ip6)
    assert path_mtu(a, fresh.ip4) == path_mtu(a, fresh.ip6) == fits


def test_system_calls(make_cluster):
    """A whole session of the daemon, which has no CAP_NET_RAW: no raw and no
    packet socket is made, and nothing is handed to the kernel that is longer
    than the link: no datagram, no segment of one, no frame for the tunnel."""
    cluster = make_cluster(2, mode="routers", start=False)
    Paths(cluster.underlay).narrow(2, NARROW)
    one, two = cluster.hosts
    path = one.directory + "/trace"
    one.wrapper = [*STRACE, "-o", path]
    cluster.start()
    assert not one.has_capability(CAP_NET_RAW)
    a, b = (cluster.container(host) for host in cluster.hosts)
    cluster.settle()
    wait_plpmtu(one, two, NARROW, 10)
    # Long ones come up and go on in pieces.
    assert Datagrams(a, b, b.ip4, DONT).arrives(4000)
    undo = cluster.underlay.cut_both(1, 2, proto="udp", port=6784)
    wait_until("sleeve", lambda: one.peer(two)["path"] == "sleeve", 5)
    wait_plpmtu(one, two, NARROW, 10, "sleeve")
    transfer(a, b, b.ip4, 1 << 16)
    undo()
    one.stop()
    trace = Trace(path)
    assert any("AF_INET" in text for text in trace.sockets), trace.sockets
    for text in trace.sockets:
        assert "AF_PACKET" not in text, text
        assert "AF_NETLINK" in text or "SOCK_RAW" not in text, text
    largest = {kind: max(sizes, default=0)
               for kind, sizes in trace.sizes.items()}
    figure("longest packets", largest)
    assert largest["datagram"] == 1500, largest
    assert 1000 < largest["segment"] <= NARROW, largest
    assert largest["frame"] == 1500, largest
