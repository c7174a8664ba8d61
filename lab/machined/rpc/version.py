# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Version and Hostname.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message

BUILT_BY = "homelab.talos lab"


def handlers(node: Node) -> Handlers:
    """Return the handlers."""

    async def version(call: Call) -> Any:
        reply = message("machine.VersionResponse")()
        element = reply.messages.add()
        element.version.tag = node.description.talos_version
        element.version.sha = "emulated"
        element.version.built = BUILT_BY
        element.version.os = "linux"
        element.version.arch = node.description.arch
        element.platform.name = "metal"
        element.platform.mode = "metal"
        if node.config is not None:
            element.features.rbac = True
        return reply

    async def hostname(call: Call) -> Any:
        reply = message("machine.HostnameResponse")()
        reply.messages.add(hostname=node.hostname)
        return reply

    return {"/machine.MachineService/Version": version, "/machine.MachineService/Hostname": hostname}
