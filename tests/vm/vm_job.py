# SPDX-License-Identifier: Apache-2.0
"""How a command gets into a guest and what it says gets out again.

The runner and the guest share a directory of the host. The guest's side is
guest-init, which describes the files. This module knows nothing about which
kernel the guest is.
"""

import os
import re
import select
import shlex
import shutil
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
CONSOLE_LINES = 30
CRASH_LINES = 60
CRASH = re.compile(r"Kernel panic|Oops|BUG: |sysrq: Trigger a crash")
PANIC = b"Kernel panic - not syncing"
PANIC_S = 1
POLL_S = 0.02
TOOLS = {"modprobe": "kmod", "ip": "iproute2"}


class Failure(Exception):
    """The runner's own failure: one sentence, and what to do about it."""


class NotStarted(Failure):
    """The guest did not come as far as the command."""


class TimedOut(Exception):
    """The command did not end in its time."""


class Stream:
    """What the guest wrote into a file, passed on as it comes."""

    def __init__(self, path, fd):
        self.fd = fd
        self.file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)

    def pump(self):
        """Pass on what is there; true if there was something."""
        moved = False
        while True:
            data = os.read(self.file, 1 << 16)
            if not data:
                return moved
            moved = True
            while data:
                try:
                    data = data[os.write(self.fd, data):]
                except BlockingIOError:
                    select.select([], [self.fd], [])


class Command:
    """One command and its files, in `directory`."""

    def __init__(self, directory, argv, env):
        self.dir = directory
        self.streams = [Stream(self.path("out"), 1)]
        if _same_file(1, 2):
            put(self.path("merge"), "")
        else:
            self.streams.append(Stream(self.path("err"), 2))
        lines = ["export %s=%s" % (k, shlex.quote(v)) for k, v in env.items()]
        lines.append("cd %s || exit 125" % shlex.quote(env["PWD"]))
        lines.append("exec " + " ".join(shlex.quote(a) for a in argv))
        put(self.path("cmd.part"), "\n".join(lines) + "\n")
        os.rename(self.path("cmd.part"), self.path("cmd"))

    def path(self, name):
        return os.path.join(self.dir, name)

    def pump(self):
        return any([s.pump() for s in self.streams])

    def follow(self, check, boot_s, limit_s):
        """Pass output on until the command ends; returns its exit status.

        The command's time begins when it starts; the guest has `boot_s` to
        get that far. `check` is called each turn, with whether it has, and
        raises Failure when the guest will do no more.
        """
        begin = time.monotonic()
        started = False
        while True:
            try:
                check(started)
                gone = None
            except Failure as e:
                gone = e
            moved = self.pump()
            status = get(self.path("status"))
            if status is not None:
                self.pump()
                return int(status)
            if gone:
                raise gone
            now = time.monotonic()
            if not started and os.path.exists(self.path("started")):
                started = True
                begin = now
            if now - begin > (limit_s if started else boot_s):
                if started:
                    raise TimedOut()
                raise NotStarted("the guest did not start the command "
                                 "within %d s" % boot_s)
            if not moved:
                time.sleep(POLL_S)


class Job:
    """A guest: its directory, and the command that it lives for."""

    def __init__(self, keeper, name=None):
        if name is None:
            self.dir = tempfile.mkdtemp(prefix="fastdp-vm.", dir=_plain_tmp())
        else:
            self.dir = named(name)
            try:
                os.mkdir(self.dir, 0o700)
            except FileExistsError as e:
                raise Failure("a guest named %s is there already: take "
                              "another name (or remove %s, if no process "
                              "uses it)" % (name, self.dir)) from e
        keeper.remove(self.dir)
        self.serves = name is not None
        self.console = self.path("console")
        self.command = None
        self.console_size = 0
        self.panic_since = None

    def path(self, name):
        return os.path.join(self.dir, name)

    def prepare(self, guest, modules, argv, env, rw):
        """Write everything that guest-init wants to know."""
        for tool, package in TOOLS.items():
            if not shutil.which(tool, path="/usr/sbin:/sbin:/usr/bin:/bin"):
                raise Failure("%s is missing; do: apt-get install %s"
                              % (tool, package))
        shutil.copy(os.path.join(HERE, "guest-init"), self.path("init"))
        os.chmod(self.path("init"), 0o755)
        put(self.path("conf"), "GUEST=%s\nMODULES=%s\n"
            % (shlex.quote(guest), shlex.quote(modules)))
        put(self.path("rw"), "".join(d + "\n" for d in rw))
        put(self.path("kernel"), env["FASTDP_VM"])
        if self.serves:
            put(self.path("serve"), "")
        self.command = Command(self.dir, argv, env)

    def console_tail(self):
        """The last lines, or those from where the kernel broke."""
        lines = (get(self.console) or "").splitlines()
        last = lines[-CONSOLE_LINES:]
        for i, line in enumerate(lines):
            if CRASH.search(line):
                last = lines[i:i + CRASH_LINES]
                break
        return "".join("  | %s\n" % line for line in last)

    def follow(self, alive, boot_s, limit_s):
        """Until the command ends. `alive()`: is the guest still there?"""
        def check(started):
            was_alive = alive() and not self._panicked()
            said = get(self.path("fail"))
            if said is not None:
                raise Failure(said)
            if not was_alive:
                raise Failure("the kernel %s; the end of its console:\n%s" %
                              ("died while the command ran" if started
                               else "did not start", self.console_tail()))
        try:
            return self.command.follow(check, boot_s, limit_s)
        except NotStarted as e:
            raise Failure("%s; the end of its console:\n%s"
                          % (e, self.console_tail())) from e

    def _panicked(self):
        """A kernel that panics may hang instead of ending: look at what it
        wrote, and give it a moment to write it all."""
        now = time.monotonic()
        if self.panic_since is None:
            begin = self.console_size
            self.console_size = os.stat(self.console).st_size
            if self.console_size != begin:
                with open(self.console, "rb") as f:
                    f.seek(max(0, begin - len(PANIC)))
                    if PANIC in f.read():
                        self.panic_since = now
            return False
        return now - self.panic_since > PANIC_S


def default_memory():
    """Of a guest, in bytes."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(2 << 30, machine // 2)


def named(name):
    """The directory of the guest of that name."""
    return os.path.join(_plain_tmp(), "fastdp-vm-" + name)


def put(path, text):
    with open(path, "wb") as f:
        f.write(os.fsencode(text))


def get(path):
    """The text of a file that the guest writes, None before it did."""
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read().strip()
    except FileNotFoundError:
        return None


def _same_file(a, b):
    try:
        return os.path.samestat(os.fstat(a), os.fstat(b))
    except OSError:
        return False


def _plain_tmp():
    """A directory whose name can stand on a kernel's command line."""
    for path in (os.environ.get("TMPDIR", ""), "/tmp", "/var/tmp"):
        path = os.path.realpath(path) if path else ""
        word = path.replace("/", "").replace("-", "").replace("_", "")
        if (word.replace(".", "").isalnum() and word.isascii() and
                len(path) < 60 and os.access(path, os.W_OK | os.X_OK)):
            return path
    raise Failure("there is no directory for temporary files: make /tmp "
                  "writable")
