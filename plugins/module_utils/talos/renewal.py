# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a client certificate has to be issued anew: pure, with the clock as an argument."""

from __future__ import annotations

import datetime

from ansible_collections.homelab.talos.plugins.module_utils.talos import pki

# Certificates are dated back a little, so their total lifetime is a little longer than asked for.
LIFETIME_TOLERANCE = datetime.timedelta(seconds=60)


def why_renew(crt: bytes, key: bytes, ca: bytes, lifetime: datetime.timedelta, now: datetime.datetime) -> str:
    """Return why a client certificate cannot be kept, empty when it can.

    :param crt: PEM client certificate; ``key`` its PEM key, ``ca`` the PEM authority it must be issued by.
    :param lifetime: the total lifetime asked for.
    :param now: the current time, with a time zone.
    """
    try:
        issued_by_ca, fits = pki.is_issued_by(crt, ca), pki.key_matches(crt, key)
        not_before, not_after = pki.validity(crt)
    except pki.PkiError:
        return "the certificate or its key is not readable"
    if not issued_by_ca:
        return "the certificate was issued by another authority"
    if not fits:
        return "the key does not belong to the certificate"
    if now >= not_after:
        return f"the certificate expired at {not_after.isoformat()}"
    if abs(not_after - not_before - lifetime) > LIFETIME_TOLERANCE:
        return "another lifetime is asked for"
    if pki.needs_renewal(crt, now):
        return f"less than a quarter of the lifetime is left (until {not_after.isoformat()})"
    return ""
