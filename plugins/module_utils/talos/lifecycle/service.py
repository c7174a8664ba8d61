# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting, stopping and restarting one service of a node, where Talos allows it.

Source: siderolabs/talos:internal/app/machined/pkg/system/system.go (APIStart, APIStop, APIRestart),
internal/app/machined/pkg/system/services (who may be started, stopped, restarted).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import TalosError
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.access import NodeAccess, open_node
from ansible_collections.homelab.talos.plugins.module_utils.talos.waiting import Observed, Pace, wait_for

SERVICE = "machine.MachineService/Service"
STARTED, STOPPED, RESTARTED = "started", "stopped", "restarted"
# A service that waits or prepares has been started; it stops when it is told to.
INACTIVE = frozenset({"Initialized", "Finished", "Failed", "Skipped"})
_EXTENSION = "ext-"
_ALLOWED = {"kubelet": frozenset({"start", "restart"})}
_ALL = frozenset({"start", "stop", "restart"})
_REMEDY = "Talos allows start and restart of kubelet, and everything for services of extensions (ext-...)"


class ServiceRefused(TalosError):
    """Talos does not allow this for the service, or the node has no such service."""


@dataclass(frozen=True)
class ServiceState:
    """One service as the node tells it.

    :ivar state: such as ``Running``, ``Waiting`` or ``Finished``.
    :ivar healthy: None when there is no health check, or no result yet.
    :ivar message: the newest event.
    :ivar newest: time of the newest event in nanoseconds since the epoch.
    """

    name: str
    state: str
    healthy: bool | None
    message: str
    newest: int = 0

    @property
    def is_active(self) -> bool:
        """Whether it was started and has neither ended nor failed."""
        return self.state not in INACTIVE

    @property
    def is_up(self) -> bool:
        """Whether it runs and is healthy, if it can tell."""
        return self.state == "Running" and self.healthy is not False

    def __str__(self) -> str:
        health = {None: "", True: ", healthy", False: ", not healthy"}[self.healthy]
        return f"{self.state}{health}: {self.message}"


async def read_service(access: NodeAccess, name: str) -> ServiceState:
    """Return the state of a service.

    :raises ServiceRefused: the node has no such service; lists those it has.
    :raises TalosError: the node cannot be asked.
    """
    async with open_node(access) as node:
        reply = await node.client.unary(f"{SERVICE}List")
    services = reply.messages[0].services
    for info in services:
        if info.id == name:
            return _state(info)
    known = ", ".join(sorted(info.id for info in services))
    raise ServiceRefused(access.name, f'service "{name}" not defined', remedy=f"the services of this node are {known}")


def _state(info: Any) -> ServiceState:
    newest = info.events.events[-1] if info.events.events else None
    healthy = None if info.health.unknown else bool(info.health.healthy)
    if newest is None:
        return ServiceState(info.id, info.state, healthy, "no event yet")
    return ServiceState(info.id, info.state, healthy, newest.msg, newest.ts.ToNanoseconds())


def operation_for(wish: str, service: ServiceState) -> str:
    """Return what to ask for: ``Start``, ``Stop``, ``Restart``, or an empty string when it is so already.

    A restart of a service that does not run is a start, as in Talos.
    """
    if wish == STOPPED:
        return "Stop" if service.is_active else ""
    if wish == RESTARTED and service.is_active:
        return "Restart"
    return "" if service.is_active else "Start"


def check_allowed(access: NodeAccess, name: str, operation: str) -> None:
    """Refuse what Talos would, without asking the node.

    :raises ServiceRefused: in the words of Talos.
    """
    allowed = _ALL if name.startswith(_EXTENSION) else _ALLOWED.get(name, frozenset())
    word = operation.lower()
    if word not in allowed:
        raise ServiceRefused(access.name, f'service "{name}" doesn\'t support {word} operation via API', remedy=_REMEDY)


async def send(access: NodeAccess, name: str, operation: str) -> None:
    """Ask the node for an operation.

    :raises TalosError: it refuses.
    """
    request = message(f"machine.Service{operation}Request")(id=name)
    async with open_node(access) as node:
        await node.client.unary(f"{SERVICE}{operation}", request)


async def wait_until(
    access: NodeAccess, wish: str, before: ServiceState, timeout: float, pace: Pace | None = None
) -> ServiceState:
    """Wait until a service is as wished: up after the operation, or ended.

    :raises WaitTimeout: naming the node, the service and what was observed last.
    """

    async def look() -> Observed[ServiceState]:
        now = await read_service(access, before.name)
        if wish == STOPPED:
            return Observed(not now.is_active, str(now), now)
        proven = before.healthy is None or now.healthy is True  # it has a health check: wait for the first result
        return Observed(now.is_up and proven and now.newest != before.newest, str(now), now)

    end = "to stop" if wish == STOPPED else "to run"
    return await wait_for(f"service {before.name} of {access.name} {end}", look, timeout, pace)
