# SPDX-License-Identifier: Apache-2.0
"""Containers whose MTU is larger than one of three peers takes."""

import re
import select
import socket
import threading
import time

import pytest

from mtu import OVERHEAD, Paths, Watch, path_mtu, wait_plpmtu
from ns import wait_until

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


@pytest.fixture(params=[4, 6], ids=["IPv4", "IPv6"])
def world(request, make_cluster):
    """Four hosts with a container each; the way to the last, which has two,
    is narrow."""
    cluster = make_cluster(4, family=request.param, mode="router", start=False)
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


def test_all_kinds_arrive(world):
    a, *wide, narrow, fresh = world.containers
    first = world.hosts[0]
    fits = NARROW - OVERHEAD[world.family]
    watch = Watch(world)
    # Neighbours are known from here on.
    for b in (*wide, narrow):
        for address in (b.ip4, b.ip6):
            wait_until("a ping", lambda p=address: a.reaches(p), 3)
    time.sleep(0.3)

    before = upcalls(first)
    for b in wide:
        for address in (b.ip4, b.ip6):
            transfer(a, b, address)
            for discover in (DONT, DO):
                assert Datagrams(a, b, address, discover).arrives(1370)
    assert upcalls(first) == before, "wide peers cost upcalls"

    for address in (narrow.ip4, narrow.ip6):
        # The answer to the first is what the container's kernel learns.
        head = 28 if address == narrow.ip4 else 48
        strict = Datagrams(a, narrow, address, DO)
        wait_until("the container to be told", lambda d=strict, p=address: not
                   d.arrives(1370, 0.1) and path_mtu(a, p) == fits, 3)
        assert strict.arrives(fits - head)
        assert not strict.arrives(fits - head + 1, 0.2)
        before = upcalls(first)
        transfer(a, narrow, address)
        assert upcalls(first) == before, "upcalls after the first answers"
    loose = Datagrams(a, narrow, narrow.ip4, DONT)
    for payload in (1370, 1423, 4000, 9000):
        assert loose.arrives(payload), payload
    assert Datagrams(a, narrow, narrow.ip6, DONT).arrives(4000)
    # Nobody has told the containers of these two anything: super-frames are
    # judged by their segments.
    for c, d in ((a, fresh), (fresh, a)):
        transfer(c, d, d.ip4)
        transfer(c, d, d.ip6)
    assert path_mtu(a, fresh.ip4) == path_mtu(a, fresh.ip6) == fits
    watch.look()
    assert watch.n_frames > 1000


def test_system_calls(make_cluster):
    """A whole session of the daemon: no raw and no packet socket is made, and
    no datagram is handed to the kernel that is longer than the link."""
    cluster = make_cluster(2, mode="router", start=False)
    Paths(cluster.underlay).narrow(2, NARROW)
    one, two = cluster.hosts
    trace = one.directory + "/trace"
    one.wrapper = ["strace", "-D", "-f", "-o", trace, "-e",
                   "trace=socket,sendto,sendmsg,sendmmsg", "-s", "0"]
    cluster.start()
    a, b = (cluster.container(host) for host in cluster.hosts)
    cluster.settle()
    wait_plpmtu(one, two, NARROW, 10)
    undo = cluster.underlay.cut_both(1, 2, proto="udp", port=6784)
    wait_until("sleeve", lambda: one.peer(two)["path"] == "sleeve", 5)
    wait_plpmtu(one, two, NARROW, 10, "sleeve")
    transfer(a, b, b.ip4, 1 << 16)
    undo()
    one.stop()
    with open(trace, encoding="utf-8") as f:
        lines = f.read().splitlines()
    sockets = [line for line in lines if "socket(AF_" in line]
    assert any("AF_INET" in line for line in sockets), lines[:20]
    for line in sockets:
        assert "AF_PACKET" not in line, line
        assert "AF_NETLINK" in line or "SOCK_RAW" not in line, line
    check_sends(lines)


def check_sends(lines):
    """Datagrams of UDP: those without segmentation, and segments."""
    udp = set()
    n = 0
    for line in lines:
        got = re.search(r"socket\(AF_INET6?, SOCK_DGRAM.*= (\d+)", line)
        if got:
            udp.add(int(got[1]))
        got = re.search(r"\bsend(?:to|msg)\((\d+), (.*) = (\d+)$", line)
        if not got or int(got[1]) not in udp:
            continue
        n += 1
        if "cmsg_type=" not in got[2] or "UDP_SEGMENT" not in got[2]:
            assert int(got[3]) <= 1500 - 28, line
    assert n > 10, "no datagram of the daemon was seen"
