# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drill of the verifiers: the lab is broken on purpose, one defect at a time, and they say what they find.

``python -m ansible_collections.homelab.talos.tests.drill.defects WORKSPACE INVENTORY EXPECTED`` begins the
``history.json`` in the workspace with it.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.homelab.talos.tests.planted import asking
from ansible_collections.homelab.talos.tests.planted.checks import ROOT
from ansible_collections.homelab.talos.tests.planted.saboteur import Saboteur
from ansible_collections.homelab.talos.tests.testinfra.expected import Expected
from ansible_collections.homelab.talos.tests.testinfra.lab_handle import LabHandle

DEFECTS = ROOT / "tests/planted/lab_ha.yml"
# The layers of the defects and those below; what is above would be blocked, and is asked when the drills are over.
VERIFIERS = (
    "molecule/ha/tests/test_ha.py",
    *(f"molecule/shared/verifiers/test_{layer}.py" for layer in ("l1_node", "l2_network", "l3_services")),
)
# Until a defect shows, and until a mended lab is whole again.
SHOWN_SECONDS = 60.0
MENDED_SECONDS = 180.0


def plant(saboteur: Saboteur, defect: Mapping[str, Any], failing: Callable[[], set[str]]) -> dict[str, list[str]]:
    """Plant one defect and mend it; return the ids of the verifiers that failed while it was there, and afterwards."""
    try:
        saboteur.take(defect["break"])
        broken = asking.until_equal(set(defect["verifiers"]), failing, SHOWN_SECONDS)
    finally:
        saboteur.take(defect["mend"])
    mended = asking.until_equal(set(), failing, MENDED_SECONDS)
    return {"broken": sorted(broken), "mended": sorted(mended)}


def main(workspace: Path, inventory: Path, expected: Expected) -> None:
    """Run the drill and write the history."""
    handle = workspace / "lab/handle.json"
    files = {"TALOSCONFIG": "talosconfig", "KUBECONFIG": "kubeconfig", "HOMELAB_LAB_HANDLE": "lab/handle.json"}
    environment = {**os.environ, **{name: str(workspace / file) for name, file in files.items()}}
    results = workspace / "defects.xml"
    failing = functools.partial(asking.failing_verifiers, str(inventory), results, VERIFIERS, environment)
    saboteur = Saboteur(LabHandle.load(handle), expected, workspace)
    found: dict[str, Any] = {}
    try:
        for name, defect in yaml.safe_load(DEFECTS.read_text(encoding="utf-8")).items():
            found[name] = plant(saboteur, defect, failing)
            print(f"drill: {name}: {', '.join(found[name]['broken']) or 'nobody'} failed", flush=True)
    finally:
        (workspace / "history.json").write_text(json.dumps({"defects": found}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Expected.load(*sys.argv[3:]))
