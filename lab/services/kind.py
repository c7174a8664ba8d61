# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every kind of service of a lab offers, and what it learns about the place it runs at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ansible_collections.homelab.talos.lab.machined.interfaces import Command, Runtime
from ansible_collections.homelab.talos.lab.programs.files import write_file
from ansible_collections.homelab.talos.lab.services.description import ServiceDescription

#: Where a service finds its certificate, its key and the lab's authority.
CERTIFICATE, KEY, AUTHORITY = "/etc/lab/tls.crt", "/etc/lab/tls.key", "/etc/lab/ca.crt"


@dataclass(frozen=True)
class Place:
    """Where a service runs.

    Parameters: *description* of the service; *directory* of its node on this machine, which outlives the service
    (``etc`` is its /etc, made anew at every start, ``var`` its /var); *services* are all those of the lab.
    """

    description: ServiceDescription
    directory: Path
    services: Sequence[ServiceDescription]

    @property
    def address(self) -> str:
        """Address of the service."""
        return self.description.address

    @property
    def options(self) -> Mapping[str, Any]:
        """Options of the service."""
        return self.description.options

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        """Write a file, by its path in the service's node (below /etc or /var)."""
        write_file(self.directory / inside.lstrip("/"), text, mode)

    def of_kind(self, kind: str) -> ServiceDescription:
        """Return the first service of the lab of that kind."""
        return next(each for each in self.services if each.kind == kind)


class ServiceKind(Protocol):
    """One kind of service.

    ``programs`` names what it needs of the engine's optional programs; ``after`` the kinds that have to be ready
    before it starts.
    """

    programs: Sequence[str]
    after: Sequence[str]

    def check(self, service: ServiceDescription, services: Sequence[ServiceDescription]) -> None:
        """Refuse, with a :class:`LabError`, what cannot be started; nothing has changed yet."""

    def prepare(self, place: Place) -> Command:
        """Write the service's files and return the command that runs it in its node."""

    async def missing(self, place: Place, runtime: Runtime) -> str:
        """Return what is still missing until the service can be used, in words; empty when it is ready.

        Asked again and again after the program was started, so that it may also finish what has to be done once.
        """

    def published(self, place: Place) -> Mapping[str, str]:
        """Return what users of the service have to know: ``url``, paths of files on this machine ..."""
