# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""L3: services and extensions of each node.

Sources: siderolabs/talos:pkg/cluster/check/service.go, internal/app/machined/pkg/system/services/extension.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import (
    NodeObservation,
    Observation,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.stand_ins import stand_ins
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.verdict import (
    Problem,
    Verdict,
    count,
    on_nodes,
    verdict,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import versions

EXTENSION_PREFIX = "ext-"
# Entries of the list of extensions that are none: the image's schematic and the index of kernel modules.
NOT_EXTENSIONS = frozenset({"schematic", "modules.dep"})
# Services that end when their work is done.
RUNS_ONCE = frozenset({"nvidia-cdi-gen"})


def service_problems(nodes: Iterable[NodeObservation], service_id: str) -> Iterator[Problem]:
    """Yield why a service with a health check is not running and healthy, in Talos' words."""

    def judge(node: NodeObservation) -> Iterator[Problem]:
        service = node.services.get(service_id)
        if service is None:
            yield Problem(f'no events recorded yet for service "{service_id}"', node.name, service_id)
        elif service.state != "Running":
            yield Problem(
                f'service "{service_id}" not in expected state "Running": current state [{service.state}]'
                f" {service.message}".rstrip(),
                node.name,
                service_id,
                f"look at the log of {service_id}",
            )
        elif not service.healthy:
            message = f": {service.message}" if service.message else ""
            yield Problem(f"service is not healthy: {service_id}{message}", node.name, service_id)

    return on_nodes(nodes, judge)


def kubelet_healthy(observation: Observation) -> Verdict:
    """The kubelet of every control plane is running and healthy."""
    planes = observation.control_planes
    return verdict(service_problems(planes, "kubelet"), f"kubelet healthy on {count(len(planes), 'control plane')}")


def kubelet_healthy_workers(observation: Observation) -> Verdict:
    """The kubelet of every worker is running and healthy, which Talos' own health command does not look at."""
    workers = observation.workers
    if not workers:
        return Verdict(skipped="there is no worker")
    return verdict(service_problems(workers, "kubelet"), f"kubelet healthy on {count(len(workers), 'worker')}")


def extensions_present(observation: Observation) -> Verdict:
    """Every node runs exactly the extensions its role declares."""

    def judge(node: NodeObservation) -> Iterator[Problem]:
        if node.expected.extensions is None:
            return
        found = set(node.extensions) - NOT_EXTENSIONS
        wanted = set(node.expected.extensions)
        for name in sorted(wanted - found):
            yield Problem(f"extension {name} is missing", node.name, name, "install an image that holds it")
        for name in sorted(found - wanted):
            yield Problem(
                f"extension {name} is not declared for role {node.expected.role}",
                node.name,
                name,
                "declare it in talos_variants, or install an image without it",
            )

    if all(node.expected.extensions is None for node in observation.nodes):
        return Verdict(skipped="no extensions are declared")
    return verdict(on_nodes(observation.nodes, judge), f"{count(len(observation.nodes), 'node')} as declared")


def talos_version(observation: Observation) -> Verdict:
    """Every node runs the declared version of Talos."""

    def judge(node: NodeObservation) -> Iterator[Problem]:
        declared = node.expected.talos_version
        if not declared:
            return
        try:
            if versions.parse_version(node.version) == versions.parse_version(declared):
                return
            fault = versions.upgrade_fault(node.version, declared)
        except versions.UnknownVersion as error:
            yield Problem(str(error), node.name, "talos_version", "look at the node's version")
            return
        message = fault or f"the node runs Talos {node.version}, the inventory declares {declared}"
        fix = "upgrade one minor version at a time" if fault else "upgrade the node or correct talos_version"
        yield Problem(message, node.name, "talos_version", fix)

    if not any(node.expected.talos_version for node in observation.nodes):
        return Verdict(skipped="no version is declared")
    return verdict(on_nodes(observation.nodes, judge), f"{count(len(observation.nodes), 'node')} as declared")


def extension_services_running(observation: Observation) -> Verdict:
    """Every declared extension service runs, and no other one is stuck; stand-ins are named as such."""

    def judge(node: NodeObservation) -> Iterator[Problem]:
        for name in node.expected.extension_services:
            if EXTENSION_PREFIX + name not in node.services:
                yield Problem(f"service {EXTENSION_PREFIX}{name} does not exist", node.name, name, "check the image")
        for service in node.services.values():
            if not service.id.startswith(EXTENSION_PREFIX) or service.state == "Running":
                continue
            name = service.id.removeprefix(EXTENSION_PREFIX)
            if service.state == "Finished" and (name not in node.expected.extension_services or name in RUNS_ONCE):
                continue
            fix = f"configure it with an ExtensionServiceConfig named {name}, which needs no reboot"
            message = f"service {service.id} is {service.state}: {service.message}".rstrip(": ")
            if node.stage == "booting":
                message += f"; the boot does not finish before it runs ({node.clocks})"
            yield Problem(
                message, node.name, name, fix if service.state == "Waiting" else f"look at the log of {service.id}"
            )

    running = sum(
        service.id.startswith(EXTENSION_PREFIX) and service.state == "Running"
        for node in observation.nodes
        for service in node.services.values()
    )
    observed = f"{count(running, 'extension service')} running"
    others = [str(item) for item in stand_ins(observation) if item.service.startswith(EXTENSION_PREFIX)]
    if others:
        observed += f", of these stand-ins: {', '.join(others)}"
    return verdict(on_nodes(observation.nodes, judge), observed)


def diagnostics_absent(observation: Observation) -> Verdict:
    """No node warns about itself."""

    def judge(node: NodeObservation) -> Iterator[Problem]:
        for message in node.diagnostics:
            yield Problem(f"active diagnostics: {message}", node.name)

    return verdict(on_nodes(observation.nodes, judge), "no diagnostics")
