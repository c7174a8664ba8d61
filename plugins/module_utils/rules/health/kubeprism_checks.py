# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""L4: KubePrism, the balancer through which the programs of a node reach the API servers.

Source: siderolabs/talos:internal/app/machined/pkg/controllers/k8s/kubeprism.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import (
    NodeObservation,
    Observation,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.verdict import (
    Problem,
    Verdict,
    count,
    on_nodes,
    verdict,
)


def kubeprism_healthy(observation: Observation) -> Verdict:
    """KubePrism of every node that has it reaches an API server."""
    silent = [node for node in observation.nodes if node.error]
    balancing = [node for node in observation.nodes if node.kubeprism is not None]
    if not silent and not balancing:
        return Verdict(skipped="no node has KubePrism enabled")

    def judge(node: NodeObservation) -> Iterator[Problem]:
        state = node.kubeprism
        if state is not None and not state.healthy:
            what = "reaches none of its API servers" if state.healthy is False else "is enabled and does not run"
            known = ", ".join(state.endpoints) or "none known"
            yield Problem(
                f"KubePrism at {state.host} {what} ({known}): the kubelet and kube-proxy cannot reach the API",
                node.name,
                "KubePrismStatus/k8s-loadbalancer",
                "check that the API servers run and that the node reaches them on their port",
            )

    without = ", ".join(node.name for node in observation.nodes if node not in balancing)
    observed = f"KubePrism healthy on {count(len(balancing), 'node')}"
    return verdict(
        on_nodes((*silent, *balancing), judge), f"{observed}, disabled on {without}" if without else observed
    )
