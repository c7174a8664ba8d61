# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pod network of a lab's cluster: reference CNI plugins and a route per node.

Stands in for flannel (see the table of substitutions): each node gets a bridge for its pod CIDR, and
every node a route to each other node's pod CIDR through that node's address.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.node.runtime import NodeRuntime
from ansible_collections.homelab.talos.lab.programs.files import write_file

_BRIDGE = "cni0"


async def connect_pods(runtime: NodeRuntime, pod_cidr: str, others: Mapping[str, str]) -> None:
    """Write the node's CNI configuration and its routes to the other nodes' pods; repeatable.

    Parameters: *pod_cidr* of this node; *others* pod CIDR -> address of the node that has it. Raises
    :class:`LabError` while the node has no address in reach of the others.
    """
    path = runtime.directory / "etc/cni/net.d/10-lab.conflist"
    write_file(path, json.dumps(_configuration(pod_cidr), indent=1))
    routes = [f"route replace {cidr} via {address} proto static" for cidr, address in sorted(others.items())]
    if routes:
        status, _output, errors = await runtime.run(["ip", "-batch", "-"], input="\n".join(routes).encode())
        if status != 0:
            cause = errors.decode(errors="replace").strip().replace("\n", " / ")
            raise LabError(f"node {runtime.name}: routes to the pods of other nodes: {cause}", "see its addresses")


def _configuration(pod_cidr: str) -> dict[str, object]:
    # Addresses in use are kept in memory: after a power cut no pod holds one.
    ipam = {
        "type": "host-local",
        "dataDir": "/run/cni",
        "ranges": [[{"subnet": pod_cidr}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {
        "type": "bridge",
        "bridge": _BRIDGE,
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": ipam,
    }
    port_map = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "lab", "plugins": [bridge, port_map]}
