# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a node's programs: certificates, kubeconfigs and settings below the node's /etc."""

from __future__ import annotations

import base64
import datetime
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.homelab.talos.plugins.module_utils.talos import pki
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

#: Lifetime of the certificates Talos issues to the components of a node.
COMPONENT_LIFETIME = datetime.timedelta(days=365)

PKI_DIRECTORY = "/etc/kubernetes/pki"


def write_file(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Write *content* to *path* atomically with *mode* from the first byte; same content is left alone."""
    data = content.encode() if isinstance(content, str) else content
    if path.is_file() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(data)
    partial.replace(path)


def write_yaml(path: Path, content: Any, mode: int = 0o644) -> None:
    """Write *content* as YAML, see :func:`write_file`."""
    write_file(path, yaml.safe_dump(content, sort_keys=False), mode)


def authority(config: MachineConfig, *path: str) -> pki.CertificateAndKey:
    """Return the certificate authority at *path* of the machine configuration (``cluster``, ``etcd``, ``ca``).

    The key is empty where the configuration holds none (workers). Raises ``ValueError`` without certificate.
    """
    section = config.value(*path, default={}) or {}
    if not section.get("crt"):
        raise ValueError(f"the machine configuration holds no certificate at {'.'.join(path)}")
    return pki.CertificateAndKey(
        base64.b64decode(section["crt"]), base64.b64decode(section["key"]) if section.get("key") else b""
    )


def write_leaf(
    directory: Path,
    name: str,
    ca: pki.CertificateAndKey,
    usages: Sequence[pki.Usage],
    common_name: str,
    organizations: Sequence[str] = (),
    sans: Sequence[str] = (),
) -> None:
    """Issue a certificate below *directory* as ``<name>.crt`` and ``<name>.key``.

    A certificate of the same authority with more than a quarter of its lifetime left stays.
    """
    crt, key = directory / f"{name}.crt", directory / f"{name}.key"
    if crt.is_file() and key.is_file():
        present = crt.read_bytes()
        if pki.is_issued_by(present, ca.crt) and not pki.needs_renewal(present, pki.utc_now()):
            return
    leaf = pki.issue(ca, usages, common_name, organizations, sans, lifetime=COMPONENT_LIFETIME)
    write_file(key, leaf.key, 0o600)
    write_file(crt, leaf.crt)


def kubeconfig(server: str, ca_file: str, user: dict[str, str]) -> dict[str, Any]:
    """Return a kubeconfig that refers to files, as a mapping."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": {"server": server, "certificate-authority": ca_file}}],
        "users": [{"name": "local", "user": user}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": "local"}}],
        "current-context": "local",
    }
