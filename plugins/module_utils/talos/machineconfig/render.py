# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering: cluster, node and secrets in, machine configuration out.

A pure function: equal inputs give equal bytes. Nothing is read from disk, network, environment or clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import (
    Cluster,
    DefinitionError,
    Node,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import (
    DocumentError,
    MachineConfig,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.flavours import FLAVOURS
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.merge import (
    MergeError,
    merge,
    parse_patch,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.network_documents import (
    network_documents,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.service_documents import (
    extension_documents,
    registry_documents,
    trust_documents,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.v1alpha1 import v1alpha1_document


def render(cluster: Cluster, node: Node, bundle: Mapping[str, Any]) -> MachineConfig:
    """Return the machine configuration of a node.

    Patches are merged in this order: the flavour's, the cluster's (``talos_cluster.patches``), the host's
    (``talos_patches``).

    :param bundle: a secrets bundle that :func:`secrets_bundle.validate` accepts.
    :raises DefinitionError: a patch cannot be merged; names the host and the patch.
    """
    documents = [
        v1alpha1_document(cluster, node, bundle),
        *network_documents(cluster, node),
        *registry_documents(cluster),
        *trust_documents(cluster),
        *extension_documents(cluster, node),
    ]
    flavour_patch = FLAVOURS[cluster.flavour].patch(node.is_controlplane)
    if flavour_patch:
        documents = merge(documents, [flavour_patch])
    for prefix, patches in (("talos_cluster.patches", cluster.patches), ("talos_patches", node.patches)):
        for index, patch in enumerate(patches):
            source = f"{prefix}[{index}]"
            try:
                documents = merge(documents, parse_patch(patch, source))
            except (MergeError, DocumentError) as error:
                raise DefinitionError(f"host {node.name}", source, str(error)) from None
    return MachineConfig(documents)
