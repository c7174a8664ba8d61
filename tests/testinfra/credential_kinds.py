# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The six credentials that an endpoint is tried with, and one that it must accept.

Each is wrong in one way only: the expired one and the one for servers come from the endpoint's own authority.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos import pki, secrets_bundle

NAMES = ("none", "unknown authority", "expired", "wrong usage", "os:reader", "os:admin")
LIFETIME = datetime.timedelta(hours=1)


@dataclass(frozen=True)
class Subject:
    """Who an endpoint's own administrator is: the authority in the secrets bundle, common name, organizations."""

    authority: str
    common_name: str
    organizations: tuple[str, ...]
    algorithm: pki.Algorithm = "ecdsa"


def last_week() -> datetime.datetime:
    """Return a moment at which a certificate of an hour was issued that is worth nothing today."""
    return pki.utc_now() - datetime.timedelta(days=7)


def own(bundle: Mapping[str, Any], subject: Subject) -> pki.CertificateAndKey:
    """Return the credential of the endpoint's own administrator."""
    return _issue(secrets_bundle.authority(bundle, subject.authority), subject)


def present(bundle: Mapping[str, Any], subject: Subject, name: str) -> pki.CertificateAndKey | None:
    """Return one of :data:`NAMES` for an endpoint; None is no certificate."""
    authority = secrets_bundle.authority(bundle, subject.authority)
    if name == "none":
        return None
    if name == "unknown authority":
        return _issue(pki.create_ca(subject.algorithm, "stranger"), subject)
    if name == "expired":
        return _issue(authority, subject, clock=last_week)
    if name == "wrong usage":
        return _issue(authority, subject, usage="server")
    return secrets_bundle.issue_client(bundle, [name], LIFETIME)


def _issue(
    authority: pki.CertificateAndKey, subject: Subject, usage: pki.Usage = "client", clock: pki.Clock = pki.utc_now
) -> pki.CertificateAndKey:
    return pki.issue(
        authority,
        (usage,),
        subject.common_name,
        subject.organizations,
        algorithm=subject.algorithm,
        lifetime=LIFETIME,
        clock=clock,
    )
