# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared (virtual) addresses: held by the one control plane that etcd elected.

Source: siderolabs/talos:internal/app/machined/pkg/controllers/network/operator/vip.go and operator_vip_config.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from ansible_collections.homelab.talos.lab.machined import network_plan
from ansible_collections.homelab.talos.lab.machined.interfaces import Campaign, EtcdError
from ansible_collections.homelab.talos.lab.machined.network_control import PHYSICAL_LINK, add_address, remove_address
from ansible_collections.homelab.talos.lab.machined.network_plan import SharedAddress
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.resources import network
from ansible_collections.homelab.talos.lab.machined.service_runner import State

RETRY_SECONDS = 1.0
ELECTION = "talos:v1:vip:election:"
_OPERATOR_TYPE = "OperatorSpecs.net.talos.dev"


async def keep_shared_addresses(node: Node) -> None:
    """Take part in the election of every shared address of the configuration, until cancelled."""
    while True:
        await _keep(node, _wanted(node))


async def _keep(node: Node, wanted: list[SharedAddress]) -> None:
    """Campaign for the wanted addresses until the configuration wants others."""
    _publish_operators(node, wanted)
    campaigns = [asyncio.create_task(_keep_campaigning(node, each)) for each in wanted]
    try:
        await node.board.until(lambda: _wanted(node) != wanted)
    finally:
        for campaign in campaigns:
            campaign.cancel()
        await asyncio.gather(*campaigns, return_exceptions=True)


def _wanted(node: Node) -> list[SharedAddress]:
    return network_plan.shared_addresses(node.config, PHYSICAL_LINK)


def _publish_operators(node: Node, shared: list[SharedAddress]) -> None:
    specs = {
        f"vip/{each.link}/{each.address}": {
            "operator": "vip",
            "linkName": each.link,
            "requireUp": True,
            "vip": {"ip": each.address, "gratuitousARP": True},
            "layer": "configuration",
        }
        for each in shared
    }
    node.store.replace_all(network.NAMESPACE, _OPERATOR_TYPE, specs, owner="network.OperatorMergeController")


async def _keep_campaigning(node: Node, shared: SharedAddress) -> None:
    while True:
        await node.board.until(lambda: node.is_up("etcd") and _runs(node, "kubelet"))
        try:
            campaign = await node.programs.etcd_access.campaign(f"{ELECTION}{shared.address}", node.hostname)
            await _take_part(node, shared, campaign)
        except (EtcdError, OSError, TimeoutError) as error:
            node.journal.talos(f"campaign failure: {error}")
        await node.clock.sleep(RETRY_SECONDS)


async def _take_part(node: Node, shared: SharedAddress, campaign: Campaign) -> None:
    """Campaign, and hold the address from victory to the end of the leadership."""
    stop = asyncio.create_task(node.board.until(lambda: not (_runs(node, "etcd") and _runs(node, "kubelet"))))
    try:
        if await _first(campaign.won(), stop):
            await _hold(node, shared, campaign, stop)
    finally:
        stop.cancel()
        if node.powered:
            await campaign.resign()


async def _hold(node: Node, shared: SharedAddress, campaign: Campaign, stop: asyncio.Task[None]) -> None:
    try:
        await add_address(node, shared.link, shared.prefix)
        node.journal.talos(f"enabled shared IP {shared.address} on {shared.link}")
        await _first(campaign.ended(), stop)
    finally:
        if node.powered:
            await remove_address(node, shared.link, shared.prefix)
            node.journal.talos(f"removing shared IP {shared.address} from {shared.link}")


async def _first(awaited: Coroutine[Any, Any, None], stop: asyncio.Task[None]) -> bool:
    """Wait for *awaited* or for *stop*; return whether it was *awaited*. Its exception goes on."""
    task = asyncio.create_task(awaited)
    try:
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return True
        return False
    finally:
        task.cancel()


def _runs(node: Node, service: str) -> bool:
    return service in node.services and node.services[service].state is State.RUNNING
