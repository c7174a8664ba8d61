# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each link of the chain to the cluster is broken on purpose: exactly the named checks fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.tests.testinfra.gateway_checks import CHECKS, failing
from ansible_collections.homelab.talos.tests.testinfra.gateway_plugin import settled

pytestmark = [pytest.mark.layer("L4"), pytest.mark.disruptive]

DEFECTS: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "defects.yml").read_text(encoding="utf-8"))


def take(tailnet: Any, steps: list[list[str]]) -> None:
    """Run the commands of a defect; ``@name`` stands for the id of a device."""
    for machine, *command in steps:
        ids = {f"@{name}": device.id for name, device in tailnet.devices().items()}
        tailnet.on(machine, *(ids.get(word, word) for word in command))


@pytest.fixture(params=sorted(DEFECTS))
def defect(request: pytest.FixtureRequest, gateway_look: Any, tailnet: Any) -> Iterator[dict[str, Any]]:
    """A tailnet with the defect; afterwards one of which nobody has anything to say."""
    wanted, find = gateway_look
    chosen = DEFECTS[request.param]
    try:
        take(tailnet, chosen["break"])
        yield chosen
    finally:
        take(tailnet, chosen["mend"])
    assert failing(settled(find, wanted, {}), wanted) == {}


def test_exactly_the_named_checks_fail(defect: dict[str, Any], gateway_look: Any) -> None:
    wanted, find = gateway_look
    problems = failing(settled(find, wanted, defect["checks"]), wanted)
    assert set(problems) == set(defect["checks"]), problems
    said = " / ".join(problem for each in problems.values() for problem in each)
    assert defect["says"] in said


def test_every_check_has_a_defect() -> None:
    assert {check for each in DEFECTS.values() for check in each["checks"]} == set(CHECKS)
