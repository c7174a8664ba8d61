# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the images of a cluster: does each role get what it needs? Asked before anything is built.

What a role needs is declared once, by group; what it gets is the list of extensions of its variant.
Sources: cozystack/cozystack:hack/e2e-prepare-cluster.bats, siderolabs/extensions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding, sort_findings
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import extensions
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import (
    ROLES,
    Cluster,
    Node,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.flavours import FLAVOURS
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.tailnet import home_of

LAYER = "image"


@dataclass(frozen=True)
class Need:
    """What a group of functions needs on a node.

    :param group: what it is for.
    :param extension: what the image must hold.
    :param provides: what of it is used.
    :param roles: roles that need it.
    :param flavours: flavours of a cluster in which they do.
    """

    group: str
    extension: str
    provides: str
    roles: tuple[str, ...] = ROLES
    flavours: tuple[str, ...] = tuple(FLAVOURS)


NEEDS = (
    Need("storage", "drbd", "kernel module drbd", flavours=("cozystack",)),
    Need("storage", "zfs", "kernel modules zfs and spl, programs zfs and zpool", flavours=("cozystack",)),
    Need("wasm", "spin", "containerd-shim-spin-v2 and the handler spin"),
    Need("tailnet", "tailscale", "service ext-tailscale", roles=("gateway",)),
)
# Kernel modules that are not in Talos' own kernel -> the extension that brings them.
MODULES = {"drbd": "drbd", "drbd_transport_tcp": "drbd", "spl": "zfs", "zfs": "zfs"}


def check(cluster: Cluster, nodes: Sequence[Node], places: Mapping[str, str]) -> list[Finding]:
    """Judge the variants of a cluster against what its roles need.

    :param places: role -> file and line where its variant is written, for the findings.
    :return: findings ``image.missing-extension``, ``image.missing-module``, ``image.missing-configuration`` and
        ``image.needless-configuration``; each names group, file, item and fix.
    """
    roles = sorted({node.role for node in nodes})
    findings: list[Finding] = []
    for role in roles:
        place = places.get(role, f"talos_variants.{role}")
        held = cluster.variant(role).extensions
        findings += _extensions(cluster, role, held, place)
        findings += _modules(cluster, role, [node for node in nodes if node.role == role], held, place)
    for node in nodes:
        findings += _configuration(cluster, node, places.get(node.role, f"talos_variants.{node.role}"))
    return sort_findings(findings)


def check_definition(definition: Mapping[str, Any], places: Mapping[str, str]) -> list[Finding]:
    """Judge plain data as the inventory's cluster definition holds it.

    :raises DefinitionError: a value cannot be used.
    """
    nodes = [Node.from_mapping(node) for node in definition["nodes"]]
    return check(Cluster.from_mapping(definition["cluster"]), nodes, places)


def _extensions(cluster: Cluster, role: str, held: Sequence[str], place: str) -> Iterator[Finding]:
    for need in NEEDS:
        if role in need.roles and cluster.flavour in need.flavours and need.extension not in held:
            yield _finding(
                "missing-extension",
                f"group {need.group}: role {role} needs extension {need.extension} ({need.provides}), "
                f"its variant has {', '.join(held) or 'none'}",
                f"add {need.extension} to talos_variants.{role}.extensions",
                place,
            )


def _modules(cluster: Cluster, role: str, nodes: Sequence[Node], held: Sequence[str], place: str) -> Iterator[Finding]:
    wanted = list(FLAVOURS[cluster.flavour].machine.get("kernel", {}).get("modules", []))
    for patch in [*cluster.patches, *(patch for node in nodes for patch in node.patches)]:
        machine = patch.get("machine") if isinstance(patch, Mapping) else None
        wanted += ((machine or {}).get("kernel") or {}).get("modules") or []
    for name in dict.fromkeys(str(module.get("name")) for module in wanted if isinstance(module, Mapping)):
        if name in MODULES and MODULES[name] not in held:
            yield _finding(
                "missing-module",
                f"group modules: role {role} loads kernel module {name}, which no extension of its variant brings",
                f"add {MODULES[name]} to talos_variants.{role}.extensions",
                place,
            )


def _configuration(cluster: Cluster, node: Node, place: str) -> Iterator[Finding]:
    held = cluster.extensions_of(node)
    services = extensions.services_of(held)
    configured = node.configured_services
    for service, extension in services.items():
        if extension.needs_configuration and service not in configured:
            yield _finding(
                "missing-configuration",
                f"group services: extension {extension.name} of the image waits for its configuration {service}",
                f"add {home_of(service)} of that host, or take {extension.name} out of the variant",
                place,
                node.name,
            )
    unknown = {name for name in held if name not in extensions.EXTENSIONS}
    for service in configured:
        if service not in services and service not in unknown:
            yield _finding(
                "needless-configuration",
                f"group services: configuration {service} is for no extension of the image",
                f"add its extension to talos_variants.{node.role}.extensions, or remove the configuration",
                place,
                node.name,
            )


def _finding(rule: str, message: str, fix: str, path: str, host: str = "") -> Finding:
    return Finding(f"image.{rule}", "error", message, host=host, path=path, fix=fix, layer=LAYER)
