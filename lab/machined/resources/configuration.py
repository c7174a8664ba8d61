# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resources that follow from the machine configuration.

Source: siderolabs/talos:internal/app/machined/pkg/controllers/{config,cluster,k8s,runtime}.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ansible_collections.homelab.talos.lab.machined.cosi_service import YAML_SPEC_ANNOTATION
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

CONFIG_TYPE = "MachineConfigs.config.talos.dev"
EXTENSION_CONFIG_TYPE = "ExtensionServiceConfigs.runtime.talos.dev"
EXTENSION_STATUS_TYPE = "ExtensionServiceConfigStatuses.runtime.talos.dev"


def publish(node: Node) -> None:
    """Publish what the active and the stored configuration say."""
    _publish_texts(node)
    node.store.put("config", "MachineTypes.config.talos.dev", "machine-type", node.machine_type, owner="config")
    config = node.config
    if config is None:
        return
    _publish_extension_configs(node, config)
    cluster = {
        "clusterId": config.value("cluster", "id", default=""),
        "clusterName": config.value("cluster", "clusterName", default=""),
    }
    node.store.put("cluster", "Infos.cluster.talos.dev", "current", cluster, owner="cluster.InfoController")
    endpoint = urlsplit(str(config.value("cluster", "controlPlane", "endpoint", default=""))).hostname or ""
    node.store.put(
        "controlplane", "Endpoints.kubernetes.talos.dev", "controlplane", {"addresses": [endpoint]}, owner="k8s"
    )
    _publish_kubelet(node, config)


def _publish_texts(node: Node) -> None:
    texts = {"v1alpha1": node.config_text, "persistent": node.partitions.load_config() or b""}
    for id, text in texts.items():
        if text:
            spec, mark = text.decode(errors="replace"), {YAML_SPEC_ANNOTATION: "true"}
            node.store.put("config", CONFIG_TYPE, id, spec, owner="config", annotations=mark)
        else:
            node.store.remove("config", CONFIG_TYPE, id)


def _publish_extension_configs(node: Node, config: MachineConfig) -> None:
    documents = {str(each.get("name")): each for each in config.documents_of("ExtensionServiceConfig")}
    specs = {
        name: {
            "files": [
                {"content": each.get("content", ""), "mountPath": each.get("mountPath", "")}
                for each in document.get("configFiles") or ()
            ],
            "environment": [str(each) for each in document.get("environment") or ()],
        }
        for name, document in documents.items()
    }
    owner = "runtime.ExtensionServiceConfigController"
    node.store.replace_all("runtime", EXTENSION_CONFIG_TYPE, specs, owner=owner)
    statuses = {
        each.id: {"specVersion": str(each.version)} for each in node.store.list("runtime", EXTENSION_CONFIG_TYPE)
    }
    node.store.replace_all("runtime", EXTENSION_STATUS_TYPE, statuses, owner=owner)


def _publish_kubelet(node: Node, config: MachineConfig) -> None:
    nodename = {
        "nodename": node.nodename,
        "hostnameVersion": "1",
        "skipNodeRegistration": bool(config.value("machine", "kubelet", "skipNodeRegistration", default=False)),
    }
    node.store.put("k8s", "Nodenames.kubernetes.talos.dev", "nodename", nodename, owner="k8s.NodenameController")
    image = str(config.value("machine", "kubelet", "image", default=""))
    arguments = config.value("machine", "kubelet", "extraArgs", default={})
    spec: dict[str, Any] = {
        "image": image,
        "args": [f"--{name}={value}" for name, value in sorted(arguments.items())],
        "extraMounts": config.value("machine", "kubelet", "extraMounts", default=[]),
        "expectedNodename": node.nodename,
        "config": config.value("machine", "kubelet", "extraConfig", default={}),
    }
    node.store.put("k8s", "KubeletSpecs.kubernetes.talos.dev", "kubelet", spec, owner="k8s.KubeletSpecController")
    node.store.put("k8s", "KubeletStatuses.kubernetes.talos.dev", "kubelet", {"image": image}, owner="k8s")
