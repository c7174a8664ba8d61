# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which built image each node of a cluster boots, from the manifests of the built images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_manifest import ImageManifest
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_store import ImageStore
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import Cluster, Node


class NodeImages:
    """The image of each node.

    :param root: directory of built images.
    :param stale: whether images may be used that are not what the cluster asks for now.
    :raises BuildError: a role has no image or several, one is stale, or they are of several Talos versions.
    """

    def __init__(self, cluster: Cluster, nodes: Sequence[Node], root: Path, stale: bool = False) -> None:
        manifests = list(ImageStore(root).manifests())
        self._images = {role: _of_role(role, manifests, root) for role in sorted({node.role for node in nodes})}
        for node in nodes:
            _require_fresh(cluster, node, self._images[node.role], stale)
        found = {manifest.talos_version for manifest in self._images.values()}
        if len(found) > 1:
            raise BuildError(str(root), f"images are of Talos {' and '.join(sorted(found))}", "build them from one ref")
        self.talos_version = found.pop()

    def of(self, node: Node) -> dict[str, Any]:
        """Return ``extensions`` (with versions) and ``image`` of a node."""
        manifest = self._images[node.role]
        return {
            "extensions": [{"name": each["name"], "version": each["version"]} for each in manifest.extensions],
            "image": {
                "key": manifest.key,
                "architecture": manifest.architecture,
                "content": manifest.content,
                "built": manifest.built,
            },
        }


def _of_role(role: str, manifests: Sequence[ImageManifest], root: Path) -> ImageManifest:
    """Return the image of a role: that of the variant of its name first, for it is the one of the inventory."""
    found = [manifest for manifest in manifests if role in manifest.variant.get("roles", ())]
    own = [manifest for manifest in found if manifest.variant.get("name") == role]
    candidates = own or found
    if not candidates:
        raise BuildError(str(root), f"there is no image for role {role}", "build it with playbooks/images.yml")
    if len(candidates) > 1:
        keys = ", ".join(manifest.key for manifest in candidates)
        raise BuildError(
            str(root), f"several images are for role {role}: {keys}", "remove those that are not to be used"
        )
    return candidates[0]


def _require_fresh(cluster: Cluster, node: Node, manifest: ImageManifest, stale: bool) -> None:
    wanted, held = sorted(cluster.extensions_of(node)), sorted(each["name"] for each in manifest.extensions)
    causes = []
    if wanted != held:
        causes.append(f"it holds {', '.join(held) or 'no extension'}, the inventory says {', '.join(wanted) or 'none'}")
    if manifest.talos_version != cluster.talos_version:
        causes.append(f"it is Talos {manifest.talos_version}, the inventory says {cluster.talos_version}")
    if causes and not stale:
        raise BuildError(
            f"image {manifest.key} of host {node.name}",
            f"is stale: {'; '.join(causes)}",
            "build it again with playbooks/images.yml, or allow stale images",
        )
