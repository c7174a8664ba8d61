# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plugins of a scenario without nodes: layers, and no test that is skipped without being counted."""

from __future__ import annotations

from ansible_collections.homelab.talos.plugins.plugin_utils.testinfra_talos import register

pytest_plugins = [
    "ansible_collections.homelab.talos.tests.testinfra.layers",
    "ansible_collections.homelab.talos.tests.testinfra.skips",
]


def pytest_configure() -> None:
    """Register the connection that every scenario is asked to use."""
    register()
