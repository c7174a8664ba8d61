# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection ``talos://`` of pytest-testinfra: a host without a shell, read through its machine API.

Usage, in a ``conftest.py``::

    from ansible_collections.homelab.talos.plugins.plugin_utils.testinfra_talos import register

    register()

and then ``pytest --connection talos --ansible-inventory inventory`` or ``pytest --hosts talos://198.18.1.11``.
Credentials come from the client configuration that ``talosctl`` would use (the environment variable TALOSCONFIG).
The address of a node is its inventory variable ``talos_address``, which must be literal, or its name.
"""

from __future__ import annotations

from typing import Any, NoReturn

from ansible_collections.homelab.talos.plugins.module_utils.talos.libraries import require
from ansible_collections.homelab.talos.plugins.plugin_utils.talos_api import TalosApi
from ansible_collections.homelab.talos.plugins.plugin_utils.testinfra_classes import (
    BACKENDS,
    TESTINFRA_IMPORT_ERROR,
    AnsibleRunner,
    BaseBackend,
)
from ansible_collections.homelab.talos.plugins.plugin_utils.testinfra_file import TalosFile
from ansible_collections.homelab.talos.plugins.plugin_utils.testinfra_machine import (
    TalosMountPoint,
    TalosPackage,
    TalosProcess,
    TalosService,
    TalosSystemInfo,
)
from ansible_collections.homelab.talos.plugins.plugin_utils.testinfra_network import TalosInterface, TalosSocket
from ansible_collections.homelab.talos.plugins.plugin_utils.testinfra_node import TalosNode

CONNECTION = "talos"
MODULES: dict[str, Any] = {
    "file": TalosFile,
    "interface": TalosInterface,
    "mount_point": TalosMountPoint,
    "package": TalosPackage,
    "process": TalosProcess,
    "service": TalosService,
    "socket": TalosSocket,
    "system_info": TalosSystemInfo,
    "talos": TalosNode,
}


def register() -> None:
    """Make ``talos://`` known to testinfra, which has no entry point for backends.

    :raises MissingLibrary: pytest-testinfra is not installed.
    """
    require("pytest-testinfra", TESTINFRA_IMPORT_ERROR)
    BACKENDS[CONNECTION] = f"{TalosBackend.__module__}.{TalosBackend.__name__}"


class TalosBackend(BaseBackend):
    """A Talos node. testinfra hands over every option of its command line; most of them mean nothing here.

    :param hostname: name of the node in the inventory or, without an inventory, its address.
    :param ansible_inventory: path of the inventory that knows ``talos_address``.
    :param context: context of the client configuration.
    :param timeout: limit for each call in seconds.
    """

    NAME = CONNECTION

    def __init__(
        self,
        hostname: str,
        ansible_inventory: str | None = None,
        context: str | None = None,
        timeout: float | str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(hostname, *args, **kwargs)
        endpoint = _address(hostname, ansible_inventory)
        self.api = TalosApi(hostname, endpoint, context=context, timeout=float(timeout or 10.0))

    @classmethod
    def get_hosts(cls, host: str | None, **kwargs: Any) -> list[str]:
        """Return the nodes that a group, a pattern or a name stands for."""
        inventory = kwargs.get("ansible_inventory")
        if inventory:
            return list(AnsibleRunner.get_runner(inventory).get_hosts(host or "all"))
        if not host:
            raise RuntimeError("talos:// needs hosts: give --ansible-inventory, or --hosts talos://ADDRESS")
        return [host]

    def set_host(self, host: Any) -> None:
        """Give the host the modules of this backend; testinfra's own would each look for a shell."""
        super().set_host(host)
        for name, module in MODULES.items():
            setattr(host, name, module.get_module(host))

    def run(self, command: str, *args: str, **kwargs: Any) -> NoReturn:
        """Refuse.

        :raises NotImplementedError: always.
        """
        raise NotImplementedError(
            f"{self.get_pytest_id()} is a Talos node: it has no shell to run {command!r} in; use "
            f"{', '.join(f'host.{name}' for name in sorted(MODULES))}"
        )


def _address(hostname: str, inventory: str | None) -> str:
    if not inventory:
        return hostname
    address = AnsibleRunner.get_runner(inventory).get_variables(hostname).get("talos_address", hostname)
    if "{{" in str(address):
        raise RuntimeError(f"{hostname}: talos_address is a template ({address}); testinfra needs a literal address")
    return str(address)
