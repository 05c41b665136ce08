# SPDX-License-Identifier: Apache-2.0
"""An underlay that loses, doubles, reorders and damages: what arrives by the
user-space path is what was sent, and TCP works."""

import hashlib
import random
import socket
import struct
import threading
import time

import pytest

from ns import figure, is_long, wait_until
from traffic import transfer

VXLAN = 6784
SIZE = (8 << 20) if is_long() else (1 << 20)
# The issue's, and what goes wrong besides.
IMPAIRMENTS = {
    "loss": ("loss", "5%"),
    "all": ("delay", "3ms", "1ms", "reorder", "75%", "50%", "loss", "5%",
            "duplicate", "5%"),
    "damage": ("corrupt", "1%"),
}
HEAD = struct.Struct("=IH20s")
CASES = [(what, "ovs") for what in sorted(IMPAIRMENTS)] + [("all", "bridge")]


@pytest.fixture(params=CASES, ids=lambda case: "%s, %s" % case)
def world(request, make_cluster):
    """Two hosts on sleeve, whose underlay is bad both ways."""
    what, datapath = request.param
    two = make_cluster(2, datapaths=[datapath] * 2)
    for host in two.hosts:
        two.container(host)
    two.settle()
    if datapath == "ovs":
        two.underlay.cut_both(1, 2, proto="udp", port=VXLAN)
    one, other = two.hosts
    wait_until("sleeve", lambda: one.peer(other)["path"] ==
               other.peer(one)["path"] == "sleeve")
    two.underlay.impair(1, *IMPAIRMENTS[what])
    two.underlay.impair(2, *IMPAIRMENTS[what])
    return two


def datagram(number, size):
    """It tells its number, its size, and what is to be in it."""
    body = random.Random(number).randbytes(size - HEAD.size)
    return HEAD.pack(number, size, hashlib.sha1(body).digest()) + body


def look_at(data):
    """Its number; fails if it is not as it was made."""
    number, size, digest = HEAD.unpack_from(data)
    assert len(data) == size, "number %d: %d bytes, %d were sent" % (
        number, len(data), size)
    assert hashlib.sha1(data[HEAD.size:]).digest() == digest, \
        "number %d came with other bytes" % number
    return number


def exchange(client, server, address, n, port=7300):
    """Datagrams of many sizes in bursts of equal ones (these are joined on
    the way) and single ones. Returns the numbers that arrived, in order."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    rx = server.socket(family, socket.SOCK_DGRAM)
    rx.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    rx.bind((address, port))
    rx.settimeout(1)
    got, faults = [], []
    is_sent = threading.Event()

    def receive():
        while True:
            try:
                got.append(look_at(rx.recv(1 << 16)))
            except socket.timeout:
                if is_sent.is_set():
                    return
            except AssertionError as e:
                faults.append(str(e))

    thread = threading.Thread(target=receive)
    thread.start()
    chance = random.Random(n)
    number = 0
    try:
        with client.socket(family, socket.SOCK_DGRAM) as tx:
            tx.connect((address, port))
            while number < n:
                size = chance.choice((HEAD.size, 40, 200, 600, 1000, 1300))
                for _ in range(chance.choice((1, 1, 4, 16))):
                    tx.send(datagram(number, size))
                    number += 1
                time.sleep(0.004)
    finally:
        is_sent.set()
        thread.join()
        rx.close()
    assert not faults, "%s: %s" % (server.label, faults[:5])
    return number, got


def test_nothing_is_merged_wrongly(world):
    a, b = world.containers
    one, two = world.hosts
    for client, server, address in ((a, b, b.ip4), (b, a, a.ip6)):
        took = transfer(client, server, address, SIZE)
        figure("TCP, %s to %s" % (client.label, address),
               "%.1f Mbit/s" % (SIZE * 8e-6 / took))
    for client, server, address in ((a, b, b.ip6), (b, a, a.ip4)):
        sent, got = exchange(client, server, address,
                             4000 if is_long() else 1200)
        n = len(set(got))
        figure("UDP, %s to %s" % (client.label, address),
               "%d sent, %d came, %d of these twice" % (sent, n,
                                                       len(got) - n))
        # A lost packet of the underlay costs a datagram of it, not a burst.
        assert n >= 0.85 * sent
        # The window of the path drops what comes twice.
        assert len(got) == n
    m = two.metrics()
    figure("dropped", {k: v for k, v in m.items()
                       if k.startswith("sleeve_drop_") and v})
    # The path was not given up for it.
    for host, other in ((one, two), (two, one)):
        p = host.peer(other)
        assert p["path"] == "sleeve" and p["state"] == "up", p
