# SPDX-License-Identifier: Apache-2.0
"""The default network gets another VNI while containers are in it: they stay
where they are, those that come are in the new one, and a restart serves all."""

import os
import signal

import pytest

from bridge import bridges
from ns import wait_until

pytestmark = pytest.mark.running_kernel

VNI = 4711
GATEWAY = "10.32.255.254"


def configure(host, text):
    with open(os.path.join(host.directory, "conf"), "w",
              encoding="ascii") as f:
        f.write(text)


def reload(host, text):
    configure(host, text)
    n = host.log_now().count("configuration read again")
    host.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "the file to be read again: " + host.log(),
               lambda: host.log_now().count("configuration read again") > n)


def check(old, new):
    """All of a network talk, and none with the other's."""
    for network in (old, new):
        for other in network[1:]:
            network[0].ping(other.ip4, 2).assert_perfect()
    if old and new:
        assert not old[0].reaches(new[0].ip4)


def test_default_network_moves(make_cluster):
    world = make_cluster(1, start=False, datapaths=("bridge",))
    host = world.hosts[0]
    conf = os.path.join(host.directory, "conf")
    host.options += ["--config", conf]
    configure(host, "")
    host.start()
    old, new = [world.container(host) for _ in range(2)], []
    host.ctl("expose", GATEWAY + "/16")
    reload(host, "[network default]\nvni = %d\n" % VNI)
    check(old, new)
    new += [world.container(host) for _ in range(2)]
    check(old, new)
    old[0].ping(GATEWAY, 2).assert_perfect()
    assert not new[0].reaches(GATEWAY)
    host.restart()
    old[0].ping(GATEWAY, 2).assert_perfect()
    new.append(world.container(host))
    check(old, new)
    # Its bridge is made anew, under its own number now.
    host.stop()
    host.ns.ip("link", "del", "fastdp")
    host.start()
    wait_until("the old network to be served", lambda: old[0].reaches(GATEWAY))
    check(old, new)
    # The old one ends with its last port; then it is as it always was.
    host.ctl("hide", GATEWAY + "/16")
    for c in old:
        host.detach(c)
    host.ctl("expose", GATEWAY + "/16")
    # It may have asked in vain just now.
    wait_until("the host to be in it", lambda: new[0].reaches(GATEWAY))
    wait_until(lambda: "the old bridge to go: %s" % bridges(host),
               lambda: bridges(host) == ["fastdp-n%06x" % VNI])
    # And back: the name is free for the default network again.
    reload(host, "")
    old = [world.container(host) for _ in range(2)]
    check(old, new)
    host.restart()
    check(old, new)
    assert bridges(host) == ["fastdp", "fastdp-n%06x" % VNI]
