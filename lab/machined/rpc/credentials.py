# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfig and GenerateClientConfiguration.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from ansible_collections.homelab.talos.lab.machined import authorization, certificates, refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.plugins.module_utils.talos import kubeconfig, pki
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message
from ansible_collections.homelab.talos.plugins.module_utils.talos.duration import parse_duration
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig
from ansible_collections.homelab.talos.plugins.module_utils.talos.talosconfig import Credentials, render_talosconfig

PREFIX = "/machine.MachineService/"
DEFAULT_ADMIN_LIFETIME = timedelta(days=365)


class CredentialCalls:
    """The calls of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def handlers(self) -> Handlers:
        """Return the handlers."""
        return {
            f"{PREFIX}Kubeconfig": self._kubeconfig,
            f"{PREFIX}GenerateClientConfiguration": self._client_configuration,
        }

    async def _kubeconfig(self, call: Call) -> AsyncIterator[Any]:
        config = self._node.config
        if config is None or not config.is_controlplane:
            raise refusals.control_plane_only("kubeconfig")
        ca = config.value("cluster", "ca", default={})
        if not ca.get("crt") or not ca.get("key"):
            raise refusals.failed_precondition("k8s API server CA config is not set")
        authority = pki.CertificateAndKey(certificates.decode(ca["crt"]), certificates.decode(ca["key"]))
        admin = pki.issue_kubernetes_admin(authority, lifetime=_admin_lifetime(config))
        text = kubeconfig.render_kubeconfig(
            str(config.value("cluster", "clusterName", default="")),
            str(config.value("cluster", "controlPlane", "endpoint", default="")),
            authority.crt,
            admin.crt,
            admin.key,
        )
        yield message("common.Data")(bytes=_archive("kubeconfig", text.encode()))

    async def _client_configuration(self, call: Call) -> Any:
        config = self._node.config
        if config is None or not config.is_controlplane:
            raise refusals.failed_precondition("client configuration (talosconfig) can't be generated on worker nodes")
        lifetime = call.request.crt_ttl.ToTimedelta()
        if lifetime <= timedelta(0):
            raise refusals.invalid_argument("crt_ttl should be positive")
        roles = sorted(set(call.request.roles) & authorization.ROLES)
        if not roles:
            raise refusals.unknown("no roles were requested")
        ca = certificates.os_ca(config)
        leaf = pki.issue_client(ca, roles, lifetime=lifetime)
        cluster = str(config.value("cluster", "clusterName", default=""))
        role = roles[0].removeprefix("os:") if len(roles) == 1 else ""
        text = render_talosconfig(cluster, role, [], [], Credentials(ca.crt, leaf.crt, leaf.key))
        reply = message("machine.GenerateClientConfigurationResponse")()
        reply.messages.add(ca=ca.crt, crt=leaf.crt, key=leaf.key, talosconfig=text.encode())
        return reply


def _admin_lifetime(config: MachineConfig) -> timedelta:
    text = config.value("cluster", "adminKubeconfig", "certLifetime")
    return parse_duration(str(text)) if text else DEFAULT_ADMIN_LIFETIME


def _archive(name: str, content: bytes) -> bytes:
    """Return a tar.gz with one file of mode 0600."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(content), 0o600
        archive.addfile(info, io.BytesIO(content))
    return gzip.compress(tar.getvalue(), mtime=0)


def handlers(node: Node) -> Handlers:
    """Return the handlers."""
    return CredentialCalls(node).handlers()
