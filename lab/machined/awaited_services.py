# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the boot sequence waits for: every service that is there when it begins to wait.

Source: siderolabs/talos:internal/app/machined/pkg/runtime/v1alpha1/v1alpha1_sequencer_tasks.go (StartAllServices),
internal/app/machined/pkg/system/service_events.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.homelab.talos.lab.machined.service_runner import ServiceRunner, State
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import versions

# From this line on, a service that has ended is no longer awaited.
FIRST_LINE_CONTENT_WITH_FINISHED = (1, 14)


class AwaitedServices:
    """The services that were not up yet. One that was up once is not awaited again, whatever becomes of it."""

    def __init__(self, services: Mapping[str, ServiceRunner], talos_version: str) -> None:
        self._services = services
        self._pending = sorted(services)
        line = versions.talos_line(talos_version).minor
        self._finished_too = line >= FIRST_LINE_CONTENT_WITH_FINISHED

    def arrived(self) -> bool:
        """Look at the services again; return whether none is awaited any more."""
        self._pending = [id for id in self._pending if not self._is_there(self._services[id])]
        return not self._pending

    def _is_there(self, service: ServiceRunner) -> bool:
        return service.up or (self._finished_too and service.state is State.FINISHED)

    @property
    def pending(self) -> Iterable[str]:
        """Ids of the services that are still awaited."""
        return tuple(self._pending)

    def __str__(self) -> str:
        events = "up/finished" if self._finished_too else '"up"'
        return ", ".join(f'service "{id}" to be {events}' for id in self._pending)

    def deadline_exceeded(self) -> str:
        """Return the error of a wait that took too long, as the library that collects Talos' errors words it."""
        number = len(self._pending)
        head = "1 error occurred:" if number == 1 else f"{number} errors occurred:"
        return "\n\t* ".join([head, *["context deadline exceeded"] * number]) + "\n\n"
