# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that waits for the end of a fault's owner and then lifts what the owner left."""

from __future__ import annotations

import os
import select
import sys

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.faults.switch import lift_abandoned
from ansible_collections.homelab.talos.lab.host.record import read_record


def main(arguments: list[str]) -> int:
    """Wait for the end of a process, then lift the faults of a lab whose owners died; returns the exit status.

    *arguments* are the name of the lab and the process id. Whoever lifts the fault before ends this process.
    """
    name, pid = arguments
    wait_for_end(int(pid))
    record = read_record().labs.get(name)
    if record is None:
        return 0
    try:
        lift_abandoned(record)
    except LabError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def wait_for_end(pid: int) -> None:
    """Return when process *pid* is gone; without limit, because how long a fault is wanted is its owner's affair."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll()
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
