# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every verifier of the scenarios: it passes on a cluster of plain data, and alone fails on its defect."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.tests.planted.changes import changed
from ansible_collections.homelab.talos.tests.planted.checks import ROOT, catalogue_problems, verifier_ids
from ansible_collections.homelab.talos.tests.planted.history import history
from ansible_collections.homelab.talos.tests.planted.spin_data import spin_seen
from ansible_collections.homelab.talos.tests.planted.world import World
from ansible_collections.homelab.talos.tests.testinfra.expected import Expected

pytestmark = pytest.mark.layer("L1")

HERE = Path(__file__).parent
MOLECULE = ROOT / "molecule"
HOME = "mixed-role"
DEFECTS: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "verifiers.yml").read_text(encoding="utf-8"))
TEXT = (HERE / "world.yml").read_text(encoding="utf-8")


@functools.cache
def expected(scenario: str) -> Expected:
    """Return what a scenario must look like."""
    return Expected.load(MOLECULE / "shared/verifiers/expected.yml", MOLECULE / scenario / "tests/expected.yml")


@functools.cache
def verifiers(scenario: str) -> dict[str, Callable[..., None]]:
    """Return the verifiers of a scenario, the shared ones included: id -> function."""
    found = {}
    for path in [*MOLECULE.glob("shared/verifiers/test_*.py"), *(MOLECULE / scenario / "tests").glob("test_*.py")]:
        specification = importlib.util.spec_from_file_location(f"planted_{path.stem}", path)
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        for name, function in vars(module).items():
            if name.startswith("test_"):
                found[f"{path.stem.removeprefix('test_')}::{name.removeprefix('test_')}"] = function
    return found


def data(scenario: str, change: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cluster of plain data with the nodes and the network of a scenario, and a change."""
    wanted = expected(scenario)
    network = wanted.network["gateway"].rpartition(".")[0]
    names = {name: node.address for name, node in wanted.nodes.items()} | {"vip": wanted.network.get("vip", "@vip")}
    world = yaml.safe_load(resolved(TEXT, network, names))
    world["history"] = history()
    world["spin"] = spin_seen(wanted)
    change = yaml.safe_load(resolved(yaml.safe_dump(dict(change)), network, names))
    for part in ("nodes", "kubernetes"):
        world[part] = {name: value for name, value in world[part].items() if name in wanted.nodes}
    for node in world["nodes"].values():
        members = node["resources"]["cluster/Members.cluster.talos.dev"]
        node["resources"]["cluster/Members.cluster.talos.dev"] = {n: m for n, m in members.items() if n in wanted.nodes}
    for name, node in world["nodes"].items():
        kind = "runtime/ExtensionStatuses.runtime.talos.dev"
        there = {*wanted.extensions[wanted.nodes[name].role], "schematic"}
        found = node["resources"][kind]
        node["resources"][kind] = {key: each for key, each in found.items() if each["metadata"]["name"] in there}
    # Anchors make nodes share parts; a change must hit one node only.
    separate = yaml.load(yaml.dump(without_unknown(world), Dumper=NoAliases), yaml.SafeLoader)
    return changed({**separate, "talosctl": talosctl(network)}, change)


def resolved(text: str, network: str, names: Mapping[str, str]) -> str:
    """Return text with the addresses of a scenario in place of NET and of the names it knows."""
    return re.sub(r"@(\w+)", lambda found: names.get(found[1], found[0]), text.replace("NET", network))


def without_unknown(value: Any) -> Any:
    """Return plain data without the entries whose address nobody in the scenario has."""
    if isinstance(value, dict):
        return {key: without_unknown(each) for key, each in value.items() if not is_unknown(each)}
    return [without_unknown(each) for each in value if not is_unknown(each)] if isinstance(value, list) else value


def is_unknown(value: Any) -> bool:
    """Return whether a value, or an attribute of it, is an address that nobody has."""
    attributes = value.values() if isinstance(value, dict) else [value]
    return any(isinstance(each, str) and each.startswith("@") for each in attributes)


@functools.cache
def talosctl(network: str) -> dict[str, Any]:
    """Return what talosctl says of the cluster in a network."""
    text = (HERE / "talosctl.yml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text.replace("NET", network)))


class NoAliases(yaml.SafeDumper):
    """Writes shared parts out each time."""

    def ignore_aliases(self, data: Any) -> bool:
        """Return that nothing is shared."""
        return True


def failed(scenario: str, change: Mapping[str, Any]) -> set[str]:
    """Return the ids of the verifiers that fail on the changed cluster, on any node."""
    world = World(data(scenario, change), expected(scenario))
    found = set()
    for identity, verifier in verifiers(scenario).items():
        arguments = list(inspect.signature(verifier).parameters)
        for host in world.hosts():
            try:
                verifier(**{name: world.fixture(name, host) for name in arguments})
            except AssertionError:
                found.add(identity)
    return found


@pytest.mark.parametrize("scenario", ["default", "compute-only", "ha", "node-faults", "wasm", HOME])
def test_every_verifier_passes_on_a_cluster_without_a_fault(scenario: str) -> None:
    assert failed(scenario, {}) == set()


@pytest.mark.parametrize("verifier", sorted(DEFECTS))
def test_exactly_the_verifier_of_the_defect_fails(verifier: str) -> None:
    defect = DEFECTS[verifier]
    assert failed(defect.get("scenario", HOME), defect["change"]) == {verifier, *defect.get("also", [])}


def test_every_verifier_has_a_defect() -> None:
    assert catalogue_problems(verifier_ids(), set(DEFECTS)) == []
