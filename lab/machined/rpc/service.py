# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ServiceList, ServiceStart, ServiceStop, ServiceRestart.

Source: siderolabs/talos:internal/app/machined/pkg/system/system.go (APIStart, APIStop, APIRestart).
"""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.talos.lab.machined import refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.event_messages import fill_health
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.service_runner import ServiceRunner
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message

PREFIX = "/machine.MachineService/Service"


class ServiceCalls:
    """The four calls of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def handlers(self) -> Handlers:
        """Return the handlers."""
        return {
            f"{PREFIX}List": self._list,
            f"{PREFIX}Start": self._start,
            f"{PREFIX}Stop": self._stop,
            f"{PREFIX}Restart": self._restart,
        }

    async def _list(self, call: Call) -> Any:
        reply = message("machine.ServiceListResponse")()
        element = reply.messages.add()
        for id in sorted(self._node.services):
            _fill(element.services.add(), self._node.services[id])
        return reply

    async def _start(self, call: Call) -> Any:
        service = self._service(call.request.id)
        if not service.active:
            _check(service, "start")
            service.start()
        return _reply("Start", f'Service "{service.id}" started')

    async def _stop(self, call: Call) -> Any:
        service = self._service(call.request.id)
        if service.active:
            _check(service, "stop")
            await service.stop()
        return _reply("Stop", f'Service "{service.id}" stopped')

    async def _restart(self, call: Call) -> Any:
        service = self._service(call.request.id)
        _check(service, "restart" if service.active else "start")
        await service.stop()
        service.start()
        return _reply("Restart", f'Service "{service.id}" restarted')

    def _service(self, id: str) -> ServiceRunner:
        service = self._node.services.get(id)
        if service is None:
            raise refusals.unknown(f'service "{id}" not defined')
        return service


def _check(service: ServiceRunner, operation: str) -> None:
    """Raise the refusal of Talos unless the API may do this; what is so already needs no permission."""
    if operation not in service.definition.api:
        raise refusals.unknown(f'service "{service.id}" doesn\'t support {operation} operation via API')


def _fill(info: Any, service: ServiceRunner) -> None:
    info.id, info.state = service.id, service.state.value
    for event in service.events:
        entry = info.events.events.add(msg=event.message, state=event.state.value)
        entry.ts.FromDatetime(event.time)
    fill_health(info.health, service)


def _reply(operation: str, text: str) -> Any:
    reply = message(f"machine.Service{operation}Response")()
    reply.messages.add(resp=text)
    return reply


def handlers(node: Node) -> Handlers:
    """Return the handlers."""
    return ServiceCalls(node).handlers()
