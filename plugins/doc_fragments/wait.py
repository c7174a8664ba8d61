# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Waiting for what a node does after a call; in step with module_utils/_module/wait.py."""

    DOCUMENTATION = r"""
options:
  wait:
    description:
      - Whether to wait until the node has done what it was asked for.
    type: bool
    default: true
  wait_timeout:
    description:
      - Limit in seconds for the waiting.
    type: int
    default: 600
"""
