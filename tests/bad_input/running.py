# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks run as an operator runs them, and what is on the machine before and after."""

from __future__ import annotations

import copy
import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.homelab.talos.lab.host.record import read_record
from ansible_collections.homelab.talos.lab.lifecycle import link_name
from ansible_collections.homelab.talos.tests.support.host_snapshot import host_snapshot

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
LIMIT_SECONDS = 120
# Begins the name of the lab that none of these tests may start.
LAB = "bad-input"


@dataclass(frozen=True)
class Ended:
    """What came of a run: exit status, everything that was printed, and the messages of its errors."""

    status: int
    output: str

    @property
    def errors(self) -> list[str]:
        """The errors that were shown, one line each."""
        return [line for line in self.output.splitlines() if line.startswith("[ERROR]")]


def inventory(directory: Path, content: Any) -> Path:
    """Write an inventory whose cluster keeps its files below the directory, and return its path."""
    content = copy.deepcopy(content)
    content["all"].setdefault("vars", {})["talos_workspace"] = str(directory / "workspace")
    path = directory / "hosts.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def playbook(
    name: str,
    hosts: Path,
    *arguments: str,
    prefix: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Run a playbook of this checkout against an inventory.

    :param prefix: command in front, such as ``setpriv ...``.
    """
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    command = [*prefix, program, f"playbooks/{name}.yml", "-i", str(hosts), *arguments]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "COLUMNS": "2000", **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    return Ended(done.returncode, done.stdout + done.stderr)


def snapshot(directory: Path) -> dict[str, Any]:
    """Return what there is: everything a lab could leave on the host, and every file below the directory."""
    files = {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file()
    }
    directories = sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_dir())
    labs = sorted(read_record().labs)
    return {**host_snapshot(LAB), "own files": files, "own directories": directories, "labs": labs}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is not the same; where other labs come and go meanwhile, only what bears the name of this one."""
    if before["labs"] or after["labs"]:
        before, after = _of_this_lab(before), _of_this_lab(after)
    return {key: (before[key], after[key]) for key in before if before[key] != after[key]}


def _of_this_lab(found: Mapping[str, Any]) -> dict[str, Any]:
    names = (LAB, link_name(LAB))
    own = {key: found[key] for key in ("own files", "own directories")}
    parts = {
        key: list(value) if isinstance(value, (list, dict)) else str(value).splitlines()
        for key, value in found.items()
        if key not in own
    }
    named = {key: [item for item in value if any(name in str(item) for name in names)] for key, value in parts.items()}
    return {**named, **own}
