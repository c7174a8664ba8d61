# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A refused connection or call leaves one line in apid's log: who, what, why, and nothing secret."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.lab.machined import certificates
from ansible_collections.homelab.talos.plugins.module_utils.talos import pki, secrets_bundle
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import NotAuthorized

from .home import Home, bundle, control_plane, play, unary

ADDRESS = "198.18.9.11"


def lines(lab: Home) -> list[str]:
    """Return what apid's log says of refusals."""
    machine = next(iter(lab.machines.values()))
    return [line for line in machine.node.journal.service("apid").tail() if "refused" in line or "Denied" in line]


def long_ago() -> datetime.datetime:
    return pki.utc_now() - datetime.timedelta(days=30)


def stranger(name: str) -> pki.CertificateAndKey | None:
    """Return a client certificate that no node accepts."""
    if name == "none":
        return None
    own = secrets_bundle.authority(bundle(), "os")
    if name == "unknown authority":
        return pki.issue_client(pki.create_ca("ed25519", "talos"), ["os:admin"])
    if name == "expired":
        return pki.issue_client(own, ["os:admin"], clock=long_ago)
    return pki.issue(own, ("server",), organizations=["os:admin"], algorithm="ed25519")


def knock(lab: Home, leaf: pki.CertificateAndKey | None) -> None:
    """Open a connection with a certificate, without the checks of our own client."""
    tls = certificates.client_context(secrets_bundle.authority(bundle(), "os").crt, leaf)
    with tls.wrap_socket(lab.wire.connect(ADDRESS, 50000), server_hostname=ADDRESS) as connection:
        connection.recv(1)  # TLS 1.3: a refusal comes after the client's part of the handshake


REASONS = {
    "none": ("peer did not return a certificate",),
    "unknown authority": ("self-signed certificate", "unable to get local issuer", "certificate signature failure"),
    "expired": ("certificate has expired",),
    "wrong usage": ("unsuitable certificate purpose", "unsupported certificate purpose"),
}


@pytest.mark.parametrize("name", sorted(REASONS))
def test_a_refused_certificate_is_one_line(tmp_path: Path, name: str) -> None:
    leaf = stranger(name)

    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        with pytest.raises(ssl.SSLError, match="ALERT"):
            await asyncio.to_thread(knock, lab, leaf)
        (line,) = lines(lab)
        assert line.startswith("refused ")
        assert "TLS handshake" in line
        assert any(reason in line for reason in REASONS[name])
        assert "PRIVATE" not in line

    play(tmp_path, scenario)


def test_a_refused_call_is_one_line_with_the_roles(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        async with lab.client(ADDRESS, "os:reader") as client:
            with pytest.raises(NotAuthorized):
                await client.unary("machine.MachineService/MetaWrite")
        (line,) = lines(lab)
        assert line.startswith("PermissionDenied [/machine.MachineService/MetaWrite] not authorized (peer=")
        assert line.endswith("roles=os:reader)")

    play(tmp_path, scenario)


def test_an_allowed_call_and_a_bare_connection_leave_no_line(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        async with lab.client(ADDRESS) as client:
            await unary(client, "Version")
        lab.wire.connect(ADDRESS, 50000).close()
        assert lines(lab) == []

    play(tmp_path, scenario)
