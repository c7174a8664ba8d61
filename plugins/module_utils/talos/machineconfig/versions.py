# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about each Talos line: Kubernetes range, upgrade range, images.

Source: siderolabs/talos:pkg/machinery/compatibility/talos112/, talos113/, talos114/ and pkg/images/list.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.schematic import factory_installer

MinorVersion = tuple[int, int]

_VERSION = re.compile(r"^v?(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(?:-([0-9A-Za-z.-]+))?$")


class UnknownVersion(Exception):
    """A version that is malformed or not known here; one line that lists what is known."""


@dataclass(frozen=True, order=True)
class Version:
    """A semantic version. Pre-releases sort before the release."""

    major: int
    minor: int
    patch: int
    release: bool = True
    prerelease: str = ""

    @property
    def line(self) -> MinorVersion:
        """``(major, minor)``."""
        return (self.major, self.minor)

    def __str__(self) -> str:
        text = f"v{self.major}.{self.minor}.{self.patch}"
        return text if self.release else f"{text}-{self.prerelease}"


@dataclass(frozen=True)
class TalosLine:
    """One minor line of Talos.

    :param minor: ``(major, minor)``.
    :param newest: newest patch release known here; the default of the line.
    :param kubernetes: oldest and newest Kubernetes minor that may run on it, both inclusive.
    :param default_kubernetes: Kubernetes version its own ``gen config`` would choose.
    :param etcd: etcd image tag of the line.
    :param upgrade_from: oldest Talos minor that may be upgraded to it.
    :param downgrade_below: first Talos minor that may not be downgraded to it.
    :param stock_installer: whether ``ghcr.io/siderolabs/installer`` is published for it.
    """

    minor: MinorVersion
    newest: str
    kubernetes: tuple[MinorVersion, MinorVersion]
    default_kubernetes: str
    etcd: str
    upgrade_from: MinorVersion
    downgrade_below: MinorVersion
    stock_installer: bool


LINES: dict[MinorVersion, TalosLine] = {
    line.minor: line
    for line in (
        TalosLine((1, 12), "v1.12.11", ((1, 30), (1, 35)), "v1.35.4", "v3.6.11", (1, 10), (1, 14), True),
        TalosLine((1, 13), "v1.13.9", ((1, 31), (1, 36)), "v1.36.3", "v3.6.12", (1, 11), (1, 15), True),
        TalosLine((1, 14), "v1.14.1", ((1, 32), (1, 37)), "v1.37.0", "3.7.1", (1, 12), (1, 16), False),
    )
}

# Schematic of an image without any customization.
# Source: siderolabs/image-factory:pkg/schematic/schematic_test.go.
PLAIN_SCHEMATIC = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"


def parse_version(text: str) -> Version:
    """Read ``v1.13.9`` or ``1.13.9-rc.1``.

    :raises UnknownVersion: it is not a full semantic version.
    """
    match = _VERSION.match(str(text))
    if not match:
        raise UnknownVersion(f"{text!r} is not a full version; write it like v1.13.9")
    major, minor, patch = (int(part) for part in match.groups()[:3])
    return Version(major, minor, patch, match.group(4) is None, match.group(4) or "")


def known_lines() -> str:
    """Return the known Talos lines for messages, such as ``v1.12, v1.13, v1.14``."""
    return ", ".join(f"v{major}.{minor}" for major, minor in sorted(LINES))


def talos_line(version: str) -> TalosLine:
    """Return what is known about the line of a Talos version.

    :raises UnknownVersion: the version is malformed or of an unknown line; the message lists the known ones.
    """
    parsed = parse_version(version)
    line = LINES.get(parsed.line)
    if line is None:
        raise UnknownVersion(f"Talos {parsed} is unknown; known lines are {known_lines()}")
    return line


def kubernetes_skew(talos: str, kubernetes: str) -> str:
    """Return Talos' own sentence when that Kubernetes cannot run on that Talos, else an empty string.

    :raises UnknownVersion: one of the versions is malformed, or the Talos line is unknown.
    """
    line, wanted = talos_line(talos), parse_version(kubernetes)
    oldest, newest = line.kubernetes
    if wanted.line > newest:
        return f"version of Kubernetes {_bare(wanted)} is too new to be used with Talos {_bare(parse_version(talos))}"
    if wanted.line < oldest:
        return f"version of Kubernetes {_bare(wanted)} is too old to be used with Talos {_bare(parse_version(talos))}"
    return ""


def upgrade_fault(current: str, target: str) -> str:
    """Return Talos' own sentence when a node of version ``current`` cannot go to ``target``, else an empty string.

    :raises UnknownVersion: a version is malformed, or the target's line is unknown.
    """
    line, host = talos_line(target), parse_version(current)
    if host.line < line.upgrade_from:
        return f"host version {_bare(host)} is too old to upgrade to Talos {_bare(parse_version(target))}"
    if host.line >= line.downgrade_below:
        return f"host version {_bare(host)} is too new to downgrade to Talos {_bare(parse_version(target))}"
    return ""


def kubernetes_image(component: str, version: str) -> str:
    """Return the image of a Kubernetes component.

    :param component: ``kubelet``, ``kube-apiserver``, ``kube-controller-manager``, ``kube-scheduler``, ``kube-proxy``.
    """
    repository = "ghcr.io/siderolabs" if component == "kubelet" else "registry.k8s.io"
    return f"{repository}/{component}:{parse_version(version)}"


def installer_image(version: str, schematic: str = PLAIN_SCHEMATIC, platform: str = "metal") -> str:
    """Return the installer image that installs Talos ``version`` with the extensions of ``schematic``.

    The stock installer holds no extension and is no longer published since Talos 1.14.
    """
    if schematic == PLAIN_SCHEMATIC and talos_line(version).stock_installer:
        return f"ghcr.io/siderolabs/installer:{parse_version(version)}"
    return factory_installer(schematic, str(parse_version(version)), platform)


def _bare(version: Version) -> str:
    return str(version)[1:]
