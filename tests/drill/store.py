# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drill of the store: a lost disk, a member with foreign data, the loss of everything, and the way back.

``python -m ansible_collections.homelab.talos.tests.drill.store WORKSPACE INVENTORY EXPECTED`` adds to the
``history.json`` that the drill of the members left in the workspace.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.tests.drill.cluster import NAMESPACE, SECONDS, DrillCluster
from ansible_collections.homelab.talos.tests.drill.observers import wait_for
from ansible_collections.homelab.talos.tests.drill.playbooks import Operator
from ansible_collections.homelab.talos.tests.testinfra.expected import Expected
from ansible_collections.homelab.talos.tests.testinfra.faults import Faults

# Makes a cluster of its own on an empty disk, and leaves its data there.
FOREIGN = (
    "timeout 4 /opt/engine/etcd --name other --data-dir /var/lib/etcd --listen-client-urls http://127.0.0.1:2379"
    " --advertise-client-urls http://127.0.0.1:2379; test -d /var/lib/etcd/member"
)
LIMIT_SECONDS = 90.0


def add_foreign_member(cluster: DrillCluster, operator: Operator, name: str) -> str:
    """Erase a control plane, give its disk the data of another cluster, let it join; return what is said about it."""
    operator.module(name, "reset", {"erase": True})
    planted = cluster.lab.act("exec", name, ["sh", "-c", FOREIGN])
    if planted.returncode != 0:
        raise RuntimeError(f"{name}: no data of another cluster: {planted.stderr[-1000:]}")
    said = operator.join()
    operator.module(name, "reset", {"erase": True})
    return said


def lose_a_disk(cluster: DrillCluster, operator: Operator, name: str) -> dict[str, Any]:
    """Let a control plane lose its data while somebody writes, and come back; return what is there then, and where."""
    with Faults(cluster.lab).on("disk-lost", name):
        write(cluster, "while-a-disk-is-lost")
    begin = time.time()
    # It waits until every member votes, and repairs nothing.
    said = operator.join()
    present = {each: cluster.names(address) for each, address in cluster.addresses.items()}
    return {"node": name, "said": said, "seconds": time.time() - begin, "present": present}


def write(cluster: DrillCluster, name: str) -> None:
    """Create one ConfigMap."""

    def create() -> bool:
        body = {"metadata": {"name": name}}
        return bool(cluster.api().create_namespaced_config_map(NAMESPACE, body, _request_timeout=SECONDS))

    wait_for(f"the ConfigMap {name}", create, LIMIT_SECONDS)


def lose_everything(operator: Operator) -> None:
    """Erase the data of every control plane at once; their configurations stay."""
    options = {"erase": True, "system_partitions": ["EPHEMERAL"], "graceful": "never"}
    operator.module("controlplane", "reset", options)


def run(cluster: DrillCluster, operator: Operator, workspace: Path, history: dict[str, Any]) -> None:
    """Run the drill; the history grows with each step."""
    last = sorted(cluster.addresses)[-1]
    first = sorted(cluster.addresses)[0]
    history["disk"] = lose_a_disk(cluster, operator, last)
    print(
        f"drill: {last} lost its disk: all members vote {history['disk']['seconds']:.0f} s after its return", flush=True
    )
    snapshot = str(workspace / "etcd.snapshot")
    history["foreign"] = {"node": last, "said": add_foreign_member(cluster, operator, last)}
    print(f"drill: {history['foreign']['said']}", flush=True)
    history["snapshot"] = {"present": cluster.names(cluster.addresses[first])}
    operator.module(first, "etcd_snapshot", {"path": snapshot})
    write(cluster, "after-the-snapshot")
    history["snapshot"]["missing"] = ["after-the-snapshot"]
    begin = time.time()
    lose_everything(operator)
    history["empty"] = {"said": operator.join()}
    print(f"drill: {history['empty']['said']}", flush=True)
    history["recovery"] = {"said": operator.join(cluster_recover_from=snapshot), "seconds": time.time() - begin}
    history["recovery"]["present"] = {name: cluster.names(address) for name, address in cluster.addresses.items()}


def main(workspace: Path, inventory: Path, expected: Expected) -> None:
    """Run the drill and add to the history."""
    planes = {node.name: node.address for node in expected.nodes.values() if node.machine_type == "controlplane"}
    path = workspace / "history.json"
    history = json.loads(path.read_text(encoding="utf-8"))
    try:
        run(DrillCluster(workspace, planes, expected.network["vip"]), Operator(inventory), workspace, history)
    finally:
        path.write_text(json.dumps(history, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Expected.load(*sys.argv[3:]))
