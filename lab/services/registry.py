# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry for OCI images and artifacts: distribution, over TLS with a certificate of the lab.

Source: distribution/distribution:docs/content/about/configuration.md.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.machined.interfaces import Command, Runtime
from ansible_collections.homelab.talos.lab.services.description import ServiceDescription
from ansible_collections.homelab.talos.lab.services.kind import CERTIFICATE, KEY, Place

PORT = 443
_PROGRAM = "/opt/engine/registry"
_CONFIG, _CONTENT = "/etc/registry/config.yml", "/var/lib/registry"
_LIMIT_SECONDS = 2.0


class Registry:
    """A registry without users: whoever reaches it may push. It has no options."""

    programs: Sequence[str] = ("registry",)
    after: Sequence[str] = ()

    def check(self, service: ServiceDescription, services: Sequence[ServiceDescription]) -> None:
        """Refuse options."""
        if service.options:
            key = sorted(service.options)[0]
            raise LabError(f"service {service.name}: option {key!r} is not known", "a registry has no options")

    def prepare(self, place: Place) -> Command:
        """Write the configuration."""
        place.write(_CONFIG, yaml.safe_dump(_config(place)))
        (place.directory / _CONTENT.lstrip("/")).mkdir(parents=True, exist_ok=True)
        return Command((_PROGRAM, "serve", _CONFIG))

    async def missing(self, place: Place, runtime: Runtime) -> str:
        """Return what keeps the registry from answering over TLS, empty when it answers."""
        return await asyncio.to_thread(_asked, place, runtime)

    def published(self, place: Place) -> Mapping[str, str]:
        """Return the name by which images are called, and its URL."""
        return {"registry": place.address, "url": f"https://{place.address}"}


def _asked(place: Place, runtime: Runtime) -> str:
    context = ssl.create_default_context(cafile=str(place.directory / "etc/lab/ca.crt"))
    request = f"GET /v2/ HTTP/1.0\r\nHost: {place.address}\r\n\r\n".encode()
    try:
        with (
            runtime.connect("127.0.0.1", PORT, _LIMIT_SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=place.address) as wrapped,
        ):
            wrapped.sendall(request)
            answer = wrapped.recv(4096)
    except OSError as error:
        return f"it does not answer: {error}"
    first = answer.split(b"\r\n", 1)[0]
    return "" if b" 200 " in first else f"it answers {first.decode(errors='replace')!r}"


def _config(place: Place) -> dict[str, Any]:
    return {
        "version": 0.1,
        "log": {"level": "info", "accesslog": {"disabled": False}},
        "storage": {"filesystem": {"rootdirectory": _CONTENT}, "delete": {"enabled": True}},
        "http": {
            "addr": f"0.0.0.0:{PORT}",
            # Never handed out; it signs the state of uploads, which end with the registry.
            "secret": place.description.name,
            "tls": {"certificate": CERTIFICATE, "key": KEY},
        },
    }
