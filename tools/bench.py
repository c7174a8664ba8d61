# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure how long the emulated lab takes for each step of the scenario mixed-role, and how much memory it holds.

``make bench`` prints a table and writes ``build/bench.json``. Numbers of an emulated lab say nothing about hardware.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "build/bench.json"
SCENARIO = "mixed-role"
# Step: command. The lab is up after "create", the cluster formed after "converge".
STEPS: dict[str, tuple[str, ...]] = {
    "engine, warm": ("tools/lab", "engine", "ensure"),
    "destroy, nothing there": ("molecule", "destroy", "-s", SCENARIO),
    "create": ("molecule", "create", "-s", SCENARIO),
    "converge": ("molecule", "converge", "-s", SCENARIO),
    "converge again": ("molecule", "converge", "-s", SCENARIO),
    "verify": ("molecule", "verify", "-s", SCENARIO),
    "destroy": ("molecule", "destroy", "-s", SCENARIO),
}
FORMED = "verify"
# What needs no lab: key in the result -> program of this directory that prints its rows as JSON: row -> seconds, or MiB
# where the row says so.
PARTS = {"contract_seconds": "bench_contract", "image_seconds": "bench_images", "image_info": "bench_image_info"}


def available_mebibytes(meminfo: str) -> int:
    """Return the available memory in MiB from the text of /proc/meminfo."""
    for line in meminfo.splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    raise ValueError("/proc/meminfo has no line MemAvailable")


def read_available() -> int:
    """Return the available memory of this machine in MiB."""
    return available_mebibytes(Path("/proc/meminfo").read_text())


def execute(command: Sequence[str]) -> int:
    """Run a command from the root, its output to a log in build/; return its exit status."""
    RESULT.parent.mkdir(exist_ok=True)
    with (RESULT.parent / "bench.log").open("ab") as log:
        return subprocess.call(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)


def measure(
    run: Callable[[Sequence[str]], int] = execute,
    clock: Callable[[], float] = time.monotonic,
    available: Callable[[], int] = read_available,
) -> dict[str, Any]:
    """Run every step; return seconds per step and the memory in MiB that the formed lab holds.

    Raises RuntimeError naming the step that failed; the lab is destroyed then too.
    """
    seconds: dict[str, float] = {}
    before = used = 0
    try:
        for step, command in STEPS.items():
            if step == "create":
                before = available()
            begin = clock()
            status = run(command)
            seconds[step] = round(clock() - begin, 1)
            print(f"{step:24} {seconds[step]:8.1f} s", flush=True)
            if status != 0:
                raise RuntimeError(f"{step}: {' '.join(command)}: exit status {status}; see build/bench.log")
            if step == FORMED:
                used = before - available()
    finally:
        if "destroy" not in seconds:
            run(STEPS["destroy"])
    return {"seconds": seconds, "memory_mebibytes": used}


def part_rows(program: str) -> dict[str, float]:
    """Return the rows of a part: row -> seconds, or MiB of memory.

    Raises RuntimeError when it cannot be measured.
    """
    command = [sys.executable, "-m", f"ansible_collections.homelab.talos.tools.{program}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".collections")}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{program}: exit status {done.returncode}")
    rows: dict[str, float] = json.loads(done.stdout)
    for row, value in rows.items():
        print(f"{row:52} {value:8.3f} {'' if row.endswith('memory') else 's'}", flush=True)
    return rows


def main() -> int:
    """Measure, print and write the result; return 0 when every step succeeded."""
    try:
        parts = {key: part_rows(program) for key, program in PARTS.items()}
        measured = measure()
    except RuntimeError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    result = {
        "scenario": SCENARIO,
        "provider": "emulated",
        "machine": {"architecture": platform.machine(), "processors": os.cpu_count(), "kernel": platform.release()},
        "revision": revision.stdout.strip(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **measured,
        **parts,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(f"{'memory of the lab':24} {measured['memory_mebibytes']:8} MiB\n{RESULT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
