# SPDX-License-Identifier: Apache-2.0
"""Every system call of a daemon fails: it neither crashes nor hangs, says why,
and goes on as if nothing had been when it was once only.

A life: start, a container, a peer, packets, the container goes, stop. The
first life has no faults and tells which places there are; each of the others
has one fault. By default a part of them is tried, with FASTDP_LONG=1 all.
"""

import errno
import glob
import json
import os
import re
import signal
import subprocess
import time

import pytest

from faults import ALLOCATORS, ERRORS, JUMP, Fault, Table, some
from host import find_program
from ns import figure, wait_for_some, wait_until

N_SHORT = 10
# A client whose connection was not noticed is closed after 30 s.
START_S, CTL_S, STOP_S, END_S = 30, 60, 30, 2
# Who was not answered for so long by a daemon that fails for good, and has said
# so, asks no more: clients give up after 30 s.
DEAF_S = 5
# What a fault once ended badly at is tried each time.
FOUND = {("epoll_ctl", "libev.so.4"), ("socket", "fastdpd")}
# The host's own address in the network; a peer with a name, which is looked up.
GATEWAY, PEER = "10.32.250.1/16", "localhost:7"
# What the plugin's containers get an address of.
CONFIG = "[network default]\nrange = 10.32.0.0/16\nblock = 10.32.64.0/24\n"
NAT = """add table ip fastdp-try
add chain ip fastdp-try c { type nat hook postrouting priority 100; }
add rule ip fastdp-try c masquerade
delete table ip fastdp-try
"""
# Libraries that use memory which they did not get, and crash: as good, or bad,
# as the core, which aborts. The daemon calls libnftables for hosts that
# masquerade, and once at its start, and cannot know.
CARELESS = {"libnftables.so."}
# Of src/sys: what makes no system call, or one that has no way to fail.
HARMLESS = re.compile(
    r"mnl_|nl_|nla_|nft_|genl_|json_|str|mem|_?_?v?(f|sn?)printf|"
    r"pthread_(mutex|cond|join|detach|sigmask)|inet_|_GLOBAL_|"
    r"(close|closedir|fclose|free|abort|freeaddrinfo|sigfillset|ferror|fgets|"
    r"fgetc|dirfd|readdir|__assert_fail|"
    r"__errno_location|__ctype_b_loc|__stack_chk_fail|getpid|getsid|syscall)$")


class Victim:
    """Host 2 of a cluster, with fault.so; the first one's containers are
    reached by the kernel's path where there is one, the third's are not."""

    def __init__(self, cluster):
        self.cluster, self.host = cluster, cluster.hosts[1]
        self.others = [cluster.container(h) for h in cluster.hosts
                       if h is not self.host]
        self.table = Table(os.path.join(cluster.directory, "faults"))
        config = os.path.join(cluster.directory, "config")
        with open(config, "w", encoding="ascii") as f:
            f.write(CONFIG)
        self.host.options += ["--config", config]
        self.has_nat = self.host.ns.run(
            "nft", "-f", "-", stdin=NAT, check=False).returncode == 0
        self.lost = []
        self.n_excused = 0
        self.host._wrapped = lambda argv: [
            "env", "LD_PRELOAD=" + find_program("tests/fault/fault.so"),
            "FAULT_FILE=" + self.table.path, *argv]
        self.n = 0
        self.fault = None
        self.is_deaf = False  # nobody who asks is answered, in this life

    def wrong(self, what):
        self.lost.append("%s: %s\n%s" % (self.fault, what,
                                         self.host.log_now()[-1500:]))

    def said(self):
        return [line for line in self.host.log_now().splitlines()
                if line.strip()]

    def has_ended(self, when):
        """True: it is no more. It must have gone in order, and said why."""
        status = self.host.process.poll()
        if status is None:
            return False
        if self.fault and self.fault.function in ALLOCATORS:
            # Out of memory: systemd starts it again.
            if status == -signal.SIGABRT:
                return True
            if status == -signal.SIGSEGV and self.fault.where[0] in CARELESS:
                self.n_excused += 1
                return True
        if status < 0:
            self.wrong("%s: ended by signal %d" % (when, -status))
        elif not self.said():
            self.wrong("%s: ended with %d without a word" % (when, status))
        return True

    def ends(self, when):
        wait_for_some(lambda: not self.host.is_running(), END_S)
        return self.has_ended(when)

    def start(self):
        self.host.start(wait=False)
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            if self.has_ended("start"):
                return False
            if "READY=1" in self.host.told_systemd():
                return True
            time.sleep(0.01)
        self.wrong("neither ready nor ended after %d s" % START_S)
        self.host.kill()
        return False

    def has_warned(self):
        """Of more than that nobody is at PEER."""
        return any(" warn " in line and PEER not in line
                   for line in self.said())

    def ask(self, what, run):
        """What run(timeout) gives; None: it hangs. One answer that does not
        come is enough where a fault is for good."""
        is_for_good = self.fault and not self.fault.count
        for timeout in ([DEAF_S] if is_for_good else []) + [CTL_S]:
            begin = time.monotonic()
            try:
                done = run(timeout)
            except subprocess.TimeoutExpired:
                self.is_deaf = True
            else:
                self.is_deaf = is_for_good and \
                    time.monotonic() - begin > DEAF_S
                return done
            if is_for_good and self.has_warned():
                return None
        self.wrong("%s hangs" % what)
        return None

    def ctl(self, *args):
        """The answer, if need be when asked again; or None."""
        tries = 0
        while tries < 2 and not self.is_deaf:
            tries += 1
            done = self.ask(args[0], lambda timeout: self.host.ctl(
                *args, check=False, timeout=timeout))
            if not done:
                return None
            if done.status == 0:
                return done
            if self.has_ended(args[0]):
                return None
            if not done.err.strip() and not done.out.strip():
                self.wrong("%s fails without a word" % args[0])
            # It may be about to end.
            if tries == 2 and self.fault and self.fault.count and \
                    not self.ends(args[0]):
                self.wrong("%s fails again: %s" % (args[0], done))
        return None

    def reaches(self, container, address):
        def replies(other):
            return container.reaches(other.ip4) or \
                not self.host.is_running()

        for other in self.others:
            try:
                wait_until("packets of %s to %s" % (address, other.ip4),
                           lambda o=other: replies(o), every=0.1)
            except AssertionError as e:
                self.wrong(str(e))
        self.has_ended("packets")

    def operate(self):
        """What people ask for, one after the other."""
        for args in (("expose", GATEWAY), ("hide", GATEWAY),
                     ("peer", "add", PEER), ("why", self.others[0].ip4),
                     ("peer", "remove", PEER), ("status",)):
            if self.has_ended(args[0]):
                return
            self.ctl(*args)

    def plugin(self, verb, container):
        """True: done."""
        if self.is_deaf:
            return False
        conf = {"cniVersion": "1.1.0", "name": "net1", "type": "fastdp",
                "socket": self.host.socket_path, "isGateway": True,
                "ipMasq": self.has_nat, "ipam": {"type": "fastdp"}}
        env = dict(os.environ, CNI_COMMAND=verb, CNI_IFNAME="eth0",
                   CNI_CONTAINERID="p%d" % self.n, CNI_PATH="/",
                   CNI_NETNS=container.ns.path)
        done = self.ask(verb, lambda timeout: self.host.ns.run(
            find_program("fastdp"), env=env, stdin=json.dumps(conf),
            check=False, timeout=timeout))
        if not done:
            return False
        if done.returncode != 0 and '"msg"' not in done.stdout:
            self.wrong("%s fails without a word" % verb)
        return done.returncode == 0

    def orchestrate(self):
        """A container of the plugin's; what failed is done again, as runtimes
        do it. It leaves nothing behind."""
        c = self.cluster.bare_container("p%d" % self.n)
        done = self.plugin("ADD", c) or (
            self.plugin("DEL", c) and self.plugin("ADD", c))
        done = (self.plugin("DEL", c) or self.plugin("DEL", c)) and done
        self.cluster.containers.remove(c)
        c.close()
        if self.has_ended("DEL") or self.fault and not self.fault.count:
            return
        left = self.ctl("ipam", "list")
        if not done and not self.ends("DEL"):
            self.wrong("the plugin fails again")
        elif left and left.json["leases"]:
            self.wrong("the plugin leaves %s" % left)

    def talk(self):
        self.n += 1
        c = self.cluster.bare_container("v%d" % self.n)
        address = "10.32.1.%d/16" % self.n
        if self.ctl("attach", "--netns", c.ns.path, "--ifname", "eth0",
                    "--address", address):
            if not self.fault or self.fault.count:
                self.reaches(c, address)
            self.operate()
            if not self.has_ended("status") and not self.is_deaf:
                self.orchestrate()
            if not self.has_ended("DEL"):
                self.ctl("detach", "--netns", c.ns.path, "--ifname", "eth0")
        self.cluster.containers.remove(c)
        c.close()

    def stop(self):
        if self.has_ended("stop"):
            return
        try:
            status = self.host.stop(STOP_S)
        except subprocess.TimeoutExpired:
            self.wrong("not ended %d s after SIGTERM" % STOP_S)
            self.host.kill()
            return
        if status != 0:
            self.has_ended("stop")

    def life(self, fault=None):
        self.fault = fault
        self.is_deaf = False
        self.table.arm(*([fault] if fault else []))
        if self.start():
            self.talk()
            self.stop()
        n = self.table.n_failed()
        self.table.arm()
        return n


@pytest.fixture
def victim(make_cluster):
    cluster = make_cluster(3, start=False, datapaths=(None, None, "bridge"))
    for host in cluster.hosts[0], cluster.hosts[2]:
        host.start()
    v = Victim(cluster)
    v.life()
    assert not v.lost, "without any fault:\n" + "\n".join(v.lost)
    yield v
    v.table.close()
    assert not v.lost, "%d:\n%s" % (len(v.lost), "\n\n".join(v.lost))


def one_by_one(victim, faults):
    n = 0
    for fault in faults:
        n += victim.life(fault) > 0
    figure("faults that struck", n)
    figure("crashes of careless libraries", victim.n_excused)
    assert n >= len(faults) * 3 // 4 or victim.lost


def symbols(libraries, *which):
    out = subprocess.run(["nm", "-P", *which, *libraries], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    return {line.split()[0] for line in out.splitlines()
            if len(line.split()) > 1}


def test_all_of_sys_can_fail():
    """Each function of the C library that src/sys calls is one of fault.c's."""
    at = os.path.dirname(find_program("fastdpd"))
    ours = symbols(glob.glob(os.path.join(at, "lib*.a")), "--defined-only")
    called = {re.sub(r"^__(.*)_chk$", r"\1", name)
              for name in symbols([os.path.join(at, "libsys.a")], "-u") - ours}
    called = {name for name in called if not HARMLESS.match(name)}
    assert len(called) > 30, called
    assert called <= set(ERRORS), called - set(ERRORS)
    made = symbols([find_program("tests/fault/fault.so")], "--defined-only",
                   "-D")
    assert set(ERRORS) <= made, set(ERRORS) - made


@pytest.mark.limit(3600)
def test_each_call_once(victim):
    all_of = victim.table.ours()
    assert len(all_of) > 60, all_of
    faults = [Fault(f, error, (what, at)) for f, what, at in all_of
              if f not in ALLOCATORS for error in ERRORS[f]]
    one_by_one(victim, some(faults, N_SHORT, FOUND))


@pytest.mark.limit(3600)
def test_no_memory(victim):
    faults = [Fault(f, errno.ENOMEM, (what, at))
              for f, what, at in victim.table.ours() if f in ALLOCATORS]
    one_by_one(victim, some(faults, 4, FOUND))


@pytest.mark.limit(3600)
def test_in_runs(victim):
    """A function fails for good wherever the daemon calls it, at once or after
    a while."""
    counts = {}
    for (f, what, _at), n in victim.table.places().items():
        if what == "fastdpd":
            counts[f] = counts.get(f, 0) + n
    faults = [Fault(f, ERRORS[f][0], ("fastdpd", 0), skip, 0)
              for f in sorted(counts) if f in ERRORS
              for skip in sorted({0, counts[f] // 2})
              if f != "clock_gettime"]
    one_by_one(victim, some(faults, 4, FOUND))


@pytest.mark.limit(600)
def test_clock_jumps(victim):
    """An hour at once, while containers and peers are there."""
    for jump in (5, 3600):
        victim.fault = None
        victim.table.arm()
        assert victim.start()
        victim.fault = Fault("clock_gettime", JUMP + jump, count=0)
        victim.table.arm(victim.fault)
        time.sleep(0.5)
        victim.fault.count = 1  # all must be well
        victim.talk()
        victim.stop()
        victim.table.arm()
