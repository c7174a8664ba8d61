# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flavours: what kind of cluster the machine configuration is for.

``plain`` leaves everything at Talos' own defaults. ``cozystack`` is what CozyStack expects to find: no CNI, no
kube-proxy, its kernel modules, sysctls, containerd and LVM settings.
Sources: cozystack/cozystack:hack/e2e-prepare-cluster.bats (v1.6.2),
cozystack/talm:charts/cozystack/templates/_helpers.tpl.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

EXCLUDE_FROM_EXTERNAL_LOAD_BALANCERS = "node.kubernetes.io/exclude-from-external-load-balancers"


@dataclass(frozen=True)
class Flavour:
    """Defaults of a cluster and what its nodes get on top of Talos' own defaults.

    :param name: ``plain`` or ``cozystack``.
    :param machine: merged into the v1alpha1 ``machine`` section of every node.
    :param controlplane: merged into the v1alpha1 document of control planes.
    """

    name: str
    dns_domain: str
    pod_subnets: tuple[str, ...]
    service_subnets: tuple[str, ...]
    join_subnet: str = ""
    cni: str = "flannel"
    proxy_disabled: bool = False
    coredns_disabled: bool = False
    discovery: bool = True
    registry_mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    controlplane: Mapping[str, Any] = field(default_factory=dict)

    def patch(self, is_controlplane: bool) -> dict[str, Any]:
        """Return the partial v1alpha1 document of this flavour, empty when it adds nothing."""
        document: dict[str, Any] = {"machine": copy.deepcopy(dict(self.machine))} if self.machine else {}
        if is_controlplane:
            for section, value in copy.deepcopy(dict(self.controlplane)).items():
                document.setdefault(section, {}).update(value)
        return document


_CONTAINERD_CUSTOMIZATION = """\
[plugins]
  [plugins."io.containerd.cri.v1.runtime"]
    device_ownership_from_security_context = true
"""

_LVM_CONFIGURATION = """\
backup {
  backup = 0
  archive = 0
}
devices {
  global_filter = [ "r|^/dev/drbd.*|", "r|^/dev/dm-.*|", "r|^/dev/zd.*|", "r|^/dev/loop.*|" ]
}
"""

_COZYSTACK_MACHINE: Mapping[str, Any] = {
    "kubelet": {"extraConfig": {"maxPods": 512}},
    "sysctls": {
        "net.ipv4.neigh.default.gc_thresh1": "4096",
        "net.ipv4.neigh.default.gc_thresh2": "8192",
        "net.ipv4.neigh.default.gc_thresh3": "16384",
    },
    "kernel": {
        "modules": [
            {"name": "openvswitch"},
            {"name": "drbd", "parameters": ["usermode_helper=disabled"]},
            {"name": "zfs"},
            {"name": "spl"},
            {"name": "vfio_pci"},
            {"name": "vfio_iommu_type1"},
        ]
    },
    "files": [
        # The only path outside /var where creating a file is allowed.
        {"content": _CONTAINERD_CUSTOMIZATION, "path": "/etc/cri/conf.d/20-customization.part", "op": "create"},
        # The file exists in the image: creating it would stop the boot.
        {"content": _LVM_CONFIGURATION, "permissions": 0o644, "path": "/etc/lvm/lvm.conf", "op": "overwrite"},
    ],
}

_COZYSTACK_CONTROLPLANE: Mapping[str, Any] = {
    "cluster": {
        "apiServer": {"certSANs": ["127.0.0.1"]},
        "controllerManager": {"extraArgs": {"bind-address": "0.0.0.0"}},
        "scheduler": {"extraArgs": {"bind-address": "0.0.0.0"}},
    }
}

FLAVOURS: dict[str, Flavour] = {
    flavour.name: flavour
    for flavour in (
        Flavour(
            name="plain",
            dns_domain="cluster.local",
            pod_subnets=("10.244.0.0/16",),
            service_subnets=("10.96.0.0/12",),
        ),
        Flavour(
            name="cozystack",
            dns_domain="cozy.local",
            pod_subnets=("10.244.0.0/16",),
            service_subnets=("10.96.0.0/16",),
            join_subnet="100.64.0.0/16",
            cni="none",
            proxy_disabled=True,
            discovery=False,
            registry_mirrors={"docker.io": ("https://mirror.gcr.io",)},
            machine=_COZYSTACK_MACHINE,
            controlplane=_COZYSTACK_CONTROLPLANE,
        ),
    )
}
