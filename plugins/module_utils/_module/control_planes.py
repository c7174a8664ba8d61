# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option of modules that are told all control planes.

Private to this collection: it may change at any time.
"""

from __future__ import annotations

from typing import Any

CONTROL_PLANES_OPTION: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "options": {"name": {"type": "str", "required": True}, "address": {"type": "str", "required": True}},
}
