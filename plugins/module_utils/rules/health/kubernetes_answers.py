# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging what Kubernetes says, where it can be asked, about the nodes of the inventory."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import (
    KubernetesNode,
    KubernetesObservation,
    Observation,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.verdict import Problem, Verdict, verdict

NO_KUBECONFIG = "there is no kubeconfig to ask Kubernetes with"


def asked(
    observation: Observation, judge: Callable[[KubernetesObservation], Iterable[Problem]], observed: str
) -> Verdict:
    """Judge what Kubernetes says, if it can be asked at all."""
    kubernetes = observation.kubernetes
    if kubernetes is None:
        return Verdict(not_run=NO_KUBECONFIG)
    if kubernetes.error:
        return Verdict((Problem(kubernetes.error),))
    return verdict(judge(kubernetes), observed)


def ours(observation: Observation, kubernetes: KubernetesObservation) -> list[KubernetesNode]:
    """Return the nodes of Kubernetes that are nodes of the inventory; others are reported by a check of their own."""
    addresses = {node.expected.address for node in observation.nodes}
    return [node for node in kubernetes.nodes if addresses & set(node.addresses)]


def inventory_name(observation: Observation, node: KubernetesNode) -> str:
    """Return the name that the inventory has for a node of Kubernetes, empty when it has none."""
    names = (each.name for each in observation.nodes if each.expected.address in node.addresses)
    return next(names, "")
