# SPDX-License-Identifier: Apache-2.0
"""Every call of what people and container runtimes start fails: the command
line and the plugin neither crash nor hang, say why, and what is done again
works and leaves nothing behind.

The first turn of a tool has no faults and tells which places there are; in
each of the others one call fails. By default a part of them is tried, with
FASTDP_LONG=1 all.
"""

import errno
import json
import os
import shutil
import signal

import pytest

from faults import ALLOCATORS, ERRORS, Fault, Table, some
from host import find_program
from ns import figure

TURN_S = 60
N_SHORT = 32  # of which bridges take half
ADDRESSES = ("--address", "10.32.9.1/16", "--address", "fd32::9:1/64")
FAKE_IPAM = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..",
                         "cni", "fake_ipam.py")


class Bench:
    """A host whose tools have fault.so. Its daemon has not."""

    def __init__(self, cluster):
        self.cluster, self.host = cluster, cluster.hosts[0]
        self.other = cluster.container(cluster.hosts[1])
        self.table = Table(os.path.join(cluster.directory, "faults"))
        self.fault = None
        self.lost = []
        self.n = 0
        self.container = None
        self.ipam = os.path.join(cluster.directory, "ipam")
        os.makedirs(os.path.join(self.ipam, "leases"))
        shutil.copy(FAKE_IPAM, os.path.join(self.ipam, "fake_ipam"))

    def wrong(self, what, done):
        self.lost.append("%s: %s: %d, %s, %s" % (
            self.fault, what, done.returncode, done.stdout[-500:],
            done.stderr[-500:]))

    def run(self, what, *argv, env=None, stdin=""):
        env = dict(env or os.environ, FAULT_FILE=self.table.path,
                   LD_PRELOAD=find_program("tests/fault/fault.so"))
        done = self.host.ns.run(*argv, env=env, stdin=stdin, check=False,
                                timeout=TURN_S)
        status = done.returncode
        is_out_of_memory = self.fault and self.fault.function in ALLOCATORS
        if status < 0 and not (is_out_of_memory and
                               status == -signal.SIGABRT):
            self.wrong("%s crashes" % what, done)
        elif status > 0 and not done.stdout.strip() + done.stderr.strip():
            self.wrong("%s fails without a word" % what, done)
        return done

    def ctl(self, *args, may=(0,), options=("--json",)):
        """True: done, if need be when it is asked again."""
        for _ in range(2):
            done = self.run(args[0], find_program("fastdpctl"), "--socket",
                            self.host.socket_path, *options, *args)
            if done.returncode in may:
                if options:
                    self.parse(args[0], done)
                return True
            if args[0] == "attach":
                self.ctl("detach", *args[1:5], may=(0, 1), options=())
        self.wrong("%s fails again" % args[0], done)
        return False

    def parse(self, what, done):
        try:
            json.loads(done.stdout)
        except ValueError:
            self.wrong("%s is content, and this is no JSON" % what, done)

    def plugin(self, verb, **more):
        conf = {"cniVersion": "1.1.0", "name": "net1", "type": "fastdp",
                "socket": self.host.socket_path, "isGateway": True,
                "ipam": {"type": "fastdp"}}
        conf.update(more)
        env = dict(os.environ, CNI_COMMAND=verb, CNI_PATH=self.ipam,
                   FAKE_IPAM=self.ipam)
        if verb not in ("STATUS", "GC"):
            env.update(CNI_CONTAINERID="p%d" % self.n, CNI_IFNAME="eth0",
                       CNI_NETNS=self.container.ns.path)
        done = self.run(verb, find_program("fastdp"), env=env,
                        stdin=json.dumps(conf))
        if done.returncode > 0 and '"msg"' not in done.stdout and \
                self.fault.function != "write":
            self.wrong("%s fails without a reason" % verb, done)
        return done

    def again(self, verb, **more):
        """As runtimes do it. What it said."""
        for _ in range(2):
            done = self.plugin(verb, **more)
            if done.returncode == 0:
                return done
            if verb == "ADD" and self.plugin("DEL", **more).returncode != 0:
                self.plugin("DEL", **more)
        self.wrong("%s fails again" % verb, done)
        return None

    def nothing_left(self):
        """Asked without faults."""
        ports = [p["container"] for p in self.host.ctl("ports")["ports"]]
        leases = self.host.ctl("ipam", "list")["leases"] + \
            os.listdir(os.path.join(self.ipam, "leases"))
        links = [n for n in self.container.ns.links() if n != "lo"]
        freed = os.path.join(os.path.dirname(self.host.socket_path), "freed")
        notes = os.listdir(freed) if os.path.exists(freed) else []
        if ports or leases or links or notes:
            self.lost.append("%s: left: %s" % (
                self.fault, (ports, leases, links, notes)))


def turn_doctor(bench):
    bench.ctl("doctor", "--quick", may=(0, 1))


def turn_ask(bench):
    bench.ctl("status")
    bench.ctl("why", bench.other.ip4)
    bench.ctl("peers", options=())
    bench.ctl("directory", options=())


def turn_attach(bench):
    where = ("--netns", os.path.basename(bench.container.ns.path),
             "--ifname", "eth0")
    if bench.ctl("attach", *where, *ADDRESSES):
        bench.ctl("detach", *where, options=())
    bench.nothing_left()


def turn_plugin(bench):
    bench.again("STATUS")
    done = bench.again("ADD")
    if done:
        bench.again("CHECK", prevResult=json.loads(done.stdout))
    bench.again("GC", **{"cni.dev/valid-attachments": [
        {"containerID": "p%d" % bench.n, "ifname": "eth0"}]})
    bench.again("DEL")
    bench.nothing_left()


def turn_delegated(bench):
    """Addresses of another plugin's."""
    ipam = {"type": "fake_ipam", "v6": True}
    bench.again("ADD", ipam=ipam)
    bench.again("DEL", ipam=ipam)
    bench.nothing_left()


def turn_away(bench):
    """The container goes while no daemon is there."""
    bench.again("ADD")
    bench.host.stop()
    bench.again("DEL")
    bench.host.start()
    bench.nothing_left()


@pytest.fixture
def bench(make_cluster):
    cluster = make_cluster(2, start=False)
    config = os.path.join(cluster.directory, "config")
    with open(config, "w", encoding="ascii") as f:
        f.write("[network default]\nrange = 10.32.0.0/16\n"
                "block = 10.32.64.0/24\n")
    cluster.hosts[0].options += ["--config", config]
    for host in cluster.hosts:
        host.start()
    b = Bench(cluster)
    yield b
    b.table.close()
    assert not b.lost, "%d:\n%s" % (len(b.lost), "\n\n".join(b.lost))


def one_turn(bench, turn, fault=None):
    bench.fault = fault
    bench.n += 1
    bench.container = bench.cluster.bare_container("p%d" % bench.n)
    bench.table.arm(*([fault] if fault else []))
    turn(bench)
    n = bench.table.n_failed()
    bench.cluster.containers.remove(bench.container)
    bench.container.close()
    return n


@pytest.mark.running_kernel  # they are the same on Open vSwitch
@pytest.mark.limit(3600)
@pytest.mark.parametrize("turn", [turn_doctor, turn_ask, turn_attach,
                                  turn_plugin, turn_delegated, turn_away])
def test_tool(bench, turn):
    one_turn(bench, turn)
    assert not bench.lost, "without any fault"
    ours = bench.table.ours()
    faults = some([Fault(f, error, (what, at)) for f, what, at in ours
                   if f not in ALLOCATORS for error in ERRORS[f]], N_SHORT) + \
        some([Fault(f, errno.ENOMEM, (what, at)) for f, what, at in ours
              if f in ALLOCATORS], N_SHORT // 2)
    struck = sum(one_turn(bench, turn, fault) > 0 for fault in faults)
    figure("places", len(ours))
    figure("faults that struck", struck)
    assert struck >= len(faults) * 3 // 4
