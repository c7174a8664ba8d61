# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of trusted authorities of a node, which its programs read.

Source: siderolabs/talos:internal/app/machined/pkg/controllers/secrets/trusted_roots.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

#: Where programs look for the authorities they trust, below /etc.
TRUSTED_FILE = "ssl/certs/ca-certificates.crt"


def trusted_roots(roots: Mapping[str, str]) -> str:
    """Return the content of the file: the authorities of this machine, and then *roots* (name -> PEM)."""
    file = Path("/etc") / TRUSTED_FILE
    base = file.read_text(encoding="utf-8") if file.exists() else ""
    return base + "".join(f"\n# {name}\n\n{text.strip()}\n" for name, text in roots.items())
