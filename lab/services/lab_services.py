# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of a lab together: which start before which, and the machines they run on."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterator, Sequence
from typing import Any

from ansible_collections.homelab.talos.lab.engine.ensure import Engine
from ansible_collections.homelab.talos.lab.faults.held import wire_is_cut
from ansible_collections.homelab.talos.lab.host import links
from ansible_collections.homelab.talos.lab.host.record import LabRecord
from ansible_collections.homelab.talos.lab.node.runtime import NodeRuntime
from ansible_collections.homelab.talos.lab.services.authority import ensure_authority
from ansible_collections.homelab.talos.lab.services.catalogue import KINDS
from ansible_collections.homelab.talos.lab.services.description import ServiceDescription
from ansible_collections.homelab.talos.lab.services.kind import Place
from ansible_collections.homelab.talos.lab.services.service_node import ServiceNode


class LabServices:
    """All service nodes of one lab."""

    def __init__(self, services: Sequence[ServiceDescription], record: LabRecord, engine: Engine) -> None:
        self._nodes: dict[str, ServiceNode] = {}
        authority = ensure_authority(record.state_directory) if services else None
        for service in services:
            directory = record.state_directory / service.name
            runtime = NodeRuntime(
                record.name,
                service.name,
                service.address,
                str(links.OUTSIDE) if links.is_outside(service.address) else record.subnet,
                directory,
                links.router_namespace(record.name),
                engine,
                wire_is_cut=functools.partial(wire_is_cut, record.run_directory, service.name),
            )
            if authority is not None:
                place = Place(service, directory, tuple(services))
                self._nodes[service.name] = ServiceNode(place, KINDS[service.kind], runtime, authority)

    def find(self, name: str) -> ServiceNode | None:
        """Return the service called *name*, None when there is none."""
        return self._nodes.get(name)

    def status(self) -> list[dict[str, Any]]:
        """Return what ``lab status`` shows of each service."""
        return [node.status() for node in self._nodes.values()]

    async def power_on(self) -> None:
        """Start every service, each after those it builds on; raises :class:`LabError` for the first that fails."""
        for together in self._waves():
            await asyncio.gather(*(node.power_on() for node in together))

    def _waves(self) -> Iterator[list[ServiceNode]]:
        """Yield the services that can start together, those that others build on first."""
        waiting = list(self._nodes.values())
        while waiting:
            kinds = {node.place.description.kind for node in waiting}
            wave = [node for node in waiting if not kinds & set(node.kind.after)]
            yield wave
            waiting = [node for node in waiting if node not in wave]

    async def power_off(self) -> None:
        """Switch every service off."""
        await asyncio.gather(*(node.power_off() for node in self._nodes.values()), return_exceptions=True)
