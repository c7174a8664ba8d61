# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster of the scenario, as somebody outside of it reaches it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client, config

from ansible_collections.homelab.talos.tests.testinfra.lab_handle import LabHandle

NAMESPACE = "drill"
POD_PORT = 8099
POD_IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.59"
SECONDS = 10


class DrillCluster:
    """Nodes by name, the provider's switches, and the Kubernetes API.

    :param workspace: directory of the cluster's files.
    :param addresses: names of the control planes -> addresses.
    """

    def __init__(self, workspace: Path, addresses: dict[str, str], vip: str) -> None:
        self.addresses = addresses
        self.vip = vip
        self.lab = LabHandle.load(workspace / "lab/handle.json")
        self._kubeconfig = workspace / "kubeconfig"

    def api(self, address: str = "") -> Any:
        """Return the core API, of one control plane when its address is given."""
        settings = config.new_client_from_config(str(self._kubeconfig)).configuration
        settings.host = f"https://{address or self.vip}:6443"
        settings.retries = False
        return client.CoreV1Api(client.ApiClient(settings))

    def credentials(self) -> dict[str, str]:
        """Return CA, certificate and key of the operator, as PEM."""
        content = yaml.safe_load(self._kubeconfig.read_text(encoding="utf-8"))
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        encoded = {
            "ca": cluster["certificate-authority-data"],
            "crt": user["client-certificate-data"],
            "key": user["client-key-data"],
        }
        return {name: base64.b64decode(value).decode() for name, value in encoded.items()}

    def command_on(self, node: str) -> list[str]:
        """Return what stands in front of a command that shall run on a node."""
        environment = [f"{name}={value}" for name, value in self.lab.environment.items()]
        return ["env", *environment, *(part.replace("{node}", node) for part in self.lab.commands["exec"])]

    def switch(self, action: str, node: str) -> None:
        """Use the power switch of a node."""
        result = self.lab.act(action, node, seconds=60)
        if result.returncode != 0:
            raise RuntimeError(f"{action} {node}: {result.stderr.strip()}")

    def holders(self, names: Iterable[str]) -> list[str]:
        """Return those of the named control planes whose link carries the shared address."""
        return [name for name in names if self._carries(name)]

    def _carries(self, name: str) -> bool:
        output = self.lab.act("exec", name, ["ip", "-json", "address"]).stdout
        found = {info["local"] for link in json.loads(output or "[]") for info in link.get("addr_info", [])}
        return self.vip in found

    def names(self, address: str = "") -> list[str]:
        """Return the names of the ConfigMaps that the writers made and that are there."""
        found = self.api(address).list_namespaced_config_map(NAMESPACE, _request_timeout=SECONDS).items
        return sorted(item.metadata.name for item in found if item.metadata.name != "kube-root-ca.crt")

    def has_namespace(self) -> bool:
        """Create the namespace of the drill; return whether pods may be created in it."""
        labels = {"pod-security.kubernetes.io/enforce": "privileged"}
        api = self.api()
        if NAMESPACE not in {item.metadata.name for item in api.list_namespace(_request_timeout=SECONDS).items}:
            api.create_namespace({"metadata": {"name": NAMESPACE, "labels": labels}}, _request_timeout=SECONDS)
        accounts = api.list_namespaced_service_account(NAMESPACE, _request_timeout=SECONDS).items
        return bool(accounts)

    def serve(self, node: str) -> None:
        """Run a pod on a node that answers over HTTP at the node's address."""
        container = {
            "name": "main",
            "image": POD_IMAGE,
            "imagePullPolicy": "IfNotPresent",
            "args": ["netexec", f"--http-port={POD_PORT}", "--udp-port=-1"],
        }
        spec = {"nodeName": node, "hostNetwork": True, "containers": [container], "terminationGracePeriodSeconds": 0}
        pod = {"metadata": {"name": "server"}, "spec": {**spec, "automountServiceAccountToken": False}}
        self.api().create_namespaced_pod(NAMESPACE, pod, _request_timeout=SECONDS)
