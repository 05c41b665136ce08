# SPDX-License-Identifier: Apache-2.0
"""A kernel for QEMU: one that is installed, or unpacked into a cache."""

import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile

from vm_job import Failure

# What must be in the image itself: there is no initramfs.
NEEDED = ("CONFIG_VIRTIO_FS=y", "CONFIG_VIRTIO_PCI=y", "CONFIG_FUSE_FS=y",
          "CONFIG_OPENVSWITCH=m")
PACKAGE = re.compile(r"linux-image-[0-9][0-9.]*[0-9][a-z0-9.+~-]*-cloud-amd64")
NUMBER = re.compile(r"[0-9]+")

Kernel = collections.namedtuple("Kernel", "release image modules")


def find():
    """The newest kernel that will do; gets one if there is none."""
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or
                         os.path.expanduser("~/.cache"), "fastdp")
    kernels = _in_tree("/")
    if os.path.isdir(cache):
        for name in os.listdir(cache):
            if name.startswith("linux-image-"):
                kernels += _in_tree(os.path.join(cache, name))
    if not kernels:
        kernels = _in_tree(_fetch(cache))
    if not kernels:
        raise Failure("the newest cloud kernel that apt knows has no virtiofs "
                      "built in; 6.12 has: is the security suite of Debian 12 "
                      "in /etc/apt/sources.list? Then do: apt-get update")
    return max(kernels, key=lambda k: _numbers(k.release))


def _numbers(text):
    return [int(n) for n in NUMBER.findall(text)]


def _in_tree(root):
    """The kernels of a file system tree that have what is needed."""
    found = []
    boot = os.path.join(root, "boot")
    names = os.listdir(boot) if os.path.isdir(boot) else []
    for name in names:
        if not name.startswith("vmlinuz-"):
            continue
        release = name[len("vmlinuz-"):]
        modules = os.path.join(root, "lib/modules", release)
        if (_configured(os.path.join(boot, "config-" + release)) and
                os.path.exists(os.path.join(modules, "modules.dep"))):
            found.append(Kernel(release, os.path.join(boot, name), modules))
    return found


def _configured(path):
    try:
        with open(path, encoding="ascii", errors="replace") as f:
            lines = set(f.read().split("\n"))
    except OSError:
        return False
    return all(line in lines for line in NEEDED)


def _fetch(cache):
    """Unpack the newest cloud kernel that apt has; returns its tree."""
    for tool, package in (("apt-get", "apt"), ("dpkg-deb", "dpkg"),
                          ("depmod", "kmod")):
        if shutil.which(tool) is None:
            raise Failure("no kernel with virtiofs built in is in /boot, and "
                          "to get one %s is missing; install %s"
                          % (tool, package))
    names = [name for name in
             _run(["apt-cache", "pkgnames", "linux-image-"]).split()
             if PACKAGE.fullmatch(name)]
    if not names:
        raise Failure("apt knows no cloud kernel; do: apt-get update")
    package = max(names, key=_numbers)
    print("tests/vm/run: unpacking %s into %s (once)" % (package, cache),
          file=sys.stderr)
    os.makedirs(cache, exist_ok=True)
    work = tempfile.mkdtemp(prefix="part.", dir=cache)
    tree = os.path.join(cache, package)
    try:
        _run(["apt-get", "-q", "download", package], cwd=work)
        debs = [name for name in os.listdir(work) if name.endswith(".deb")]
        new = os.path.join(work, "tree")
        _run(["dpkg-deb", "-x", debs[0], new], cwd=work)
        for release in os.listdir(os.path.join(new, "lib/modules")):
            _run(["depmod", "-b", new, release])
        os.chmod(new, 0o755)
        try:
            os.rename(new, tree)
        except OSError:
            if not os.path.isdir(tree):     # not just another run's
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return tree


def _run(args, cwd=None):
    done = subprocess.run(args, cwd=cwd, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors="replace", check=False)
    if done.returncode != 0:
        said = "\n".join(done.stderr.splitlines()[-10:])
        raise Failure("%s failed:\n%s" % (" ".join(args), said))
    return done.stdout
