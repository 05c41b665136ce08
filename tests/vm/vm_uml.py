# SPDX-License-Identifier: Apache-2.0
"""User-mode Linux: a kernel that is an ordinary process. One CPU."""

import mmap
import os
import shutil
import subprocess
import tempfile

from vm_job import Failure, HERE, default_memory

BOOT_S = 120
INSTALL = "apt-get install user-mode-linux"


def start(job, keeper, opts, command, env, rw):
    """Boot the guest of `job`; returns (Popen, seconds it may boot)."""
    if (opts.cpus or 1) != 1:
        raise Failure("User-mode Linux has one CPU; take --kernel qemu for "
                      "--cpus %d" % opts.cpus)
    binary = shutil.which("linux.uml", path=os.environ.get("PATH", "") +
                          ":/usr/bin:/usr/local/bin")
    if binary is None:
        raise Failure("linux.uml (User-mode Linux) is missing; do: " + INSTALL)
    mem = opts.mem or default_memory()
    mem_dir = _memory_dir(mem)
    guest_env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": job.dir,
                 "TMPDIR": mem_dir}
    shim = _xstate_shim(mem_dir, keeper)
    if shim:
        guest_env["LD_PRELOAD"] = shim
    job.prepare("uml", _modules(binary), command, env, rw)
    args = [binary, "mem=%dM" % (mem >> 20), "umid=vm",
            "uml_dir=%s/" % job.dir, "root=none", "rootfstype=hostfs",
            "rootflags=/", "ro", "init=" + job.path("init"),
            "con=null", "ssl=null", "con0=null,fd:1", "noreboot"]
    with open(job.console, "wb") as console:
        proc = keeper.spawn(args, stdin=subprocess.DEVNULL, stdout=console,
                            stderr=console, env=guest_env)
    return proc, BOOT_S


def _modules(binary):
    release = subprocess.run([binary, "--version"], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True,
                             check=False).stdout.strip()
    path = "/usr/lib/uml/modules/" + release
    if not release or not os.path.isdir(path):
        raise Failure("%s has no modules in %s; do: %s"
                      % (binary, path, INSTALL))
    return path


def _memory_dir(mem):
    """Where the guest's memory can be a file that is mapped executable."""
    why = []
    for path in ("/dev/shm", os.environ.get("TMPDIR"), "/tmp", "/var/tmp"):
        if not path or not os.access(path, os.W_OK | os.X_OK):
            continue
        vfs = os.statvfs(path)
        free = vfs.f_bavail * vfs.f_frsize
        if free < mem:
            why.append("%s has %d MB" % (path, free >> 20))
        elif not _maps_executable(path):
            why.append("%s is noexec" % path)
        else:
            return path
    raise Failure("no directory can hold the guest's %d MB of memory (%s); "
                  "take a smaller --mem, or: mount -o remount,exec,size=%dM "
                  "/dev/shm" % (mem >> 20, ", ".join(why), (mem >> 20) + 512))


def _maps_executable(path):
    try:
        with tempfile.TemporaryFile(dir=path) as f:
            f.truncate(mmap.PAGESIZE)
            mmap.mmap(f.fileno(), mmap.PAGESIZE, mmap.MAP_SHARED,
                      mmap.PROT_READ | mmap.PROT_WRITE |
                      mmap.PROT_EXEC).close()
        return True
    except OSError:
        return False


def _xstate_shim(where, keeper):
    """Compile uml-xstate.c where the processor needs it; see there."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        if " amx_tile" not in f.read():
            return None
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))),
                    None)
    if compiler is None:
        raise Failure("User-mode Linux does not start on a processor with AMX "
                      "unless a small library is compiled for it; do: "
                      "apt-get install gcc libc6-dev")
    own = tempfile.mkdtemp(prefix="fastdp-vm.", dir=where)
    keeper.remove(own)
    shim = os.path.join(own, "xstate.so")
    done = subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", shim,
                           os.path.join(HERE, "uml-xstate.c")],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Failure("%s cannot compile uml-xstate.c; do: apt-get install "
                      "gcc libc6-dev\n%s" % (compiler, done.stdout))
    return shim
