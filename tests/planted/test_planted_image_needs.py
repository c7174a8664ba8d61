# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule about what goes into images: silent about good ones, alone in reporting its defect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.committed_profile import image_reference
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.profile_check import (
    check_executables,
    check_profile,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.profiles import ImageDefinition, render_profile
from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding
from ansible_collections.homelab.talos.plugins.module_utils.rules import image_needs
from ansible_collections.homelab.talos.tests.planted.changes import changed
from ansible_collections.homelab.talos.tests.planted.checks import catalogue_problems, image_needs_ids
from ansible_collections.homelab.talos.tests.support.cozystack_tree import digest

pytestmark = pytest.mark.layer("L1")

HERE = Path(__file__).parent
DEFECTS: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "image_needs.yml").read_text(encoding="utf-8"))
DEFINITION: dict[str, Any] = yaml.safe_load((HERE / "definition.yml").read_text(encoding="utf-8"))
SPIN = f"ghcr.io/siderolabs/spin:v0.25.1@{digest('spin')}"
WANTED = ImageDefinition("arm64", "v1.13.6", (image_reference(SPIN),))
SCRIPT = "hack/gen-profiles.sh"


def findings(defect: Mapping[str, Any], directory: Path) -> Iterator[Finding]:
    """Yield everything that the rules say about good images with one defect."""
    yield from image_needs.check_definition(changed(DEFINITION, defect.get("definition", {})), {})
    text = render_profile("iso", WANTED)
    if "profile" in defect:
        old, new = (defect["profile"][key].replace("SPIN", SPIN) for key in ("old", "new"))
        assert text.count(old) == 1, "the defect is planted once"
        text = text.replace(old, new)
    yield from check_profile("iso", text, "iso.yaml", WANTED)
    script = directory / SCRIPT
    script.parent.mkdir()
    script.touch()
    script.chmod(defect.get("mode", 0o755))
    yield from check_executables(directory, {SCRIPT: True})


def test_the_rules_are_silent_about_good_images(tmp_path: Path) -> None:
    assert [str(finding) for finding in findings({}, tmp_path)] == []


@pytest.mark.parametrize("check", sorted(DEFECTS))
def test_exactly_the_check_of_the_defect_reports_it(check: str, tmp_path: Path) -> None:
    found = {finding.id for finding in findings(DEFECTS[check], tmp_path)}
    assert found == {check, *DEFECTS[check].get("also", [])}


def test_every_rule_has_a_defect() -> None:
    assert catalogue_problems(image_needs_ids(), set(DEFECTS)) == []
