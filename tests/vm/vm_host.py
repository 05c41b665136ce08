# SPDX-License-Identifier: Apache-2.0
"""The running kernel, where it has openvswitch.ko and we may use it."""

import os
import signal
import subprocess
import time

from vm_job import Failure, TimedOut
from vm_keeper import Signalled

MODULES = ("openvswitch", "vport_vxlan")
CAP_NET_ADMIN = 12
CAP_SYS_ADMIN = 21
POLL_S = 0.02
GRACE_S = 5


def why_not():
    """None if the running kernel will do, else a reason."""
    if os.geteuid() != 0:
        return "we are not root"
    caps = _capabilities()
    if not (caps >> CAP_NET_ADMIN & 1 and caps >> CAP_SYS_ADMIN & 1):
        return "we are root without CAP_NET_ADMIN and CAP_SYS_ADMIN"
    for module in MODULES:
        if not os.path.isdir("/sys/module/" + module) and not _load(module):
            return "the running kernel (%s) has no %s module" % (
                os.uname().release, module)
    return None


def run(keeper, opts, command, env):
    """Run the command here; returns its exit status."""
    reason = why_not()
    if reason:
        raise Failure("--kernel host cannot be had: %s; take --kernel uml"
                      % reason)
    try:
        proc = keeper.spawn(command, env=env)
    except OSError as e:
        raise Failure("cannot run %s: %s" % (command[0], e.strerror)) from e
    end = time.monotonic() + opts.timeout
    try:
        while keeper.alive(proc):
            if time.monotonic() > end:
                raise TimedOut()
            time.sleep(POLL_S)
    except (TimedOut, Signalled):
        _stop(keeper, proc)
        raise
    keeper.leave(proc)
    status = proc.wait()
    return status if status >= 0 else 128 - status


def _stop(keeper, proc):
    """Ask first: the command may have namespaces to take down. Then kill
    all that came from it, other sessions included."""
    os.killpg(proc.pid, signal.SIGTERM)
    end = time.monotonic() + GRACE_S
    while keeper.alive(proc) and time.monotonic() < end:
        time.sleep(POLL_S)
    while time.monotonic() < end + GRACE_S:
        strays = keeper.strays()
        if not strays:
            break
        for pid in strays:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(POLL_S)


def _capabilities():
    with open("/proc/self/status", encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith("CapEff:"):
                return int(line.split()[1], 16)
    return 0


def _load(module):
    try:
        return subprocess.run(["modprobe", "-q", module], check=False,
                              stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False
