# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard of a fault waits for the end of a process that is not its child."""

from __future__ import annotations

import subprocess
import sys
import threading

from ansible_collections.homelab.talos.lab.faults.guard import wait_for_end


def test_it_returns_when_the_process_ended_and_not_before() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as owner:
        waiting = threading.Thread(target=wait_for_end, args=(owner.pid,))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        owner.kill()
        waiting.join(10)
        assert not waiting.is_alive()


def test_a_process_that_is_gone_is_not_waited_for() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    wait_for_end(gone.pid)
