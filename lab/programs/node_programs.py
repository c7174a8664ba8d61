# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of one node, in the shape the emulated Talos wants them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.homelab.talos.lab.machined.interfaces import ExtensionProgram
from ansible_collections.homelab.talos.lab.node.runtime import NodeRuntime
from ansible_collections.homelab.talos.lab.programs.containerd import Containerd
from ansible_collections.homelab.talos.lab.programs.containerd_images import ContainerdImages
from ansible_collections.homelab.talos.lab.programs.control_plane import StaticPodControlPlane
from ansible_collections.homelab.talos.lab.programs.etcd import Etcd
from ansible_collections.homelab.talos.lab.programs.kubelet import Kubelet
from ansible_collections.homelab.talos.lab.programs.kubernetes_access import KubernetesAccess
from ansible_collections.homelab.talos.lab.programs.tailscale import EXTENSION as TAILSCALE
from ansible_collections.homelab.talos.lab.programs.tailscale import Tailscale


@dataclass
class NodePrograms:
    """The real programs of one node; see :class:`~.machined.interfaces.Programs`."""

    cri: Containerd
    kubelet: Kubelet
    etcd: Etcd
    control_plane: StaticPodControlPlane
    kubernetes: KubernetesAccess
    etcd_access: Etcd
    images: ContainerdImages
    extensions: Mapping[str, ExtensionProgram]

    @classmethod
    def of(cls, runtime: NodeRuntime, *, tailnet: bool = False) -> NodePrograms:
        """Return the programs for *runtime*; *tailnet* tells whether its lab has the coordination server of one."""
        containerd, etcd = Containerd(runtime), Etcd(runtime)
        return cls(
            cri=containerd,
            kubelet=Kubelet(runtime, containerd),
            etcd=etcd,
            control_plane=StaticPodControlPlane(runtime),
            kubernetes=KubernetesAccess(runtime, containerd),
            etcd_access=etcd,
            images=ContainerdImages(containerd),
            extensions={TAILSCALE: Tailscale(runtime)} if tailnet else {},
        )
