# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was read of a boot to its three clocks. Pure: nothing is asked here."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import ExpectedNode
from ansible_collections.homelab.talos.plugins.module_utils.rules.timing.clocks import BootTiming, ClockReading, Wait

Record = Mapping[str, Any]

# Stages in which the machine's readiness is judged at all; in all others Talos calls it ready.
BOOT_STAGES = ("booting", "running")
# Stages that come before the boot that is timed, within the same boot of the kernel.
EARLIER_STAGES = ("maintenance", "installing")
# The one thing that only an operator can give; Source: siderolabs/talos:pkg/machinery/resources/runtime/condition.go.
CONFIGURATION_AWAITED = "Waiting for extension service config"
SETTLED_STATES = ("Running", "Finished", "Skipped")
# Clocks of a second's resolution are compared.
RESOLUTION_SECONDS = 1


def boot_timing(expected: ExpectedNode, reading: Record, kubernetes: Record | None) -> BootTiming:
    """Return the clocks of a node.

    :param reading: what ``talos.boot_reading`` read.
    :param kubernetes: its entry of what ``kubernetes.cluster_reading`` read; ``{"error": ...}`` when Kubernetes does
        not answer or does not know the node; None when Kubernetes was not asked.
    """
    name, place = expected.name, (expected.machine_type, expected.role)
    if reading.get("error"):
        return BootTiming(name, *place, error=str(reading["error"]))
    history = reading["history"]
    started = boot_started(reading["boot_time"], history)
    stage = str(reading.get("stage") or "unknown")
    waits = () if stage == "running" else tuple(awaited_services(reading.get("services") or ()))
    clocks = {
        "kubernetes_ready": _kubernetes_ready(reading, kubernetes, started),
        "machine_ready": _machine_ready(reading, stage, history, started),
        "stage_running": _stage_running(stage, history, started, waits),
    }
    return BootTiming(name, *place, "", str(reading.get("boot_id") or ""), stage, started, clocks, waits)


def boot_started(boot_time: int, history: Sequence[Record]) -> int:
    """Return when the boot with the present configuration began: time in maintenance mode does not count.

    Machines without a battery stamp their first events with a time long before they knew it; these are left out.
    """
    started = boot_time
    history = [change for change in history if change["time"] >= boot_time]
    for number, change in enumerate(history):
        if change["stage"] in EARLIER_STAGES:
            later = (item["time"] for item in history[number:] if item["stage"] in BOOT_STAGES)
            started = next(later, change["time"])
    return started


def awaited_services(services: Sequence[Record]) -> Iterator[Wait]:
    """Yield the services that keep a boot from finishing."""
    for service in services:
        events = service.get("events") or ()
        text = str(events[-1]["message"]) if events else str(service.get("message") or service["state"])
        name = service["id"].removeprefix("ext-")
        if service["state"] == "Waiting" and text == CONFIGURATION_AWAITED:
            fix = f"apply an ExtensionServiceConfig named {name}; the boot then goes on without a reboot"
            yield Wait(service["id"], text, fix, needs_operator=True)
        elif service["state"] == "Finished" and all(event["state"] != "Running" for event in events):
            # Up to Talos 1.13 a service that was stopped before it ran is awaited all the same.
            yield Wait(service["id"], "Finished before it ran", f"configure and start {name}", needs_operator=True)
        elif service["state"] not in SETTLED_STATES or service.get("healthy") is False:
            yield Wait(service["id"], text, f"look at {service['id']}")


def _first(history: Sequence[Record], started: int, stages: Sequence[str], ready: bool | None = None) -> int | None:
    """Return seconds from the start to the first change to one of the stages (and to ``ready``)."""
    for change in history:
        if change["time"] >= started and change["stage"] in stages and ready in (None, change["ready"]):
            return int(change["time"] - started)
    return None


def _reached(seconds: int | None, unknown: str) -> ClockReading:
    return ClockReading(True, seconds, "" if seconds is not None else unknown)


_FORGOTTEN = "when is not known: the node no longer has the events of its boot"


def _stage_running(stage: str, history: Sequence[Record], started: int, waits: Sequence[Wait]) -> ClockReading:
    if stage == "running":
        return _reached(_first(history, started, ("running",)), _FORGOTTEN)
    awaited = f", waiting for {', '.join(map(str, waits))}" if waits else ""
    return ClockReading(False, reason=f"stage {stage}{awaited}")


def _machine_ready(reading: Record, stage: str, history: Sequence[Record], started: int) -> ClockReading:
    if stage not in BOOT_STAGES:
        return ClockReading(False, reason=f"stage {stage}")
    if reading.get("ready"):
        return _reached(_first(history, started, BOOT_STAGES, True), _FORGOTTEN)
    unmet = [f"{item['name']}: {item['reason']}" for item in reading.get("unmet_conditions") or ()]
    return ClockReading(False, reason="; ".join(unmet) or "the machine is not ready")


def _kubernetes_ready(reading: Record, kubernetes: Record | None, started: int) -> ClockReading:
    if kubernetes is None:
        seen = (reading.get("kubernetes") or {}).get("ready")
        if seen:
            return ClockReading(True, reason="when is not known: Kubernetes was not asked")
        return ClockReading(False, reason="Kubernetes was not asked, and the node does not see itself ready")
    if kubernetes.get("error"):
        return ClockReading(False, reason=str(kubernetes["error"]))
    if not kubernetes["ready"]:
        return ClockReading(False, reason=str(kubernetes["reason"] or "the node is not ready"))
    since = _seconds(str(kubernetes.get("ready_since") or ""))
    if since is None:
        return ClockReading(True, reason="when is not known: Kubernetes does not say")
    if since < started - RESOLUTION_SECONDS:
        return ClockReading(True, reason="when is not known: Ready since before this boot")
    return ClockReading(True, max(0, since - started))


def _seconds(stamp: str) -> int | None:
    """Return a time of Kubernetes in seconds since the epoch."""
    try:
        return int(datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp())
    except ValueError:
        return None
