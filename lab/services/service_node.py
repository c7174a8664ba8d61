# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One service node of a lab: a machine of its own that runs one program, and is awaited before any node starts."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.last_line import last_line
from ansible_collections.homelab.talos.lab.machined.interfaces import Process, Runtime
from ansible_collections.homelab.talos.lab.machined.trusted_roots import TRUSTED_FILE, trusted_roots
from ansible_collections.homelab.talos.lab.services.authority import write_certificate
from ansible_collections.homelab.talos.lab.services.kind import Place, ServiceKind
from ansible_collections.homelab.talos.plugins.module_utils.talos import pki

READY_LIMIT_SECONDS = 60.0
_PERIOD_SECONDS = 0.1


class ServiceNode:
    """A service of the lab.

    Parameters: *place* says what it is and where; *kind* knows the program; *runtime* is the machine below; *authority*
    signs its certificate; *limit* is how long it may take to become ready, in seconds.
    """

    def __init__(
        self,
        place: Place,
        kind: ServiceKind,
        runtime: Runtime,
        authority: pki.CertificateAndKey,
        limit: float = READY_LIMIT_SECONDS,
    ) -> None:
        self.place = place
        self.kind = kind
        self._runtime = runtime
        self._authority = authority
        self._limit = limit
        self._process: Process | None = None
        self._missing = "it is off"

    @property
    def name(self) -> str:
        """Name of the service."""
        return self.place.description.name

    @property
    def log_file(self) -> Path:
        """What its program said."""
        return self.place.directory / "log" / f"{self.place.description.kind}.log"

    @property
    def is_on(self) -> bool:
        """Whether it has power; its program may have ended."""
        return self._process is not None

    async def power_on(self) -> None:
        """Start the service and wait until it can be used; raises :class:`LabError` when it cannot."""
        if self.is_on:
            return
        await self._runtime.power_on()
        etc = self.place.directory / "etc"
        await asyncio.to_thread(
            write_certificate, self._authority, etc / "lab", self.name, self.place.description.address
        )
        self.place.write(f"/etc/{TRUSTED_FILE}", trusted_roots({"lab": self._authority.crt.decode()}))
        command = self.kind.prepare(self.place)
        self._missing = "its program has not answered yet"
        self._process = await self._runtime.spawn(self.place.description.kind, command.argv, command.env)
        try:
            await self._become_ready(self._process)
        except LabError:
            await self.power_off()
            raise

    async def _become_ready(self, process: Process) -> None:
        due = time.monotonic() + self._limit
        while True:
            self._missing = await self.kind.missing(self.place, self._runtime)
            if not self._missing:
                return
            if process.returncode is not None:
                cause = f"its program ended with status {process.returncode}: {self._last_words()}"
                raise LabError(f"service {self.name}: {cause}", f"see {self.log_file} and mend the cause")
            if time.monotonic() > due:
                cause = f"not ready after {self._limit:g} s: {self._missing}"
                raise LabError(f"service {self.name}: {cause}", f"see {self.log_file}")
            await asyncio.sleep(_PERIOD_SECONDS)

    def _last_words(self) -> str:
        text = self.log_file.read_text(encoding="utf-8", errors="replace") if self.log_file.exists() else ""
        return last_line(text, "it said nothing")

    async def power_off(self) -> None:
        """End every process of the service at once; what it keeps below /var stays."""
        self._process, self._missing = None, "it is off"
        await self._runtime.power_off()

    def status(self) -> dict[str, Any]:
        """Return what ``lab status`` shows of the service."""
        description = self.place.description
        return {
            "name": self.name,
            "kind": description.kind,
            "address": description.address,
            "state": self._state(),
            **self.kind.published(self.place),
        }

    def _state(self) -> str:
        if self._process is None:
            return "off"
        if self._process.returncode is not None:
            return f"ended with status {self._process.returncode}"
        return f"waiting: {self._missing}" if self._missing else "ready"
