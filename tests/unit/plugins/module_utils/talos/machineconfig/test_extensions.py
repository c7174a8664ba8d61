# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of extensions, and the ids of the images that hold them."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import extensions, versions


@pytest.mark.parametrize(
    ("names", "identity"),
    [
        ([], versions.PLAIN_SCHEMATIC),
        # Ids that the Image Factory itself gives out.
        (["qemu-guest-agent"], "ce4c980550dd2ab1b17bbf2b08801c7eb59418eafe8f279833297925d67c7515"),
        (["util-linux-tools", "iscsi-tools"], "613e1592b2da41ae5e265e8789429f22e121aab91cb4deb6bc3c0b6262961245"),
    ],
)
def test_the_schematic_is_that_of_the_factory(names: list[str], identity: str) -> None:
    assert extensions.schematic(names)[0] == identity


def test_which_extensions_wait_for_a_configuration() -> None:
    waiting = {name for name, extension in extensions.EXTENSIONS.items() if extension.needs_configuration}
    assert waiting == {
        *("bird2", "cloudflared", "lldpd", "nebula", "netbird", "newt", "nut-client", "tailscale", "zerotier"),
    }


def test_services_of_an_image() -> None:
    services = extensions.services_of(["drbd", "spin", "tailscale", "zfs", "own-extension"])
    assert {name: extension.name for name, extension in services.items()} == {
        "tailscale": "tailscale",
        "zfs-service": "zfs",
    }


@pytest.mark.parametrize(
    ("name", "talos", "version"),
    [
        ("spin", "v1.12.11", "v0.23.0"),
        ("spin", "v1.13.9", "v0.25.1"),
        ("tailscale", "v1.13.9", "1.102.2"),
        ("zfs", "v1.13.9", "2.4.3-v1.13.9"),
        ("unheard-of", "v1.13.9", ""),
    ],
)
def test_versions_of_extensions(name: str, talos: str, version: str) -> None:
    assert extensions.extension_version(name, talos) == version
