# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a gateway takes part in a tailnet, as the inventory declares it (``talos_tailnet``)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.homelab.talos.plugins.module_utils.tailnet.networks import RouteSyntax, parse_route
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.fields import Fields

# Name of the extension and of its service.
TAILSCALE = "tailscale"
# Networks of the cluster that can be advertised by name.
CLUSTER_NETWORKS = ("services", "pods")
OWN_NETWORK = "lan"
_TAG = re.compile(r"tag:[a-zA-Z][a-zA-Z0-9-]*")
_HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# A client secret instead of a key: the service makes its own key with it, and has to name the tags.
# Source: tailscale/tailscale:feature/oauthkey/oauthkey.go.
CLIENT_SECRET_PREFIX = "tskey-client-"


@dataclass(frozen=True)
class Tailnet:
    """A gateway's part in a tailnet.

    :ivar advertise: ``services``, ``pods`` and ``lan`` (the network of the node), and further networks.
    :ivar hostname: what the gateway calls itself, empty for the name of the node.
    :ivar tags: tags of the gateway; they come with the key, unless that is a client secret.
    :ivar login_server: URL of the coordination server, empty for Tailscale's.
    :ivar accept_routes: whether the gateway uses routes of others.
    :ivar snat: whether the cluster sees the gateway's address instead of the client's.
    :ivar auth_key: key to join with; None when it is declared nowhere.
    :ivar environment: further variables of the service, each ``NAME=value``.
    """

    advertise: tuple[str, ...] = CLUSTER_NETWORKS
    hostname: str = ""
    tags: tuple[str, ...] = ()
    login_server: str = ""
    accept_routes: bool = False
    snat: bool = True
    auth_key: str | None = None
    environment: tuple[str, ...] = ()

    KEYS = ("advertise", "hostname", "tags", "login_server", "accept_routes", "snat", "auth_key", "environment")

    @classmethod
    def from_mapping(cls, data: Any, owner: str) -> Tailnet:
        """Read ``talos_tailnet``.

        :raises DefinitionError: a key is unknown or a value cannot be used.
        """
        fields = Fields(owner, "talos_tailnet", data, cls.KEYS)
        hostname = fields.text("hostname", "")
        if hostname and not _HOSTNAME.fullmatch(hostname):
            raise fields.error("hostname", f"{hostname!r} cannot be a host name", "use lower-case letters and digits")
        for tag in fields.texts("tags"):
            if not _TAG.fullmatch(tag):
                raise fields.error("tags", f"{tag!r} is no tag", "write it like tag:k8s")
        for entry in fields.texts("environment"):
            if "=" not in entry:
                raise fields.error("environment", "an entry has no =", "write each as NAME=value")
        return cls(
            advertise=_advertise(fields),
            hostname=hostname,
            tags=fields.texts("tags"),
            login_server=_login_server(fields),
            accept_routes=fields.flag("accept_routes", False),
            snat=fields.flag("snat", True),
            auth_key=fields.text("auth_key", "") if fields.has("auth_key") else None,
            environment=fields.texts("environment"),
        )

    def to_mapping(self) -> dict[str, Any]:
        """Return plain data for which ``from_mapping`` returns an equal object."""
        values = {key: getattr(self, key) for key in self.KEYS if key != "auth_key" or self.auth_key is not None}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def home_of(service: str) -> str:
    """Return where an inventory configures an extension service, completing "add"."""
    return "talos_tailnet" if service == TAILSCALE else f"{service} to talos_extension_services"


def _advertise(fields: Fields) -> tuple[str, ...]:
    if not fields.has("advertise"):
        return CLUSTER_NETWORKS
    for word in fields.texts("advertise"):
        if word not in (*CLUSTER_NETWORKS, OWN_NETWORK):
            try:
                parse_route(word)
            except RouteSyntax as error:
                remedy = f"name {', '.join(CLUSTER_NETWORKS)} or {OWN_NETWORK}, or a network"
                raise fields.error("advertise", str(error), remedy) from None
    return fields.texts("advertise")


def _login_server(fields: Fields) -> str:
    value = fields.text("login_server", "")
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    # It becomes one argument among others, which are separated by spaces.
    if value and (not good or len(value.split()) != 1):
        raise fields.error("login_server", f"{value!r} is no URL", "write it like https://headscale.example:8443")
    return value.rstrip("/")
