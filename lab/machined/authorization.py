# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may call what: roles of the client certificate against one table of methods.

Source: siderolabs/talos:internal/app/machined/pkg/system/services/machined.go (rules),
pkg/machinery/role/role.go (roles).
"""

from __future__ import annotations

from collections.abc import Iterable

ADMIN = "os:admin"
OPERATOR = "os:operator"
READER = "os:reader"
ETCD_BACKUP = "os:etcd:backup"
IMAGE_VERIFIER = "os:image:verifier"
META_WRITER = "os:meta:writer"
IMPERSONATOR = "os:impersonator"
ROLES = frozenset({ADMIN, OPERATOR, READER, ETCD_BACKUP, IMAGE_VERIFIER, META_WRITER, IMPERSONATOR})

_READ = frozenset({ADMIN, OPERATOR, READER})
_OPERATE = frozenset({ADMIN, OPERATOR})
_ADMIN = frozenset({ADMIN})
_ETCD_READ = _READ | {ETCD_BACKUP}

_MACHINE: dict[frozenset[str], str] = {
    _READ: (
        "Containers CPUFreqStats CPUInfo DiskStats DiskUsage Dmesg Events Hostname List LoadAvg Logs LogsContainers "
        "Memory Mounts NetworkDeviceStats Processes ServiceList Stats SystemStat Version Netstat ImageList"
    ),
    _OPERATE: (
        "EtcdAlarmDisarm EtcdDefragment Reboot Restart ServiceStart ServiceStop ServiceRestart Shutdown "
        "PacketCapture ImagePull"
    ),
    _ETCD_READ: "EtcdMemberList EtcdAlarmList EtcdStatus",
    _OPERATE | {ETCD_BACKUP}: "EtcdSnapshot",
    _ADMIN | {META_WRITER}: "MetaWrite MetaDelete",
}
_OTHER: dict[frozenset[str], str] = {
    _READ: (
        "storage.StorageService/Disks time.TimeService/Time time.TimeService/TimeCheck "
        "cluster.ClusterService/HealthCheck inspect.InspectService/ControllerRuntimeDependencies "
        "machine.ImageService/List cosi.resource.State/Get cosi.resource.State/List cosi.resource.State/Watch "
        "cosi.resource.State/Create cosi.resource.State/Update cosi.resource.State/Destroy "
        "cosi.resource.State/Teardown cosi.resource.State/TeardownAndDestroy"
    ),
    _OPERATE: "machine.ImageService/Pull",
    _READ | {IMAGE_VERIFIER}: "machine.ImageService/Verify",
}
RULES: dict[str, frozenset[str]] = {
    f"/machine.MachineService/{name}": roles for roles, names in _MACHINE.items() for name in names.split()
} | {f"/{path}": roles for roles, paths in _OTHER.items() for path in paths.split()}

# Open to the reader that everybody is in maintenance (Talos >= 1.13).
MAINTENANCE_ONLY = frozenset(
    {
        "/machine.MachineService/ApplyConfiguration",
        "/storage.StorageService/BlockDeviceWipe",
        "/machine.LVMService/LogicalVolumeRemove",
        "/machine.LVMService/VolumeGroupRemove",
        "/machine.LVMService/PhysicalVolumeRemove",
        "/machine.MDService/Destroy",
    }
)


def effective_roles(organizations: Iterable[str], claimed: Iterable[str]) -> frozenset[str]:
    """Return the roles of a caller.

    *organizations* are the O values of its certificate (unknown ones are ignored), *claimed* the
    values of metadata ``talos-role``, which count only when an impersonator speaks.
    """
    own = frozenset(organizations) & ROLES
    if IMPERSONATOR in own:
        return frozenset(claimed) & ROLES - {IMPERSONATOR}
    return own


def allowed(path: str, roles: frozenset[str], maintenance: bool) -> bool:
    """Return whether *roles* may call the method *path* (``/package.Service/Method``).

    A method without a rule is for admins only.
    """
    if maintenance and path in MAINTENANCE_ONLY and READER in roles:
        return True
    return bool(RULES.get(path, _ADMIN) & roles)
