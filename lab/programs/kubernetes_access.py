# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one node knows of Kubernetes, with its own credentials."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3
import urllib3.connection
import yaml

from ansible_collections.homelab.talos.lab.machined.interfaces import CORDONED, KubernetesNode
from ansible_collections.homelab.talos.lab.node.runtime import NodeRuntime
from ansible_collections.homelab.talos.lab.programs.containerd import Containerd
from ansible_collections.homelab.talos.lab.programs.files import PKI_DIRECTORY
from ansible_collections.homelab.talos.lab.programs.kubelet import KUBECONFIG
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

#: Annotations in which Talos remembers which labels and annotations it set
#: (siderolabs/talos:pkg/machinery/constants/constants.go).
_OWNED = {"labels": "talos.dev/owned-labels", "annotations": "talos.dev/owned-annotations"}
_KUBELET_PORT = 10250
_API_PORT = 6443
_CONNECT_SECONDS = 1.0
_TIMEOUT = urllib3.Timeout(connect=_CONNECT_SECONDS, read=4.0)


class KubernetesAccess:
    """Read access with the kubelet's kubeconfig; a :class:`~.machined.interfaces.Kubernetes`."""

    def __init__(self, runtime: NodeRuntime, containerd: Containerd) -> None:
        self._runtime = runtime
        self._containerd = containerd

    async def node(self, name: str) -> KubernetesNode | None:
        """Return this machine's Node object, None while there is none or the API is not reachable."""
        node = await asyncio.to_thread(self._request, "GET", f"/api/v1/nodes/{name}")
        return _node(node) if node and node.get("kind") == "Node" else None

    async def static_pod_statuses(self) -> Mapping[str, Mapping[str, Any]] | None:
        """Return ``<namespace>/<pod name>`` -> Pod status, from the kubelet; None while it does not answer."""
        pods = await asyncio.to_thread(self._kubelet_pods)
        if pods is None:
            return None
        return {
            f"{pod['metadata']['namespace']}/{pod['metadata']['name']}": pod.get("status") or {}
            for pod in pods
            if (pod["metadata"].get("annotations") or {}).get("kubernetes.io/config.source") == "file"
        }

    async def system_objects(self, resource: str, selector: str) -> Sequence[Mapping[str, Any]]:
        """Return objects of kube-system, read as this control plane's administrator; raises ``OSError``."""
        group = "/api/v1" if resource == "pods" else "/apis/apps/v1"
        query = urlencode({"labelSelector": selector})
        path = f"{group}/namespaces/kube-system/{resource}?{query}"
        items: list[dict[str, Any]] = (await self.administer("GET", path)).get("items") or []
        return items

    async def administer(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Call the API server of this control plane as administrator; raises ``OSError`` with one line of text."""
        return await asyncio.to_thread(self._ask_local, method, path, body)

    async def containers(self) -> Sequence[Mapping[str, Any]]:
        """Return the CRI containers of this node, sandboxes left out; empty while containerd does not answer."""
        status, output, dummy_errors = await self._containerd.ctr("tasks", "list")
        if status != 0:
            return []
        rows = [line.split() for line in output.decode().splitlines()[1:]]
        found = await asyncio.gather(*(self._container(*row[:3]) for row in rows if len(row) >= 3))
        return [container for container in found if container]

    async def _container(self, id: str, pid: str, state: str) -> Mapping[str, Any] | None:
        status, output, dummy_errors = await self._containerd.ctr("containers", "info", id)
        if status != 0:
            return None
        info = json.loads(output)
        labels = info.get("Labels") or {}
        if labels.get("io.cri-containerd.kind") != "container":
            return None
        namespace, pod = labels["io.kubernetes.pod.namespace"], labels["io.kubernetes.pod.name"]
        name, uid = labels["io.kubernetes.container.name"], labels["io.kubernetes.pod.uid"]
        logs = sorted((self._runtime.directory / f"var/log/pods/{namespace}_{pod}_{uid}/{name}").glob("*.log"))
        return {
            "namespace": namespace,
            "pod": pod,
            "name": name,
            "id": id,
            "image": info.get("Image", ""),
            "pid": int(pid),
            "status": f"CONTAINER_{state}",
            "log": logs[-1] if logs else None,
        }

    async def apply_node(self, config: MachineConfig, name: str) -> None:
        """Bring labels and annotations of the Node to what the configuration says; quiet without API.

        Taints are set when the node registers: a node may not change its own (admission NodeRestriction).
        """
        node = await asyncio.to_thread(self._request, "GET", f"/api/v1/nodes/{name}")
        if node and node.get("kind") == "Node":
            changes = _metadata_changes(node["metadata"], config)
            if changes:
                await asyncio.to_thread(self._request, "PATCH", f"/api/v1/nodes/{name}", {"metadata": changes})

    async def drain(self, name: str, timeout: float) -> None:
        """Cordon the node and evict its pods within *timeout* seconds; quiet when the API is not reachable."""
        try:
            async with asyncio.timeout(timeout):
                await self._cordon(name)
                for pod in await self._evictable(name):
                    await asyncio.to_thread(self._evict, pod)
                while await self._evictable(name):
                    await asyncio.sleep(0.5)
        except TimeoutError:
            return

    async def uncordon(self, name: str) -> None:
        """Undo what :meth:`drain` did to the Node; quiet when the API is not reachable."""
        await self._patch_node(name, {"spec": {"unschedulable": None}, "metadata": {"annotations": {CORDONED: None}}})

    async def _cordon(self, name: str) -> None:
        """Cordon the node, unless an operator did: then it stays so after the next boot."""
        node = await self.node(name)
        if node is not None and not node.unschedulable:
            annotations = {CORDONED: "true"}
            await self._patch_node(name, {"spec": {"unschedulable": True}, "metadata": {"annotations": annotations}})

    async def _patch_node(self, name: str, body: dict[str, Any]) -> None:
        await asyncio.to_thread(self._request, "PATCH", f"/api/v1/nodes/{name}", body)

    async def _evictable(self, name: str) -> list[dict[str, Any]]:
        answer = await asyncio.to_thread(self._request, "GET", f"/api/v1/pods?fieldSelector=spec.nodeName%3D{name}")
        pods = (answer or {}).get("items") or []
        return [pod for pod in pods if _is_evictable(pod)]

    def _evict(self, pod: Mapping[str, Any]) -> None:
        meta = {"name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"]}
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/eviction"
        self._request("POST", path, {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta})

    def _request(self, method: str, path: str, body: Any = None) -> dict[str, Any] | None:
        """Call the API server as this node; None when that is not possible now."""
        etc = self._runtime.directory / "etc"
        certificate = self._client_certificate()
        try:
            config = yaml.safe_load((etc / KUBECONFIG.removeprefix("/etc/")).read_text(encoding="utf-8"))
        except OSError:
            return None
        if certificate is None:
            return None
        server = urlsplit(config["clusters"][0]["cluster"]["server"])
        content_type = "application/strategic-merge-patch+json" if method == "PATCH" else "application/json"
        pool = urllib3.HTTPSConnectionPool(
            server.hostname or "",
            server.port,
            ca_certs=str(etc / f"{PKI_DIRECTORY}/ca.crt".removeprefix("/etc/")),
            cert_file=str(certificate),
            retries=False,
        )
        pool.ConnectionCls = connection_from(self._runtime)
        with contextlib.closing(pool):
            try:
                answer = pool.request(
                    method,
                    path,
                    body=None if body is None else json.dumps(body).encode(),
                    headers={"Content-Type": content_type},
                    timeout=_TIMEOUT,
                )
                decoded: dict[str, Any] = json.loads(answer.data)
            except (urllib3.exceptions.HTTPError, ValueError, OSError):
                return None
        return decoded

    def _ask_local(self, method: str, path: str, body: Any) -> dict[str, Any]:
        pki = self._runtime.directory / PKI_DIRECTORY.lstrip("/")
        if not (pki / "admin.crt").is_file():
            raise OSError("this node runs no API server")
        with urllib3.PoolManager(
            ca_certs=str(pki / "ca.crt"),
            cert_file=str(pki / "admin.crt"),
            key_file=str(pki / "admin.key"),
            retries=False,
        ) as pool:
            verb = method.capitalize()
            server = f"https://{self._runtime.address}:{_API_PORT}"
            try:
                data = None if body is None else json.dumps(body).encode()
                headers = {"Content-Type": "application/json"}
                answer = pool.request(method, server + path, body=data, headers=headers, timeout=_TIMEOUT)
                decoded: dict[str, Any] = json.loads(answer.data)
            except (urllib3.exceptions.HTTPError, ValueError) as error:
                raise OSError(f'{verb} "{server}{path}": {error}') from None
        if answer.status not in (200, 201):
            raise OSError(f'{verb} "{server}{path}": {decoded.get("message")}')
        return decoded

    def _client_certificate(self) -> Path | None:
        """Return the kubelet's current client certificate; the link in the node is absolute there."""
        directory = self._runtime.directory / "var/lib/kubelet/pki"
        link = directory / "kubelet-client-current.pem"
        return directory / link.readlink().name if link.is_symlink() else None

    def _kubelet_pods(self) -> list[dict[str, Any]] | None:
        directory = self._runtime.directory
        pki = directory / PKI_DIRECTORY.lstrip("/")
        serving = directory / "var/lib/kubelet/pki/kubelet.crt"
        if not (pki / "kubelet-client.crt").is_file() or not serving.is_file():
            return None
        with urllib3.PoolManager(
            ca_certs=str(serving),
            cert_file=str(pki / "kubelet-client.crt"),
            key_file=str(pki / "kubelet-client.key"),
            assert_hostname=self._runtime.name,
            retries=False,
        ) as pool:
            try:
                answer = pool.request("GET", f"https://{self._runtime.address}:{_KUBELET_PORT}/pods", timeout=_TIMEOUT)
                items: list[dict[str, Any]] | None = json.loads(answer.data).get("items") or []
            except (urllib3.exceptions.HTTPError, ValueError, OSError):
                return None
        return items if answer.status == 200 else None


def connection_from(runtime: NodeRuntime) -> type[urllib3.connection.HTTPSConnection]:
    """Return a kind of connection that starts inside the node, where the kubelet's server is."""

    class FromNode(urllib3.connection.HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return runtime.connect(self.host, self.port or 443, _CONNECT_SECONDS)

    return FromNode


def _node(node: Mapping[str, Any]) -> KubernetesNode:
    conditions = {item["type"]: item["status"] for item in node["status"].get("conditions") or []}
    return KubernetesNode(
        name=node["metadata"]["name"],
        ready=conditions.get("Ready") == "True",
        unschedulable=bool(node["spec"].get("unschedulable")),
        labels=node["metadata"].get("labels") or {},
        annotations=node["metadata"].get("annotations") or {},
        pod_cidrs=tuple(node["spec"].get("podCIDRs") or ()),
    )


def _metadata_changes(metadata: Mapping[str, Any], config: MachineConfig) -> dict[str, Any]:
    """Return what to patch: wanted values that differ, and null for what was wanted earlier and is not any more."""
    changes: dict[str, dict[str, Any]] = {}
    annotations = metadata.get("annotations") or {}
    for kind, section in (("labels", "nodeLabels"), ("annotations", "nodeAnnotations")):
        present = metadata.get(kind) or {}
        wanted = {key: str(value) for key, value in (config.value("machine", section, default={}) or {}).items()}
        owned = json.loads(annotations.get(_OWNED[kind], "[]"))
        change: dict[str, Any] = {key: value for key, value in wanted.items() if present.get(key) != value}
        change.update({key: None for key in owned if key not in wanted and key in present})
        if change:
            changes.setdefault(kind, {}).update(change)
        if sorted(wanted) != owned and (wanted or owned):
            changes.setdefault("annotations", {})[_OWNED[kind]] = json.dumps(sorted(wanted))
    return changes


def _is_evictable(pod: Mapping[str, Any]) -> bool:
    """Tell whether a drain evicts the pod: not a static pod's mirror, not a DaemonSet's, not ended."""
    metadata = pod["metadata"]
    if "kubernetes.io/config.mirror" in (metadata.get("annotations") or {}):
        return False
    if any(owner["kind"] == "DaemonSet" for owner in metadata.get("ownerReferences") or []):
        return False
    return (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
