# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects Talos puts into a new cluster, and what it keeps true of a control plane's own Node.

Source: siderolabs/talos:internal/app/machined/pkg/controllers/k8s/templates.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig


def bootstrap_objects(config: MachineConfig) -> list[dict[str, Any]]:
    """Return the bootstrap token and the bindings that let kubelets join and renew their certificates."""
    token_id, dummy_dot, secret = str(config.value("cluster", "token")).partition(".")
    return [
        _token(token_id, secret),
        _binding("system-bootstrap-node-bootstrapper", "system:node-bootstrapper", "system:bootstrappers:nodes"),
        _binding(
            "system-bootstrap-approve-node-client-csr",
            "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
            "system:bootstrappers:nodes",
        ),
        _binding(
            "system-bootstrap-node-renewal",
            "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
            "system:nodes",
        ),
    ]


def inline_manifests(config: MachineConfig) -> list[str]:
    """Return the texts of ``cluster.inlineManifests`` in their order."""
    manifests = config.value("cluster", "inlineManifests", default=[]) or []
    return [str(manifest.get("contents", "")) for manifest in manifests]


def control_plane_labels() -> dict[str, str]:
    """Return the labels a control plane's Node carries beside those of its machine configuration."""
    return {"node-role.kubernetes.io/control-plane": ""}


def control_plane_taint(config: MachineConfig) -> str:
    """Return the taint of a control plane that takes no ordinary pods, "" where they are allowed."""
    allowed = config.value("cluster", "allowSchedulingOnControlPlanes", default=False)
    return "" if allowed else "node-role.kubernetes.io/control-plane:NoSchedule"


def _token(token_id: str, secret: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"bootstrap-token-{token_id}", "namespace": "kube-system"},
        "type": "bootstrap.kubernetes.io/token",
        "stringData": {
            "token-id": token_id,
            "token-secret": secret,
            "usage-bootstrap-authentication": "true",
            "usage-bootstrap-signing": "true",
            "auth-extra-groups": "system:bootstrappers:nodes",
        },
    }


def _binding(name: str, role: str, group: str) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "subjects": [{"kind": "Group", "name": group, "apiGroup": "rbac.authorization.k8s.io"}],
        "roleRef": {"kind": "ClusterRole", "name": role, "apiGroup": "rbac.authorization.k8s.io"},
    }
