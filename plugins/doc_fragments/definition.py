# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The cluster as the inventory declares it."""

    DOCUMENTATION = r"""
options:
  definition:
    description:
      - The cluster and its nodes, as the filter P(homelab.talos.cluster_definition#filter) returns it.
    type: dict
"""
