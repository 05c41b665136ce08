# SPDX-License-Identifier: Apache-2.0
"""What is measured between the two containers of a pair: one repeat of each.

All figures are of one connection or one sender, from container 1 to 2.
"""

import json
import os
import re
import subprocess

from hosts import OVERLAY, Failure, sh

TCP_S = 2
PPS_S = 1
PINGS = 200
PING_INTERVAL_S = 0.02
TIME = re.compile(r"time=([0-9.]+) ms")


def start_server(pair):
    """iperf3 in container 2, for as long as the pair is there."""
    server = pair.popen(pair.container(2), "iperf3", "--server",
                        "--forceflush", stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL, text=True)
    for line in server.stdout:
        if "listening" in line:
            # what it prints of each test is not read
            server.stdout.close()
            return
    raise Failure("iperf3 --server ended with status %d" % server.wait())


def tcp(pair, _build):
    """Bits a second that arrived."""
    out = json.loads(sh(*pair.inside(pair.container(1)), "iperf3", "--client",
                        OVERLAY % 2, "--congestion", "cubic", "--time",
                        str(TCP_S), "--json"))
    if "sum_received" not in out["end"]:
        raise Failure("%s: iperf3: %s" % (pair.label, out.get("error", out)))
    return out["end"]["sum_received"]["bits_per_second"]


def pps(pair, build):
    """Packets a second that arrived, 64 bytes each in the containers."""
    received, sent, ns = map(int, sh(
        os.path.join(build, "tests/bench/pps"),
        "/run/netns/" + pair.container(1), "/run/netns/" + pair.container(2),
        OVERLAY % 2, str(PPS_S)).split())
    if sent - received > sent / 1000:
        raise Failure("%s: %d of %d packets were lost"
                      % (pair.label, sent - received, sent))
    return received * 1e9 / ns


def rtt(pair, _build):
    """Seconds for a ping and its answer: the mean of the middle half, which a
    timer that fires in between does not move."""
    out = sh(*pair.inside(pair.container(1)), "ping", "-n", "-c", str(PINGS),
             "-i", str(PING_INTERVAL_S), OVERLAY % 2)
    times = sorted(float(t) for t in TIME.findall(out))
    if len(times) != PINGS:
        raise Failure("%s: %d of %d pings were answered"
                      % (pair.label, len(times), PINGS))
    middle = times[PINGS // 4:PINGS - PINGS // 4]
    return sum(middle) / len(middle) / 1000


MEASURES = {"tcp": tcp, "pps": pps, "rtt": rtt}
