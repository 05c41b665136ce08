# SPDX-License-Identifier: Apache-2.0
"""A stranger sends what it can to the port of the user-space path: garbage,
other people's addresses, what it has overheard. It is counted and dropped,
and who belongs there keeps nine tenths of its rate and its place."""

import contextlib
import json
import os
import random
import struct
import subprocess
import tempfile

import pytest

from capture import udp
from ns import figure, is_long, sh, wait_until

SLEEVE, VXLAN = 6783, 6784
SECONDS = 8 if is_long() else 2
ROUNDS = 4
KEPT = 0.9
# Of each stream, in bits a second: little for any machine.
PACE = 1000000
# Datagrams a second, and what the thread has for them, in percent.
FLOOD_RATE = 60000
SHARE = 4
PERIOD_NS = 10 * 1000 * 1000
KINDS = ("kernel", "malformed", "version", "token", "replay")


def on_sleeve(world):
    """Both hosts send to each other by the user-space path."""
    for host in world.hosts:
        world.container(host)
    world.settle()
    if any(h.datapath == "ovs" for h in world.hosts):
        world.underlay.cut_both(1, 2, proto="udp", port=VXLAN)
    one, two = world.hosts
    wait_until("sleeve", lambda: one.peer(two)["path"] ==
               two.peer(one)["path"] == "sleeve", 5)
    return world


@pytest.fixture(params=[
    pytest.param("ovs", id="openvswitch"),
    pytest.param("bridge", id="bridge", marks=pytest.mark.running_kernel)])
def world(request, make_cluster):
    return on_sleeve(make_cluster(2, strangers=1,
                                  datapaths=[request.param] * 2))


class Rate:
    """A paced stream between containers; what arrives, in bits a second."""

    def __init__(self, client, server, port, *options):
        self._server = server.ns.popen(
            "iperf3", "-s", "-1", "-p", port, "-B", server.ip4,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("the server", lambda: ":%d " % port in server.run(
            "ss", "-Hltn").stdout, 5, 0.1)
        self._client = client.ns.popen(
            "iperf3", "-c", server.ip4, "-p", port, "-t", SECONDS, "-J",
            *options, stdout=subprocess.PIPE, text=True)

    def get(self):
        """0: it did not come to an end."""
        try:
            out, _ = self._client.communicate(timeout=SECONDS + 8)
        except subprocess.TimeoutExpired:
            self._client.kill()
            out, _ = self._client.communicate()
        self._server.kill()
        self._server.wait(10)
        got = json.loads(out or "{}")
        if "end" not in got or "error" in got:
            return 0
        end = got["end"]
        if "sum_received" in end:
            return end["sum_received"]["bits_per_second"]
        return end["sum"]["bits_per_second"] * \
            (100 - end["sum"]["lost_percent"]) / 100


def rates(world):
    """Both ways, with UDP and with TCP, at the same time."""
    a, b = world.containers
    running = [Rate(a, b, 7401, "-u", "-b", PACE, "-l", 1000),
               Rate(b, a, 7402, "-u", "-b", PACE, "-l", 1000),
               Rate(b, a, 7403, "-b", PACE)]
    return [one.get() for one in running]


def random_header(chance, version=1):
    return struct.pack("!BBHQQ", version, chance.randrange(5), 0,
                       chance.getrandbits(64), chance.getrandbits(64))


def garbage(chance):
    """One datagram that nobody has sent."""
    kind = chance.randrange(5)
    if kind == 0:
        return chance.randbytes(chance.randrange(0, 1400))
    if kind == 1:
        return random_header(chance, chance.randrange(256)) + \
            chance.randbytes(chance.randrange(0, 200))
    if kind == 2:
        return random_header(chance)[:chance.randrange(20)]
    # As of a peer, but for the token.
    kind = chance.choice((1, 2, 3))
    head = struct.pack("!BBHQQ", 1, kind, 0, chance.getrandbits(64),
                       chance.getrandbits(48))
    return head + chance.randbytes(18 if kind > 1 else
                                   chance.randrange(8, 1400))


def overheard(world):
    """Real datagrams of host 2 to host 1, old by now."""
    source, target = world.address(2), world.address(1)
    with world.underlay.capture(1) as seen:
        world.containers[0].ping(world.containers[1].ip4, 20)
        wait_until("heartbeats", lambda: world.hosts[0].metrics()
                   ["probes_acked"] > 0)
        frames = [f for f in seen.frames() if f.addresses ==
                  (source, target) and f.data[23] == 17 and
                  int.from_bytes(f.data[36:38], "big") == SLEEVE]
    assert len(frames) > 5
    return [f.data[42:] for f in frames]


def flood(world, payloads, seconds):
    """Starts it, from the stranger's namespace; half of it says that it is
    from host 2."""
    namespace, address = world.stranger()
    mac = world.hosts[0].ns.mac("eth0")
    frames = [udp(namespace.mac("eth0"), mac,
                  world.address(2) if k % 2 else address, world.address(1),
                  SLEEVE, SLEEVE, data) for k, data in enumerate(payloads)]
    with tempfile.NamedTemporaryFile(delete=False) as f:
        for frame in frames:
            f.write(struct.pack("=H", len(frame)) + frame)
    # It stands for another machine, and has its share of this one's time.
    return namespace.popen(
        "/usr/bin/python3", "-S", "-E", os.path.join(
            os.path.dirname(__file__), "flooder.py"), "eth0", f.name,
        seconds, FLOOD_RATE, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True), f.name


def sleeve_thread(host):
    for tid in os.listdir("/proc/%d/task" % host.pid):
        with open("/proc/%d/task/%s/comm" % (host.pid, tid),
                  encoding="ascii") as f:
            if f.read() == "sleeve\n":
                return tid
    raise AssertionError("there is no thread of that name")


@contextlib.contextmanager
def little_time(host):
    """The thread that receives gets so much of a processor and no more,
    whatever else runs: too little to look at a flood. Some containers may not
    ask for that; then it is a flood like others."""
    tid = sleeve_thread(host)
    if os.environ.get("FASTDP_VM") != "uml":
        done = sh("chrt", "-d", "-T", SHARE * PERIOD_NS // 100, "-D",
                  PERIOD_NS, "-P", PERIOD_NS, "-p", 0, tid, check=False)
        figure("bounded", done.returncode == 0)
    yield
    sh("chrt", "-o", "-p", 0, tid)


def dropped(host):
    m = host.metrics()
    return {k: m["sleeve_drop_" + k] for k in KINDS}


def places(world):
    """Where the peers are, as far as anybody can see."""
    return [[(p["nickname"], p["address"], p["path"])
             for p in h.status()["peers"]] for h in world.hosts]


def one_round(world, payloads):
    """The rates without and with a flood, as shares; the counters must say
    how much it was."""
    one = world.hosts[0]
    quiet, before = rates(world), dropped(one)
    child, path = flood(world, payloads, SECONDS + 60)
    try:
        wait_until("the flood", lambda: sum(dropped(one).values()) >
                   sum(before.values()) + 1000, 5)
        loud = rates(world)
        n_sent = int(child.communicate(timeout=30)[0])
    finally:
        os.unlink(path)
    after = dropped(one)
    n_dropped = {k: after[k] - before[k] for k in KINDS}
    figure("flood", "%d sent, dropped: %s" % (n_sent, n_dropped))
    # One that was slow without a flood is to keep its pace all the same.
    kept = [y / max(x, PACE) for x, y in zip(quiet, loud)]
    figure("rates", ", ".join("%.2f of %.1f Mbit/s" % (k, q / 1e6)
                              for k, q in zip(kept, quiet)))
    # All of it is in the counters, but for what the link itself lost.
    assert sum(n_dropped.values()) >= 0.5 * n_sent
    return kept


@pytest.mark.parametrize("what", ["garbage", "overheard"])
def test_flooded_port(world, what):
    chance = random.Random(4711)
    one = world.hosts[0]
    payloads = [garbage(chance) for _ in range(512)] if what == "garbage" \
        else overheard(world)
    at, rss = places(world), one.rss()
    # What others take of the machine comes and goes; a flood that gets
    # through takes the same part each time.
    with little_time(one):
        kept = one_round(world, payloads)
        for _ in range(ROUNDS - 1):
            if min(kept) >= KEPT:
                break
            kept = [max(pair)
                    for pair in zip(kept, one_round(world, payloads))]
    assert min(kept) >= KEPT, kept
    # It has moved nothing.
    wait_until(lambda: "%s, was %s" % (places(world), at),
               lambda: places(world) == at)
    for host in world.hosts:
        assert "datagrams of a peer come from" not in host.log_now()
    assert one.rss() <= rss + (8 << 20)
    a, b = world.containers
    a.ping(b.ip4, 20).assert_perfect("afterwards")
