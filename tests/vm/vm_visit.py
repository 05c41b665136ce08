# SPDX-License-Identifier: Apache-2.0
"""A further command in a guest that runs already (--name, --in)."""

import os
import tempfile

from vm_job import Command, Failure, get, named

START_S = 120


def kernel(name):
    """What kind of kernel the guest of that name is."""
    where = named(name)
    try:
        owner = os.stat(where).st_uid
    except FileNotFoundError:
        owner = None
    kind = get(os.path.join(where, "kernel")) if owner == os.geteuid() else None
    if kind is None:
        raise Failure("no guest named %s runs; start one: tests/vm/run "
                      "--kernel uml --name %s COMMAND" % (name, name))
    return kind


def run(keeper, opts, env):
    """Run opts.command in the guest named opts.inside; its exit status.

    The guest kills the command when the directory goes, which the keeper
    sees to, however this process ends.
    """
    where = named(opts.inside)
    mine = tempfile.mkdtemp(prefix="ask.", dir=where)
    keeper.remove(mine)
    command = Command(mine, opts.command, env)

    def check(_started):
        if not os.path.isdir(mine):
            raise Failure("the guest named %s has ended" % opts.inside)
    return command.follow(check, START_S, opts.timeout)
