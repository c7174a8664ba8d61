# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure how long the contract with CozyStack takes: for one ref, and for all refs of a clone.

Each figure is that of a new process, the page cache warm. HOMELAB_COZYSTACK_CLONE names a clone of the real
cozystack/cozystack; without it, the repository of the tests stands in for it, and the rows say so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.contract import judge_refs
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import Repository
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.ref_choice import choose
from ansible_collections.homelab.talos.tests.support import cozystack_tree

CLONE_VARIABLE = "HOMELAB_COZYSTACK_CLONE"


def measure(clone: str | None = None) -> dict[str, float]:
    """Return row -> seconds.

    :param clone: path of a clone; by default what the environment says.
    """
    clone = os.environ.get(CLONE_VARIABLE, "") if clone is None else clone
    with tempfile.TemporaryDirectory(prefix="homelab-talos-bench-") as directory:
        name = "" if clone else ", repository of the tests"
        path = clone or str(cozystack_tree.create_all(Path(directory) / "upstream", bare=True))
        rows = {}
        for refs, row in ((["newest"], "contract, one ref"), (["*"], "contract, all tags")):
            in_new_process(path, refs)
            seconds, count = in_new_process(path, refs)
            rows[f"{row} ({count}{name})"] = seconds
        return rows


def in_new_process(path: str, refs: list[str]) -> tuple[float, int]:
    """Return the seconds that judging took in a process of its own (without its start), and the number of refs.

    :raises subprocess.CalledProcessError: it failed.
    """
    command = [sys.executable, "-m", "ansible_collections.homelab.talos.tools.bench_contract", path, *refs]
    root = Path(__file__).resolve().parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root / ".collections")}
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    seconds, count = output.split()
    return float(seconds), int(count)


def main() -> int:
    """Print all rows as JSON; with a repository and refs, judge those and print seconds and number."""
    if len(sys.argv) == 1:
        print(json.dumps(measure()))
        return 0
    begin = time.perf_counter()
    with Repository(sys.argv[1]) as repository:
        refs = choose(repository, sys.argv[2:])
        judged = len(list(judge_refs(repository, refs)))
    print(f"{time.perf_counter() - begin:.2f} {judged}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
