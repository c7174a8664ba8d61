# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every method of the machine API, and how a node of the lab answers it.

The reference page docs/reference/machine-api.md is written from this table, and a test compares it with what a node
serves. Source of the methods: siderolabs/talos:api, cosi-project/specification:proto/v1alpha1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Answer(StrEnum):
    """Where an answer comes from."""

    REAL = "real"  # a real program of the node, or the kernel
    EMULATED = "emulated"  # the lab does what Talos does
    REFUSED = "refused"  # Unimplemented, with a reason


@dataclass(frozen=True)
class Method:
    """How a method is answered.

    ``note`` says what is behind the answer; for a refused method it is the reason, which the caller is told.
    ``since`` is the Talos line (major, minor) that brought the service; older nodes do not know it.
    """

    answer: Answer
    note: str
    since: tuple[int, int] = (1, 0)


def _real(note: str, since: tuple[int, int] = (1, 0)) -> Method:
    return Method(Answer.REAL, note, since)


def _emulated(note: str, since: tuple[int, int] = (1, 0)) -> Method:
    return Method(Answer.EMULATED, note, since)


def _refused(note: str, since: tuple[int, int] = (1, 0)) -> Method:
    return Method(Answer.REFUSED, note, since)


_ETCD = "etcd of the node; the text is Talos' when etcd refuses"
_CPU = "the kernel: processors are those of the machine that runs the lab"
_STATE = "resources of the node; what the kernel knows is read from the node's namespaces"
_WRITES = 'PermissionDenied "write access is not allowed", as Talos answers for its own resources'
_NO_VOLUMES = "lab nodes have no LVM volumes and no MD arrays"
_NO_DOWNGRADE = "the lab runs one version of etcd"

MACHINE: dict[str, Method] = {
    "ApplyConfiguration": _emulated("modes, dry run and the try timer on lab time; what changes is applied for real"),
    "Bootstrap": _real("etcd starts as a new cluster, empty or from the uploaded snapshot"),
    "Containers": _real("containers of pods from containerd; the services of Talos itself are listed by name"),
    "Copy": _real("files of the node, as a compressed archive"),
    "CPUFreqStats": _emulated("empty: lab nodes do not scale frequencies"),
    "CPUInfo": _real(_CPU),
    "DiskStats": _real("the kernel: disks are those of the machine that runs the lab"),
    "DiskUsage": _real("files of the node"),
    "Dmesg": _emulated("a ring of its own for each node, because the kernel's is shared"),
    "Events": _emulated("the events of the emulated machined"),
    "EtcdMemberList": _real(_ETCD),
    "EtcdRemoveMemberByID": _real(_ETCD),
    "EtcdLeaveCluster": _real(_ETCD),
    "EtcdForfeitLeadership": _real(_ETCD),
    "EtcdRecover": _real("kept until a Bootstrap with recover_etcd; the restored member is etcd's own"),
    "EtcdSnapshot": _real(_ETCD),
    "EtcdAlarmList": _real(_ETCD),
    "EtcdAlarmDisarm": _real(_ETCD),
    "EtcdDefragment": _real(_ETCD),
    "EtcdStatus": _real(_ETCD),
    "EtcdDowngradeValidate": _refused(_NO_DOWNGRADE),
    "EtcdDowngradeEnable": _refused(_NO_DOWNGRADE),
    "EtcdDowngradeCancel": _refused(_NO_DOWNGRADE),
    "GenerateClientConfiguration": _real("a certificate of the cluster's authority"),
    "Hostname": _emulated("the name that the machine configuration leads to"),
    "ImageList": _real("images of containerd; Talos' own containerd has none in the lab, and times are not told"),
    "ImagePull": _real("containerd, through the mirrors of the machine configuration; a lab has no way out"),
    "Kubeconfig": _real("a certificate of the cluster's authority"),
    "List": _real("files of the node"),
    "LoadAvg": _real(_CPU),
    "Logs": _real("output of the node's programs and containers; services without a program tell their states"),
    "LogsContainers": _real("the ids that Logs knows"),
    "Memory": _real("the kernel: memory is that of the machine that runs the lab"),
    "MetaWrite": _emulated("kept in the node's directory"),
    "MetaDelete": _emulated("kept in the node's directory"),
    "Mounts": _real("mounts of the node; what the machine below has mounted besides is left out"),
    "Netstat": _real("sockets of the node's network namespaces"),
    "NetworkDeviceStats": _real("the kernel, in the node's network namespace"),
    "PacketCapture": _refused("packets are not captured; use tcpdump in the node's namespace: tools/lab enter NODE"),
    "Processes": _real("processes of the node"),
    "Read": _real("files of the node; the boot id changes with every boot"),
    "Reboot": _emulated("the sequence of Talos; power is cut and comes back"),
    "Reset": _emulated("the sequence of Talos; partitions are directories, user disks have no content"),
    "Restart": _real("SIGTERM to the container's first process"),
    "Rollback": _emulated("boots the other slot, which there is after an upgrade"),
    "ServiceList": _emulated("states, events and health of the node's services"),
    "ServiceRestart": _emulated("for the services that Talos allows"),
    "ServiceStart": _emulated("for the services that Talos allows"),
    "ServiceStop": _emulated("for the services that Talos allows"),
    "Shutdown": _emulated("the sequence of Talos; power is cut"),
    "Stats": _real("control groups of the containers of pods"),
    "SystemStat": _real(_CPU + "; the boot time is the node's"),
    "Upgrade": _emulated(
        "into the other slot: Talos version and extensions of the installer's reference; nothing is pulled"
    ),
    "Version": _emulated("version, platform and architecture from the lab's description"),
}
OTHER: dict[str, Method] = {
    "cluster.ClusterService/HealthCheck": _emulated("the sixteen checks of Talos, against the real cluster"),
    "cosi.resource.State/Get": _emulated(_STATE),
    "cosi.resource.State/List": _emulated(_STATE),
    "cosi.resource.State/Watch": _emulated(_STATE),
    "cosi.resource.State/Create": _emulated(_WRITES),
    "cosi.resource.State/Update": _emulated(_WRITES),
    "cosi.resource.State/Destroy": _emulated(_WRITES),
    "cosi.resource.State/Teardown": _emulated(_WRITES),
    "cosi.resource.State/TeardownAndDestroy": _emulated(_WRITES),
    "inspect.InspectService/ControllerRuntimeDependencies": _refused("the lab has no controllers of Talos"),
    "machine.DebugService/ContainerRun": _refused("debug containers are not run; use tools/lab enter NODE", (1, 13)),
    "machine.ImageService/List": _real("images of containerd, as ImageList", (1, 13)),
    "machine.ImageService/Pull": _real("containerd, as ImagePull; no progress; installers are known by name", (1, 13)),
    "machine.ImageService/Import": _refused("images come from the lab's engine, not from a registry", (1, 13)),
    "machine.ImageService/Remove": _real("containerd", (1, 13)),
    "machine.ImageService/Verify": _refused("signatures of images are not verified", (1, 13)),
    "machine.LifecycleService/Install": _refused("a lab node is installed by applying a configuration", (1, 13)),
    "machine.LifecycleService/Upgrade": _emulated("as Upgrade; the reboot is left to the caller", (1, 13)),
    "machine.LVMService/LogicalVolumeRemove": _refused(_NO_VOLUMES, (1, 14)),
    "machine.LVMService/VolumeGroupRemove": _refused(_NO_VOLUMES, (1, 14)),
    "machine.LVMService/PhysicalVolumeRemove": _refused(_NO_VOLUMES, (1, 14)),
    "machine.MDService/Destroy": _refused(_NO_VOLUMES, (1, 14)),
    "storage.StorageService/BlockDeviceWipe": _emulated("checks of Talos; the disks of a lab have no content"),
    "storage.StorageService/Disks": _emulated("the disks of the lab's description"),
    "time.TimeService/Time": _emulated("nodes of a lab share the clock of the machine that runs them"),
    "time.TimeService/TimeCheck": _emulated("nodes of a lab share the clock of the machine that runs them"),
}
METHODS: dict[str, Method] = {f"/machine.MachineService/{name}": each for name, each in MACHINE.items()} | {
    f"/{path}": each for path, each in OTHER.items()
}
