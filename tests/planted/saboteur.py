# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breaking a running lab on purpose, and mending it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kubernetes import client, config

from ansible_collections.homelab.talos.plugins.module_utils.talos.api import messages
from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.access import NodeAccess
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.reboot import (
    Boot,
    read_boot,
    wait_for_next_boot,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import extensions, versions
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.merge import merge
from ansible_collections.homelab.talos.plugins.module_utils.talos.parallel import run
from ansible_collections.homelab.talos.plugins.module_utils.talos.talosconfig import load_talosconfig
from ansible_collections.homelab.talos.tests.testinfra.expected import Expected
from ansible_collections.homelab.talos.tests.testinfra.lab_handle import LabHandle

MACHINE = "machine.MachineService"
SECONDS = 30.0
BOOT_SECONDS = 180.0
NO_REBOOT = 2


class StepFailed(Exception):
    """A step could not be taken; one line with the step and what it said."""


class Saboteur:
    """Takes the steps of ``tests/planted/lab.yml`` and its kind.

    :param workspace: directory of the cluster's files.
    """

    def __init__(self, lab: LabHandle, expected: Expected, workspace: Path) -> None:
        self._lab = lab
        self._expected = expected
        self._workspace = workspace

    def take(self, steps: Sequence[Mapping[str, Any]]) -> None:
        """Take steps in their order.

        :raises StepFailed: one cannot be taken.
        """
        for step in steps:
            ((kind, content),) = step.items()
            action: Callable[[Any], None] = getattr(self, f"_{kind}")
            action(content)

    def _exec(self, content: Sequence[str]) -> None:
        node, *words = content
        addresses = {each.name: each.address for each in self._expected.nodes.values()}
        self._act("exec", node, [word.format(**addresses) if "{" in word else word for word in words])

    def _power(self, content: Sequence[str]) -> None:
        node, action = content
        self._act(action, node, [])

    def _act(self, action: str, node: str, words: Sequence[str]) -> None:
        result = self._lab.act(action, node, words, SECONDS)
        if result.returncode != 0:
            raise StepFailed(f"{action} {node} {' '.join(words)}: {result.stderr.strip()}")

    def _config(self, content: Mapping[str, Any]) -> None:
        text = (self._workspace / "machineconfig" / f"{content['node']}.yaml").read_text(encoding="utf-8")
        if "without" in content:
            documents = MachineConfig.from_text(text, content["node"]).documents
            kept = [each for each in documents if f"{each.get('kind')}/{each.get('name')}" != content["without"]]
            text = MachineConfig(kept).to_text()
        if "patched" in content:
            text = MachineConfig(merge(MachineConfig.from_text(text).documents, [content["patched"]])).to_text()
        self._ask(content["node"], "ApplyConfiguration", {"data": text.encode(), "mode": NO_REBOOT})

    def _kubernetes(self, content: Sequence[Any]) -> None:
        node, patch = content
        api = client.CoreV1Api(config.new_client_from_config(str(self._workspace / "kubeconfig")))
        api.patch_node(node, patch, _request_timeout=SECONDS)

    def _replicas(self, content: Sequence[Any]) -> None:
        name, number = content
        api = client.AppsV1Api(config.new_client_from_config(str(self._workspace / "kubeconfig")))
        scale = {"spec": {"replicas": number}}
        api.patch_namespaced_deployment_scale(name, "kube-system", scale, _request_timeout=SECONDS)

    def _service(self, content: Sequence[Any]) -> None:
        name, patch = content
        api = client.CoreV1Api(config.new_client_from_config(str(self._workspace / "kubeconfig")))
        api.patch_namespaced_service(name, "kube-system", patch, _request_timeout=SECONDS)

    def _upgrade(self, content: Mapping[str, Any]) -> None:
        schematic, _text = extensions.schematic(content["extensions"])
        image = versions.installer_image(content["version"], schematic)
        self._boot_anew(content["node"], "Upgrade", {"image": image})

    def _rollback(self, content: str) -> None:
        self._boot_anew(content, "Rollback", {})

    def _boot_anew(self, node: str, method: str, fields: Mapping[str, Any]) -> None:
        """Ask for something that ends in a reboot, and wait until the node runs again."""
        access = NodeAccess(node, lambda: self._client(node), lambda: self._client(node))
        before: Boot = run(read_boot(access))
        self._ask(node, method, fields)
        run(wait_for_next_boot(access, before, ("running",), BOOT_SECONDS))

    def _client(self, node: str) -> Client:
        context = load_talosconfig(self._workspace / "talosconfig")
        return Client(self._expected.nodes[node].address, credentials=context.credentials, timeout=SECONDS)

    def _ask(self, node: str, method: str, fields: Mapping[str, Any]) -> None:
        async def once() -> None:
            async with self._client(node) as connection:
                request = messages.method(MACHINE, method).request_class(**fields)
                await connection.unary(f"{MACHINE}/{method}", request)

        run(once())
