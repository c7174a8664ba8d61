# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CoreDNS as Talos deploys it: Deployment, Service, Corefile, account and rights.

Source: siderolabs/talos:internal/app/machined/pkg/controllers/k8s/internal/k8stemplates/coredns.go, release 1.13.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from ansible_collections.homelab.talos.lab.engine.pod_images import COREDNS
from ansible_collections.homelab.talos.lab.programs.cluster_network import dns_domain, dns_service_addresses
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

NAME = "coredns"
SERVICE = "kube-dns"
NAMESPACE = "kube-system"
_ROLE = "system:coredns"
_SELECTOR = {"k8s-app": SERVICE}
_BOOTSTRAP_LABEL = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_PORTS = (("dns", "UDP", 53), ("dns-tcp", "TCP", 53), ("metrics", "TCP", 9153))


def coredns(config: MachineConfig) -> list[dict[str, Any]]:
    """Return the objects of CoreDNS without its service, none where it is disabled."""
    if not is_coredns_enabled(config):
        return []
    return [_account(), _role(), _binding(), _config_map(config), _deployment(config)]


def dns_service(config: MachineConfig) -> list[dict[str, Any]]:
    """Return the service of CoreDNS, none where it is disabled."""
    return [_service(config)] if is_coredns_enabled(config) else []


def is_coredns_enabled(config: MachineConfig) -> bool:
    """Tell whether ``cluster.coreDNS.disabled`` is not set."""
    return not config.value("cluster", "coreDNS", "disabled", default=False)


def coredns_image(config: MachineConfig) -> str:
    """Return ``cluster.coreDNS.image`` or that of the engine."""
    return str(config.value("cluster", "coreDNS", "image", default=None) or COREDNS.reference)


def _account() -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": NAMESPACE}}


def _role() -> dict[str, Any]:
    readable = {"": ["endpoints", "services", "pods", "namespaces"], "discovery.k8s.io": ["endpointslices"]}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": _ROLE, "labels": _BOOTSTRAP_LABEL},
        "rules": [
            {"apiGroups": [group], "resources": resources, "verbs": ["list", "watch"]}
            for group, resources in readable.items()
        ],
    }


def _binding() -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {
            "name": _ROLE,
            "labels": _BOOTSTRAP_LABEL,
            "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
        },
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": _ROLE},
    }


def _corefile(domain: str) -> str:
    """Return the Corefile: the cluster's names from its API, all others from the resolvers of the node."""
    blocks: list[tuple[str, tuple[str, ...]]] = [
        ("errors", ()),
        ("health", ("lameduck 5s",)),
        ("ready", ()),
        ("log .", ("class error",)),
        ("prometheus :9153", ()),
        (
            f"kubernetes {domain} in-addr.arpa ip6.arpa",
            ("pods insecure", "fallthrough in-addr.arpa ip6.arpa", "ttl 30"),
        ),
        ("forward . /etc/resolv.conf", ("max_concurrent 1000",)),
        ("cache 30", (f"disable success {domain}", f"disable denial {domain}")),
        ("loop", ()),
        ("reload", ()),
        ("loadbalance", ()),
    ]
    lines = []
    for directive, options in blocks:
        lines += [f"    {directive} {{", *(f"        {option}" for option in options), "    }"] if options else []
        lines += [] if options else [f"    {directive}"]
    return "\n".join([".:53 {", *lines, "}"]) + "\n"


def _config_map(config: MachineConfig) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "data": {"Corefile": _corefile(dns_domain(config))},
    }


def _service(config: MachineConfig) -> dict[str, Any]:
    addresses = dns_service_addresses(config)
    families = [f"IPv{ipaddress.ip_address(address).version}" for address in addresses]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": SERVICE,
            "namespace": NAMESPACE,
            "labels": {**_SELECTOR, "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"},
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "9153"},
        },
        "spec": {
            "selector": _SELECTOR,
            "clusterIP": addresses[0],
            "clusterIPs": addresses,
            "ipFamilies": families,
            "ipFamilyPolicy": "RequireDualStack" if len(addresses) > 1 else "SingleStack",
            "ports": [
                {"name": name, "port": port, "protocol": protocol, "targetPort": port}
                for name, protocol, port in _PORTS
            ],
        },
    }


def _container(image: str) -> dict[str, Any]:
    return {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "env": [{"name": "GOMEMLIMIT", "value": "161MiB"}],
        "resources": {"limits": {"memory": "170Mi"}, "requests": {"cpu": "100m", "memory": "70Mi"}},
        "ports": [{"name": name, "protocol": protocol, "containerPort": port} for name, protocol, port in _PORTS],
        "volumeMounts": [{"name": "config-volume", "mountPath": "/etc/coredns", "readOnly": True}],
        "livenessProbe": {
            "httpGet": {"path": "/health", "port": 8080, "scheme": "HTTP"},
            "initialDelaySeconds": 60,
            "timeoutSeconds": 5,
            "successThreshold": 1,
            "failureThreshold": 5,
        },
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181, "scheme": "HTTP"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }


def _apart() -> dict[str, Any]:
    """Return the wish that two pods of CoreDNS are not on one node."""
    selector = {"matchExpressions": [{"key": "k8s-app", "operator": "In", "values": [SERVICE]}]}
    term = {"labelSelector": selector, "topologyKey": "kubernetes.io/hostname"}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


def _deployment(config: MachineConfig) -> dict[str, Any]:
    tolerated = ("node-role.kubernetes.io/control-plane", "node.cloudprovider.kubernetes.io/uninitialized")
    volume = {"name": "config-volume", "configMap": {"name": NAME, "items": [{"key": "Corefile", "path": "Corefile"}]}}
    pod = {
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "affinity": _apart(),
        "serviceAccountName": NAME,
        "priorityClassName": "system-cluster-critical",
        "tolerations": [{"key": key, "operator": "Exists", "effect": "NoSchedule"} for key in tolerated],
        "containers": [_container(coredns_image(config))],
        "dnsPolicy": "Default",
        "volumes": [volume],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "labels": {**_SELECTOR, "kubernetes.io/name": "CoreDNS"},
        },
        "spec": {
            "replicas": 2,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            "selector": {"matchLabels": _SELECTOR},
            "template": {"metadata": {"labels": _SELECTOR}, "spec": pod},
        },
    }
