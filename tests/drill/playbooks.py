# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator would run: the role that joins nodes, and single modules, against the scenario's inventory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

JOIN = Path(__file__).with_name("join.yml")
RUN_SECONDS = 600
# Molecule has tasks that failed written in colour, and to standard error.
PLAIN = {"ANSIBLE_FORCE_COLOR": "false", "ANSIBLE_NOCOLOR": "true", "ANSIBLE_DISPLAY_FAILED_STDERR": "false"}
_MESSAGE = re.compile(r'"msg": ("(?:[^"\\]|\\.)*")')


class CommandFailed(Exception):
    """A command that was to succeed failed; the end of its output."""


class Operator:
    """Runs playbooks and modules.

    :param inventory: path of the inventory.
    """

    def __init__(self, inventory: Path) -> None:
        self._inventory = str(inventory)
        self._programs = Path(sys.executable).parent

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self._programs / program), "-i", self._inventory, *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=RUN_SECONDS, check=False, env={**os.environ, **PLAIN}
        )

    def join(self, **variables: Any) -> str:
        """Let the nodes join in order; return "" when they did, else what the failed tasks said."""
        ended = self._run("ansible-playbook", str(JOIN), "-e", json.dumps(variables))
        return "" if ended.returncode == 0 else failure(ended.stdout)

    def module(self, hosts: str, name: str, options: Mapping[str, Any]) -> None:
        """Run a module of the collection on hosts of the inventory; templates in options are filled in per host.

        :raises CommandFailed: it failed on a host.
        """
        common = {"endpoint": "{{ talos_address }}", "talosconfig": "{{ talos_workspace }}/talosconfig"}
        arguments = json.dumps({**common, "name": "{{ inventory_hostname }}", **options})
        ended = self._run("ansible", hosts, "-m", f"homelab.talos.{name}", "-a", arguments)
        if ended.returncode != 0:
            raise CommandFailed(f"{name} on {hosts}: {ended.stdout[-2000:]} {ended.stderr[-2000:]}")


def failure(output: str) -> str:
    """Return what the failed tasks of a playbook said, from its output."""
    failed = [line for line in output.splitlines() if line.startswith(("fatal:", "failed:"))]
    found = [json.loads(match) for line in failed for match in _MESSAGE.findall(line)]
    return "; ".join(found) or output[-2000:]
