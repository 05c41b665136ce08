#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Inside the guest: fastdp, static flows and kernel VXLAN, interleaved.

usage: compare.py BUILD-DIRECTORY ROUNDS RESULT-FILE
"""

import json
import os
import sys
import time

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from hosts import (Failure, FastdpPair, StaticPair, VxlanPair,
                   clean_up_when_told)
from measure import MEASURES, start_server

ETHERNET = 14


def make_pairs(build, pairs):
    pairs["fastdp"] = FastdpPair(build)
    pairs["fastdp"].join()
    mtu = pairs["fastdp"].mtu()
    pairs["static"] = StaticPair(build, mtu)
    pairs["static"].join()
    pairs["checked"] = StaticPair(build, mtu, "checked", mtu + ETHERNET)
    pairs["checked"].join()
    pairs["vxlan"] = VxlanPair(mtu)
    pairs["vxlan"].join()
    for pair in pairs.values():
        pair.fix_neighbours()
        start_server(pair)
    time.sleep(5)   # router solicitations and the like
    return mtu


def one_round(build, pairs, samples):
    """Each measure of each pair once, while the others hold still."""
    for label, pair in pairs.items():
        pair.resume()
        for name, measure in MEASURES.items():
            value = measure(pair, build)
            if samples is not None:
                samples[name].setdefault(label, []).append(value)
        pair.pause()


def main():
    clean_up_when_told()
    build, rounds, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    pairs = {}
    samples = {name: {} for name in MEASURES}
    try:
        mtu = make_pairs(build, pairs)
        for pair in pairs.values():
            pair.pause()
        for number in range(rounds + 1):
            print("round %d of %d%s" % (
                number, rounds, "" if number else ": warming up"), flush=True)
            one_round(build, pairs, samples if number else None)
    except Failure as e:
        print("bench: %s" % e, file=sys.stderr)
        return 1
    finally:
        for pair in pairs.values():
            pair.close()
    with open(path, "w", encoding="ascii") as f:
        json.dump({"kernel": os.uname().release, "mtu": mtu,
                   "samples": samples}, f)
    return 0


if __name__ == "__main__":
    sys.exit(main())
