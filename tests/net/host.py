# SPDX-License-Identifier: Apache-2.0
"""A host: a namespace with one fastdpd in it."""

import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import time

from bridge import Bridges
from flows import Datapath, FlowMonitor
from ns import PATIENCE_S, sh, wait_until

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|"
                       r"UndefinedBehavior|Assertion .* failed|"
                       r"^==\d+== ", re.M)  # the last is valgrind's
CPUCLOCK_SCHED = 2  # linux/posix-timers.h
VALGRIND = ["valgrind", "-q", "--leak-check=full", "--fair-sched=try",
            "--errors-for-leak-kinds=definite", "--error-exitcode=77",
            "--suppressions=" + os.path.join(TOP, "tests/net/valgrind.supp")]


def find_program(name):
    """A built program, or AssertionError that says where it was sought."""
    places = [os.environ["FASTDP_BUILD"]] if os.environ.get("FASTDP_BUILD") \
        else [os.path.join(TOP, "build"), TOP]
    for place in places:
        path = os.path.join(os.path.realpath(place), name)
        if os.access(path, os.X_OK):
            return path
    raise AssertionError("no program %s in %s: build it, or set FASTDP_BUILD "
                         "to the directory of the build" %
                         (name, " or ".join(places)))


def has_valgrind():
    return os.environ.get("FASTDP_VALGRIND") == "1"


def is_sanitized(path):
    """Is its memory watched? Then its size tells nothing."""
    if has_valgrind():
        return True
    with open(path, "rb") as f:
        return b"__asan_init" in f.read()


class CtlResult:
    """What one run of fastdpctl gave."""

    def __init__(self, done):
        self.status = done.returncode
        self.out, self.err = done.stdout, done.stderr

    @property
    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return "exit status %d\nstdout: %s\nstderr: %s" % (
            self.status, self.out, self.err)


class Host:
    """One daemon with directories of its own."""

    def __init__(self, label, namespace, address, directory, options=(),
                 datapath=None):
        self.label, self.ns, self.address = label, namespace, address
        self.directory = directory
        self.options = list(options)
        self.datapath = datapath or os.environ.get("FASTDP_TEST_DATAPATH",
                                                   "ovs")
        self.is_bound = True  # it is given its address
        self.program = None  # another build than the usual
        self.wrapper = []  # a program that runs it
        self.env = {}
        self.process = None
        self.cpu_s = None
        self._notify = None
        self._kernel = self._monitor = None
        self._told = b""
        os.makedirs(directory, exist_ok=True)
        self.socket_path = os.path.join(directory, "sock")
        self.log_path = os.path.join(directory, "log")
        self.state_dir = os.path.join(directory, "state")
        self.run_dir = os.path.join(directory, "run")
        self.faults = []
        self._mounts = []

    # --- the daemon's life

    def mount_over(self, path, source):
        """From the next start the daemon sees @source at @path."""
        self._mounts.append("mount --bind %s %s" % (source, path))

    def mount_tmpfs(self, path, size):
        """Likewise a file system of its own, with so little room."""
        os.makedirs(path, exist_ok=True)
        self._mounts.append("mount -t tmpfs -o size=%s none %s" % (size, path))

    def _wrapped(self, argv):
        if not self._mounts:
            return argv
        return ["unshare", "--mount", "sh", "-c",
                " && ".join(self._mounts) + ' && exec "$@"', "sh"] + argv

    def argv(self, extra=()):
        return [*self.wrapper, *(VALGRIND if has_valgrind() else []),
                self.program or find_program("fastdpd"), "--nickname", self.label,
                *(["--local-address", self.address] if self.is_bound else []),
                "--socket", self.socket_path, "--state-dir", self.state_dir,
                "--run-dir", self.run_dir, "--insecure",
                "--datapath", self.datapath, "--log-level",
                os.environ.get("FASTDP_TEST_LOG", "info"),
                *self.options, *extra]

    def start(self, wait=True, extra=()):
        assert not self.is_running(), "%s runs already" % self.label
        self._open_notify()
        env = dict(os.environ, NOTIFY_SOCKET=self._notify.getsockname(),
                   **self.env)
        with open(self.log_path, "ab") as log:
            log.write(b"--- start ---\n")
            log.flush()
            self._log_start = log.tell()
            self.started_at = time.monotonic()
            self.process = self.ns.without_raw(lambda: subprocess.Popen(
                self._wrapped(self.argv(extra)), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=env, cwd=self.directory))
        if wait:
            self.wait_ready()

    def _open_notify(self):
        if self._notify is not None:
            self._notify.close()
        path = os.path.join(self.directory, "notify")
        if os.path.exists(path):
            os.unlink(path)
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(path)
        self._notify.setblocking(False)
        self._told = b""

    def told_systemd(self):
        """Everything said to the notification socket so far."""
        while True:
            try:
                self._told += self._notify.recv(4096) + b"\n"
            except BlockingIOError:
                return self._told.decode()

    def wait_ready(self, timeout=PATIENCE_S):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError("%s: fastdpd ended with status %d:\n%s"
                                     % (self.label, self.process.returncode,
                                        self.log()))
            return "READY=1" in self.told_systemd()
        wait_until(lambda: "%s does not say READY=1 to systemd:\n%s" % (
            self.label, self.log()), ready, timeout, 0.01)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self):
        return self.process.pid

    def stop(self, timeout=PATIENCE_S):
        """SIGTERM; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def restart(self, how=signal.SIGTERM, extra=()):
        self.process.send_signal(how)
        self.process.wait(PATIENCE_S)
        self.start(extra=extra)

    def log(self, lines=60):
        """The end of the log."""
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as f:
                return "".join(f.readlines()[-lines:])
        except FileNotFoundError:
            return "(no log)"

    def log_now(self):
        """The log of this life of the daemon."""
        with open(self.log_path, "rb") as f:
            f.seek(self._log_start)
            return f.read().decode(errors="replace")

    # --- asking the daemon

    def ctl(self, *args, check=True, timeout=20, json_out=True):
        """fastdpctl with --json; the JSON, or CtlResult unless check."""
        done = CtlResult(sh(
            find_program("fastdpctl"), "--socket", self.socket_path,
            *(["--json"] if json_out else []), *args, check=False,
            timeout=timeout))
        if not check:
            return done
        assert done.status == 0, "fastdpctl %s on %s: %s" % (
            " ".join(str(a) for a in args), self.label, done)
        return done.json if json_out else done.out

    def api_raw(self, data, timeout=PATIENCE_S, shut=False):
        """Bytes to the Unix socket; the first line that comes back."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(timeout)
            s.connect(self.socket_path)
            s.sendall(data)
            if shut:
                s.shutdown(socket.SHUT_WR)
            got = b""
            while not got.endswith(b"\n"):
                more = s.recv(1 << 16)
                if not more:
                    break
                got += more
            return got

    def api(self, verb, **arguments):
        """One request without the cost of a process."""
        reply = self.api_raw(json.dumps(
            dict(arguments, verb=verb)).encode() + b"\n")
        assert reply.endswith(b"\n"), "%s: no reply to %s, but %r" % (
            self.label, verb, reply)
        reply = json.loads(reply)
        assert "error" not in reply, "%s: %s: %s" % (self.label, verb, reply)
        return reply

    def status(self):
        return self.api("status")

    def peer(self, other):
        """What status says about another host, or None."""
        for p in self.status()["peers"]:
            if p.get("nickname") == other.label or \
                    p.get("address") == other.address:
                return p
        return None

    def metrics(self):
        """All counters of `metrics`, flat: {"flow_puts": 12, …}."""
        flat = {}

        def walk(value, name):
            if isinstance(value, dict):
                for key, inner in value.items():
                    walk(inner, key)
            elif isinstance(value, (int, float)) and \
                    not isinstance(value, bool):
                flat[name] = value

        walk(self.api("metrics"), "")
        return flat

    def flow_operations(self):
        m = self.metrics()
        return m["flow_puts"] + m["flow_dels"]

    def directory_entries(self):
        return self.api("directory")["entries"]

    def known_macs(self):
        return {e["mac"] for e in self.directory_entries()}

    # --- asking the kernel

    @property
    def kernel(self):
        """The datapath, read without the daemon."""
        if self._kernel is None:
            self._kernel = Bridges(self.ns) if self.datapath == "bridge" \
                else Datapath(self.ns)
        return self._kernel

    @property
    def monitor(self):
        """Whoever touches the flows from the first use on."""
        if self._monitor is None:
            self._monitor = FlowMonitor(self.ns)
        return self._monitor

    def rss(self):
        """Resident memory in bytes."""
        with open("/proc/%d/statm" % self.pid, encoding="ascii") as f:
            return int(f.read().split()[1]) * resource.getpagesize()

    def cpu(self):
        """Seconds of CPU used so far, as the scheduler counts them: ticks
        would charge one that wakes up with the timer far too much."""
        return time.clock_gettime((~self.pid << 3) | CPUCLOCK_SCHED)

    def has_capability(self, number):
        with open("/proc/%d/status" % self.pid, encoding="ascii") as f:
            (mask,) = [line.split()[1] for line in f
                       if line.startswith("CapEff:")]
        return bool(int(mask, 16) >> number & 1)

    def n_fds(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    # --- containers

    def attach(self, container, addresses, network=None, mac=None,
               trust=False, ifname="eth0"):
        args = ["attach", "--netns", container.ns.path, "--ifname", ifname]
        for address in addresses:
            args += ["--address", address]
        if network:
            args += ["--network", network]
        if mac:
            args += ["--mac", mac]
        if trust:
            args += ["--trust"]
        self.ctl(*args)
        container.host, container.ifname = self, ifname
        container.network = network
        container.mac = container.ns.mac(ifname)
        for address in addresses:
            bare = address.split("/")[0]
            if ":" in bare:
                container.ip6 = container.ip6 or bare
            else:
                container.ip4 = container.ip4 or bare

    def detach(self, container):
        self.ctl("detach", "--netns", container.ns.path, "--ifname",
                 container.ifname)
        container.host = None
        container.ip4 = container.ip6 = None

    # --- the end

    def report(self):
        """All that helps to understand a failure."""
        parts = ["===== %s %s %s" % (
            self.label, self.address,
            "pid %d" % self.pid if self.is_running() else
            "not running, status %s" % (self.process and
                                        self.process.returncode))]
        parts += ["----- log", self.log()]
        if self.is_running():
            try:
                parts += ["----- status",
                          json.dumps(self.status(), indent=1)]
            except (AssertionError, OSError, ValueError) as e:
                parts += ["status failed: %s" % e]
        if self.datapath == "bridge":
            for argv in (["bridge", "fdb", "show"], ["ip", "-br", "link"],
                         ["nft", "list", "ruleset"]):
                got = self.ns.run(*argv, check=False)
                parts += ["----- " + " ".join(argv), got.stdout + got.stderr]
            return "\n".join(parts)
        try:
            flows = self.kernel.flows()
            parts += ["----- vports %s" % self.kernel.vports(),
                      "----- %d flows in the kernel" % len(flows)]
            parts += sorted(str(f) for f in flows[:80])
        except (AssertionError, OSError, KeyError) as e:
            parts += ["no flows: %s" % e]
        return "\n".join(parts)

    def close(self):
        """Stop the daemon; what was wrong with it, as sentences."""
        faults = list(self.faults)
        if self.is_running():
            try:
                status = self.stop()
                if status != 0:
                    faults.append("%s: exit status %d after SIGTERM:\n%s" % (
                        self.label, status, self.log()))
            except subprocess.TimeoutExpired:
                self.kill()
                faults.append("%s: not ended %d s after SIGTERM:\n%s" % (
                    self.label, PATIENCE_S, self.log()))
        if os.path.exists(self.log_path):
            with open(self.log_path, encoding="utf-8",
                      errors="replace") as f:
                text = f.read()
            got = SANITIZER.search(text)
            if got:
                faults.append("%s: the log has \"%s\":\n%s" % (
                    self.label, got[0], text[max(0, got.start() - 200):
                                             got.start() + 3000]))
        for one in (self._notify, self._kernel, self._monitor):
            if one is not None:
                one.close()
        self._notify = self._kernel = self._monitor = None
        shutil.rmtree(self.directory, ignore_errors=True)
        return faults
