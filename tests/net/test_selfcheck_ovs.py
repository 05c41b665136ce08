# SPDX-License-Identifier: Apache-2.0
"""Does the reader of kernel flows tell what is there? No daemon."""

import struct
import time

import pytest

import netlink
from capture import mac_bytes
from flows import GROUP, Datapath, FlowMonitor
from netlink import attribute
from ns import Namespace
from peer import framed, pb

pytestmark = pytest.mark.no_daemon

WIDE = b"\xff"


def u32(value):
    return struct.pack("=I", value)


def put(genl, dp, ufid, key, mask, actions):
    body = (attribute(9, ufid) + attribute(1 | 0x8000, key) +
            attribute(7 | 0x8000, mask) + attribute(2 | 0x8000, actions))
    genl.ovs("ovs_flow", netlink.NEW, dp, body, 0x400)  # NLM_F_CREATE


@pytest.fixture
def datapath():
    ns = Namespace("dp")
    genl = netlink.Genl(ns)
    dp = netlink.make_datapath(genl, "fastdp")
    monitor = FlowMonitor(ns)
    reader = Datapath(ns)
    yield genl, dp, monitor, reader
    for one in (genl, monitor, reader):
        one.close()
    ns.close()


def test_datapath_and_vports(datapath):
    genl, dp, _, reader = datapath
    assert reader.ifindex() == dp
    assert reader.vports() == {0: ("fastdp", "internal")}
    assert reader.statistics()["flows"] == 0 and reader.flows() == []
    netlink.delete_datapath(genl, dp)
    with pytest.raises(AssertionError):
        reader.flows()


def test_unicast_flow(datapath):
    genl, dp, monitor, reader = datapath
    mac = "02:00:00:00:00:09"
    tunnel = (attribute(0, struct.pack("!Q", 77)) +
              attribute(2, bytes([10, 99, 0, 2])) + attribute(4, b"\x40") +
              attribute(5, b""))
    put(genl, dp, b"u" * 16,
        attribute(20, u32(0x1000005)) + attribute(4, bytes(6) +
                                                  mac_bytes(mac)),
        attribute(20, WIDE * 4) + attribute(4, bytes(6) + WIDE * 6),
        attribute(3 | 0x8000, attribute(16 | 0x8000, tunnel)) +
        attribute(1, u32(1)))
    (flow,) = reader.flows()
    assert flow.match == {"recirc": 0x1000005, "eth_dst": mac}
    assert flow.tunnels() == ["10.99.0.2"] and flow.outputs() == [1]
    assert flow.ufid == (b"u" * 16).hex() and flow.packets == 0
    assert flow.used is None and not flow.is_lazy
    assert [f.identity() for f in reader.mentions(mac)] == [flow.identity()]
    assert reader.mentions("10.99.0.2") and not reader.mentions("10.99.0.3")
    assert [f.ufid for f in monitor.puts()] == [flow.ufid]
    assert monitor.n() == 1
    genl.ovs("ovs_flow", netlink.DEL, dp, attribute(9, b"u" * 16))
    assert monitor.n() == 2 and [f.ufid for f in monitor.dels()] == \
        [flow.ufid]
    monitor.reset()
    assert monitor.n() == 0 and reader.flows() == []


def test_arp_and_group_flows(datapath):
    genl, dp, _, reader = datapath
    group = bytes(6) + mac_bytes(GROUP)
    arp_key = bytes(4) + bytes([10, 32, 0, 1]) + b"\0\1" + bytes(14)
    arp_mask = bytes(4) + WIDE * 4 + WIDE * 2 + bytes(14)
    put(genl, dp, b"a" * 16,
        attribute(20, u32(0x1000005)) + attribute(4, group) +
        attribute(6, b"\x08\x06") + attribute(13, arp_key),
        attribute(20, WIDE * 4) + attribute(4, group) +
        attribute(6, WIDE * 2) + attribute(13, arp_mask),
        attribute(1, u32(17)))
    put(genl, dp, b"g" * 16,
        attribute(20, u32(0x1000005)) + attribute(3, u32(16)) +
        attribute(4, group) + attribute(6, b"\x88\xb5"),
        attribute(20, WIDE * 4) + attribute(3, WIDE * 4) +
        attribute(4, group) + attribute(6, WIDE * 2),
        attribute(1, u32(17)) + attribute(7, u32(0x3000005)))
    by = reader.by_ufid()
    owner, other = by[(b"a" * 16).hex()], by[(b"g" * 16).hex()]
    assert owner.match["arp_tip"] == "10.32.0.1"
    assert owner.match["arp_op"] == 1 and owner.match["eth_dst"] == GROUP
    assert not owner.is_lazy and other.is_lazy
    assert other.actions == [("output", 17), ("recirc", 0x3000005)]
    assert other.match["in_port"] == 16


def test_quiet_is_noticed(datapath):
    _, _, monitor, _ = datapath
    start = time.monotonic()
    monitor.settle(quiet=0.2)
    assert 0.2 <= time.monotonic() - start < 2


def test_control_messages_can_be_made():
    e = pb().Envelope()
    e.ping.seq = 1
    assert framed(e)[:4] == struct.pack("!I", len(e.SerializeToString()))
