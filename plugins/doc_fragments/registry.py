# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How a registry is reached; in step with module_utils/_module/registry_access.py."""

    DOCUMENTATION = r"""
options:
  ca_file:
    description:
      - File with the certificates of the authorities that the registry's certificate may be signed by.
      - When not given, those of the system are trusted.
    type: path
  plain_http:
    description:
      - Talk to the registry without TLS. Only for registries that have none.
    type: bool
    default: false
  username:
    description:
      - User name for the registry.
    type: str
  password:
    description:
      - Password or token of O(username).
    type: str
  registry_timeout:
    description:
      - Limit in seconds for the registry to take a connection, and between two parts of its answer.
    type: float
    default: 30.0
"""
