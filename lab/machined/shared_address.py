# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared (virtual) addresses: held by the one control plane that etcd elected.

A candidate needs etcd, and a machine that is not going down. Who holds the address gives it up when its etcd stops,
when the pod of its API server is no longer there, and when it goes down. A node that is gone cannot give up: its
session in etcd ends 60 s after the node renewed it last.

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
from ansible_collections.homelab.talos.lab.machined.resources.kubernetes import POD_TYPE
from ansible_collections.homelab.talos.lab.machined.service_runner import State

RETRY_SECONDS = 1.0
ELECTION = "talos:v1:vip:election:"
_OPERATOR_TYPE = "OperatorSpecs.net.talos.dev"
_API_SERVER = "kube-system/kube-apiserver-"


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
        await node.board.until(lambda: node.is_up("etcd") and not _goes_down(node))
        try:
            campaign = await node.programs.etcd_access.campaign(f"{ELECTION}{shared.address}", node.hostname)
            await _take_part(node, shared, campaign)
        except (EtcdError, OSError, TimeoutError) as error:
            node.journal.talos(f"campaign failure: {error}")
        await node.clock.sleep(RETRY_SECONDS)


async def _take_part(node: Node, shared: SharedAddress, campaign: Campaign) -> None:
    """Campaign, and hold the address from victory to the end of the leadership."""
    stop = asyncio.create_task(node.board.until(lambda: not _runs(node, "etcd") or _goes_down(node)))
    try:
        if await _first(campaign.won(), stop):
            await _hold(node, shared, campaign, stop)
    finally:
        stop.cancel()
        if node.powered:
            await campaign.resign()


async def _hold(node: Node, shared: SharedAddress, campaign: Campaign, stop: asyncio.Task[None]) -> None:
    gone = asyncio.create_task(_until_api_server_is_gone(node))
    try:
        await add_address(node, shared.link, shared.prefix)
        node.journal.talos(f"enabled shared IP {shared.address} on {shared.link}")
        await _first(campaign.ended(), stop, gone)
    finally:
        gone.cancel()
        if node.powered:
            await remove_address(node, shared.link, shared.prefix)
            node.journal.talos(f"removing shared IP {shared.address} from {shared.link}")


async def _until_api_server_is_gone(node: Node) -> None:
    """Wait for the end of the API server's pod; that there is none yet, while a cluster begins, is no end."""
    await node.board.until(lambda: _has_api_server(node))
    await node.board.until(lambda: not _has_api_server(node))


def _has_api_server(node: Node) -> bool:
    return any(each.id.startswith(_API_SERVER) for each in node.store.list("k8s", POD_TYPE))


async def _first(awaited: Coroutine[Any, Any, None], *stops: asyncio.Task[None]) -> bool:
    """Wait for *awaited* or for one of *stops*; return whether it was *awaited*. Its exception goes on."""
    task = asyncio.create_task(awaited)
    try:
        await asyncio.wait({task, *stops}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return True
        return False
    finally:
        task.cancel()


def _goes_down(node: Node) -> bool:
    """Tell whether a sequence ends the boot, and has come to the kubelet."""
    return bool(node.busy) and not _runs(node, "kubelet")


def _runs(node: Node, service: str) -> bool:
    return service in node.services and node.services[service].state is State.RUNNING
