# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a client certificate has to be issued anew."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos import pki
from ansible_collections.homelab.talos.plugins.module_utils.talos.renewal import why_renew

NOON = datetime.datetime(2030, 1, 1, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
CA = pki.create_ca("ed25519", "talos", clock=lambda: NOON)
OTHER = pki.create_ca("ed25519", "talos", clock=lambda: NOON)
LEAF = pki.issue_client(CA, ["os:admin"], DAY, clock=lambda: NOON)
SECOND = pki.issue_client(CA, ["os:admin"], DAY, clock=lambda: NOON)


def reason(hours: float = 0, crt: bytes = LEAF.crt, key: bytes = LEAF.key, **changes: object) -> str:
    options: dict[str, object] = {
        "ca": CA.crt,
        "lifetime": DAY,
        "now": NOON + datetime.timedelta(hours=hours),
        **changes,
    }
    return why_renew(crt, key, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("hours", [0, 12, 17.9])
def test_a_good_certificate_is_kept(hours: float) -> None:
    assert reason(hours) == ""


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (reason(18.1), "less than a quarter of the lifetime is left (until 2030-01-02T12:00:00+00:00)"),
        (reason(25), "the certificate expired at 2030-01-02T12:00:00+00:00"),
        (reason(ca=OTHER.crt), "the certificate was issued by another authority"),
        (reason(key=SECOND.key), "the key does not belong to the certificate"),
        (reason(lifetime=7 * DAY), "another lifetime is asked for"),
        (reason(crt=b"nonsense"), "the certificate or its key is not readable"),
        (reason(key=b"nonsense"), "the certificate or its key is not readable"),
    ],
)
def test_what_is_not_kept(found: str, expected: str) -> None:
    assert found == expected
