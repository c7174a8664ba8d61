# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the health of a cluster is judged by, read from every node at once. Nothing here judges.

Source: siderolabs/talos:pkg/cluster/check/ (which calls and resources the checks look at).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import (
    NotAuthorized,
    NotFound,
    TalosError,
    Unimplemented,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.etcd_view import read_members
from ansible_collections.homelab.talos.plugins.module_utils.talos.node_state import read_node
from ansible_collections.homelab.talos.plugins.module_utils.talos.parallel import read_each
from ansible_collections.homelab.talos.plugins.module_utils.talos.resource import Resource

Record = dict[str, Any]

SECTIONS = ("version", "status", "services", "extensions", "kubernetes")
# What a node does not have or does not give; its reading then is empty, and the checks decide what that means.
_ABSENT = (NotAuthorized, NotFound, Unimplemented)
_MIRROR_POD = "kube-system/"


async def read_cluster(nodes: Mapping[str, Callable[[], Client]]) -> dict[str, Record]:
    """Read every node.

    :param nodes: name -> function that makes a client of the node.
    :return: name -> ``version``, ``stage``, ``ready``, ``unmet_conditions``, ``services``, ``extensions`` and
        ``kubernetes`` as ``node_state.read_node`` gives them, ``etcd_members`` (None with ``etcd_error`` when they
        cannot be listed), ``memory_kib``, ``ephemeral_bytes``, ``diagnostics``, ``static_pods``, ``kubeprism`` (host,
        healthy, endpoints; None when it is disabled); or ``{"error": "..."}``.
    """
    return await read_each(nodes, read_for_health)


async def read_for_health(client: Client) -> Record:
    """Read one node.

    :raises TalosError: it cannot be asked.
    """
    state = await read_node(client, SECTIONS)
    services = {service["id"]: service for service in state["services"] or ()}
    state.update(await _etcd(client, services.get("etcd")))
    for reader in (_memory, _ephemeral, _diagnostics, _static_pods, _kubeprism):
        state.update(await _unless_absent(reader, client))
    return state


async def _unless_absent(reader: Callable[[Client], Awaitable[Record]], client: Client) -> Record:
    try:
        return await reader(client)
    except _ABSENT:
        return {}


async def _etcd(client: Client, service: Record | None) -> Record:
    if service is None or service["state"] != "Running":
        return {"etcd_members": None, "etcd_error": "etcd does not run"}
    try:
        return {"etcd_members": [member.to_dict() for member in await read_members(client)]}
    except TalosError as error:
        return {"etcd_members": None, "etcd_error": error.cause}


async def _memory(client: Client) -> Record:
    reply = await client.unary("machine.MachineService/Memory")
    return {"memory_kib": int(reply.messages[0].meminfo.memtotal)}


async def _ephemeral(client: Client) -> Record:
    volume = await client.get("runtime", "VolumeStatuses.block.talos.dev", "EPHEMERAL")
    size = volume.spec.get("size") if isinstance(volume.spec, dict) else None
    return {"ephemeral_bytes": int(size)} if size else {}


async def _diagnostics(client: Client) -> Record:
    found = await client.list("runtime", "Diagnostics.runtime.talos.dev")
    return {"diagnostics": [str((item.spec or {}).get("message", item.id)) for item in found]}


async def _static_pods(client: Client) -> Record:
    found = await client.list("k8s", "StaticPodStatuses.kubernetes.talos.dev")
    return {"static_pods": [_static_pod(item.id, item.spec or {}) for item in found]}


async def _kubeprism(client: Client) -> Record:
    """Return KubePrism as it is configured and as it is; a node without it has neither resource."""
    configs = await client.list("k8s", "KubePrismConfigs.kubernetes.talos.dev")
    states = await client.list("k8s", "KubePrismStatuses.kubernetes.talos.dev")
    if not configs and not states:
        return {}
    config, state = (_spec(found) for found in (configs, states))
    listens = f"{config['host']}:{config['port']}" if {"host", "port"} <= config.keys() else "its address"
    healthy = state.get("healthy")
    return {
        "kubeprism": {
            "host": str(state.get("host") or listens),
            "healthy": healthy if isinstance(healthy, bool) else None,
            "endpoints": [f"{each.get('host')}:{each.get('port')}" for each in config.get("endpoints") or ()],
        }
    }


def _spec(found: Sequence[Resource]) -> Mapping[str, Any]:
    spec = found[0].spec if found else None
    return spec if isinstance(spec, Mapping) else {}


def _static_pod(identity: str, status: Mapping[str, Any]) -> Record:
    """Return id (``kube-system/kube-apiserver-cp1``), phase and readiness of a pod."""
    conditions = {item.get("type"): item.get("status") for item in status.get("conditions") or ()}
    return {
        "id": identity.removeprefix(_MIRROR_POD),
        "phase": str(status.get("phase", "")),
        "ready": conditions.get("Ready") == "True",
    }
