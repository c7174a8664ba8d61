# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule about documents, nodes and the cluster: silent about a good cluster, alone in reporting its defect."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding
from ansible_collections.homelab.talos.plugins.module_utils.rules import cluster, document, node, tailnet
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.model import AuthKey
from ansible_collections.homelab.talos.plugins.module_utils.talos import secrets_bundle
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import Cluster, Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.render import render
from ansible_collections.homelab.talos.tests.planted.changes import changed
from ansible_collections.homelab.talos.tests.planted.checks import catalogue_problems, document_rule_ids

pytestmark = pytest.mark.layer("L1")

NOON = datetime.datetime(2026, 7, 1, 12, tzinfo=datetime.UTC)
HERE = Path(__file__).parent
DEFECTS: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "documents.yml").read_text(encoding="utf-8"))
DEFINITION: dict[str, Any] = yaml.safe_load((HERE / "definition.yml").read_text(encoding="utf-8"))


@functools.cache
def bundle() -> Any:
    """Return the secrets of the planted cluster; made once, with a short key that is made quickly."""
    return secrets_bundle.generate(service_account_bits=2048)


def label(part: Mapping[str, Any]) -> str:
    """Return the name of a document in the catalogue: ``v1alpha1`` or kind, or kind/name."""
    return str(part.get("kind", "v1alpha1"))


def edited(documents: list[dict[str, Any]], edit: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the documents of a node with the change of a defect."""
    result = list(documents)
    if "add" in edit:
        return [*result, edit["add"]]
    wanted, _separator, name = edit["document"].partition("/")
    places = [
        place for place, part in enumerate(result) if label(part) == wanted and name in ("", str(part.get("name", "")))
    ]
    assert len(places) == 1, f"{edit['document']} is there {len(places)} times: {[label(part) for part in result]}"
    if edit.get("twice"):
        return [*result, result[places[0]]]
    result[places[0]] = changed(result[places[0]], edit["set"])
    return result


def findings(defect: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield everything that the rules say about the good cluster with one defect."""
    if "key" in defect:
        yield from tailnet.check_key(planted_key(defect["key"]), NOON)
        return
    if "documents" in defect:
        yield from document.check(MachineConfig(defect["documents"]), "v1.13.9")
        return
    definition = changed(DEFINITION, defect.get("definition", {}))
    home = Cluster.from_mapping(definition["cluster"])
    nodes = [Node.from_mapping(item) for item in definition["nodes"]]
    version = defect.get("talos_version", home.talos_version)
    yield from cluster.check(home, nodes)
    for each in nodes:
        config = render(home, each, bundle())
        edit = defect.get("config", {})
        if edit.get("node") == each.name:
            config = MachineConfig(edited(list(config.documents), edit))
        text = defect.get("text", {})
        if text.get("node") == each.name:
            broken = config.to_text().replace(text["old"], text["new"], 1)
            yield from document.check_text(broken, version, "cp1.yaml", host=each.name)
            continue
        yield from document.check(config, version, host=each.name)
        yield from node.check(home, each, config)
        yield from tailnet.check(home, each, config)


def planted_key(changes: Mapping[str, Any]) -> AuthKey:
    """Return a key as a coordination server knows it, without a fault but for the changes."""
    texts = {"expires": "2026-07-30T12:00:00Z", **changes}
    expires = datetime.datetime.fromisoformat(texts.pop("expires"))
    return AuthKey("1", **{"tags": ("tag:k8s",), **texts}, expires=expires)


def reported(defect: Mapping[str, Any]) -> set[str]:
    """Return the ids of the rules that object; remarks (info) are no objections."""
    return {finding.id for finding in findings(defect) if finding.severity != "info"}


def test_the_rules_are_silent_about_a_good_cluster() -> None:
    assert [str(finding) for finding in findings({})] == []
    assert [str(finding) for finding in findings({"key": {}})] == []


@pytest.mark.parametrize("check", sorted(DEFECTS))
def test_exactly_the_check_of_the_defect_reports_it(check: str) -> None:
    assert reported(DEFECTS[check]) == {check, *DEFECTS[check].get("also", [])}


def test_every_rule_has_a_defect() -> None:
    assert catalogue_problems(document_rule_ids(), set(DEFECTS)) == []


def test_a_rule_without_a_defect_is_seen() -> None:
    assert catalogue_problems({"a", "b"}, {"b", "c"}) == [
        "a has no planted defect",
        "there is a defect for c, which does not exist",
    ]
