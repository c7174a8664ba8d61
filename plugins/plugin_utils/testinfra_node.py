# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``host.talos``: what only a Talos node has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.plugin_utils.testinfra_classes import InstanceModule
from ansible_collections.homelab.talos.plugins.plugin_utils.testinfra_machine import extensions_of

MACHINE_STATUS = ("runtime", "MachineStatuses.runtime.talos.dev", "machine")
MACHINE_TYPE = ("config", "MachineTypes.config.talos.dev", "machine-type")
MEMBERS = ("cluster", "Members.cluster.talos.dev")


class TalosNode(InstanceModule):
    """The node as a Talos machine. Every property asks the node anew."""

    _host: Any  # its backend is the one of this collection

    @classmethod
    def get_module_class(cls, host: Any) -> type[TalosNode]:
        """Return this class."""
        return cls

    @property
    def stage(self) -> str:
        """The stage of the machine: ``maintenance``, ``installing``, ``booting``, ``running`` ..."""
        return str(self._status()["stage"])

    @property
    def ready(self) -> bool:
        """Whether the machine calls itself ready, which is neither stage ``running`` nor Kubernetes' Ready."""
        return bool((self._status().get("status") or {}).get("ready"))

    @property
    def unmet_conditions(self) -> dict[str, str]:
        """What keeps the machine from being ready, name -> reason."""
        conditions = (self._status().get("status") or {}).get("unmetConditions") or ()
        return {item["name"]: item["reason"] for item in conditions}

    @property
    def version(self) -> str:
        """Version of Talos, such as ``v1.13.9``."""
        return str(self._host.backend.api.version()["tag"])

    @property
    def machine_type(self) -> str:
        """``controlplane`` or ``worker``."""
        spec = self._host.backend.api.resource(*MACHINE_TYPE).spec
        return str(spec if isinstance(spec, str) else next(iter(spec.values())))

    @property
    def extensions(self) -> dict[str, str]:
        """System extensions of the image, name -> version."""
        return extensions_of(self._host.backend.api)

    @property
    def services(self) -> dict[str, str]:
        """Services, id -> state."""
        return {name: record["state"] for name, record in self._host.backend.api.services().items()}

    @property
    def members(self) -> dict[str, Mapping[str, Any]]:
        """Members of the cluster as this node sees them, name -> ``addresses``, ``machineType``, ``hostname`` ..."""
        return {item.id: item.spec for item in self._host.backend.api.resources(*MEMBERS)}

    def resource(self, namespace: str, kind: str, id: str) -> Any:
        """Return one COSI resource; its content is in ``spec``.

        :raises KeyError: it does not exist.
        """
        return self._host.backend.api.resource(namespace, kind, id)

    def resources(self, namespace: str, kind: str) -> list[Any]:
        """Return all COSI resources of a type, such as ``("network", "LinkStatuses.net.talos.dev")``."""
        return self._host.backend.api.resources(namespace, kind)

    def _status(self) -> Mapping[str, Any]:
        return self._host.backend.api.resource(*MACHINE_STATUS).spec

    def __repr__(self) -> str:
        return f"<talos {self._host.backend.get_hostname()}>"
