# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of modules that talk to a registry.

Private to this collection: it may change at any time. Keep in step with the fragment ``registry``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils.spin.registry_session import RegistryAccess

REGISTRY = ArgumentSpec(
    {
        "ca_file": {"type": "path"},
        "plain_http": {"type": "bool", "default": False},
        "username": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "registry_timeout": {"type": "float", "default": 30.0},
    },
    required_together=[("username", "password")],
)


def registry_access(params: Mapping[str, Any]) -> RegistryAccess:
    """Return how the options say a registry is reached."""
    return RegistryAccess(
        ca_file=params["ca_file"] or "",
        plain_http=params["plain_http"],
        username=params["username"] or "",
        password=params["password"] or "",
        timeout=params["registry_timeout"],
    )
