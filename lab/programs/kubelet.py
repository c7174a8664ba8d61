# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubelet, joined by TLS bootstrap with the token of the node's machine configuration."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any

from ansible_collections.homelab.talos.lab.engine.pod_images import CONTROL_PLANE_IMAGES, IMAGES
from ansible_collections.homelab.talos.lab.machined import kubeprism_plan
from ansible_collections.homelab.talos.lab.machined.interfaces import Command, Facts
from ansible_collections.homelab.talos.lab.node.runtime import NodeRuntime
from ansible_collections.homelab.talos.lab.programs.cluster_network import dns_domain, dns_service_addresses
from ansible_collections.homelab.talos.lab.programs.containerd import SOCKET, Containerd
from ansible_collections.homelab.talos.lab.programs.files import (
    PKI_DIRECTORY,
    authority,
    kubeconfig,
    write_file,
    write_yaml,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

KUBECONFIG = "/etc/kubernetes/kubeconfig-kubelet"
MANIFESTS = "/etc/kubernetes/manifests"
_BOOTSTRAP_KUBECONFIG = "/etc/kubernetes/bootstrap-kubeconfig"
_CONFIG_FILE = "/etc/kubernetes/kubelet.yaml"
_CA_FILE = f"{PKI_DIRECTORY}/ca.crt"
_HEALTH_PORT = 10248
#: What the lab replaces; each has its row in the table of substitutions.
_LAB_SETTINGS: dict[str, Any] = {
    "failCgroupV1": False,
    "oomScoreAdj": 0,
    "protectKernelDefaults": False,
    "enforceNodeAllocatable": ["none"],
    "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    "volumePluginDir": "/var/lib/kubelet/volumeplugins",
}


class Kubelet:
    """The kubelet of one node; a :class:`~.machined.interfaces.Program`."""

    def __init__(self, runtime: NodeRuntime, containerd: Containerd) -> None:
        self._runtime = runtime
        self._containerd = containerd

    async def prepare(self, config: MachineConfig, facts: Facts) -> Command:
        """Write the kubelet's files and hand the engine's images to containerd."""
        engine = self._runtime.engine
        images = [each for each in IMAGES if config.is_controlplane or each not in CONTROL_PLANE_IMAGES]
        await self._containerd.import_images(engine.image_archives(*(each.program for each in images)))
        etc = self._runtime.directory / "etc"
        write_file(etc / _CA_FILE.removeprefix("/etc/"), authority(config, "cluster", "ca").crt)
        bootstrap = kubeconfig(kubeprism_plan.server(config), _CA_FILE, {"token": config.value("cluster", "token")})
        write_yaml(etc / _BOOTSTRAP_KUBECONFIG.removeprefix("/etc/"), bootstrap, 0o600)
        write_yaml(etc / _CONFIG_FILE.removeprefix("/etc/"), self._configuration(config))
        return Command(self._arguments(config, facts))

    def _arguments(self, config: MachineConfig, facts: Facts) -> tuple[str, ...]:
        arguments = [
            "/opt/engine/kubelet",
            f"--config={_CONFIG_FILE}",
            f"--bootstrap-kubeconfig={_BOOTSTRAP_KUBECONFIG}",
            f"--kubeconfig={KUBECONFIG}",
            "--cert-dir=/var/lib/kubelet/pki",
            "--root-dir=/var/lib/kubelet",
            f"--hostname-override={facts.hostname}",
            f"--node-ip={node_ip(config, facts.address)}",
        ]
        labels = config.value("machine", "nodeLabels", default={}) or {}
        if labels:
            arguments.append("--node-labels=" + ",".join(f"{key}={value}" for key, value in sorted(labels.items())))
        extra = config.value("machine", "kubelet", "extraArgs", default={}) or {}
        arguments += [f"--{key}={value}" for key, value in sorted(extra.items())]
        return tuple(arguments)

    def _configuration(self, config: MachineConfig) -> dict[str, Any]:
        settings = {
            **_talos_settings(config),
            **(config.value("machine", "kubelet", "extraConfig", default={}) or {}),
            **_LAB_SETTINGS,
        }
        taints = config.value("machine", "nodeTaints", default={}) or {}
        if taints:
            settings["registerWithTaints"] = [_taint(key, value) for key, value in sorted(taints.items())]
        return settings

    async def health(self, config: MachineConfig) -> str | None:
        """Return None when the kubelet's health endpoint says ok."""
        return await asyncio.to_thread(self._ask_health)

    def _ask_health(self) -> str | None:
        try:
            with self._runtime.connect("127.0.0.1", _HEALTH_PORT, 2.0) as connection:
                connection.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
                answer = connection.recv(4096)
        except OSError as error:
            return f'Get "http://127.0.0.1:{_HEALTH_PORT}/healthz": {error}'
        return None if b" 200 " in answer.split(b"\r\n", 1)[0] else answer.decode(errors="replace").splitlines()[-1]


def node_ip(config: MachineConfig, address: str) -> str:
    """Return *address* when ``machine.kubelet.nodeIP.validSubnets`` admits it, else "" (the kubelet chooses)."""
    subnets = config.value("machine", "kubelet", "nodeIP", "validSubnets", default=[]) or []
    admitted = not subnets or any(ipaddress.ip_address(address) in ipaddress.ip_network(net) for net in subnets)
    return address if admitted else ""


def cluster_dns(config: MachineConfig) -> list[str]:
    """Return the addresses of the cluster's DNS service: as configured, else the tenth of each service subnet."""
    configured = config.value("machine", "kubelet", "clusterDNS", default=None)
    if configured:
        return list(configured)
    return dns_service_addresses(config)


def _talos_settings(config: MachineConfig) -> dict[str, Any]:
    """What Talos sets (siderolabs/talos:internal/app/machined/pkg/controllers/k8s/kubelet_spec.go)."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "staticPodPath": MANIFESTS,
        "port": 10250,
        "authentication": {
            "x509": {"clientCAFile": _CA_FILE},
            "webhook": {"enabled": True},
            "anonymous": {"enabled": False},
        },
        "authorization": {"mode": "Webhook"},
        "rotateCertificates": True,
        "clusterDomain": dns_domain(config),
        "clusterDNS": cluster_dns(config),
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": "/",
        "resolvConf": "/etc/resolv.conf",
        "failSwapOn": False,
        "seccompDefault": bool(
            config.value("machine", "kubelet", "defaultRuntimeSeccompProfileEnabled", default=False)
        ),
    }


def _taint(key: str, value: str) -> dict[str, str]:
    """Turn an entry of ``machine.nodeTaints`` (``value:effect`` or ``effect``) into a taint."""
    text, dummy_colon, effect = value.rpartition(":")
    return {"key": key, "value": text, "effect": effect}
