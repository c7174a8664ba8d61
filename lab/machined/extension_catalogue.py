# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of the system extensions the lab knows, per Talos line.

Source: siderolabs/extensions, the image-digests of each Talos release.
"""

from __future__ import annotations

# extension -> Talos minor -> version; ``{talos}`` stands for the full Talos version (kernel-coupled extensions).
_VERSIONS: dict[str, dict[str, str]] = {
    "drbd": {"1.12": "9.2.16-{talos}", "1.13": "9.3.2-{talos}", "1.14": "9.3.2-{talos}"},
    "zfs": {"1.12": "2.4.1-{talos}", "1.13": "2.4.3-{talos}", "1.14": "2.4.3-{talos}"},
    "spin": {"1.12": "v0.23.0", "1.13": "v0.25.1", "1.14": "v0.25.1"},
    "tailscale": {"1.12": "1.94.2", "1.13": "1.102.2", "1.14": "1.102.2"},
}
# Extensions that bring a service, and whether it waits for an ExtensionServiceConfig.
# Source: siderolabs/extensions:<extension>/<name>.yaml (depends.configuration).
SERVICES: dict[str, bool] = {"tailscale": True, "lldpd": True, "cloudflared": True, "newt": True}

UNKNOWN_VERSION = "lab"


def extension_version(name: str, talos_version: str) -> str:
    """Return the version of an extension for a Talos version, ``lab`` for one the table does not know."""
    minor = ".".join(talos_version.removeprefix("v").split(".")[:2])
    version = _VERSIONS.get(name, {}).get(minor, UNKNOWN_VERSION)
    return version.format(talos=talos_version)
