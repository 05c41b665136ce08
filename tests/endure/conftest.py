# SPDX-License-Identifier: Apache-2.0
"""The fixtures and rules of tests/net, and how long it is to last."""

import os
import sys

sys.path.insert(0, os.path.realpath(os.path.join(
    os.path.dirname(os.path.realpath(__file__)), "..", "net")))

import borrow  # pylint: disable=wrong-import-position

globals().update(borrow.rules())


def pytest_addoption(parser):
    parser.addoption("--seconds", type=int, default=30,
                     help="how long the cluster lives under churn")
    parser.addoption("--seed", type=int, default=1,
                     help="which churn (default: 1)")
