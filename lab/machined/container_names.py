# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Talos names containers, and where it looks for them.

Source: siderolabs/talos:internal/pkg/containers/cri/cri.go,
internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go (getContainerInspector).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.talos.lab.machined import refusals
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum

SHORT_ID = 12
SYSTEM_NAMESPACE, KUBERNETES_NAMESPACE = "system", "k8s.io"


def display(container: Mapping[str, Any]) -> str:
    """Return ``namespace/pod:container:id`` for one of the containers a node reports."""
    short = str(container["id"])[:SHORT_ID]
    return f"{container['namespace']}/{container['pod']}:{container['name']}:{short}"


def names(container: Mapping[str, Any]) -> tuple[str, ...]:
    """Return everything a request may call a container: with and without short id, and its whole id."""
    shown = display(container)
    return (shown, shown.rpartition(":")[0], str(container["id"]))


def check_inspector(request: Any) -> None:
    """Raise what Talos answers to a request (``namespace``, ``driver``) for containers that it cannot look for."""
    if not request.namespace:
        raise refusals.invalid_argument("namespace can't be empty")
    driver = enum("common.ContainerDriver").Name(request.driver)
    if driver == "CRI" and request.namespace != KUBERNETES_NAMESPACE:
        raise refusals.unknown("CRI inspector is supported only for K8s namespace")
