# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster of plain data, for verifiers to look at in place of a lab."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.resource import Resource
from ansible_collections.homelab.talos.plugins.plugin_utils.testinfra_talos import MODULES
from ansible_collections.homelab.talos.tests.planted.fault_data import PLAN, event_of
from ansible_collections.homelab.talos.tests.support.talosctl_table import Row
from ansible_collections.homelab.talos.tests.testinfra.expected import Expected
from ansible_collections.homelab.talos.tests.testinfra.traffic_questions import Traffic, node_source, pod_source


class NodeData:
    """A node as the backend's API shows it."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data

    def version(self) -> dict[str, str]:
        """Return the version of Talos."""
        return dict(self._data["version"])

    def services(self) -> dict[str, Any]:
        """Return the services."""
        return dict(self._data["services"])

    def resources(self, namespace: str, kind: str) -> list[Resource]:
        """Return the resources of a type."""
        found = self._data["resources"][f"{namespace}/{kind}"]
        return [Resource(namespace, kind, key, spec=spec) for key, spec in found.items()]

    def resource(self, namespace: str, kind: str, id: str) -> Resource:
        """Return one resource."""
        return Resource(namespace, kind, id, spec=self._data["resources"][f"{namespace}/{kind}"][id])


class Backend:
    """What the modules of a host ask."""

    def __init__(self, name: str, data: Mapping[str, Any]) -> None:
        self._name = name
        self.api = NodeData(data)

    def get_hostname(self) -> str:
        """Return the name of the node."""
        return self._name


def host_of(name: str, data: Mapping[str, Any]) -> Any:
    """Return a host with the modules of the talos:// backend."""
    host = SimpleNamespace(backend=Backend(name, data))
    for module, kind in MODULES.items():
        setattr(host, module, kind.get_module(host))
    return host


class KubernetesData:
    """The part of the core API that verifiers use."""

    def __init__(self, nodes: Mapping[str, Any]) -> None:
        self._nodes = nodes

    def list_node(self, label_selector: str = "") -> Any:
        """Return the nodes, those with a label if one is given (``key=value``)."""
        key, _separator, value = label_selector.partition("=")
        chosen = {n: d for n, d in self._nodes.items() if not key or d["labels"].get(key) == value}
        return SimpleNamespace(items=[_node(name, data) for name, data in chosen.items()])


def _node(name: str, data: Mapping[str, Any]) -> Any:
    addresses = [SimpleNamespace(type="InternalIP", address=address) for address in data["addresses"]]
    return SimpleNamespace(
        metadata=SimpleNamespace(name=name, labels=data["labels"]),
        spec=SimpleNamespace(
            unschedulable=data.get("unschedulable"), taints=[SimpleNamespace(key=key) for key in data["taints"]]
        ),
        status=SimpleNamespace(
            conditions=[SimpleNamespace(type="Ready", status=data["ready"])],
            addresses=addresses,
            node_info=SimpleNamespace(kubelet_version=data["version"]),
        ),
    )


class TalosctlData:
    """The answers of talosctl, as ``tests/planted/talosctl.yml`` has them."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._answers = answers
        self._asked: Counter[str] = Counter()

    def run(
        self, *arguments: str, node: str = "", talosconfig: Path | None = None, endless: bool = False
    ) -> CompletedProcess[str]:
        """Return the answer to a command; KeyError when there is none."""
        key = (f"{talosconfig.name}> " if talosconfig else "") + " ".join(arguments) + (f" @{node}" if node else "")
        answer = self._answers[key]
        if "turns" in answer:
            answer = answer["turns"][self._asked[key] % len(answer["turns"])]
            self._asked[key] += 1
        out = _table(answer["columns"], answer["rows"]) if "rows" in answer else answer.get("out", [])
        texts = ("".join(f"{line}\n" for line in lines) for lines in (out, answer.get("err", [])))
        return CompletedProcess([], answer.get("status", 0), *texts)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table as talosctl lays it out: three spaces between columns."""
    lines = [columns, *rows]
    widths = [max(len(str(line[number])) for line in lines) + 3 for number in range(len(columns))]
    return ["".join(str(cell).ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]


class World:
    """A whole cluster; gives every fixture that a verifier may ask for.

    :param data: as ``tests/planted/world.yml``, for the nodes of one scenario.
    """

    def __init__(self, data: Mapping[str, Any], expected: Expected) -> None:
        self._data = data
        self._expected = expected
        self._talosctl = TalosctlData(data["talosctl"])

    def hosts(self) -> list[str]:
        """Return the names of the nodes."""
        return list(self._data["nodes"])

    def fixture(self, name: str, host: str) -> Any:
        """Return the value of a fixture for the node under test."""
        values: dict[str, Any] = {
            "host": lambda: host_of(host, self._data["nodes"][host]),
            "node": lambda: lambda name: host_of(name, self._data["nodes"][name]),
            "me": lambda: self._expected.nodes[host],
            "expected": lambda: self._expected,
            "lab": lambda: SimpleNamespace(capabilities=set(self._data["capabilities"]), act=self._act),
            "require": lambda: lambda capability: None,
            "credentials": lambda: SimpleNamespace(**self._data["credentials"]),
            "kubernetes": lambda: KubernetesData(self._data["kubernetes"]),
            "talosctl": lambda: self._talosctl.run,
            "workspace": lambda: Path("cluster"),
            "tmp_path": lambda: Path("tmp"),
            "command_table": lambda: [Row(**row) for row in self._data["command_table"]],
            "reader": lambda: Path("reader"),
            "stranger": lambda: Path("stranger"),
            "traffic": self._traffic,
            "history": lambda: self._data["history"],
            "spin": lambda: self._data["spin"],
            "event": lambda: event_of(self._data["event"], list(self._expected.nodes)),
            "bounds": lambda: PLAN.bounds,
            "workload": lambda: SimpleNamespace(run=lambda role, selector: self._data["placed"][role]),
        }
        return values[name]()

    def _traffic(self) -> Traffic:
        """Return what is found where everything works, but for what the data say of "table/source>target"."""
        nodes = list(self._expected.nodes)
        services = {name: f"10.96.7.{number}" for number, name in enumerate(nodes)} | self._data["traffic"]["services"]
        hosts = {name: f"target-{name}" for name in nodes}
        version = self._expected.versions["kubernetes"]
        rows: dict[str, dict[str, Any]] = {
            "at_pods": hosts,
            "at_services": hosts,
            "at_names": hosts,
            "names": {**{name: [services[name]] for name in nodes}, "kubernetes": [self._expected.cluster["api"]]},
            "api_versions": {"address": version, "name": version},
        }
        sources = [source(name) for source in (node_source, pod_source) for name in nodes]
        tables = {table: {source: dict(row) for source in sources} for table, row in rows.items()}
        for place, value in self._data["traffic"]["found"].items():
            table, _slash, pair = place.partition("/")
            source, _arrow, target = pair.partition(">")
            tables[table][source][target] = value
        return Traffic(services, **tables)

    def _act(self, action: str, node: str, arguments: Sequence[str]) -> CompletedProcess[str]:
        names = {each.address: each.name for each in self._expected.nodes.values()}
        target = next((names[argument] for argument in arguments if argument in names), "")
        return CompletedProcess([], int(f"{node}>{target}" in self._data["unreached"]), "", "")
