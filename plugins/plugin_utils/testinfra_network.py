# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""testinfra's ``host.interface`` and ``host.socket`` over the machine API: network resources and Netstat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.homelab.talos.plugins.plugin_utils.testinfra_classes import Interface, Socket

NETWORK = "network"
LINKS = "LinkStatuses.net.talos.dev"
ADDRESSES = "AddressStatuses.net.talos.dev"
ROUTES = "RouteStatuses.net.talos.dev"
_FAMILIES = {"inet": "inet4", "inet6": "inet6", None: None}


class TalosInterface(Interface):
    """A link of a Talos node, from the resources that the node keeps of its kernel's state."""

    _host: Any  # its backend is the one of this collection

    @classmethod
    def get_module_class(cls, host: Any) -> type[TalosInterface]:
        """Return this class; testinfra would look for a shell first."""
        return cls

    @property
    def exists(self) -> bool:
        """Whether the link exists."""
        return self.name in self.names()

    @property
    def link(self) -> dict[str, Any]:
        """The fields of the link's resource (``kind``, ``mtu``, ``hardwareAddr``, ``operationalState``, ``vlan`` ...).

        :raises KeyError: there is no such link.
        """
        return dict(self._host.backend.api.resource(NETWORK, LINKS, self.name).spec)

    @property
    def speed(self) -> int:
        """Speed in Mbit/s, as the driver reports it."""
        return int(self.link["speedMbit"])

    @property
    def addresses(self) -> list[str]:
        """The addresses of the link, without prefix length."""
        return [address.rpartition("/")[0] for address in self.prefixes]

    @property
    def prefixes(self) -> list[str]:
        """The addresses of the link with prefix length, such as ``198.18.1.11/24``."""
        family = _FAMILIES[self.family]
        specs = [item.spec for item in self._host.backend.api.resources(NETWORK, ADDRESSES)]
        return sorted(
            spec["address"] for spec in specs if spec["linkName"] == self.name and family in (None, spec["family"])
        )

    def routes(self, scope: str | None = None) -> list[dict[str, Any]]:
        """Return the routes of the main table that leave by this link, as testinfra has them.

        :param scope: only those of this scope (``global``, ``link``, ``host``).
        """
        family = _FAMILIES[self.family]
        specs = [item.spec for item in self._host.backend.api.resources(NETWORK, ROUTES)]
        return [
            _route(spec)
            for spec in specs
            if spec.get("outLinkName") == self.name
            and spec.get("table", "main") == "main"
            and family in (None, spec["family"])
            and scope in (None, spec.get("scope"))
        ]

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of all links, sorted."""
        return sorted(item.id for item in cls._host.backend.api.resources(NETWORK, LINKS))

    @classmethod
    def default(cls, family: str | None = None) -> TalosInterface | None:
        """Return the link of the default route with the lowest metric, None without one."""
        wanted = _FAMILIES[family] or "inet4"
        specs = [item.spec for item in cls._host.backend.api.resources(NETWORK, ROUTES)]
        found = [spec for spec in specs if not spec.get("dst") and spec["family"] == wanted and spec.get("gateway")]
        if not found:
            return None
        return cls(min(found, key=lambda spec: spec.get("priority", 0))["outLinkName"], family)


class TalosSocket(Socket):
    """Listening sockets of the node's own network namespace; Unix sockets are not told by the API."""

    _host: Any  # its backend is the one of this collection

    @classmethod
    def get_module_class(cls, host: Any) -> type[TalosSocket]:
        """Return this class; testinfra would look for a shell first."""
        return cls

    def _iter_sockets(self, listening: bool) -> Iterator[tuple[str, str, int]]:
        if not listening or self.protocol == "unix":
            raise NotImplementedError(f"{self!r}: a Talos node tells only its listening TCP and UDP sockets")
        for item in self._host.backend.api.listening():
            yield item["protocol"].removesuffix("6"), item["address"], item["port"]


def _route(spec: dict[str, Any]) -> dict[str, Any]:
    route = {
        "dst": spec.get("dst") or "default",
        "gateway": spec.get("gateway") or None,
        "prefsrc": spec.get("src") or None,
        "metric": spec.get("priority") or None,
        "scope": spec.get("scope"),
        "protocol": spec.get("protocol"),
    }
    return {key: value for key, value in route.items() if value is not None}
