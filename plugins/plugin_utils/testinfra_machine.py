# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""testinfra's ``host.service``, ``package``, ``process``, ``mount_point``, ``system_info`` over the machine API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.homelab.talos.plugins.plugin_utils.testinfra_classes import (
    MountPoint,
    Package,
    Process,
    Service,
    SystemInfo,
)

EXTENSIONS = "ExtensionStatuses.runtime.talos.dev"


class TalosService(Service):
    """A service of machined. Running and healthy are different things: a service may run and not know its health."""

    _host: Any  # its backend is the one of this collection

    @classmethod
    def get_module_class(cls, host: Any) -> type[TalosService]:
        """Return this class; testinfra would look for an init system first."""
        return cls

    @property
    def exists(self) -> bool:
        """Whether the node has loaded the service."""
        return self.name in self._host.backend.api.services()

    @property
    def is_running(self) -> bool:
        """Whether its state is Running."""
        return self.state == "Running"

    @property
    def is_healthy(self) -> bool | None:
        """Whether its health check passes; None when it has none or did not run yet."""
        return self._record()["healthy"]

    @property
    def state(self) -> str:
        """Its state (``Preparing``, ``Waiting``, ``Running``, ``Finished`` ...); empty when it does not exist."""
        return str(self._host.backend.api.services().get(self.name, {"state": ""})["state"])

    @property
    def message(self) -> str:
        """The last message of its health check or, without one, of its last event."""
        return str(self._record()["message"])

    @classmethod
    def names(cls) -> list[str]:
        """Return the ids of all services, sorted."""
        return sorted(cls._host.backend.api.services())

    def _record(self) -> dict[str, Any]:
        try:
            return dict(self._host.backend.api.services()[self.name])
        except KeyError:
            raise KeyError(f"{self._host.backend.get_hostname()}: no service {self.name}") from None


class TalosPackage(Package):
    """What comes closest to a package on Talos: a system extension of the image."""

    _host: Any  # its backend is the one of this collection

    @classmethod
    def get_module_class(cls, host: Any) -> type[TalosPackage]:
        """Return this class; testinfra would look for a package manager first."""
        return cls

    @property
    def is_installed(self) -> bool:
        """Whether the image holds the extension."""
        return self.name in extensions_of(self._host.backend.api)

    @property
    def version(self) -> str:
        """Version of the extension.

        :raises KeyError: the image does not hold it.
        """
        return extensions_of(self._host.backend.api)[self.name]

    @property
    def release(self) -> str:
        """Not told apart from the version."""
        raise NotImplementedError("a system extension has a version only")


class TalosProcess(Process):
    """Processes with the names of ``ps``: pid, ppid, comm, args, stat, rss (KiB), nlwp."""

    _host: Any  # its backend is the one of this collection

    @classmethod
    def get_module_class(cls, host: Any) -> type[TalosProcess]:
        """Return this class; testinfra would look for a shell first."""
        return cls

    def _get_processes(self, **filters: Any) -> list[dict[str, Any]]:
        return [
            {
                "pid": process["pid"],
                "ppid": process["ppid"],
                "comm": process["command"],
                "args": process["args"],
                "exe": process["executable"],
                "stat": process["state"],
                "nlwp": process["threads"],
                "rss": process["resident_memory"] // 1024,
            }
            for process in self._host.backend.api.processes()
        ]

    def _get_process_attribute_by_pid(self, pid: int, name: str) -> dict[str, Any]:
        raise NotImplementedError(f"a Talos node does not tell {name} of a process")


class TalosMountPoint(MountPoint):
    """Mounts of the node. The call Mounts tells device and place, not type and options."""

    _host: Any  # its backend is the one of this collection

    @classmethod
    def get_module_class(cls, host: Any) -> type[TalosMountPoint]:
        """Return this class; testinfra would look for a shell first."""
        return cls

    @classmethod
    def _iter_mountpoints(cls) -> Iterator[dict[str, Any]]:
        for mount in cls._host.backend.api.mounts():
            yield {"path": mount["mounted_on"], "device": mount["filesystem"], **mount}

    @property
    def filesystem(self) -> str:
        """Not told by the API."""
        raise NotImplementedError("a Talos node does not tell the type of a mounted file system")

    @property
    def options(self) -> list[str]:
        """Not told by the API."""
        raise NotImplementedError("a Talos node does not tell the options of a mount")

    def __repr__(self) -> str:
        return f"<mount point {self.path}>"


class TalosSystemInfo(SystemInfo):
    """What runs on the node: always linux, always talos."""

    _host: Any  # its backend is the one of this collection

    @classmethod
    def get_module_class(cls, host: Any) -> type[TalosSystemInfo]:
        """Return this class; testinfra would look for a shell first."""
        return cls

    @property
    def sysinfo(self) -> dict[str, str]:
        """Everything at once: type, distribution, release, codename, arch."""
        version = self._host.backend.api.version()
        return {
            "type": version["os"],
            "distribution": "talos",
            "release": version["tag"],
            "codename": None,
            "arch": version["arch"],
        }


def extensions_of(api: Any) -> dict[str, str]:
    """Return the extensions of a node's image, name -> version, without the schematic that is listed among them."""
    metadata = [item.spec["metadata"] for item in api.resources("runtime", EXTENSIONS)]
    return {item["name"]: item["version"] for item in metadata if item["name"] != "schematic"}
