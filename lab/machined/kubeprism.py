# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""KubePrism: the balancer over the cluster's API servers that each node runs for its own programs.

Source: siderolabs/talos:internal/app/machined/pkg/controllers/k8s/kubeprism.go.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket

from ansible_collections.homelab.talos.lab.machined import kubeprism_plan
from ansible_collections.homelab.talos.lab.machined.balancer import Balancer
from ansible_collections.homelab.talos.lab.machined.kubeprism_plan import HOST, Endpoint
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.resources import cluster
from ansible_collections.homelab.talos.lab.machined.upstreams import Upstreams

STATUS_SECONDS = 5.0
_ENDPOINTS = ("k8s", "KubePrismEndpoints.kubernetes.talos.dev", "k8s-cluster")
_CONFIG = ("k8s", "KubePrismConfigs.kubernetes.talos.dev", "k8s-loadbalancer-config")
_STATUS = ("k8s", "KubePrismStatuses.kubernetes.talos.dev", "k8s-loadbalancer")


async def keep_balancing(node: Node) -> None:
    """Run KubePrism where and as the configuration says, until cancelled."""
    while True:
        await node.board.until(lambda: bool(_port(node)))
        await _balance(node, _port(node))


def _port(node: Node) -> int:
    return kubeprism_plan.port(node.config) if node.config is not None else 0


async def _balance(node: Node, port: int) -> None:
    """Balance on *port* until the configuration names another."""
    upstreams = Upstreams()
    _publish_endpoints(node, upstreams, port)
    balancer = Balancer(upstreams, lambda endpoint, seconds: _dial(node, endpoint, seconds), node.clock)
    tasks = [
        asyncio.create_task(balancer.serve(node.runtime.listen(HOST, port))),
        asyncio.create_task(_keep_status(node, upstreams, port)),
        asyncio.create_task(_follow(node, upstreams, port)),
    ]
    node.journal.talos(f"KubePrism is enabled: {HOST}:{port}")
    try:
        done, _pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for key in (_CONFIG, _STATUS):
            node.store.remove(*key)
    node.journal.talos("KubePrism is disabled")


async def _follow(node: Node, upstreams: Upstreams, port: int) -> None:
    """Follow members and configuration; returns when KubePrism shall listen elsewhere or not at all."""
    while _port(node) == port:
        seen = node.board.count
        _publish_endpoints(node, upstreams, port)
        await node.board.after(seen)


def _publish_endpoints(node: Node, upstreams: Upstreams, port: int) -> None:
    if node.config is None:
        return
    endpoints = kubeprism_plan.endpoints(node.config, cluster.known_affiliates(node))
    upstreams.reconcile(endpoints)
    spec = {"endpoints": [each._asdict() for each in endpoints]}
    node.store.put(*_ENDPOINTS, spec, owner="k8s.KubePrismEndpointsController")
    node.store.put(*_CONFIG, {"host": HOST, "port": port, **spec}, owner="k8s.KubePrismConfigController")


async def _keep_status(node: Node, upstreams: Upstreams, port: int) -> None:
    while True:
        spec = {"host": f"{HOST}:{port}", "healthy": bool(upstreams.usable)}
        node.store.put(*_STATUS, spec, owner="k8s.KubePrismController")
        await node.clock.sleep(STATUS_SECONDS)


async def _dial(node: Node, endpoint: Endpoint, seconds: float) -> socket.socket:
    """Connect from the node to an endpoint; raises ``OSError`` (of which ``TimeoutError`` is one)."""
    async with asyncio.timeout(seconds):
        return await node.runtime.dial(await _resolve(node, endpoint.host), endpoint.port)


async def _resolve(node: Node, host: str) -> str:
    """Return the address of *host* as the node's own resolver knows it; raises ``OSError``."""
    if host == "localhost":
        return HOST
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(host))
    status, output, _errors = await node.runtime.run(["getent", "ahostsv4", host])
    if status != 0 or not output.strip():
        raise OSError(f"lookup {host}: no such host")
    return output.decode().split()[0]
