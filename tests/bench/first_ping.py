#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a host takes to join: from the start of its daemon to the first
answered ping between its container and one of a host that runs already.

usage: first_ping.py BUILD-DIRECTORY REPEATS RESULT-FILE

Two ways, each repeat with new hosts and new daemons:

  adopted   the container was attached while its host was alone; its daemon was
            stopped and starts again, now told of the other host
  fresh     the daemon has never run here; as soon as it answers, the container
            is attached

A ping leaves every 10 ms from before the start on, and an ARP request that
nobody answers is repeated every 10 ms (in Linux: 1 s), so that the figure is
ours and not the patience of the one who asks.
"""

import json
import os
import re
import sys
import time

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from hosts import (OVERLAY, UNDERLAY, Failure, FastdpPair,
                   clean_up_when_told, sh, wait_until)

INTERVAL_MS = 10
LIMIT_S = 30
ANSWER = re.compile(r"\[([0-9.]+)\] [0-9]+ bytes from")


def start_asking(pair):
    """Pings from container 1 to container 2, each answer on one line of
    `asked`; returns its path."""
    ns = pair.container(1)
    sh(*pair.inside(ns), "sh", "-c", "echo $0 >$1", str(INTERVAL_MS),
       "/proc/sys/net/ipv4/neigh/eth0/retrans_time_ms")
    path = os.path.join(pair.directory, "asked")
    with open(path, "wb") as out:
        pair.popen(ns, "stdbuf", "-oL", "ping", "-n", "-D", "-i",
                   str(INTERVAL_MS / 1000), OVERLAY % 2, stdout=out,
                   stderr=out)
    time.sleep(0.3)
    return path


def first_answer(path):
    """When it came, in time.time(); None: not yet."""
    with open(path, encoding="ascii", errors="replace") as f:
        match = ANSWER.search(f.read())
    return float(match[1]) if match else None


def one(build, is_adopted):
    pair = FastdpPair(build)
    try:
        pair.start(1)
        pair.wait_ready(1)
        pair.attach(1)
        if is_adopted:
            pair.start(2)
            pair.wait_ready(2)
            pair.attach(2)
            pair.stop(2)
        path = start_asking(pair)
        if first_answer(path):
            raise Failure("a ping was answered before the hosts were joined")
        start = time.time()
        pair.start(2, "--peer", UNDERLAY % 1)
        if not is_adopted:
            pair.wait_ready(2)
            pair.attach(2)
        wait_until(lambda: "the first ping is answered:\n%s%s" % (
            pair.log(1), pair.log(2)), lambda: first_answer(path), LIMIT_S)
        return first_answer(path) - start
    finally:
        pair.close()


def main():
    clean_up_when_told()
    build, repeats, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    samples = {"adopted": [], "fresh": []}
    try:
        for _ in range(repeats):
            samples["adopted"].append(one(build, True))
            samples["fresh"].append(one(build, False))
    except Failure as e:
        print("bench: %s" % e, file=sys.stderr)
        return 1
    with open(path, "w", encoding="ascii") as f:
        json.dump({"kernel": os.uname().release,
                   "machine": os.environ.get("FASTDP_VM", "host"),
                   "samples": samples}, f)
    return 0


if __name__ == "__main__":
    sys.exit(main())
