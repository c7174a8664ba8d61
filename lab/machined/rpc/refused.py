# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Methods the lab does not play: Unimplemented, with the reason of the table of methods."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from ansible_collections.homelab.talos.lab.machined import refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handler, Handlers
from ansible_collections.homelab.talos.lab.machined.methods import METHODS, Answer, Method
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import method
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.versions import parse_version


def reason(path: str, found: Method, talos_version: str) -> str:
    """Return what a caller of a method is told by a node of a Talos version, empty when it is served."""
    _empty, service, name = path.split("/")
    if parse_version(talos_version).line < found.since:
        return f"unknown service {service}"
    return f"{name} is not played by nodes of a lab: {found.note}" if found.answer is Answer.REFUSED else ""


def handlers(node: Node) -> Handlers:
    """Return a handler for each method that the table refuses, or that the node's version does not have yet."""
    reasons = {path: reason(path, each, node.description.talos_version) for path, each in METHODS.items()}
    return {path: _handler(path, text) for path, text in reasons.items() if text}


def _handler(path: str, text: str) -> Handler:
    async def unary(call: Call) -> Any:
        raise refusals.unimplemented(text)

    async def stream(call: Call) -> AsyncGenerator[Any, None]:
        if text:  # always; what follows makes this a stream
            raise refusals.unimplemented(text)
        yield

    return stream if method(path).server_streaming else unary
