# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The classes of pytest-testinfra that the talos:// backend builds on.

Without pytest-testinfra they are empty shells, so that this collection can be imported; registering the backend then
fails with the name of the missing package.
"""

from __future__ import annotations

TESTINFRA_IMPORT_ERROR: ImportError | None = None
try:
    import testinfra.backend
    from testinfra.backend.base import BaseBackend
    from testinfra.modules.base import InstanceModule
    from testinfra.modules.file import File
    from testinfra.modules.interface import Interface
    from testinfra.modules.mountpoint import MountPoint
    from testinfra.modules.package import Package
    from testinfra.modules.process import Process
    from testinfra.modules.service import Service
    from testinfra.modules.socket import Socket
    from testinfra.modules.systeminfo import SystemInfo
    from testinfra.utils.ansible_runner import AnsibleRunner

    BACKENDS: dict[str, str] = testinfra.backend.BACKENDS
except ImportError as error:
    TESTINFRA_IMPORT_ERROR = error
    BACKENDS = {}
    BaseBackend = InstanceModule = File = Interface = object  # type: ignore[assignment,misc]
    MountPoint = Package = Process = Service = object  # type: ignore[assignment,misc]
    Socket = SystemInfo = AnsibleRunner = object  # type: ignore[assignment,misc]

__all__ = [
    "BACKENDS",
    "TESTINFRA_IMPORT_ERROR",
    "AnsibleRunner",
    "BaseBackend",
    "File",
    "InstanceModule",
    "Interface",
    "MountPoint",
    "Package",
    "Process",
    "Service",
    "Socket",
    "SystemInfo",
]
