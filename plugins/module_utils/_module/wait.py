# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of modules that wait for a node.

Private to this collection: it may change at any time. Keep in step with the fragment ``wait``.
"""

from __future__ import annotations

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec

WAIT = ArgumentSpec({"wait": {"type": "bool", "default": True}, "wait_timeout": {"type": "int", "default": 600}})
