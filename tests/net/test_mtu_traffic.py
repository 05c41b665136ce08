# SPDX-License-Identifier: Apache-2.0
"""Traffic over paths that are narrower than the containers' MTU."""

import re
import socket
import threading

from mtu import Paths, wait_plpmtu
from ns import wait_until

NARROW = 1300


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
