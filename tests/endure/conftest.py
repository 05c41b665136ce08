# SPDX-License-Identifier: Apache-2.0
"""The fixtures and rules of tests/net, and how long it is to last."""

import importlib.util
import os
import sys

_NET = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "net")
sys.path.insert(0, os.path.realpath(_NET))
_spec = importlib.util.spec_from_file_location(
    "net_conftest", os.path.join(_NET, "conftest.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
globals().update({name: value for name, value in vars(_module).items()
                  if not name.startswith("__")})


def pytest_addoption(parser):
    parser.addoption("--seconds", type=int, default=30,
                     help="how long the cluster lives under churn")
    parser.addoption("--seed", type=int, default=1,
                     help="which churn (default: 1)")
