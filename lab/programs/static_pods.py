# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Static pods of a control plane, rendered from the machine configuration.

Shapes and flags: siderolabs/talos:internal/app/machined/pkg/controllers/k8s/control_plane_static_pod.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.talos.lab.engine.lock import pinned_version
from ansible_collections.homelab.talos.lab.machined.interfaces import Facts
from ansible_collections.homelab.talos.lab.programs.cluster_network import pod_subnets, service_subnets
from ansible_collections.homelab.talos.lab.programs.control_plane_files import (
    ADMISSION_FILE,
    AUDIT_POLICY_FILE,
    ENCRYPTION_FILE,
)
from ansible_collections.homelab.talos.lab.programs.files import PKI_DIRECTORY
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig


def static_pods(config: MachineConfig, facts: Facts) -> dict[str, dict[str, Any]]:
    """Return static pod id -> Pod object for one control plane; components that are disabled are left out."""
    pods = {"kube-apiserver": _api_server(config, facts)}
    controls = config.value("machine", "controlPlane", default={}) or {}
    if not (controls.get("controllerManager") or {}).get("disabled"):
        pods["kube-controller-manager"] = _controller_manager(config)
    if not (controls.get("scheduler") or {}).get("disabled"):
        pods["kube-scheduler"] = _scheduler(config)
    return pods


def _api_server(config: MachineConfig, facts: Facts) -> dict[str, Any]:
    port = config.value("cluster", "controlPlane", "localAPIServerPort", default=6443)
    pki = PKI_DIRECTORY
    arguments = {
        "admission-control-config-file": ADMISSION_FILE,
        "advertise-address": facts.address,
        "allow-privileged": "true",
        "anonymous-auth": "false",
        "api-audiences": config.value("cluster", "controlPlane", "endpoint"),
        "audit-log-maxage": "30",
        "audit-log-maxbackup": "10",
        "audit-log-maxsize": "100",
        "audit-log-path": "/var/log/audit/kube/kube-apiserver.log",
        "audit-policy-file": AUDIT_POLICY_FILE,
        "authorization-mode": "Node,RBAC",
        "bind-address": "0.0.0.0",
        "client-ca-file": f"{pki}/ca.crt",
        "enable-admission-plugins": "NodeRestriction",
        "enable-bootstrap-token-auth": "true",
        "encryption-provider-config": ENCRYPTION_FILE,
        "etcd-cafile": f"{pki}/etcd/ca.crt",
        "etcd-certfile": f"{pki}/etcd/kube-apiserver.crt",
        "etcd-keyfile": f"{pki}/etcd/kube-apiserver.key",
        "etcd-servers": "https://127.0.0.1:2379",
        "kubelet-client-certificate": f"{pki}/kubelet-client.crt",
        "kubelet-client-key": f"{pki}/kubelet-client.key",
        "kubelet-preferred-address-types": "InternalIP,ExternalIP,Hostname",
        "profiling": "false",
        "proxy-client-cert-file": f"{pki}/front-proxy-client.crt",
        "proxy-client-key-file": f"{pki}/front-proxy-client.key",
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-client-ca-file": f"{pki}/aggregator-ca.crt",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "secure-port": str(port),
        "service-account-issuer": config.value("cluster", "controlPlane", "endpoint"),
        "service-account-key-file": f"{pki}/service-account.pub",
        "service-account-signing-key-file": f"{pki}/service-account.key",
        "service-cluster-ip-range": ",".join(service_subnets(config)),
        "tls-cert-file": f"{pki}/apiserver.crt",
        "tls-min-version": "VersionTLS12",
        "tls-private-key-file": f"{pki}/apiserver.key",
        **_extra(config, "apiServer"),
    }
    pod = _pod("kube-apiserver", _image(config, "apiServer", "kube-apiserver"), arguments, "200m", "512Mi")
    container = pod["spec"]["containers"][0]
    container["ports"] = [{"name": "https", "containerPort": port, "hostPort": port}]
    # Without anonymous access a probe over HTTPS is refused, so readiness is whether the port accepts.
    container["startupProbe"] = {"tcpSocket": {"port": port}, "periodSeconds": 1, "failureThreshold": 120}
    container["readinessProbe"] = {"tcpSocket": {"port": port}, "periodSeconds": 5}
    container["volumeMounts"].append({"name": "audit", "mountPath": "/var/log/audit/kube"})
    audit = {"path": "/var/log/audit/kube", "type": "DirectoryOrCreate"}
    pod["spec"]["volumes"].append({"name": "audit", "hostPath": audit})
    return pod


def _controller_manager(config: MachineConfig) -> dict[str, Any]:
    pki = PKI_DIRECTORY
    kubeconfig = "/etc/kubernetes/kubeconfig-controller-manager"
    arguments = {
        "allocate-node-cidrs": "true",
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "bind-address": "127.0.0.1",
        "cluster-cidr": ",".join(pod_subnets(config)),
        "cluster-signing-cert-file": f"{pki}/ca.crt",
        "cluster-signing-key-file": f"{pki}/ca.key",
        "controllers": "*,tokencleaner",
        "kubeconfig": kubeconfig,
        "leader-elect": "true",
        "profiling": "false",
        "root-ca-file": f"{pki}/ca.crt",
        "service-account-private-key-file": f"{pki}/service-account.key",
        "service-cluster-ip-range": ",".join(service_subnets(config)),
        "tls-min-version": "VersionTLS13",
        "use-service-account-credentials": "true",
        **_extra(config, "controllerManager"),
    }
    image = _image(config, "controllerManager", "kube-controller-manager")
    pod = _pod("kube-controller-manager", image, arguments, "50m", "256Mi")
    _add_probes(pod, 10257)
    return pod


def _scheduler(config: MachineConfig) -> dict[str, Any]:
    kubeconfig = "/etc/kubernetes/kubeconfig-scheduler"
    arguments = {
        "authentication-kubeconfig": kubeconfig,
        "authentication-tolerate-lookup-failure": "false",
        "authorization-kubeconfig": kubeconfig,
        "bind-address": "127.0.0.1",
        "kubeconfig": kubeconfig,
        "leader-elect": "true",
        "profiling": "false",
        "tls-min-version": "VersionTLS13",
        **_extra(config, "scheduler"),
    }
    pod = _pod("kube-scheduler", _image(config, "scheduler", "kube-scheduler"), arguments, "10m", "64Mi")
    _add_probes(pod, 10259)
    return pod


def _add_probes(pod: dict[str, Any], port: int) -> None:
    probe = {"httpGet": {"host": "127.0.0.1", "path": "/healthz", "port": port, "scheme": "HTTPS"}}
    container = pod["spec"]["containers"][0]
    container["startupProbe"] = {**probe, "periodSeconds": 1, "failureThreshold": 120}
    container["livenessProbe"] = {**probe, "timeoutSeconds": 15}
    container["readinessProbe"] = {**probe, "timeoutSeconds": 15}


def _pod(name: str, image: str, arguments: Mapping[str, str], cpu: str, memory: str) -> dict[str, Any]:
    mount = {"name": "kubernetes", "mountPath": "/etc/kubernetes", "readOnly": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "kube-system",
            "labels": {"tier": "control-plane", "k8s-app": name, "component": name},
        },
        "spec": {
            "hostNetwork": True,
            "priorityClassName": "system-cluster-critical",
            "priority": 2000000000,
            "containers": [
                {
                    "name": name,
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": [f"/usr/local/bin/{name}", *(f"--{key}={arguments[key]}" for key in sorted(arguments))],
                    "resources": {"requests": {"cpu": cpu, "memory": memory}},
                    "volumeMounts": [mount],
                }
            ],
            "volumes": [{"name": "kubernetes", "hostPath": {"path": "/etc/kubernetes", "type": "Directory"}}],
        },
    }


def _image(config: MachineConfig, section: str, name: str) -> str:
    configured = config.value("cluster", section, "image", default=None)
    return str(configured or f"registry.k8s.io/{name}:{pinned_version('kubernetes', 'k8s.io/kubernetes')}")


def _extra(config: MachineConfig, section: str) -> dict[str, str]:
    extra = config.value("cluster", section, "extraArgs", default={}) or {}
    return {key: ",".join(value) if isinstance(value, list) else str(value) for key, value in extra.items()}
