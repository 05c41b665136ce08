# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests of the CNI plugin. All need root.

test_cni_real.py needs openvswitch.ko besides: tests/vm/run brings a kernel.
FASTDP_BUILD and FASTDP_REQUIRE are as in tests/net.
"""

import os
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

# pylint: disable=wrong-import-position
import pytest

from world import World, find_plugin

LIMIT_S = 120


def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): longest it may take")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    del item
    reason = ""
    if os.geteuid() != 0:
        reason = "not root"
    else:
        try:
            find_plugin()
        except AssertionError as e:
            reason = str(e)
    if reason:
        if os.environ.get("FASTDP_REQUIRE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """No test hangs: SIGALRM ends it."""
    mark = item.get_closest_marker("limit")
    seconds = mark.args[0] if mark else LIMIT_S

    def over(_signum, _frame):
        raise TimeoutError("the test took longer than %d s" % seconds)

    old = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


@pytest.fixture
def world():
    """A host with the fake daemon; at the end nothing may be left open."""
    one = World()
    yield one
    one.close()
