# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching a cluster while a fault comes and goes."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from ansible_collections.homelab.talos.tests.testinfra.expected import Expected
from ansible_collections.homelab.talos.tests.testinfra.fault_event import FaultCase, FaultEvent, FaultPlan, Moment
from ansible_collections.homelab.talos.tests.testinfra.faults import Faults
from ansible_collections.homelab.talos.tests.testinfra.lab_handle import LabHandle
from ansible_collections.homelab.talos.tests.testinfra.pod_pair import PodPair
from ansible_collections.homelab.talos.tests.testinfra.reachability import CONTROLLER, reachable

API_PORT = 50000
PROGRAMS = ("kubelet", "containerd", "etcd")
READ_SECONDS = 5.0
# Prints the boot id, then each program with its process id and the time it was started.
_IDENTITIES = """
cat /proc/sys/kernel/random/boot_id
for program in "$@"; do
  pid=$(pgrep -xo "$program") && echo "$program $pid/$(cut -d' ' -f22 "/proc/$pid/stat")"
done
true
"""


class FaultWatch:
    """Lets faults come over a cluster and reports what was seen.

    :param core, coordination: APIs of Kubernetes.
    :param stage_of: asks a node's machine API for its stage.
    """

    def __init__(
        self,
        plan: FaultPlan,
        expected: Expected,
        lab: LabHandle,
        core: Any,
        coordination: Any,
        stage_of: Callable[[str], str],
    ) -> None:
        self._plan = plan
        self._expected = expected
        self._lab = lab
        self._core = core
        self._coordination = coordination
        self._stage_of = stage_of

    def experience(self, case: FaultCase, pods: PodPair) -> FaultEvent:
        """Let a fault come and go, with the two pods on the node that is hit."""
        faults = Faults(self._lab)
        before, mover, stayer, written = self.moment(), pods.mover(), pods.stayer(), self.written(pods)
        begin, begun = time.monotonic(), datetime.now(UTC)
        with faults.on(case.fault, *case.targets, **case.parameters):
            noticed = self._watch_nodes(case, begin)
            moved = self._watch_mover(case, pods, mover.node, begin)
            during = self.moment()
            lifting, lifted = time.monotonic(), datetime.now(UTC)
        whole, unrecovered = self._wait_for(lambda: self._ills(case, pods, begun, lifted), self._plan.bounds.recovered)
        return FaultEvent(
            case=case,
            before=before,
            during=during,
            after=self.moment(),
            noticed=noticed,
            recovered=time.monotonic() - lifting if whole else None,
            unrecovered=unrecovered,
            mover=(mover, pods.mover()),
            stayer=(stayer, pods.stayer()),
            moved=moved,
            kept=(written, self.written(pods)),
            held=[held["id"] for held in faults.held()],
        )

    def moment(self) -> Moment:
        """Look at the cluster."""
        nodes = self._expected.nodes
        addresses = {name: node.address for name, node in nodes.items()}
        controller = self._expected.network["controller"]
        with ThreadPoolExecutor() as pool:
            identities = dict(zip(nodes, pool.map(self._identities, nodes), strict=True))
            apis = dict(zip(nodes, pool.map(self._answers, addresses.values()), strict=True))
        return Moment(
            reached=reachable({**addresses, CONTROLLER: controller}, self._exec),
            apis={name for name, answers in apis.items() if answers},
            kubernetes=self._reads(),
            boots={name: lines[0] for name, lines in identities.items() if lines},
            programs={name: dict(line.split() for line in lines[1:]) for name, lines in identities.items() if lines},
        )

    def written(self, pods: PodPair) -> list[str]:
        """Return the lines that the stayer wrote on its node; none when the node cannot be asked."""
        done = self._exec(pods.node, ["cat", pods.file])
        return done.stdout.split() if done.returncode == 0 else []

    def _exec(self, node: str, words: Sequence[str]) -> Any:
        return self._lab.act("exec", node, words)

    def _identities(self, node: str) -> list[str]:
        done = self._exec(node, ["sh", "-c", _IDENTITIES, "identities", *PROGRAMS])
        return done.stdout.splitlines() if done.returncode == 0 else []

    @staticmethod
    def _answers(address: str) -> bool:
        try:
            socket.create_connection((address, API_PORT), timeout=2).close()
        except OSError:
            return False
        return True

    def _reads(self) -> bool:
        """Return whether the Kubernetes API reads from its store; a list could come from what it remembers."""
        try:
            self._core.read_namespace("kube-system", _request_timeout=READ_SECONDS)
        except Exception:
            return False
        return True

    def _watch_nodes(self, case: FaultCase, begin: float) -> dict[str, float]:
        """Watch which nodes become NotReady, until all that must have, or as long as none may."""
        noticed: dict[str, float] = {}
        if case.passing:
            return noticed

        def awaited() -> str:
            for name in self._not_ready():
                noticed.setdefault(name, time.monotonic() - begin)
            missing = sorted(set(case.not_ready) - set(noticed))
            return ", ".join(missing) if case.not_ready else "nothing that must happen"

        self._wait_for(awaited, self._plan.bounds.noticed if case.not_ready else self._plan.unnoticed)
        return noticed

    def _watch_mover(self, case: FaultCase, pods: PodPair, node: str, begin: float) -> float | None:
        """Return when the mover ran on another node, None when it has not; nobody can tell without the API."""
        if case.without_kubernetes:
            return None

        def awaited() -> str:
            place = pods.mover()
            return f"the mover is on {place.node}" if place.node == node else pods.waiting_for("mover")

        limit = max(0.0, self._plan.bounds.moved - (time.monotonic() - begin)) if case.moves else 0.0
        moved, _seen = self._wait_for(awaited, limit)
        return time.monotonic() - begin if moved else None

    def _not_ready(self) -> set[str]:
        """Return the nodes that are not Ready; none while the API does not answer."""
        with suppress(Exception):
            return {
                node.metadata.name
                for node in self._core.list_node().items
                if not any(each.type == "Ready" and each.status == "True" for each in node.status.conditions)
            }
        return set()

    def _ills(self, case: FaultCase, pods: PodPair, begun: datetime, lifted: datetime) -> str:
        """Return what is not whole: every node is Ready, showed itself since and is running; both pods run."""
        try:
            ready = [node for node in self._core.list_node().items if node.metadata.name not in self._not_ready()]
            unready = set(self._expected.nodes) - {node.metadata.name for node in ready}
            leases = self._coordination.list_namespaced_lease("kube-node-lease").items
            fresh = {lease.metadata.name for lease in leases if lease.spec.renew_time > lifted}
            stages = {name: self._stage_of(name) for name in self._expected.nodes}
            waiting = pods.waiting()
            # What Kubernetes says about a pod is old until the kubelet of a node that booted has seen to it.
            if pods.node in case.boots and pods.stayer_started() <= begun:
                waiting = waiting or "the stayer has not started again"
        except Exception as error:
            return f"not everybody answers: {str(error).splitlines()[0]}"
        ills = [f"{name} is not Ready" for name in sorted(unready)]
        ills += [f"{name} has not shown itself" for name in sorted(set(self._expected.nodes) - fresh)]
        ills += [f"{name} is {stage}" for name, stage in sorted(stages.items()) if stage != "running"]
        return "; ".join([*ills, waiting] if waiting else ills)

    @staticmethod
    def _wait_for(awaited: Callable[[], str], limit: float) -> tuple[bool, str]:
        """Look until nothing is awaited any more, at least once; return whether that was so within the limit, and what
        was awaited at last."""
        end = time.monotonic() + limit
        while True:
            missing = awaited()
            if not missing or time.monotonic() >= end:
                return not missing, missing
            # sleep: the poll of a wait with a limit
            time.sleep(0.5)
