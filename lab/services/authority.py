# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate authority of a lab: every service has a certificate of it, and nodes are told to trust it."""

from __future__ import annotations

import datetime
from pathlib import Path

from ansible_collections.homelab.talos.lab.programs.files import write_file, write_leaf
from ansible_collections.homelab.talos.plugins.module_utils.talos import pki

_LIFETIME = datetime.timedelta(days=365)


def certificate_path(state_directory: Path) -> Path:
    """Return where the authority's certificate is, in the state directory of a lab."""
    return state_directory / "ca.crt"


def ensure_authority(state_directory: Path) -> pki.CertificateAndKey:
    """Return the authority of the lab with that state directory, made when it has none."""
    certificate, key = certificate_path(state_directory), state_directory / "ca.key"
    if not certificate.exists():
        made = pki.create_ca("ecdsa", f"lab {state_directory.name}", lifetime=_LIFETIME)
        write_file(key, made.key, 0o600)
        write_file(certificate, made.crt)
    return pki.CertificateAndKey(certificate.read_bytes(), key.read_bytes())


def write_certificate(authority: pki.CertificateAndKey, directory: Path, name: str, address: str) -> None:
    """Issue the server certificate of a service below *directory*: ``tls.crt``, ``tls.key`` and ``ca.crt``."""
    write_leaf(directory, "tls", authority, ("server",), name, sans=(address, name))
    write_file(directory / "ca.crt", authority.crt)
