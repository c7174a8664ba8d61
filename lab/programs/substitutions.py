# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab replaces on a node, each with its reason.

Everything else a program gets comes from the node's machine configuration, as on hardware.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Substitution:
    """One replaced value: *program* and *setting*, what *talos* has there, what the *lab* has, and why."""

    program: str
    setting: str
    talos: str
    lab: str
    reason: str

    def to_dict(self) -> dict[str, str]:
        """Return the fields as a plain mapping."""
        return asdict(self)


SUBSTITUTIONS: tuple[Substitution, ...] = (
    Substitution("kubelet", "failCgroupV1", "true", "false", "the host may have version 1 control groups"),
    Substitution("kubelet", "protectKernelDefaults", "true", "false", "kernel settings belong to the host"),
    Substitution("kubelet", "oomScoreAdj", "-999", "0", "needs CAP_SYS_RESOURCE"),
    Substitution("kubelet", "enforceNodeAllocatable", "pods", "none", "nodes share the host's memory"),
    Substitution("kubelet", "evictionHard", "defaults", "1% disk, 100Mi memory", "all nodes share the host's disk"),
    Substitution("kubelet", "systemReserved", "cpu 50m, memory 512Mi", "none", "nodes share the host's memory"),
    Substitution("kubelet", "shutdownGracePeriod", "30s", "0s", "there is no D-Bus on a lab node"),
    Substitution("kubelet", "volumePluginDir", "/usr/libexec/...", "/var/lib/kubelet/...", "/usr is the host's"),
    Substitution("kubelet", "static pods", "by URL from machined", "files in a folder", "one source less"),
    Substitution("containerd", "oom_score", "-999", "0", "needs CAP_SYS_RESOURCE"),
    Substitution("containerd", "restrict_oom_score_adj", "false", "true", "needs CAP_SYS_RESOURCE"),
    Substitution("containerd", "disable_apparmor", "false", "true", "AppArmor profiles belong to the host"),
    Substitution("containerd", "images", "pulled from registries", "from the engine", "no packet leaves the lab"),
    Substitution(
        "containerd", "handler spin", "shim of Spin", "runc and a wasmtime host", "the shim is not in the engine"
    ),
    Substitution("control plane", "user of the pods", "65534-65536", "root", "files stay those of root"),
    Substitution("kube-proxy", "oom-score-adj", "-999", "0", "needs CAP_SYS_RESOURCE"),
    Substitution("kube-proxy", "conntrack-tcp-timeout-*", "1h, 24h", "0 (as is)", "kernel settings belong to the host"),
    Substitution("kube-proxy", "volume lib-modules", "/usr/lib/modules", "an empty folder", "/usr is the host's"),
    Substitution("CoreDNS", "plugins", "all", "without clouds, tracing", "they are half of its build"),
    Substitution("network", "CNI", "flannel (VXLAN)", "bridge, host-local, routes", "flannel is not in the engine"),
    Substitution("extensions", "ext-*", "their programs", "stand-in processes", "they are not in the engine"),
    Substitution("extensions", "ext-tailscale", "a container", "processes of the node", "no root file system for it"),
    Substitution("extensions", "tailscale", "version of the image", "version of the engine", "built once for all"),
    Substitution("extensions", "TS_NO_LOGS_NO_SUPPORT", "unset", "true", "no packet leaves the lab"),
)
