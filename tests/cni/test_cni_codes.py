# SPDX-License-Identifier: Apache-2.0
"""Every error code at every version of the specification: the version and the
members of the error are those that the runtime asked for. Of 5 and 6, a stdin
that cannot be read, no version is known: test_cni_input.py has them."""

import pytest

from world import VERSIONS


def refuse(code):
    return {"error": {"code": code, "message": "it cannot", "hint": "a hint"}}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_code(world, version):
    c, taken = world.container(), world.container()
    conf = world.conf(version)
    held = world.add(conf, taken).done().json

    def fails(verb, code, *words, container=c, change=None, **env):
        world.call(verb, dict(conf, **(change or {})), container,
                   **env).failed(code, *words, version=version)

    # 1: of this version, but not of this verb's.
    if version < "1.1.0":
        fails("STATUS", 1, "1.1.0", version)
        fails("GC", 1, "1.1.0", version)
    if version < "0.4.0":
        fails("CHECK", 1, "0.4.0", version, container=taken,
              change={"prevResult": held})
    fails("ADD", 2, "hairpinMode", change={"hairpinMode": True})
    fails("ADD", 3, "gone", netns="/run/netns/gone")
    fails("ADD", 4, "CNI_IFNAME", ifname="")
    fails("ADD", 4, "CNI_ARGS", CNI_ARGS="nonsense")
    fails("ADD", 7, "mtu", change={"mtu": "x"})
    fails("ADD", 100, "eth0", container=taken)
    world.ipam_does(ADD={"kill": 9})
    fails("ADD", 101, "fake_ipam")
    world.ipam_does()
    world.daemon_does(attach=refuse("limit"))
    fails("ADD", 102, "it cannot", "hint")
    world.daemon_does()
    if version >= "0.4.0":
        taken.ns.ip("link", "set", "eth0", "down")
        fails("CHECK", 104, "down", container=taken,
              change={"prevResult": held})
        taken.ns.ip("link", "set", "eth0", "up")
    if version >= "1.1.0":
        world.daemon_does(plan=refuse("limit"))
        fails("STATUS", 50, "it cannot", container=None)
        world.daemon_does()
        world.ipam_does(STATUS={"raw": '{"code": 51, "msg": "few"}',
                                "exit": 1})
        fails("STATUS", 51, "few", container=None)
        world.ipam_does()
    world.stop_daemon()
    fails("ADD", 11, "daemon")
    world.delete(conf, c).done()
    world.delete(conf, taken).done()
    world.assert_nothing_left()
