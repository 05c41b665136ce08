# SPDX-License-Identifier: Apache-2.0
"""The fixtures and rules of tests/net, for the conftest.py of other
directories: globals().update(borrow.rules())."""

import importlib.util
import os

_HERE = os.path.dirname(os.path.realpath(__file__))


def rules():
    spec = importlib.util.spec_from_file_location(
        "net_conftest", os.path.join(_HERE, "conftest.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: value for name, value in vars(module).items()
            if not name.startswith("__")}
