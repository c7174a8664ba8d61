# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say how a coordination server is reached, and the server made from them.

Private to this collection: it may change at any time. Keep in step with the fragment ``tailnet``.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.connect import KINDS, Settings, connect
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.server import CoordinationServer

TAILNET_SERVER = ArgumentSpec(
    {
        "server": {"type": "str", "choices": list(KINDS), "required": True},
        "url": {"type": "str"},
        "token": {"type": "str", "no_log": True},
        "token_file": {"type": "path", "no_log": False},
        "oauth_client_id": {"type": "str"},
        "oauth_client_secret": {"type": "str", "no_log": True},
        "oauth_scopes": {"type": "list", "elements": "str", "default": []},
        "ca_file": {"type": "path"},
        "tailnet": {"type": "str", "default": "-"},
        "timeout": {"type": "float", "default": 10.0},
    },
    mutually_exclusive=[("token", "token_file", "oauth_client_id")],
    required_together=[("oauth_client_id", "oauth_client_secret")],
)


def server_of(params: Mapping[str, Any], now: Callable[[], datetime.datetime] | None = None) -> CoordinationServer:
    """Return the server of a module's parameters; nothing is sent yet.

    :param now: the time from which the lifetime of a new key counts.
    :raises TailnetError: a parameter cannot be used.
    """
    settings = Settings(
        kind=params["server"],
        url=params["url"] or "",
        token=params["token"] or "",
        token_file=params["token_file"] or "",
        oauth_client_id=params["oauth_client_id"] or "",
        oauth_client_secret=params["oauth_client_secret"] or "",
        oauth_scopes=tuple(params["oauth_scopes"]),
        ca_file=params["ca_file"] or "",
        tailnet=params["tailnet"],
        timeout=params["timeout"],
    )
    return connect(settings) if now is None else connect(settings, now=now)
