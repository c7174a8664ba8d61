# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time and TimeCheck. Nodes of a lab share the clock of the machine that runs them.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_time.go.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ansible_collections.homelab.talos.lab.machined import refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message

PREFIX = "/time.TimeService/"
DEFAULT_SERVER = "time.cloudflare.com"


def handlers(node: Node) -> Handlers:
    """Return the handlers."""

    def reply(server: str) -> Any:
        found = message("time.TimeResponse")()
        element = found.messages.add(server=server)
        now = datetime.now(UTC)
        element.localtime.FromDatetime(now)
        element.remotetime.FromDatetime(now)
        return found

    async def time(call: Call) -> Any:
        servers = [] if node.config is None else node.config.value("machine", "time", "servers", default=[])
        return reply(str(servers[0]) if servers else DEFAULT_SERVER)

    async def check(call: Call) -> Any:
        if not call.request.server:
            raise refusals.invalid_argument("ntp server is required")
        return reply(call.request.server)

    return {f"{PREFIX}Time": time, f"{PREFIX}TimeCheck": check}
