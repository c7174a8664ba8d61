# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pod network of a lab's cluster: reference CNI plugins and a route per node.

Stands in for flannel (see the table of substitutions): each node gets a bridge for its pod CIDR, every node a route to
each other node's pod CIDR through that node's address, and what pods send to others leaves with the node's address.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.node.runtime import NodeRuntime
from ansible_collections.homelab.talos.lab.programs.cluster_network import pod_subnets, service_subnets
from ansible_collections.homelab.talos.lab.programs.files import write_file
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

_BRIDGE = "cni0"
_LAST_METRIC = 2**32 - 1
#: A service address that nothing translates is told apart from a slow service at once, and never leaves the node.
_RULES = """\
table ip pods
delete table ip pods
table ip pods {{
  chain postrouting {{
    type nat hook postrouting priority srcnat;
    ip saddr {{ {pods} }} ip daddr != {{ {pods}, 224.0.0.0/4 }} masquerade fully-random
  }}
  chain forward {{
    type filter hook forward priority filter;
    ip daddr {{ {services} }} reject with icmp net-unreachable
  }}
  chain output {{
    type filter hook output priority filter;
    ip daddr {{ {services} }} reject with icmp net-unreachable
  }}
}}
"""


async def connect_pods(runtime: NodeRuntime, config: MachineConfig, pod_cidr: str, others: Mapping[str, str]) -> None:
    """Write the node's CNI configuration, its routes to the other nodes' pods and its translation; repeatable.

    Parameters: *config* of the node; *pod_cidr* of this node; *others* pod CIDR -> address of the node that has it.
    Raises :class:`LabError` while the node has no address in reach of the others.
    """
    pods = _version_4(pod_subnets(config))
    rules = _RULES.format(pods=", ".join(pods), services=", ".join(_version_4(service_subnets(config))))
    await _run(runtime, "rules for pods", ["nft", "-f", "-"], rules)
    # Pods of a node that is not known yet are nowhere; their addresses are not for the default route.
    routes = [f"route replace unreachable {subnet} metric {_LAST_METRIC} proto static" for subnet in pods]
    routes += [f"route replace {cidr} via {address} proto static" for cidr, address in sorted(others.items())]
    await _run(runtime, "routes to the pods of other nodes", ["ip", "-batch", "-"], "\n".join(routes))
    path = runtime.directory / "etc/cni/net.d/10-lab.conflist"
    write_file(path, json.dumps(_configuration(pod_cidr), indent=1))


async def _run(runtime: NodeRuntime, what: str, command: Sequence[str], text: str) -> None:
    status, _output, errors = await runtime.run(command, input=text.encode())
    if status != 0:
        cause = errors.decode(errors="replace").strip().replace("\n", " / ")
        raise LabError(f"node {runtime.name}: {what}: {cause}", "see its addresses")


def _version_4(subnets: Sequence[str]) -> list[str]:
    return [subnet for subnet in subnets if ipaddress.ip_network(subnet).version == 4]


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
