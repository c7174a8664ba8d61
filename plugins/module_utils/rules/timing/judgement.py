# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether every node reached what it has to reach in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding
from ansible_collections.homelab.talos.plugins.module_utils.rules.timing.clocks import CLOCKS, BootTiming, Wait

LAYER = "L4"
WORDS = {"kubernetes_ready": "Kubernetes Ready", "machine_ready": "machine ready", "stage_running": "stage running"}


def judge(timings: Sequence[BootTiming], limit: int) -> list[Finding]:
    """Return a finding for each clock that was not reached, or not within ``limit`` seconds (0: no limit).

    :return: findings ``timing.unreachable``, ``timing.kubernetes-ready``, ``timing.machine-ready`` and
        ``timing.stage-running``.
    """
    return [finding for timing in timings for finding in _judge_node(timing, limit)]


def _judge_node(timing: BootTiming, limit: int) -> Iterator[Finding]:
    if timing.clocks is None:
        message = f"cannot be asked: {timing.error}"
        yield Finding("timing.unreachable", "error", message, timing.name, fix="look at the console", layer=LAYER)
        return
    for name in CLOCKS:
        reading = timing.clocks[name]
        identity = f"timing.{name.replace('_', '-')}"
        if not reading.reached:
            message = f"{WORDS[name]} not reached: {reading.reason}"
            path = ", ".join(wait.service for wait in timing.waiting_for) if name == "stage_running" else ""
            fix = _fix(timing.waiting_for) if name == "stage_running" else "look at the services of the node"
            yield Finding(identity, "error", message, timing.name, path, fix, LAYER)
        elif limit and reading.seconds is not None and reading.seconds > limit:
            message = f"{WORDS[name]} after {reading.seconds} s, later than {limit} s"
            yield Finding(identity, "error", message, timing.name, fix="look at the node's kernel log", layer=LAYER)


def _fix(waits: Sequence[Wait]) -> str:
    return "; ".join(wait.fix for wait in waits) or "look at the node's kernel log"
