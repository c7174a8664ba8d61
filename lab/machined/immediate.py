# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which changes of a configuration a running node can take over (Talos up to 1.13).

Source: siderolabs/talos:internal/app/machined/pkg/runtime/v1alpha1/v1alpha1_runtime.go (CanApplyImmediate).
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig, dump

TOP = ("debug", "cluster")
MACHINE = (
    *("ca", "acceptedCAs", "time", "certSANs", "install", "network", "sysfs", "sysctls", "logging", "controlPlane"),
    *("kubelet", "kernel", "registries", "pods", "seccompProfiles", "nodeAnnotations", "nodeLabels", "nodeTaints"),
)
FEATURES = ["kubernetesTalosAPIAccess", "kubePrism", "hostDNS", "imageCache", "nodeAddressSortAlgorithm"]
_KUBELET_PATHS = (
    ("machine", "kubelet"),
    ("cluster", "controlPlane"),
    ("cluster", "network"),
    ("cluster", "token"),
    ("cluster", "ca"),
    ("machine", "registries"),
)


class NeedsReboot(Exception):
    """The change cannot be taken over at once; the text is what Talos says, with the diff."""


def check_immediate(old: MachineConfig, new: MachineConfig) -> None:
    """Raise :class:`NeedsReboot` unless every changed field can be taken over without reboot."""
    before, after = _rest(old.v1alpha1), _rest(new.v1alpha1)
    if before != after:
        text = unified_diff(dump([before]), dump([after]))
        raise NeedsReboot(f"this config change can't be applied in immediate mode\ndiff: {text}")


def _rest(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what remains of the v1alpha1 document without the fields that can change at once."""
    rest = copy.deepcopy(dict(document))
    for key in TOP:
        rest.pop(key, None)
    machine = rest.get("machine") or {}
    for key in MACHINE:
        machine.pop(key, None)
    features = machine.get("features") or {}
    for key in FEATURES:
        features.pop(key, None)
    if not features:
        machine.pop("features", None)
    return rest


def unified_diff(old: str, new: str, name: str = "machine config") -> str:
    """Return a unified diff without the file header's dates, empty when equal."""
    lines = difflib.unified_diff(old.splitlines(True), new.splitlines(True), f"a/{name}", f"b/{name}")
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def kubelet_settings(config: MachineConfig) -> list[Any]:
    """Return what the kubelet is started with: it restarts when this changes."""
    return [config.value(*path) for path in _KUBELET_PATHS] + config.documents_of("KubeletConfig")
