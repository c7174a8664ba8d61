# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Talos shows the containers of pods.

Source: siderolabs/talos:internal/pkg/containers/cri/cri.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHORT_ID = 12


def display(container: Mapping[str, Any]) -> str:
    """Return ``namespace/pod:container:id`` for one of the containers a node reports."""
    short = str(container["id"])[:SHORT_ID]
    return f"{container['namespace']}/{container['pod']}:{container['name']}:{short}"
