# SPDX-License-Identifier: Apache-2.0
"""The fixtures and rules of tests/net."""

import os
import sys

sys.path.insert(0, os.path.realpath(os.path.join(
    os.path.dirname(os.path.realpath(__file__)), "..", "net")))

import borrow  # pylint: disable=wrong-import-position

globals().update(borrow.rules())

# Of Open vSwitch alone.
if os.environ.get("FASTDP_TEST_DATAPATH") == "bridge":
    collect_ignore = ["test_kernel.py"]
