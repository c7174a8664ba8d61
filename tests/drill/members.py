# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drill: members of the control plane are lost and come back, and everything is watched from outside.

``python -m ansible_collections.homelab.talos.tests.drill.members WORKSPACE EXPECTED`` adds to the ``history.json`` that
the drill of the verifiers left in the workspace. It judges nothing: verifiers do that with what was seen.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.tests.drill import bounds
from ansible_collections.homelab.talos.tests.drill.cluster import NAMESPACE, POD_PORT, DrillCluster
from ansible_collections.homelab.talos.tests.drill.judging import acknowledged, refused, silence
from ansible_collections.homelab.talos.tests.drill.observers import PodClient, Writer, ask, wait_for
from ansible_collections.homelab.talos.tests.testinfra.expected import Expected

STEADY_WRITES = 8
# Longer than what is judged afterwards: a gap that is too long shall be seen with its length.
MOVE_SECONDS = 2 * max(seconds for seconds, _reason in bounds.SILENCE.values())
LIMIT_SECONDS = 90.0
# How long nothing may be written at least. It lasts until each writer was refused: KubePrism has to find out first
# which API server is left.
SILENCE_SECONDS = 25.0


class Drill:
    """The run of one drill; ``history`` is what was seen."""

    def __init__(self, cluster: DrillCluster, worker: str, worker_address: str) -> None:
        self._cluster = cluster
        self._worker = worker
        self._pod_url = f"http://{worker_address}:{POD_PORT}/"
        self.history: dict[str, Any] = {"events": {}, "holders": {}, "lost": []}
        self._writers: dict[str, Writer] = {}
        self._pod: PodClient | None = None

    def run(self) -> None:
        """Lose one member, lose two, let them return; the history is complete also after a failure."""
        try:
            self._begin()
            self._lose_one()
            self._lose_two()
            self._return()
        finally:
            self._end()

    def _note(self, event: str) -> float:
        self.history["events"][event] = time.time()
        print(f"drill: {event}", flush=True)
        return time.time()

    def _begin(self) -> None:
        cluster = self._cluster
        wait_for("the namespace of the drill", cluster.has_namespace, LIMIT_SECONDS)
        cluster.serve(self._worker)
        wait_for("the pod to answer", lambda: ask(self._pod_url) == "200", LIMIT_SECONDS)
        self._pod = PodClient(self._pod_url)
        credentials = cluster.credentials()
        on_worker = cluster.command_on(self._worker)
        self._writers = {
            "vip": Writer([], f"https://{cluster.vip}:6443", NAMESPACE, "vip", credentials),
            "kubeprism": Writer(on_worker, "https://127.0.0.1:7445", NAMESPACE, "kubeprism", credentials),
        }
        self._note("begun")
        self._wait_for_writes(self.history["events"]["begun"])

    def _wait_for_writes(self, begin: float, seconds: float = LIMIT_SECONDS) -> None:
        """Wait until both writers are acknowledged steadily."""
        for name, writer in self._writers.items():
            wait_for(f"writes through {name}", functools.partial(_is_steady, writer.writes, begin), seconds)

    def _lose_one(self) -> None:
        """The one that holds the shared address: the worst to lose."""
        cluster = self._cluster
        holder = cluster.holders(cluster.addresses)[0]
        cluster.switch("power-off", holder)
        lost = self._note("one-lost")
        self.history["lost"].append(holder)
        self.history["holders"]["before"] = holder
        self._wait_for_writes(lost, MOVE_SECONDS)
        rest = [name for name in cluster.addresses if name != holder]
        self.history["holders"]["after"] = cluster.holders(rest)
        for name, writer in self._writers.items():
            took, (bound, reason) = silence(writer.writes, lost, time.time()), bounds.SILENCE[name]
            print(f"drill: nothing written through {name} for {took:.1f} s (bound {bound:g} s: {reason})", flush=True)

    def _lose_two(self) -> None:
        """Of the other two the one without the shared address, which goes on leading to an API server."""
        cluster = self._cluster
        kept = self.history["holders"]["after"][0]
        second = next(name for name in cluster.addresses if name not in (kept, self.history["lost"][0]))
        cluster.switch("power-off", second)
        self.history["lost"].append(second)
        begin = self._note("two-lost")
        wait_for("time without a majority to pass", lambda: self._has_seen_enough(begin), 2 * bounds.KUBEPRISM_SECONDS)
        for name, writer in self._writers.items():
            statuses = Counter(each["status"] for each in writer.writes if each["begin"] >= begin)
            print(f"drill: answers through {name} without a majority (0: none): {dict(statuses)}", flush=True)

    def _has_seen_enough(self, begin: float) -> bool:
        """Whether every writer was refused, or has had the time for it."""
        took = time.time() - begin
        everybody = all(refused(each.writes, begin, time.time()) for each in self._writers.values())
        return took > bounds.KUBEPRISM_SECONDS or (took > SILENCE_SECONDS and everybody)

    def _return(self) -> None:
        cluster = self._cluster
        self._note("returning")
        for name in self.history["lost"]:
            cluster.switch("start", name)
        self._wait_for_writes(self.history["events"]["returning"], MOVE_SECONDS)
        self._note("returned")
        for writer in self._writers.values():
            writer.stop()
        # Each control plane has its own member to read from.
        self.history["present"] = {
            name: wait_for(f"the API of {name}", functools.partial(self._names, address), LIMIT_SECONDS)
            for name, address in cluster.addresses.items()
        }

    def _names(self, address: str) -> list[str]:
        try:
            return self._cluster.names(address)
        except Exception:
            return []

    def _end(self) -> None:
        if self._pod is not None:
            self._pod.stop()
            self.history["pod"] = self._pod.answers
        self.history["writes"] = {name: list(writer.writes) for name, writer in self._writers.items()}


def _is_steady(writes: list[dict[str, Any]], begin: float) -> bool:
    return len(acknowledged(writes, begin)) >= STEADY_WRITES


def main(workspace: Path, expected: Expected) -> None:
    """Run the drill and write its history."""
    planes = {node.name: node.address for node in expected.nodes.values() if node.machine_type == "controlplane"}
    worker = next(node for node in expected.nodes.values() if node.machine_type == "worker")
    drill = Drill(DrillCluster(workspace, planes, expected.network["vip"]), worker.name, worker.address)
    try:
        drill.run()
    finally:
        path = workspace / "history.json"
        history = json.loads(path.read_text(encoding="utf-8")) | drill.history
        path.write_text(json.dumps(history, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Expected.load(*sys.argv[2:]))
