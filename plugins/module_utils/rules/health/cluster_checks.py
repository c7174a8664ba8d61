# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""L4: etcd and the end of the boot sequence.

Sources: siderolabs/talos:pkg/cluster/check/etcd.go, pkg/cluster/check/default.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import (
    NodeObservation,
    Observation,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.service_checks import service_problems
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.verdict import (
    Problem,
    Verdict,
    count,
    on_nodes,
    verdict,
)


def etcd_healthy(observation: Observation) -> Verdict:
    """etcd is running and healthy on every control plane."""
    planes = observation.control_planes
    problems = service_problems(planes, "etcd")
    return verdict(problems, f"etcd healthy on {count(len(planes), 'control plane')}")


def etcd_members_consistent(observation: Observation) -> Verdict:
    """Every control plane knows the same etcd members."""
    planes = observation.control_planes
    listings = [_addresses(node) for node in planes if node.members is not None]

    def judge(node: NodeObservation) -> Iterator[Problem]:
        if node.members is None:
            yield Problem(f"cannot list etcd members: {node.members_error}", node.name)
        elif _addresses(node) != listings[0]:
            yield Problem(
                f"expected to have {_list(listings[0])} members, got {_list(_addresses(node))}",
                node.name,
                fix="wait for members that join; reset the node when it belongs to another cluster",
            )

    observed = f"{count(len(listings[0]) if listings else 0, 'member')} known to all control planes"
    return verdict(on_nodes(planes, judge), observed)


def etcd_members_control_planes(observation: Observation) -> Verdict:
    """Every etcd member is a control plane of this cluster."""
    allowed = set(observation.control_plane_addresses)
    allowed.update(node.expected.address for node in observation.control_planes)

    def judge(node: NodeObservation) -> Iterator[Problem]:
        found = _addresses(node)
        if not allowed.issuperset(found):
            yield Problem(
                f"etcd member ips {_list(found)} are not subset of control plane node ips {_list(sorted(allowed))}",
                node.name,
                fix="remove the member that does not belong here",
            )

    return verdict(on_nodes(observation.control_planes, judge), "every member is a control plane")


def boot_finished(observation: Observation) -> Verdict:
    """Every node is in stage running: all its services are up."""

    def judge(node: NodeObservation) -> Iterator[Problem]:
        if node.stage != "running":
            why = f" ({'; '.join(node.unmet)})" if node.unmet else ""
            waiting = [service for service in node.services.values() if service.state not in ("Running", "Finished")]
            awaited = "".join(f"; {service.id} is {service.state}: {service.message}" for service in waiting)
            names = ", ".join(service.id for service in waiting)
            fix = f"look at {names}" if waiting else "look at the node's console"
            yield Problem(f"nodes are not running: {node.stage}{why} ({node.clocks}){awaited}", node.name, names, fix)

    return verdict(on_nodes(observation.nodes, judge), f"{count(len(observation.nodes), 'node')} in stage running")


def _addresses(node: NodeObservation) -> list[str]:
    return sorted(address for member in node.members or () for address in member.addresses)


def _list(items: list[str]) -> str:
    return f"[{' '.join(items)}]"
