# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A device of somebody in the tailnet, outside of the cluster: a real tailscaled that accepts routes.

Source: tailscale/tailscale:cmd/tailscaled, cmd/tailscale/cli/up.go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.last_line import last_line
from ansible_collections.homelab.talos.lab.machined.interfaces import Command, Runtime
from ansible_collections.homelab.talos.lab.services.description import ServiceDescription
from ansible_collections.homelab.talos.lab.services.headscale import client_key
from ansible_collections.homelab.talos.lab.services.kind import Place

_OPTIONS = {"accept_routes", "tags"}
_STATE, _RUN, _KEY = "/var/lib/tailscale", "/run/tailscale", "/etc/lab/auth-key"
_SOCKET = f"{_RUN}/tailscaled.sock"
_UP_SECONDS = 20


class TailnetClient:
    """A client of the lab's tailnet.

    Options: ``accept_routes`` (whether it takes routes into subnets, default true), ``tags``.
    """

    programs: Sequence[str] = ("tailscaled", "tailscale")
    after: Sequence[str] = ("headscale",)

    def check(self, service: ServiceDescription, services: Sequence[ServiceDescription]) -> None:
        """Refuse unknown options, and a lab without coordination server."""
        for key in sorted(set(service.options) - _OPTIONS):
            known = ", ".join(sorted(_OPTIONS))
            raise LabError(f"service {service.name}: option {key!r} is not known", f"a client has {known}")
        if not any(each.kind == "headscale" for each in services):
            raise LabError(f"service {service.name}: nobody coordinates its tailnet", "add a service of kind headscale")

    def prepare(self, place: Place) -> Command:
        """Hand over the key with which it joins."""
        place.write(_KEY, client_key(_server(place), place.description.name).read_text(encoding="utf-8"), 0o600)
        (place.directory / _STATE.lstrip("/")).mkdir(mode=0o700, parents=True, exist_ok=True)
        state, socket = f"--statedir={_STATE}", f"--socket={_SOCKET}"
        return Command(("/opt/engine/tailscaled", state, socket, "--port=41641", "--no-logs-no-support"))

    async def missing(self, place: Place, runtime: Runtime) -> str:
        """Join the tailnet once the program answers."""
        code, output, errors = await _ask(runtime, "status", "--json")
        if code != 0:
            return f"it does not answer: {last_line(errors)}"
        state = str(json.loads(output)["BackendState"])
        if state == "NeedsLogin":
            code, _output, errors = await _ask(runtime, *_join(place))
            return f"it cannot join: {last_line(errors)}" if code else "it has just joined"
        return "" if state == "Running" else f"its state is {state}"

    def published(self, place: Place) -> Mapping[str, str]:
        """Nothing more than its address."""
        return {}


def _server(place: Place) -> Path:
    return place.directory.parent / place.of_kind("headscale").name


def _join(place: Place) -> list[str]:
    options: Mapping[str, Any] = place.options
    return [
        "up",
        f"--login-server=https://{place.of_kind('headscale').address}",
        f"--auth-key=file:{_KEY}",
        f"--hostname={place.description.name}",
        f"--accept-routes={'true' if options.get('accept_routes', True) else 'false'}",
        "--accept-dns=true",
        f"--timeout={_UP_SECONDS}s",
    ]


async def _ask(runtime: Runtime, *words: str) -> tuple[int, bytes, bytes]:
    return await runtime.run(["/opt/engine/tailscale", f"--socket={_SOCKET}", *words], timeout=_UP_SECONDS + 5)
