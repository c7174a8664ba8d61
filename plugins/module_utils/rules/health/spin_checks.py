# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""L4: whether what Kubernetes calls the Spin runtime is what the nodes have.

The handler is known from the system extension: it writes it into containerd's configuration.
Source: siderolabs/extensions:container-runtime/spin/10-spin.part.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.homelab.talos.plugins.module_utils.rules.health.kubernetes_answers import asked
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import (
    KubernetesNode,
    KubernetesObservation,
    Observation,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.verdict import Problem, Verdict, count
from ansible_collections.homelab.talos.plugins.module_utils.spin.names import (
    EXTENSION,
    HANDLER,
    NODE_LABEL,
    NODE_LABEL_VALUE,
    RUNTIME_CLASS,
)

ROLE = "run the role homelab.talos.spin_runtime"


def spin_runtime(observation: Observation) -> Verdict:
    """RuntimeClass, its handler and the labels of nodes agree with the extensions that the nodes run."""
    having = [node for node in observation.nodes if EXTENSION in node.extensions]

    def judge(kubernetes: KubernetesObservation) -> Iterator[Problem]:
        if not having:
            remedy = f"give nodes an image with the extension {EXTENSION}"
            yield Problem(f"no node runs the extension {EXTENSION}", fix=remedy)
        yield from _class_problems(kubernetes)
        yield from _label_problems(observation, kubernetes)

    return asked(observation, judge, f"RuntimeClass {RUNTIME_CLASS} leads to {count(len(having), 'node')}")


def _class_problems(kubernetes: KubernetesObservation) -> Iterator[Problem]:
    path = f"RuntimeClass {RUNTIME_CLASS}"
    found = kubernetes.runtime_classes.get(RUNTIME_CLASS)
    if found is None:
        yield Problem(f"RuntimeClass {RUNTIME_CLASS} does not exist", path=path, fix=ROLE)
        return
    if found.handler != HANDLER:
        remedy = f"kubectl delete runtimeclass {RUNTIME_CLASS}, then {ROLE}"
        message = f"its handler is {found.handler!r}, and the extension gives nodes the handler {HANDLER!r}"
        yield Problem(message, path=path, fix=remedy)
    if found.node_selector.get(NODE_LABEL) != NODE_LABEL_VALUE:
        message = f"it does not select nodes by {NODE_LABEL}, so pods get to nodes that have no handler"
        yield Problem(message, path=path, fix=ROLE)


def _label_problems(observation: Observation, kubernetes: KubernetesObservation) -> Iterator[Problem]:
    for node in observation.nodes:
        known = _known(kubernetes, node.expected.address)
        if node.error or known is None:
            # Both are the business of other checks.
            continue
        labelled = known.labels.get(NODE_LABEL) == NODE_LABEL_VALUE
        has = EXTENSION in node.extensions
        if labelled and not has:
            yield Problem(f"carries the label {NODE_LABEL} and lacks the extension {EXTENSION}", node.name, fix=ROLE)
        if has and not labelled:
            yield Problem(f"has the extension {EXTENSION} and lacks the label {NODE_LABEL}", node.name, fix=ROLE)


def _known(kubernetes: KubernetesObservation, address: str) -> KubernetesNode | None:
    return next((node for node in kubernetes.nodes if address in node.addresses), None)
