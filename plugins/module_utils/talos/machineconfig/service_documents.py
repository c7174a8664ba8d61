# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents for extension services, registry mirrors and trusted authorities.

Sources: siderolabs/talos:pkg/machinery/config/types/runtime/extensions/service_config.go,
pkg/machinery/config/types/cri/registry_mirror.go, pkg/machinery/config/types/security/trusted_roots_config.go.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import (
    Cluster,
    ExtensionService,
    Node,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.tailnet import TAILSCALE
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.tailscale_service import (
    tailscale_environment,
)


def extension_documents(cluster: Cluster, node: Node) -> list[dict[str, Any]]:
    """Return one ExtensionServiceConfig for each extension service of the inventory, ordered by name."""
    documents = []
    services = list(node.extension_services)
    if node.tailnet is not None:
        services.append(ExtensionService(TAILSCALE, tuple(tailscale_environment(cluster, node, node.tailnet))))
    for service in sorted(services, key=lambda item: item.name):
        document: dict[str, Any] = {"apiVersion": "v1alpha1", "kind": "ExtensionServiceConfig", "name": service.name}
        if service.config_files:
            document["configFiles"] = [
                {"content": content, "mountPath": mount_path} for content, mount_path in service.config_files
            ]
        if service.environment:
            document["environment"] = list(service.environment)
        documents.append(document)
    return documents


def registry_documents(cluster: Cluster) -> list[dict[str, Any]]:
    """Return one RegistryMirrorConfig for each mirrored registry, ordered by host."""
    return [
        {
            "apiVersion": "v1alpha1",
            "kind": "RegistryMirrorConfig",
            "name": host,
            "endpoints": [{"url": url} for url in endpoints],
        }
        for host, endpoints in sorted(cluster.registry_mirrors.items())
    ]


def trust_documents(cluster: Cluster) -> list[dict[str, Any]]:
    """Return one TrustedRootsConfig for each entry of ``trusted_roots``, ordered by name.

    :raises DefinitionError: a file has not been read.
    """
    documents = []
    for root in sorted(cluster.trusted_roots, key=lambda item: item.name):
        root.check(f"cluster {cluster.name}", f"talos_cluster.trusted_roots ({root.name})")
        documents.append(
            {
                "apiVersion": "v1alpha1",
                "kind": "TrustedRootsConfig",
                "name": root.name,
                "certificates": f"{root.certificates.strip()}\n",
            }
        )
    return documents
