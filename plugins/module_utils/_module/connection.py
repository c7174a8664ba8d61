# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection options of modules and the clients made from them.

Private to this collection: it may change at any time. Keep in step with the fragment ``connection``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.access import NodeAccess, Policy
from ansible_collections.homelab.talos.plugins.module_utils.talos.talosconfig import TalosContext, load_talosconfig

CONNECTION = ArgumentSpec(
    {
        "talosconfig": {"type": "path"},
        "context": {"type": "str"},
        "timeout": {"type": "float", "default": 10.0},
    }
)
ENDPOINT = ArgumentSpec({"endpoint": {"type": "str", "required": True}, "name": {"type": "str"}})
MAINTENANCE = ArgumentSpec(
    {
        "maintenance": {"type": "str", "choices": ["never", "allowed", "only"], "default": "never"},
        "fingerprint": {"type": "str"},
    }
)


class Connector:
    """Makes clients for nodes; reads the client configuration at most once, and only when it is needed.

    :param params: the module's parameters.
    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._path: str | None = params["talosconfig"]
        self._name: str | None = params["context"]
        self._timeout: float = params["timeout"]
        self._fingerprint: str | None = params.get("fingerprint")
        self._context: TalosContext | None = None

    @property
    def context(self) -> TalosContext:
        """The context of the client configuration.

        :raises TalosconfigError: it is missing, broken or its certificate has expired.
        """
        if self._context is None:
            self._context = load_talosconfig(self._path, self._name)
        return self._context

    def secure(self, endpoint: str) -> Client:
        """Return a client that authenticates itself and the node."""
        return Client(endpoint, credentials=self.context.credentials, timeout=self._timeout)

    def maintenance(self, endpoint: str) -> Client:
        """Return a client without authentication, for a node in maintenance mode."""
        return Client(endpoint, credentials=None, insecure=True, fingerprint=self._fingerprint, timeout=self._timeout)

    def access(self, name: str, endpoint: str, policy: Policy) -> NodeAccess:
        """Return how to reach a node.

        :param name: the node in messages.
        :param policy: whether it may be talked to without authentication.
        """
        return NodeAccess(name, lambda: self.secure(endpoint), lambda: self.maintenance(endpoint), policy)
