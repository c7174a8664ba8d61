# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where etcd keeps what outlives a boot, below EPHEMERAL.

Source: siderolabs/talos:pkg/machinery/constants/constants.go.
"""

from __future__ import annotations

from pathlib import Path

DATA_DIRECTORY = "lib/etcd"
#: A snapshot that was uploaded, until a bootstrap recovers from it.
RECOVERY_SNAPSHOT = "lib/etcd.snapshot"


def is_empty(ephemeral: Path) -> bool:
    """Return whether etcd never stored anything below *ephemeral*."""
    path = ephemeral / DATA_DIRECTORY
    return not path.is_dir() or not any(path.iterdir())
