# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reaching one node: with mutual TLS, or without authentication when that is allowed and the node is in maintenance.

A node that refuses the client is never talked to without authentication unless the policy says so, and then only when
the node itself reports stage ``maintenance``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import (
    CertificateRefused,
    MaintenanceMode,
    NotInMaintenance,
    TalosError,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.node_facts import MachineStatus, read_status

Policy = Literal["never", "allowed", "only"]
Via = Literal["mtls", "maintenance"]

MAINTENANCE = "maintenance"


@dataclass(frozen=True)
class NodeAccess:
    """How one node can be reached.

    :ivar name: the node in messages.
    :ivar secure: makes a client that authenticates itself and the node.
    :ivar unauthenticated: makes a client for a node in maintenance mode.
    :ivar policy: whether the second may be used: ``never``, ``allowed`` (when the first is refused) or ``only``.
    """

    name: str
    secure: Callable[[], Any]
    unauthenticated: Callable[[], Any]
    policy: Policy = "never"


@dataclass(frozen=True)
class OpenNode:
    """A node that answered.

    :ivar via: ``mtls`` or ``maintenance``.
    :ivar status: what it reported at once.
    """

    client: Any
    via: Via
    status: MachineStatus


@asynccontextmanager
async def open_node(access: NodeAccess) -> AsyncIterator[OpenNode]:
    """Connect as the policy allows and read the stage.

    :raises MaintenanceMode: the node is in maintenance mode and the policy is ``never``.
    :raises NotInMaintenance: the policy is ``only`` and the node is configured.
    :raises TalosError: it does not answer, or refuses the certificate.
    """
    async with AsyncExitStack() as stack:
        yield await _open(access, stack)


async def _open(access: NodeAccess, stack: AsyncExitStack) -> OpenNode:
    if access.policy == "only":
        return await _open_maintenance(access, stack)
    try:
        client = await stack.enter_async_context(access.secure())
        return OpenNode(client, "mtls", await read_status(client))
    except MaintenanceMode as refusal:
        if access.policy == "never":
            raise MaintenanceMode(
                access.name,
                refusal.cause,
                remedy="apply a machine configuration (maintenance: allowed), or check the address",
            ) from None
        return await _open_maintenance(access, stack)
    except CertificateRefused as refusal:
        if access.policy == "never":
            raise
        return await _open_maintenance_instead(access, stack, refusal)


async def _open_maintenance_instead(access: NodeAccess, stack: AsyncExitStack, refusal: TalosError) -> OpenNode:
    """Open the node in maintenance mode; when it is not, the reason is that it refused the certificate."""
    try:
        return await _open_maintenance(access, stack)
    except TalosError:
        raise refusal from None


async def _open_maintenance(access: NodeAccess, stack: AsyncExitStack) -> OpenNode:
    client = await stack.enter_async_context(access.unauthenticated())
    status = await read_status(client)
    if status.stage != MAINTENANCE:
        raise NotInMaintenance(
            access.name,
            f"answers without authentication but is in stage {status.stage}",
            remedy="look at the node's console; only a node in maintenance mode may be talked to like this",
        )
    return OpenNode(client, "maintenance", status)
