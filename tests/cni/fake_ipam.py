#!/usr/bin/python3 -SE
# SPDX-License-Identifier: Apache-2.0
"""An IPAM plugin with its leases in files, and with faults on demand.

It lives in $FAKE_IPAM: `leases/ID IFNAME` has the address, `calls` a JSON
object a line, `behaviour.json` what to do for a verb instead of serving it:
{"raw": TEXT, "exit": N, "sleep": S, "kill": SIGNAL of itself,
 "kill_parent": "before" | "after", "result": {…} (merged into the result),
 "flood": BYTES, "serve": true (serve it as well)}
"""

import fcntl
import json
import os
import signal
import sys
import time

HOME = os.environ["FAKE_IPAM"]
VERB = os.environ.get("CNI_COMMAND", "")
LEASE = "%s/leases/%s %s" % (HOME, os.environ.get("CNI_CONTAINERID"),
                             os.environ.get("CNI_IFNAME"))


def fail(code, msg, details=""):
    print(json.dumps({"cniVersion": "1.0.0", "code": code, "msg": msg,
                      "details": details}))
    sys.exit(1)


def add(conf):
    used = set()
    for name in os.listdir(HOME + "/leases"):
        with open(HOME + "/leases/" + name, encoding="ascii") as f:
            used.add(int(f.read()))
    if os.path.exists(LEASE):
        fail(102, "this container has an address already")
    number = next(n for n in range(2, 250) if n not in used)
    with open(LEASE, "w", encoding="ascii") as f:
        f.write(str(number))
    ips = [{"address": "10.32.0.%d/24" % number, "gateway": "10.32.0.1"}]
    if conf["ipam"].get("v6"):
        ips.append({"address": "fd32::%x/64" % number, "gateway": "fd32::1"})
    if conf["cniVersion"] < "1.0.0":
        for ip in ips:
            ip["version"] = "6" if ":" in ip["address"] else "4"
    return {"cniVersion": conf["cniVersion"], "ips": ips,
            "routes": conf["ipam"].get("routes", [{"dst": "0.0.0.0/0"}]),
            "dns": conf["ipam"].get("dns", {})}


def gc(conf):
    keep = {"%s %s" % (a["containerID"], a["ifname"])
            for a in conf.get("cni.dev/valid-attachments") or []}
    for name in os.listdir(HOME + "/leases"):
        if name not in keep:
            os.unlink(HOME + "/leases/" + name)


def serve(conf):
    if VERB == "ADD":
        return add(conf)
    if VERB == "DEL" and os.path.exists(LEASE):
        os.unlink(LEASE)
    if VERB == "CHECK" and not os.path.exists(LEASE):
        fail(103, "no lease")
    if VERB == "GC":
        gc(conf)
    return None


def behaviour():
    try:
        with open(HOME + "/behaviour.json", encoding="ascii") as f:
            return json.load(f).get(VERB, {})
    except FileNotFoundError:
        return {}


def misbehave(how):
    if "sleep" in how:
        time.sleep(how["sleep"])
    if "kill" in how:
        os.kill(os.getpid(), how["kill"])
    if "flood" in how:
        sys.stdout.write("x" * how["flood"])
    if "raw" in how:
        sys.stdout.write(how["raw"])
    if "exit" in how:
        sys.stdout.flush()
        os._exit(how["exit"])


def main():
    parent = os.getppid()
    how = behaviour()
    text = sys.stdin.read()
    if how.get("kill_parent") == "before":
        os.kill(parent, signal.SIGKILL)
        time.sleep(how["sleep"])
    lock = open(HOME + "/lock", "w", encoding="ascii")
    fcntl.flock(lock, fcntl.LOCK_EX)
    with open(HOME + "/calls", "a", encoding="utf-8") as f:
        env = {k: v for k, v in os.environ.items() if k.startswith("CNI_")}
        f.write(json.dumps({"verb": VERB, "env": env, "stdin": text}) + "\n")
    if how and not how.get("serve"):
        if not {"kill_parent", "result"} & set(how):
            misbehave(how)
            return
    result = serve(json.loads(text))
    if how.get("kill_parent") == "after":
        os.kill(parent, signal.SIGKILL)
    if how.get("serve"):
        misbehave(how)
    if result is not None:
        result.update(how.get("result", {}))
        print(json.dumps(result))


main()
