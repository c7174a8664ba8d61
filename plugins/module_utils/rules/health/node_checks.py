# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""L1: the node answers, has left maintenance mode and is large enough.

Source: siderolabs/talos:pkg/cluster/check/default.go, pkg/minimal/.
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
    on_answering_nodes,
    verdict,
)

BOOTED_STAGES = ("booting", "running")

_MIB = 1024 * 1024
# Some memory is gone before the kernel counts it.
_MEMORY_TOLERANCE_MIB = 150
MEMORY_MIB = {"controlplane": 1848 - _MEMORY_TOLERANCE_MIB, "worker": 1024 - _MEMORY_TOLERANCE_MIB}
# 6 GiB of disk, less what EFI (2 GiB at most), META and STATE take of it.
EPHEMERAL_MIB = 6 * 1024 - 2048 - 1 - 100


def apid_ready(observation: Observation) -> Verdict:
    """Every node answers authenticated calls of the machine API."""

    def judge() -> Iterator[Problem]:
        for node in observation.nodes:
            if node.error:
                yield Problem(f"error getting version: {node.error}", node.name, fix="look at the node's console")

    versions = sorted({node.version for node in observation.nodes if node.version})
    return verdict(judge(), f"{count(len(observation.nodes), 'node')} answer with {', '.join(versions)}")


def node_booted(observation: Observation) -> Verdict:
    """Every node has a configuration and boots or has booted with it."""

    def judge(node: NodeObservation) -> Iterator[Problem]:
        if node.stage not in BOOTED_STAGES:
            fix = "apply its machine configuration" if node.stage == "maintenance" else "wait, or look at its console"
            yield Problem(f"stage is {node.stage}, expected {' or '.join(BOOTED_STAGES)}", node.name, fix=fix)

    return verdict(on_answering_nodes(observation.nodes, judge), f"{count(len(observation.nodes), 'node')} booted")


def memory_sizes(observation: Observation) -> Verdict:
    """Every node has the memory Talos asks for."""

    def judge(node: NodeObservation) -> Iterator[Problem]:
        least = MEMORY_MIB[node.expected.machine_type]
        if node.memory_kib is not None and node.memory_kib // 1024 < least:
            yield Problem(
                f"does not meet memory requirements: expected at least {least} MiB,"
                f" actual {node.memory_kib // 1024} MiB",
                node.name,
                fix="give the machine more memory",
            )

    known = [node for node in observation.nodes if node.memory_kib is not None]
    if not known:
        return Verdict(not_run="no node reports its memory")
    return verdict(on_answering_nodes(observation.nodes, judge), f"{count(len(known), 'node')} large enough")


def disk_sizes(observation: Observation) -> Verdict:
    """The EPHEMERAL partition of every node that has one is large enough."""

    def judge(node: NodeObservation) -> Iterator[Problem]:
        if node.ephemeral_bytes is not None and node.ephemeral_bytes // _MIB < EPHEMERAL_MIB:
            yield Problem(
                f"ephemeral partition is too small, expected at least {EPHEMERAL_MIB} MiB,"
                f" actual {node.ephemeral_bytes // _MIB} MiB",
                node.name,
                fix="use a larger disk",
            )

    known = [node for node in observation.nodes if node.ephemeral_bytes is not None]
    if not known:
        return Verdict(skipped="no node has an EPHEMERAL partition of its own")
    return verdict(on_answering_nodes(observation.nodes, judge), f"{count(len(known), 'partition')} large enough")
