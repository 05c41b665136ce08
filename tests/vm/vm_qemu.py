# SPDX-License-Identifier: Apache-2.0
"""QEMU with a Debian cloud kernel; the host's root comes through virtiofs."""

import os
import shutil
import subprocess
import time

import vm_kernel
from vm_job import Failure, default_memory, get

BOOT_S = 300
SOCKET_S = 20
QEMU = "qemu-system-x86_64"
INSTALL = "apt-get install qemu-system-x86 qemu-system-common"
VIRTIOFSD = "/usr/lib/qemu/virtiofsd"
ROOT_TAG = "hostroot"


def start(job, keeper, opts, command, env, rw):
    """Boot the guest of `job`; returns (Popen, seconds it may boot)."""
    icount = opts.kernel == "qemu-icount"
    if icount and (opts.cpus or 1) != 1:
        raise Failure("counting instructions needs one CPU; take --kernel "
                      "qemu for --cpus %d" % opts.cpus)
    if os.geteuid() != 0:
        raise Failure("--kernel %s needs root (virtiofsd does); use sudo, or "
                      "--kernel uml" % opts.kernel)
    binary = shutil.which(QEMU)
    if binary is None or not os.access(VIRTIOFSD, os.X_OK):
        raise Failure("%s or virtiofsd is missing; do: %s" % (QEMU, INSTALL))
    kernel = vm_kernel.find()
    job.prepare("qemu", kernel.modules, command, env, rw)
    with open(job.console, "ab") as console:
        files = _serve_root(job, keeper)
        args = [binary] + _accel(icount) + _machine(job, opts, files) + [
            "-kernel", kernel.image, "-append", " ".join((
                "console=ttyS0", "root=" + ROOT_TAG, "rootfstype=virtiofs",
                "rw", "init=" + job.path("init"), "panic=-1", "oops=panic",
                "no_timer_check", "loglevel=5"))]
        guest = keeper.spawn(args, stdin=subprocess.DEVNULL, stdout=console,
                             stderr=console)
    return guest, BOOT_S


def _accel(icount):
    """Emulation always: KVM inside a virtual machine is often there and does
    not work, and figures from emulation can be compared."""
    if icount:
        return ["-accel", "tcg,thread=single", "-icount",
                "shift=2,sleep=off", "-smp", "1"]
    return ["-accel", "tcg,thread=multi"]


def _machine(job, opts, files):
    mem = (opts.mem or default_memory()) >> 20
    args = ["-nodefaults", "-no-user-config", "-no-reboot",
            "-display", "none", "-machine", "q35,memory-backend=mem",
            "-cpu", "max", "-m", "%dM" % mem,
            "-object", "memory-backend-memfd,id=mem,size=%dM,share=on" % mem,
            "-chardev", "socket,id=fs,path=" + files,
            "-device", "vhost-user-fs-pci,chardev=fs,tag=" + ROOT_TAG,
            "-device", "virtio-rng-pci",
            "-chardev", "file,id=tty,append=on,path=" + job.console,
            "-serial", "chardev:tty"]
    if opts.kernel == "qemu":
        args += ["-smp", str(opts.cpus or 2)]
    return args


def _serve_root(job, keeper):
    """Start virtiofsd; returns its socket."""
    path = job.path("fs.sock")
    args = [VIRTIOFSD, "--socket-path=" + path, "-f",
            "-o", "source=/,sandbox=chroot,cache="
            # commands that come later must be seen
            + ("auto" if job.serves else "always")]
    with open(job.path("fs.log"), "wb") as log:
        server = keeper.spawn(args, stdin=subprocess.DEVNULL, stdout=log,
                              stderr=log)
    end = time.monotonic() + SOCKET_S
    while not os.path.exists(path):
        if not keeper.alive(server) or time.monotonic() > end:
            raise Failure("virtiofsd did not start:\n%s"
                          % get(job.path("fs.log")))
        time.sleep(0.01)
    return path
