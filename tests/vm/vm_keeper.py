# SPDX-License-Identifier: Apache-2.0
"""What was started and made, and that it goes again.

Three signals stop the runner (as the exception Signalled, which is held back
while a process is being started, so that none is forgotten). Against SIGKILL
there is a second process, which notices that the runner is gone.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import time

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PR_SET_CHILD_SUBREAPER = 36
REAP_S = 2


class Signalled(Exception):
    """Somebody wants us to stop; args[0] is the signal."""


class Keeper:
    """Knows what was started and made, and does away with it.

    The second process holds the other end of a pipe and hears everything
    there. Process groups are killed by id; a leader is reaped only after its
    group was killed, so that the id is still ours.
    """

    def __init__(self):
        self.procs = []
        self.paths = []
        self.holding = False
        self.signal = 0
        reader, self.pipe = os.pipe()
        self.watcher = os.fork()
        if self.watcher == 0:
            self._watch(reader)
        os.close(reader)
        # orphans come to us, so that they can be found and reaped
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def catch_signals(self):
        """From now on the signals that stop us raise Signalled."""
        for s in STOPPING:
            if signal.getsignal(s) is not signal.SIG_IGN:
                signal.signal(s, self._on_signal)

    def _on_signal(self, signum, _frame):
        self.signal = signum
        if not self.holding:
            self._stop()

    def _stop(self):
        for s in STOPPING:
            signal.signal(s, signal.SIG_IGN)
        raise Signalled(self.signal)

    def spawn(self, args, **how):
        """Start a process in a session of its own; returns its Popen.

        Do not poll it, ask alive(): reaping it early would free its id.
        """
        self.holding = True
        try:
            proc = subprocess.Popen(args, start_new_session=True, **how)
            self.procs.append(proc)
            self._tell("g", str(proc.pid))
        finally:
            self.holding = False
            if self.signal:
                self._stop()
        return proc

    def remove(self, path):
        self.paths.append(path)
        self._tell("p", path)

    def alive(self, proc):
        """Without reaping it."""
        try:
            return os.waitid(os.P_PID, proc.pid, os.WEXITED | os.WNOHANG |
                             os.WNOWAIT) is None
        except ChildProcessError:
            return False

    def leave(self, proc):
        """It ended by itself: what it left behind may live on."""
        self.procs.remove(proc)
        self._tell("l", str(proc.pid))

    def close(self):
        """Kill and remove everything. No signal interrupts it."""
        for s in STOPPING:
            signal.signal(s, signal.SIG_IGN)
        for proc in self.procs:
            _kill_group(proc.pid)
        self._reap()
        for path in self.paths:
            _remove(path)
        self.procs, self.paths = [], []
        self._tell("d", "")

    def strays(self):
        """Processes that come from us, the watcher left out."""
        parents = _parents()
        found = {os.getpid()}
        size = 0
        while size != len(found):
            size = len(found)
            found |= {pid for pid, parent in parents.items()
                      if parent in found and pid != self.watcher}
        return found - {os.getpid()}

    def _reap(self):
        groups = [proc.pid for proc in self.procs]
        for proc in self.procs:
            proc.wait()
        end = time.monotonic() + REAP_S
        while any(map(_group_exists, groups)) and time.monotonic() < end:
            for pid in groups:
                try:
                    while os.waitpid(-pid, os.WNOHANG)[0]:
                        pass
                except ChildProcessError:
                    pass
            time.sleep(0.005)

    def _tell(self, verb, what):
        try:
            os.write(self.pipe, os.fsencode(verb + what + "\0"))
        except BrokenPipeError:
            pass    # somebody killed the watcher: the runner does it alone

    def _watch(self, reader):
        try:
            os.setsid()
            for s in STOPPING:
                signal.signal(s, signal.SIG_IGN)
            null = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            os.chdir("/")
            keep = os.dup2(reader, 3)
            os.closerange(4, 4096)
            with os.fdopen(keep, "rb") as f:
                _clean_after(f.read().split(b"\0"))
        finally:
            os._exit(0)


def _clean_after(words):
    groups, paths = [], []
    for word in words:
        verb, what = word[:1], word[1:]
        if verb == b"g":
            groups.append(int(what))
        elif verb == b"l":
            groups.remove(int(what))
        elif verb == b"p":
            paths.append(os.fsdecode(what))
        elif verb == b"d":
            return
    for pid in groups:
        _kill_group(pid)
    for path in paths:
        _remove(path)


def _parents():
    """Of every process but zombies: its parent."""
    parents = {}
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            with open("/proc/%s/stat" % name, encoding="utf-8",
                      errors="replace") as f:
                state, parent = f.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            parents[int(name)] = int(parent)
    return parents


def _group_exists(pid):
    try:
        os.killpg(pid, 0)
        return True
    except ProcessLookupError:
        return False


def _kill_group(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _remove(path):
    if os.path.isdir(path):
        shutil.rmtree(path, ignore_errors=True)
    elif os.path.lexists(path):
        os.unlink(path)
