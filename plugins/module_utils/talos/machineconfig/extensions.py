# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""System extensions: their services, and which of these wait for an ExtensionServiceConfig.

A service with ``depends: configuration: true`` waits for a document of its name. Without it the node stays in stage
``booting`` and reboots after 70 minutes, again and again.
Sources: siderolabs/extensions (manifest.yaml.tmpl and the service files of each extension, v1.12.11 to v1.14.0-rc.1),
siderolabs/talos:internal/app/machined/pkg/system/services/extension.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import versions
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.schematic import Schematic


@dataclass(frozen=True)
class Extension:
    """One official system extension.

    :param name: name in the image's manifest, the name used in ``talos_variants``.
    :param services: names of its services; Talos runs each as ``ext-<name>``.
    :param needs_configuration: whether the services wait for an ExtensionServiceConfig of their name.
    """

    name: str
    services: tuple[str, ...] = ()
    needs_configuration: bool = False


_WITHOUT_SERVICE = (
    "amazon-ena amd-ucode amdgpu binfmt-misc bnx2-bnx2x btrfs chelsio-drivers chelsio-firmware crun ctr drbd "
    "dvb-cx23885 dvb-m88ds3103 ecr-credential-provider fuse3 gasket-driver glibc gpio-pinctrl gvisor gvisor-debug "
    "hailort harbor-credential-provider i915 intel-ice-firmware intel-npu intel-ucode joydev kata-containers "
    "kata-containers-snp mdadm mei mellanox-mstflint nfsd nfsrahead nonfree-kmod-nvidia-lts "
    "nonfree-kmod-nvidia-production nvidia-open-gpu-kernel-modules-lts nvidia-open-gpu-kernel-modules-production "
    "nvme-cli panfrost px-fuse qemu qlogic-firmware realtek-firmware revpi-firmware rockchip-rknn spin tenstorrent "
    "thunderbolt trident-iscsi-tools uhid uinput usb-audio-drivers usb-modem-drivers util-linux-tools "
    "v4l-uvc-drivers vc4 wasmedge xdma-driver xe youki"
)

_NVIDIA_TOOLKIT = ("nvidia-cdi-gen", "nvidia-persistenced")

EXTENSIONS: dict[str, Extension] = {
    extension.name: extension
    for extension in (
        *(Extension(name) for name in _WITHOUT_SERVICE.split()),
        Extension("bird2", ("bird2",), True),
        Extension("cachefilesd", ("cachefilesd",)),
        Extension("cloudflared", ("cloudflared",), True),
        Extension("hello-world-service", ("hello-world",)),
        Extension("hyperv-guest-agent", ("hyperv-kvp", "hyperv-vss")),
        Extension("iscsi-tools", ("iscsid",)),
        Extension("lldpd", ("lldpd",), True),
        Extension("metal-agent", ("metal-agent",)),
        Extension("multipath-tools", ("multipathd",)),
        Extension("nebula", ("nebula",), True),
        Extension("netbird", ("netbird",), True),
        Extension("newt", ("newt",), True),
        Extension("nfs-utils", ("rpc-statd", "rpcbind")),
        Extension("nut-client", ("nut-client",), True),
        Extension("nvidia-container-toolkit-lts", _NVIDIA_TOOLKIT),
        Extension("nvidia-container-toolkit-production", _NVIDIA_TOOLKIT),
        Extension("nvidia-fabricmanager-lts", ("nvidia-fabricmanager",)),
        Extension("nvidia-fabricmanager-production", ("nvidia-fabricmanager",)),
        Extension("nvidia-gdrdrv-device", ("nvidia-gdrdrv-device",)),
        Extension("qemu-guest-agent", ("qemu-guest-agent",)),
        Extension("soci-snapshotter", ("soci-snapshotter",)),
        Extension("stargz-snapshotter", ("stargz-snapshotter",)),
        Extension("tailscale", ("tailscale",), True),
        Extension("vmtoolsd-guest-agent", ("talos-vmtoolsd",)),
        Extension("xen-guest-agent", ("xen-guest-agent",)),
        Extension("zerotier", ("zerotier",), True),
        Extension("zfs", ("zfs-service",)),
    )
}

# Version of each extension by Talos line; kernel-coupled ones carry the Talos version as a suffix.
_VERSIONS: dict[versions.MinorVersion, dict[str, str]] = {
    (1, 12): {"drbd": "9.2.16", "spin": "v0.23.0", "tailscale": "1.94.2", "zfs": "2.4.1"},
    (1, 13): {"drbd": "9.3.2", "spin": "v0.25.1", "tailscale": "1.102.2", "zfs": "2.4.3"},
    (1, 14): {"drbd": "9.3.2", "spin": "v0.25.1", "tailscale": "1.102.2", "zfs": "2.4.3"},
}
_KERNEL_COUPLED = frozenset({"drbd", "zfs"})


def extension_version(name: str, talos_version: str) -> str:
    """Return the version of an extension in the images of a Talos version, such as ``9.3.2-v1.13.9``.

    :return: empty when it is not known here.
    :raises versions.UnknownVersion: the Talos line is unknown.
    """
    version = _VERSIONS.get(versions.talos_line(talos_version).minor, {}).get(name, "")
    if version and name in _KERNEL_COUPLED:
        return f"{version}-{versions.parse_version(talos_version)}"
    return version


def services_of(names: Iterable[str]) -> dict[str, Extension]:
    """Return the services an image with these extensions runs, service name (without ``ext-``) to extension.

    Extensions that are not known here are taken to have no service.
    """
    return {
        service: EXTENSIONS[name]
        for name in sorted(set(names))
        if name in EXTENSIONS
        for service in EXTENSIONS[name].services
    }


def schematic(names: Iterable[str]) -> tuple[str, str]:
    """Return ``(id, text)`` of the Image Factory schematic with these official extensions."""
    found = Schematic(extensions=tuple(sorted(set(names))))
    return found.id, found.text
