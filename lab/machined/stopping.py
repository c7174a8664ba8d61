# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stopping what runs on a node, in Talos' order.

Source: siderolabs/talos:internal/app/machined/pkg/runtime/v1alpha1/v1alpha1_sequencer.go (stopAllPhaselist),
v1alpha1_sequencer_tasks.go (StopAllPods, StopServicesEphemeral, StopAllServices).
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.homelab.talos.lab.machined import phases
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.sequence import Phase, Sequence

# The API stays until the very end, so that clients see the events of the sequence.
LAST = ("machined", "apid", "containerd")
WORKLOADS = ("kubelet", "etcd", "trustd", "cri")
# Talos waits as long as pods ask for, at most three minutes. In the lab the power goes off afterwards anyway.
POD_SECONDS = 5.0
POLL_SECONDS = 0.2


def stop_pods(node: Node, *, remove: bool = False) -> Phase:
    """Return the phase ``cleanup``: the kubelet stops, and containers of pods get SIGTERM and some seconds."""

    async def work(sequence: Sequence) -> None:
        with sequence.task("removeAllPods" if remove else "stopAllPods"):
            await _stop(node, ["kubelet"])
            pids = [str(each["pid"]) for each in await node.programs.kubernetes.containers() if each.get("pid")]
            if pids:
                await node.runtime.run(["kill", "-TERM", *pids])
                await _wait_for_pods(node)

    return Phase("cleanup", work)


async def _wait_for_pods(node: Node) -> None:
    limit = node.clock.monotonic() + POD_SECONDS
    while left := await node.programs.kubernetes.containers():
        if node.clock.monotonic() >= limit:
            names = ", ".join(sorted(f"{each['namespace']}/{each['pod']}" for each in left))
            node.journal.talos(f"pods did not stop within {POD_SECONDS:g} s: {names}")
            return
        await node.clock.sleep(POLL_SECONDS)


def stop_everything(node: Node, *, kexec: bool = False) -> list[Phase]:
    """Return the phases from the first stopped service to the last one."""
    version = node.description.talos_version
    last = [stop_the_rest(node)]
    if kexec and phases.prepares_kexec_last(version):
        last.append(Phase("kexec"))
    elif kexec:
        last.insert(0, Phase("kexec"))
    return [*idle(*phases.before_stopping(version)), *stop_workloads(node), *last]


def stop_workloads(node: Node, unmount: str = "umount") -> list[Phase]:
    """Return the phases from the first stopped workload until nothing uses the system disk any more.

    :param unmount: name of the phase in which mounts of pods go.
    """

    async def work(sequence: Sequence) -> None:
        with sequence.task("stopServicesForUpgrade"):
            await _stop(node, [*_extensions(node), *WORKLOADS])

    return [Phase("stopServices", work), *idle(*phases.unmounting(node.description.talos_version, unmount))]


def stop_the_rest(node: Node) -> Phase:
    """Return the phase in which every service stops but those that must be last, workloads first."""

    async def work(sequence: Sequence) -> None:
        with sequence.task("stopAllServices"):
            first = [*_extensions(node), *WORKLOADS]
            await _stop(node, [*first, *(id for id in node.services if id not in (*first, *LAST))])

    return Phase("stopEverything", work)


def idle(*names: str) -> list[Phase]:
    """Return phases that have nothing to do in the lab."""
    return [Phase(name) for name in names]


async def shut_down(node: Node) -> None:
    """Stop every service, the API last, as machined does before it gives up."""
    first = [*_extensions(node), *WORKLOADS]
    rest = [id for id in node.services if id not in (*first, *LAST)]
    await _stop(node, [*first, *rest, "apid"])


def _extensions(node: Node) -> list[str]:
    return [id for id in node.services if id.startswith("ext-")]


async def _stop(node: Node, ids: Iterable[str]) -> None:
    for id in ids:
        if id in node.services:
            await node.services[id].stop()
