# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plugin of all scenarios, and that of Spin apps."""

from __future__ import annotations

pytest_plugins = [
    "ansible_collections.homelab.talos.tests.testinfra.scenario",
    "ansible_collections.homelab.talos.tests.testinfra.spin_seen",
]
