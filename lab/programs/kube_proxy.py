# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kube-proxy as Talos deploys it: a DaemonSet with its account and rights.

Source: siderolabs/talos:internal/app/machined/pkg/controllers/k8s (control_plane.go, k8stemplates/kube-proxy.go),
release 1.13.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.talos.lab.engine.pod_images import PROXY
from ansible_collections.homelab.talos.lab.programs.cluster_network import pod_subnets
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

NAME = "kube-proxy"
NAMESPACE = "kube-system"
#: ConfigMap with the kubeconfig of workloads that cannot use a service address, because they make them work.
KUBECONFIG_MAP = "kubeconfig-in-cluster"
_LABELS = {"tier": "node", "k8s-app": NAME}
#: What the lab replaces; each has its row in the table of substitutions.
_LAB_ARGUMENTS = {
    "conntrack-tcp-timeout-close-wait": "0",
    "conntrack-tcp-timeout-established": "0",
    "oom-score-adj": "0",
}
_LAB_KERNEL_MODULES = "/opt/kernel-modules"


def kube_proxy(config: MachineConfig) -> list[dict[str, Any]]:
    """Return the objects of kube-proxy, none where it is disabled."""
    return [_daemon_set(config), _account(), _binding()] if is_proxy_enabled(config) else []


def is_proxy_enabled(config: MachineConfig) -> bool:
    """Tell whether ``cluster.proxy.disabled`` is not set."""
    return not config.value("cluster", "proxy", "disabled", default=False)


def proxy_image(config: MachineConfig) -> str:
    """Return ``cluster.proxy.image`` or that of the engine."""
    return str(config.value("cluster", "proxy", "image", default=None) or PROXY.reference)


def proxy_arguments(config: MachineConfig) -> list[str]:
    """Return the arguments of kube-proxy: those of Talos, those of the configuration, those of the lab."""
    extra = config.value("cluster", "proxy", "extraArgs", default={}) or {}
    arguments = {
        "cluster-cidr": ",".join(pod_subnets(config)),
        "conntrack-max-per-core": "0",
        "hostname-override": "$(NODE_NAME)",
        "proxy-mode": config.value("cluster", "proxy", "mode", default="nftables"),
        **{key: ",".join(value) if isinstance(value, list) else str(value) for key, value in extra.items()},
        # Talos lets nobody replace it.
        "kubeconfig": "/etc/kubernetes/kubeconfig",
        **_LAB_ARGUMENTS,
    }
    return [f"--{key}={arguments[key]}" for key in sorted(arguments)]


def _daemon_set(config: MachineConfig) -> dict[str, Any]:
    mounts = {"lib-modules": "/lib/modules", "ssl-certs-host": "/etc/ssl/certs", "kubeconfig": "/etc/kubernetes"}
    variables = {"NODE_NAME": "spec.nodeName", "POD_IP": "status.podIP"}
    container = {
        "name": NAME,
        "image": proxy_image(config),
        "command": [PROXY.inside, *proxy_arguments(config)],
        "env": [{"name": key, "valueFrom": {"fieldRef": {"fieldPath": path}}} for key, path in variables.items()],
        "securityContext": {"privileged": True},
        "volumeMounts": [{"name": key, "mountPath": path, "readOnly": True} for key, path in mounts.items()],
    }
    pod = {
        "containers": [container],
        "hostNetwork": True,
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": NAME,
        "tolerations": [{"effect": effect, "operator": "Exists"} for effect in ("NoSchedule", "NoExecute")],
        "volumes": [
            {"name": "lib-modules", "hostPath": {"path": _LAB_KERNEL_MODULES}},
            {"name": "ssl-certs-host", "hostPath": {"path": "/etc/ssl/certs"}},
            {"name": "kubeconfig", "configMap": {"name": KUBECONFIG_MAP}},
        ],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": _LABELS},
        "spec": {
            "selector": {"matchLabels": _LABELS},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            "template": {"metadata": {"labels": _LABELS}, "spec": pod},
        },
    }


def _account() -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": NAMESPACE}}


def _binding() -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": NAME},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:node-proxier"},
    }
