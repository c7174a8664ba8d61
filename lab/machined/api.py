# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole API of a node, put together."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.homelab.talos.lab.machined.apid_service import ApidWork
from ansible_collections.homelab.talos.lab.machined.call import Handlers
from ansible_collections.homelab.talos.lab.machined.configuration import Configurator
from ansible_collections.homelab.talos.lab.machined.cosi_service import CosiService
from ansible_collections.homelab.talos.lab.machined.definitions import served
from ansible_collections.homelab.talos.lab.machined.dispatch import Dispatcher, LocalCalls
from ansible_collections.homelab.talos.lab.machined.lifecycle import Request
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.resources import network
from ansible_collections.homelab.talos.lab.machined.routing import Router
from ansible_collections.homelab.talos.lab.machined.rpc import (
    apply,
    bootstrap,
    clock,
    containers,
    credentials,
    etcd,
    events,
    files,
    health,
    images,
    logs,
    meta,
    netstat,
    power,
    refused,
    service,
    storage,
    system,
    upgrade,
    version,
)

# Everything that needs nothing but the node.
_PLAIN = (
    bootstrap,
    clock,
    containers,
    credentials,
    etcd,
    events,
    files,
    images,
    logs,
    meta,
    netstat,
    service,
    storage,
    system,
    version,
)


def build_cosi(node: Node) -> CosiService:
    """Return the node's resource API."""

    async def refresh(type: str) -> None:
        if type in network.KERNEL_TYPES and node.powered:
            await network.refresh(node)

    return CosiService(node.store, served(node.description.talos_version), refresh)


def played(node: Node, cosi: CosiService, configurator: Configurator, request: Callable[[Request], None]) -> Handlers:
    """Return the handlers of the methods that the lab plays, all but those that ask other nodes."""
    handlers = cosi.handlers() | apply.handlers(node, configurator, request) | power.handlers(node, request)
    handlers |= upgrade.handlers(node, request)
    for module in _PLAIN:
        handlers |= module.handlers(node)
    return handlers


def build_dispatcher(
    node: Node,
    cosi: CosiService,
    configurator: Configurator,
    apid: ApidWork,
    request: Callable[[Request], None],
) -> Dispatcher:
    """Return the table of everything the node answers; *request* asks the machine for a sequence."""
    handlers = played(node, cosi, configurator, request) | refused.handlers(node)
    local = LocalCalls(handlers, lambda: apid.maintenance)
    router = Router(local, apid.remote, node.own_names, lambda: apid.maintenance)
    handlers |= health.handlers(node, router.callee)
    return Dispatcher(local, router, lambda line: node.journal.service("apid").write(line))
