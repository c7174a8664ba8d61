# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every check of the contract with CozyStack: ok for a tree as upstream's, alone in reporting its defect."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.committed_profile import image_reference
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.contract import JUDGES, judge_ref
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import Repository
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.layout import detect
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.verdict import CHECKS, Wishes
from ansible_collections.homelab.talos.tests.planted.checks import catalogue_problems
from ansible_collections.homelab.talos.tests.support import cozystack_tree
from ansible_collections.homelab.talos.tests.support.cozystack_tree import NEWEST, SHAPES, Tree

pytestmark = pytest.mark.layer("L1")

DEFECTS: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    (Path(__file__).parent / "contract.yml").read_text(encoding="utf-8")
)
CASES = [(check, defect) for check, defects in DEFECTS.items() for defect in defects]
PROFILES = "/images/talos/profiles/"


def planted(tree: Tree, core: str, defect: Mapping[str, Any]) -> Tree:
    """Return the tree with a defect; every part of the defect must change something."""
    files = {path.replace("CORE", core): text for path, text in tree.items()}
    if edit := defect.get("edit"):
        path = edit["file"].replace("CORE", core)
        assert edit["old"] in files[path], f"{path} has no {edit['old']!r}"
        files[path] = files[path].replace(edit["old"], edit["new"], 1)
    if edit := defect.get("everywhere"):
        for path in [path for path in files if PROFILES in path]:
            changed, count = re.subn(edit["old"], edit["new"], files[path])
            assert count, f"{path} has no {edit['old']!r}"
            files[path] = changed
    for path in defect.get("remove", []):
        del files[path.replace("CORE", core)]
    for path, text in defect.get("add", {}).items():
        assert path.replace("CORE", core) not in files
        files[path.replace("CORE", core)] = text
    for old, new in defect.get("move", {}).items():
        files = {path: text for path, text in files.items() if not path.startswith(new)}
        files = {path.replace(old, new): text for path, text in files.items()}
    return files


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """A repository with the good trees, and one tag per defect."""
    trees = {tag: cozystack_tree.tree(shape) for tag, shape in SHAPES.items()}
    for number, (_check, defect) in enumerate(CASES):
        base = defect.get("base", NEWEST)
        trees[f"defect-{number}"] = planted(trees[base], SHAPES[base].core, defect)
    with Repository(cozystack_tree.create(tmp_path_factory.mktemp("upstream"), trees, bare=True)) as repository:
        yield repository


def wishes(wanted: Mapping[str, Any], repository: Repository) -> Wishes:
    """Return the wishes of a defect as the checks take them."""
    values: dict[str, Any] = dict(wanted)
    if "platform" in values:
        values["platform"] = detect(repository, values["platform"])
    if "available" in values:
        values["available"] = {
            name: image_reference(f"ghcr.io/siderolabs/{name}:v1@{cozystack_tree.digest(name)}")
            for name in values["available"]
        }
    if "extensions" in values:
        values["extensions"] = tuple(values["extensions"])
    return Wishes(**values)


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{check}: {defect['name']}" for check, defect in CASES])
def test_exactly_the_check_of_the_defect_changes(number: int, upstream: Repository) -> None:
    check, defect = CASES[number]
    good = judge_ref(upstream, defect.get("base", NEWEST), wishes(defect.get("base_wishes", {}), upstream))
    bad = judge_ref(upstream, f"defect-{number}", wishes(defect.get("wishes", {}), upstream))
    before = {each.id: each.verdict for each in good.checks}
    after = {each.id: each.verdict for each in bad.checks}
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {check, *defect.get("also", [])}, bad.remarks
    assert before[check] == "ok"
    assert after[check] == defect["verdict"]
    assert bad.check(check).decisive.expected
    assert bad.check(check).decisive.found
    assert good.overall != bad.overall or after[check] == "changed-but-handled"


def test_a_good_tree_is_supported_without_a_remark(upstream: Repository) -> None:
    judgement = judge_ref(upstream, NEWEST)
    assert (judgement.overall, judgement.remarks) == ("supported", [])


def test_every_check_has_a_defect() -> None:
    assert catalogue_problems(set(CHECKS), set(DEFECTS)) == []
    assert list(JUDGES) == list(CHECKS)
