# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Constructors for the protobuf messages of runtime events.

Source: siderolabs/talos:api/machine/machine.proto.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.homelab.talos.lab.machined.service_runner import ServiceRunner
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, message

START, STOP = "START", "STOP"


def _enum(owner: Any, field: str, word: str) -> int:
    return owner.DESCRIPTOR.fields_by_name[field].enum_type.values_by_name[word].number


def sequence(name: str, action: str) -> Any:
    """Return a SequenceEvent that brackets a sequence."""
    event = message("machine.SequenceEvent")(sequence=name)
    event.action = _enum(event, "action", action)
    return event


def failed(name: str, text: str) -> Any:
    """Return the SequenceEvent that follows the end of a sequence with an error."""
    return _without_sequence(name, "FATAL", f"sequence failed: {text}")


def locked(name: str) -> Any:
    """Return the SequenceEvent of a sequence that did not start because another one runs."""
    return _without_sequence(name, "LOCKED", "sequence not started: locked")


def _without_sequence(name: str, code: str, text: str) -> Any:
    event = message("machine.SequenceEvent")(sequence=name)
    event.action = _enum(event, "action", "NOOP")
    event.error.code = enum("common.Code").Value(code)
    event.error.message = text
    return event


def phase(name: str, action: str) -> Any:
    """Return a PhaseEvent."""
    event = message("machine.PhaseEvent")(phase=name)
    event.action = _enum(event, "action", action)
    return event


def task(name: str, action: str) -> Any:
    """Return a TaskEvent."""
    event = message("machine.TaskEvent")(task=name)
    event.action = _enum(event, "action", action)
    return event


def machine_status(stage: str, ready: bool, unmet: Iterable[tuple[str, str]]) -> Any:
    """Return a MachineStatusEvent for a stage such as ``booting`` or ``shutting down``."""
    event = message("machine.MachineStatusEvent")()
    event.stage = _enum(event, "stage", stage.upper().replace(" ", "_"))
    event.status.ready = ready
    for name, reason in unmet:
        event.status.unmet_conditions.add(name=name, reason=reason)
    return event


def restart(command: int) -> Any:
    """Return a RestartEvent (the reboot(2) command that is about to run)."""
    return message("machine.RestartEvent")(cmd=command)


def config_load_error(text: str) -> Any:
    """Return a ConfigLoadErrorEvent."""
    return message("machine.ConfigLoadErrorEvent")(error=text)


def service_state(service: ServiceRunner) -> Any:
    """Return a ServiceStateEvent for the newest event of a service."""
    newest = service.events[-1]
    event = message("machine.ServiceStateEvent")(service=service.id, message=newest.message)
    event.action = _enum(event, "action", newest.state.upper())
    fill_health(event.health, service)
    return event


def fill_health(health: Any, service: ServiceRunner) -> None:
    """Fill a ServiceHealth message from a service."""
    health.unknown = service.health.unknown
    health.healthy = service.health.healthy
    health.last_message = service.health.message
    health.last_change.FromDatetime(service.health.changed)
