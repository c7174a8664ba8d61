# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes control plane of one node: static pods and the objects Talos publishes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.homelab.talos.lab.last_line import last_line
from ansible_collections.homelab.talos.lab.machined.interfaces import Facts, NotReadyYet
from ansible_collections.homelab.talos.lab.node.runtime import NodeRuntime
from ansible_collections.homelab.talos.lab.programs import bootstrap_objects
from ansible_collections.homelab.talos.lab.programs.control_plane_files import (
    ADMIN_KUBECONFIG,
    write_control_plane_files,
)
from ansible_collections.homelab.talos.lab.programs.files import write_yaml
from ansible_collections.homelab.talos.lab.programs.static_pods import static_pods
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig


class StaticPodControlPlane:
    """Control plane of one node; a :class:`~.machined.interfaces.ControlPlane`."""

    def __init__(self, runtime: NodeRuntime) -> None:
        self._runtime = runtime
        self._pods: dict[str, dict[str, Any]] = {}

    async def prepare(self, config: MachineConfig, facts: Facts) -> None:
        """Write the PKI and the manifests; a manifest that did not change is left alone."""
        write_control_plane_files(self._runtime.directory, config, facts)
        self._pods = static_pods(config, facts)
        for name, pod in self._pods.items():
            write_yaml(self._manifest(name), pod, 0o600)

    async def publish(self, config: MachineConfig, facts: Facts) -> None:
        """Apply the bootstrap objects and the labels and taint of this node.

        Raises :class:`NotReadyYet` while the API server does not answer or the Node does not exist.
        """
        objects = {"apiVersion": "v1", "kind": "List", "items": bootstrap_objects.bootstrap_objects(config)}
        await self._apply(json.dumps(objects))
        for manifest in bootstrap_objects.inline_manifests(config):
            await self._apply(manifest)
        labels = {
            **bootstrap_objects.control_plane_labels(),
            **(config.value("machine", "nodeLabels", default={}) or {}),
        }
        await self._kubectl("label", "node", facts.hostname, "--overwrite", *(f"{k}={v}" for k, v in labels.items()))
        taint = bootstrap_objects.control_plane_taint(config)
        if taint:
            await self._kubectl("taint", "node", facts.hostname, "--overwrite", taint)

    async def withdraw(self) -> None:
        """Remove the manifests; the kubelet ends the pods."""
        for name in self._pods:
            self._manifest(name).unlink(missing_ok=True)
        self._pods = {}

    def static_pods(self, config: MachineConfig) -> Mapping[str, Mapping[str, Any]]:
        """Return static pod id -> Pod object, empty before :meth:`prepare`."""
        return self._pods

    def manifests(self, config: MachineConfig) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Return the name of each bootstrap manifest -> its objects."""
        return bootstrap_objects.bootstrap_manifests(config)

    def manifests_settings(self, config: MachineConfig) -> Mapping[str, Any]:
        """Return what the bootstrap manifests are made from."""
        return bootstrap_objects.manifests_settings(config)

    def _manifest(self, name: str) -> Any:
        return self._runtime.directory / "etc/kubernetes/manifests" / f"{name}.yaml"

    async def _apply(self, manifest: str) -> None:
        arguments = ("apply", "--server-side", "--force-conflicts", "--field-manager=talos", "-f", "-")
        await self._kubectl(*arguments, input=manifest.encode())

    async def _kubectl(self, *arguments: str, input: bytes | None = None) -> None:
        command = ["/opt/engine/kubectl", f"--kubeconfig={ADMIN_KUBECONFIG}", "--request-timeout=5s", *arguments]
        try:
            status, dummy_output, errors = await self._runtime.run(command, timeout=20, input=input)
        except TimeoutError as error:
            raise NotReadyYet(str(error)) from None
        if status != 0:
            raise NotReadyYet(f"kubectl {arguments[0]}: {last_line(errors)}")
