# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a control plane below the node's /etc/kubernetes: PKI, kubeconfigs, settings of the API server."""

from __future__ import annotations

import base64
import ipaddress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.homelab.talos.lab.machined.interfaces import Facts
from ansible_collections.homelab.talos.lab.programs.cluster_network import dns_domain, service_subnets
from ansible_collections.homelab.talos.lab.programs.files import (
    PKI_DIRECTORY,
    authority,
    kubeconfig,
    write_file,
    write_leaf,
    write_yaml,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos import pki
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

ADMISSION_FILE = "/etc/kubernetes/config/admission-control.yaml"
AUDIT_POLICY_FILE = "/etc/kubernetes/config/auditpolicy.yaml"
ENCRYPTION_FILE = "/etc/kubernetes/config/encryptionconfig.yaml"
#: Kubeconfig of the lab's own steps in the cluster (bootstrap objects, labels), as machined has one.
ADMIN_KUBECONFIG = "/etc/kubernetes/kubeconfig-admin"


def write_control_plane_files(directory: Path, config: MachineConfig, facts: Facts) -> None:
    """Write all files; repeatable. *directory* is the node's. Raises ``ValueError`` for a missing authority."""
    etc = directory / "etc"
    _write_certificates(etc / "kubernetes/pki", config, facts)
    _write_kubeconfigs(etc, config)
    _write_settings(etc, config)


def _write_certificates(directory: Path, config: MachineConfig, facts: Facts) -> None:
    kubernetes = authority(config, "cluster", "ca")
    aggregator = authority(config, "cluster", "aggregatorCA")
    write_file(directory / "ca.crt", kubernetes.crt)
    write_file(directory / "ca.key", kubernetes.key, 0o600)
    write_file(directory / "aggregator-ca.crt", aggregator.crt)
    service_account = base64.b64decode(config.value("cluster", "serviceAccount", "key"))
    write_file(directory / "service-account.key", service_account, 0o600)
    write_file(directory / "service-account.pub", pki.public_key_pem(service_account))
    write_leaf(directory, "apiserver", kubernetes, ("server",), "kube-apiserver", sans=_api_names(config, facts))
    client: tuple[pki.Usage, ...] = ("client",)
    write_leaf(directory, "kubelet-client", kubernetes, client, "apiserver-kubelet-client", ["system:masters"])
    write_leaf(directory, "front-proxy-client", aggregator, client, "front-proxy-client")
    write_leaf(directory, "admin", kubernetes, client, "talos:admin", ["system:masters"])
    for name in ("kube-controller-manager", "kube-scheduler"):
        write_leaf(directory, name, kubernetes, client, f"system:{name}")


def _api_names(config: MachineConfig, facts: Facts) -> list[str]:
    """Return the names under which the API server is reached."""
    domain = dns_domain(config)
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{domain}"]
    names += ["localhost", facts.hostname, "127.0.0.1", facts.address]
    names.append(urlsplit(config.value("cluster", "controlPlane", "endpoint")).hostname or "")
    names += [str(ipaddress.ip_network(net)[1]) for net in service_subnets(config)]
    names += config.value("cluster", "apiServer", "certSANs", default=[]) or []
    return list(dict.fromkeys(name for name in names if name))


def _write_kubeconfigs(etc: Path, config: MachineConfig) -> None:
    port = config.value("cluster", "controlPlane", "localAPIServerPort", default=6443)
    ca_file = f"{PKI_DIRECTORY}/ca.crt"
    names = {
        "kube-controller-manager": "kubernetes/kubeconfig-controller-manager",
        "kube-scheduler": "kubernetes/kubeconfig-scheduler",
        "admin": ADMIN_KUBECONFIG.removeprefix("/etc/"),
    }
    for name, path in names.items():
        user = {"client-certificate": f"{PKI_DIRECTORY}/{name}.crt", "client-key": f"{PKI_DIRECTORY}/{name}.key"}
        write_yaml(etc / path, kubeconfig(f"https://127.0.0.1:{port}", ca_file, user), 0o600)


def _write_settings(etc: Path, config: MachineConfig) -> None:
    write_yaml(etc / ENCRYPTION_FILE.removeprefix("/etc/"), _encryption(config), 0o600)
    plugins = [
        {"name": item["name"], "configuration": item.get("configuration") or {}}
        for item in config.value("cluster", "apiServer", "admissionControl", default=[]) or []
    ]
    admission = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration", "plugins": plugins}
    write_yaml(etc / ADMISSION_FILE.removeprefix("/etc/"), admission)
    default_policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}
    policy = config.value("cluster", "apiServer", "auditPolicy", default=None) or default_policy
    write_yaml(etc / AUDIT_POLICY_FILE.removeprefix("/etc/"), policy)


def _encryption(config: MachineConfig) -> dict[str, Any]:
    """Return the encryption configuration of Secrets, with the key names Talos uses."""
    secretbox = config.value("cluster", "secretboxEncryptionSecret", default=None)
    aescbc = config.value("cluster", "aescbcEncryptionSecret", default=None)
    providers: list[dict[str, Any]] = []
    if secretbox:
        providers.append({"secretbox": {"keys": [{"name": "key2", "secret": secretbox}]}})
    if aescbc:
        providers.append({"aescbc": {"keys": [{"name": "key1", "secret": aescbc}]}})
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{"resources": ["secrets"], "providers": [*providers, {"identity": {}}]}],
    }
