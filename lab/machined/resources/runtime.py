# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resources about the machine itself: time, platform, extensions, disks, volumes, META.

Source: siderolabs/talos:internal/app/machined/pkg/controllers/{runtime,block,time}.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.talos.lab.machined.description import Disk
from ansible_collections.homelab.talos.lab.machined.node import Node

MIB = 1024**2
UNITS = ("B", "kB", "MB", "GB", "TB")
SYSTEM_PARTITIONS = {"META": (4, MIB), "STATE": (5, 100 * MIB), "EPHEMERAL": (6, 0)}  # label -> index, bytes
CMDLINE = (
    "talos.platform=metal console=tty0 init_on_alloc=1 slab_nomerge pti=on consoleblank=0 "
    "nvme_core.io_timeout=4294967295 printk.devkmsg=on selinux=1"
)


def publish(node: Node) -> None:
    """Publish everything that is known as soon as the machine has power."""
    put, version = node.store.put, node.description.talos_version
    put("runtime", "TimeStatuses.v1alpha1.talos.dev", "node", _time(), owner="time.SyncController")
    put("runtime", "PlatformMetadatas.talos.dev", "platformmetadata", {"platform": "metal"}, owner="network")
    put("runtime", "SecurityStates.talos.dev", "securitystate", _security(), owner="runtime.SecurityStateController")
    put("runtime", "KernelCmdlines.runtime.talos.dev", "cmdline", {"cmdline": CMDLINE}, owner="runtime")
    put("runtime", "Versions.runtime.talos.dev", "version", {"name": "Talos", "version": version}, owner="runtime")
    put("runtime", "BootIDs.runtime.talos.dev", "boot-id", {"bootID": node.runtime.boot_id}, owner="runtime")
    _publish_extensions(node)
    for disk in node.description.disks:
        put("runtime", "Disks.block.talos.dev", disk.name, _disk(disk), owner="block.DisksController")
    publish_volumes(node)
    publish_meta(node)


def _time() -> dict[str, Any]:
    return {"synced": True, "epoch": 1, "syncDisabled": False, "spikeDetected": False, "consecutiveSpikes": 0}


def _security() -> dict[str, Any]:
    return {
        "secureBoot": False,
        "ukiSigningKeyFingerprint": "",
        "pcrSigningKeyFingerprint": "",
        "selinuxState": "disabled",
        "bootedWithUKI": False,
        "fipsState": "disabled",
        "moduleSignatureEnforced": False,
    }


def _publish_extensions(node: Node) -> None:
    for number, extension in enumerate(node.description.extensions):
        id = f"{number:03}.{extension.image.replace('/', '-').replace(':', '-')}"
        compatibility = {"talos": {"version": ">= v1.5.0"}}
        metadata = {"name": extension.name, "version": extension.version, "compatibility": compatibility}
        spec = {"image": f"{id}.sqsh", "metadata": metadata}
        node.store.put(
            "runtime", "ExtensionStatuses.runtime.talos.dev", id, spec, owner="runtime.ExtensionStatusController"
        )


def _disk(disk: Disk) -> dict[str, Any]:
    return {
        "dev_path": disk.path,
        "size": disk.size,
        "pretty_size": pretty(disk.size),
        "io_size": 512,
        "sector_size": 512,
        "readonly": disk.readonly,
        "cdrom": False,
        "model": disk.model,
        "serial": disk.serial,
        "bus_path": f"/lab/{disk.name}",
        "sub_system": "/sys/class/block",
        "transport": disk.transport,
        "rotational": disk.rotational,
        "symlinks": [],
    }


def pretty(size: int) -> str:
    """Return a size in bytes as Talos prints it (decimal units, two significant digits).

    Source: dustin/go-humanize:bytes.go.
    """
    number, unit = float(size), 0
    while number >= 1000 and unit < len(UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.1f} {UNITS[unit]}" if number < 10 and unit else f"{number:.0f} {UNITS[unit]}"


def publish_volumes(node: Node) -> None:
    """Publish system disk and system volumes: ready once installed, missing before."""
    store, path = node.store, node.partitions.system_disk
    if path:
        spec = {"diskID": path.removeprefix("/dev/"), "devPath": path}
        store.put("runtime", "SystemDisks.block.talos.dev", "system-disk", spec, owner="block.SystemDiskController")
    else:
        store.remove("runtime", "SystemDisks.block.talos.dev", "system-disk")
    disk = next((each for each in node.description.disks if each.path == path), None)
    volumes = {label: _volume(label, disk) for label in SYSTEM_PARTITIONS}
    store.replace_all("runtime", "VolumeStatuses.block.talos.dev", volumes, owner="block.VolumeManagerController")
    store.replace_all("runtime", "DiscoveredVolumes.block.talos.dev", _discovered(node, disk), owner="block.Discovery")


def _volume(label: str, disk: Disk | None) -> dict[str, Any]:
    if disk is None:
        return {"phase": "missing", "type": "partition", "location": "", "mountLocation": ""}
    index, size = SYSTEM_PARTITIONS[label]
    size = size or disk.size - 2 * 1024 * MIB
    location = f"{disk.path}{index}"
    return {
        "phase": "ready",
        "type": "partition",
        "location": location,
        "mountLocation": location,
        "partitionIndex": index,
        "parentLocation": disk.path,
        "size": size,
        "prettySize": pretty(size),
        "filesystem": "none" if label == "META" else "xfs",
    }


def _discovered(node: Node, system: Disk | None) -> dict[str, Any]:
    found = {}
    for disk in node.description.disks:
        spec = {"type": "disk", "dev_path": disk.path, "size": disk.size, "pretty_size": pretty(disk.size)}
        found[disk.name] = spec | ({"name": "gpt"} if disk == system else {})
    for label in SYSTEM_PARTITIONS if system is not None else ():
        volume = _volume(label, system)
        found[volume["location"].removeprefix("/dev/")] = {
            "type": "partition",
            "dev_path": volume["location"],
            "parent": system.name if system else "",
            "size": volume["size"],
            "pretty_size": volume["prettySize"],
            "name": "talosmeta" if label == "META" else "xfs",
            "partition_label": label,
            "partition_index": volume["partitionIndex"],
        }
    return found


def publish_meta(node: Node) -> None:
    """Publish the META key/value pairs."""
    specs = {f"0x{tag:02x}": {"value": value} for tag, value in node.partitions.meta().items()}
    node.store.replace_all("runtime", "MetaKeys.runtime.talos.dev", specs, owner="runtime")
