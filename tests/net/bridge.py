# SPDX-License-Identifier: Apache-2.0
"""A host's bridges, read from the kernel without the daemon."""

import json
import re
import signal
import subprocess
import tempfile

ELEMENTS = re.compile(r"elements = \{([^}]*)\}")


def bridges(host):
    """Names of the bridges there are."""
    return sorted(x["ifname"] for x in json.loads(
        host.ns.ip("-j", "link", "show", "type", "bridge").stdout or "[]"))


def fdb(host, bridge="fastdp"):
    """{MAC: (link, is it static)} of a bridge, but for its own MACs."""
    out = host.ns.run("bridge", "-j", "fdb", "show", "br", bridge).stdout
    return {e["mac"]: (e["ifname"], e.get("state") == "static")
            for e in json.loads(out or "[]")
            if e.get("master") and e.get("state") != "permanent"}


def tables(host):
    """Names of nf_tables' tables for bridges."""
    out = host.ns.run("nft", "list", "tables", "bridge").stdout
    return [line.split()[-1] for line in out.splitlines()]


class Bridges:
    """What flows.Datapath is for Open vSwitch, as far as bridges have it."""

    def __init__(self, namespace):
        self._ns = namespace

    def close(self):
        pass

    def vports(self):
        """{link number: (name, kind)} of the bridges and their ports."""
        found = {}
        for link in json.loads(self._ns.ip("-j", "-d", "link").stdout):
            kind = link.get("linkinfo", {}).get("info_kind", "")
            if kind == "bridge" or link.get("master"):
                found[link["ifindex"]] = (link["ifname"], kind)
        return found

    def flows(self):
        """Entries that do not age, and elements of the rules' sets."""
        entries = self._ns.run("bridge", "fdb", "show").stdout.splitlines()
        rules = self._ns.run("nft", "list", "ruleset", check=False).stdout
        return [line for line in entries if "static" in line] + \
            [element.strip() for each in ELEMENTS.findall(rules)
             for element in each.split(",")]

    def mentions(self, needle):
        return [f for f in self.flows() if needle in f.split()]


class FdbMonitor:
    """Whatever happens to forwarding entries from here on."""

    def __init__(self, host):
        self._out = tempfile.TemporaryFile(mode="w+")
        self._child = host.ns.popen("bridge", "monitor", "fdb",
                                    stdout=self._out,
                                    stderr=subprocess.STDOUT)

    def stop(self):
        """Lines about entries that do not age."""
        self._child.send_signal(signal.SIGINT)
        self._child.wait(5)
        self._out.seek(0)
        lines = [line.strip() for line in self._out if "static" in line]
        self._out.close()
        return lines
