# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every verifier of the scenario upstream-compat: it passes on a good record, and alone fails on its defect."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.plugins.module_utils.cozystack import pin_change
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.contract import judge_ref
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import Repository
from ansible_collections.homelab.talos.tests.planted.changes import changed
from ansible_collections.homelab.talos.tests.planted.checks import ROOT, catalogue_problems
from ansible_collections.homelab.talos.tests.support import cozystack_tree

pytestmark = pytest.mark.layer("L1")

TESTS = ROOT / "molecule/upstream-compat/tests"
WANTED = yaml.safe_load((TESTS / "expected.yml").read_text(encoding="utf-8"))
DEFECTS: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "upstream_compat.yml").read_text(encoding="utf-8"))


def verifiers() -> dict[str, Callable[..., None]]:
    """Return the verifiers of the scenario: name -> function."""
    specification = importlib.util.spec_from_file_location("planted_upstream", TESTS / "test_upstream_compat.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return {name.removeprefix("test_"): value for name, value in vars(module).items() if name.startswith("test_")}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the scenario would write down."""
    with Repository(cozystack_tree.create_all(tmp_path_factory.mktemp("upstream"), bare=True)) as upstream:
        tags = {tag: judge_ref(upstream, tag) for tag in WANTED["tags"]}
        pinned, newest = tags["v1.4.0"], tags["v1.6.2"]
    names = [*tags, "main"]
    return {
        "tags": {tag: judgement.to_dict() for tag, judgement in tags.items()},
        "range": {**{tag: judgement.overall for tag, judgement in tags.items()}, "main": "supported"},
        "progress": [f"[{number}/{len(names)}] {name}: supported" for number, name in enumerate(names, 1)],
        "setbacks": ["v1.3.0 has an older Talos"],
        "refused": {case: f"somewhere: {text}" for case, text in WANTED["refused"].items()},
        "report": [pinned.to_dict(), newest.to_dict()],
        "proposal": pin_change.proposal(pin_change.current(), newest),
        "real": {**WANTED["real"], "main": "supported"},
    }


def failed(record: Any) -> set[str]:
    """Return the verifiers that fail on a record."""
    found = set()
    for name, verifier in verifiers().items():
        arguments = {"record": record, "wanted": WANTED}
        try:
            verifier(**{key: arguments[key] for key in inspect.signature(verifier).parameters})
        except AssertionError:
            found.add(name)
    return found


def test_every_verifier_passes_on_a_good_record(record: dict[str, Any]) -> None:
    assert failed(record) == set()


@pytest.mark.parametrize("verifier", sorted(DEFECTS))
def test_exactly_the_verifier_of_the_defect_fails(verifier: str, record: dict[str, Any]) -> None:
    assert failed(changed(record, DEFECTS[verifier])) == {verifier}


def test_every_verifier_has_a_defect() -> None:
    assert catalogue_problems(set(verifiers()), set(DEFECTS)) == []
