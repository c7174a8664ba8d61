# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every verifier of the scenario image-build: it passes on a good build, and alone fails on its defect."""

from __future__ import annotations

import importlib.util
import inspect
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_manifest import checksums
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.image_directory import CHECKSUM_FILE
from ansible_collections.homelab.talos.tests.planted.checks import ROOT, catalogue_problems
from ansible_collections.homelab.talos.tests.support import bootable_media as media
from ansible_collections.homelab.talos.tests.support.cozystack_tree import SHAPES, SIX, create, tree
from ansible_collections.homelab.talos.tests.support.image_builds import VARIANTS, build_with_stand_in

pytestmark = pytest.mark.layer("L1")

SCENARIO = ROOT / "molecule/image-build/tests"
DEFECTS: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "image_build.yml").read_text("utf-8"))
TAG = "v1.6.2"


def verifiers() -> dict[str, Any]:
    """Return id -> function of the scenario's verifiers."""
    specification = importlib.util.spec_from_file_location("planted_image_build", SCENARIO / "test_image_build.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    names = [name for name in vars(module) if name.startswith("test_")]
    return {f"image_build::{name.removeprefix('test_')}": getattr(module, name) for name in names}


VERIFIERS = verifiers()


def expected() -> dict[str, Any]:
    """Return what the scenario expects of one shape of upstream."""
    content: dict[str, Any] = yaml.safe_load((SCENARIO / "expected.yml").read_text(encoding="utf-8"))
    (row,) = (row for row in content["supported"] if row["tag"] == TAG)
    images = {key: value for key, value in content["images"].items() if key.removeprefix("arm64/") in VARIANTS}
    return {**content, "supported": [row], "images": images}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a good build."""
    work = tmp_path_factory.mktemp("image-build")
    create(work / "cozystack", {TAG: tree(SHAPES[TAG])})
    for variant in VARIANTS:
        build_with_stand_in(work / "cozystack", work, variant, TAG, list(SIX), work / "images")
    for variant in VARIANTS:
        shutil.copytree(work / "images/arm64" / variant, work / "every" / TAG / "arm64" / variant)
    return work


def plant(work: Path, defect: Mapping[str, Any]) -> None:
    """Change a good build as a defect says."""
    for step in defect["steps"]:
        ((what, content),) = step.items()
        if what == "append":
            path = work / content[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_bytes() if path.exists() else b""
            path.write_bytes(text + content[1].encode())
        elif what == "replace":
            path, old, new = work / content[0], content[1], content[2]
            assert old in path.read_text(encoding="utf-8"), "the defect can be planted"
            path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        elif what == "kernel":
            (work / content).write_bytes(media.kernel("amd64"))
        else:
            command = ["git", "-c", "safe.directory=*", "-C", str(work / "cozystack"), *content]
            subprocess.run(command, check=True, capture_output=True)
    if defect.get("seal"):
        for path in work.glob(f"*/*/*/*/{CHECKSUM_FILE}"):
            path.write_text(checksums(path.parent), encoding="utf-8")


def failed(work: Path) -> set[str]:
    """Return the verifiers that fail on a build."""
    found = set()
    values = {"work": work, "expected": expected()}
    for identity, verifier in VERIFIERS.items():
        try:
            verifier(**{name: values[name] for name in inspect.signature(verifier).parameters})
        except AssertionError:
            found.add(identity)
    return found


def test_every_verifier_passes_on_a_good_build(good: Path) -> None:
    assert failed(good) == set()


@pytest.mark.parametrize("verifier", sorted(DEFECTS))
def test_exactly_the_verifier_of_the_defect_fails(verifier: str, good: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    shutil.copytree(good, work, symlinks=True)
    plant(work, DEFECTS[verifier])
    assert failed(work) == {verifier}


def test_every_verifier_has_a_defect() -> None:
    assert catalogue_problems(set(VERIFIERS), set(DEFECTS)) == []
