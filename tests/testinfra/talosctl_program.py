# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pytest plugin: the real talosctl against the cluster under test, and what its tables say."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.lab.engine.ensure import print_progress
from ansible_collections.homelab.talos.tests.support.talosctl import Answer, Talosctl, ensure_talosctl
from ansible_collections.homelab.talos.tests.support.talosctl_table import Row, load_table
from ansible_collections.homelab.talos.tests.testinfra.expected import Expected

LIMIT_SECONDS = 180.0
ENDLESS_SECONDS = 3.0


@pytest.fixture(scope="session")
def talosctl_program() -> Talosctl:
    """The program; built when neither PATH nor the cache has it."""
    return ensure_talosctl(print_progress)


@pytest.fixture(scope="session")
def workspace() -> Path:
    """The directory of the cluster's files."""
    own = Path(os.environ.get("TALOSCONFIG", ""))
    if not own.is_file():
        pytest.fail(f"no client configuration: TALOSCONFIG is {str(own)!r}; run converge first")
    return own.parent


@pytest.fixture(scope="session")
def talosctl(talosctl_program: Talosctl, workspace: Path) -> Callable[..., Answer]:
    """Return a function that runs talosctl with the cluster's client configuration.

    Its arguments are those of talosctl; ``node`` is the address of the only node to ask (all of them without it),
    ``talosconfig`` another client configuration, ``endless`` that it is stopped after a while.
    """

    def run(*arguments: str, node: str = "", talosconfig: Path | None = None, endless: bool = False) -> Answer:
        target = ("--nodes", node) if node else ()
        client = talosconfig or workspace / "talosconfig"
        limit = ENDLESS_SECONDS if endless else LIMIT_SECONDS
        return talosctl_program.run(*arguments, *target, talosconfig=client, limit=limit, endless=endless)

    return run


@pytest.fixture(scope="session")
def command_table() -> list[Row]:
    """What a lab answers to the commands of talosctl."""
    return load_table()


@pytest.fixture
def reader(talosctl: Callable[..., Answer], expected: Expected, tmp_path: Path) -> Path:
    """A client configuration that a control plane issued for the role os:reader."""
    path = tmp_path / "reader"
    plane = next(node for node in expected.nodes.values() if node.machine_type == "controlplane")
    answer = talosctl("config", "new", "--roles", "os:reader", "--crt-ttl", "1h", str(path), node=plane.address)
    assert answer.returncode == 0, answer.stderr
    return path


@pytest.fixture
def stranger(talosctl_program: Talosctl, expected: Expected, tmp_path: Path) -> Path:
    """A client configuration of another cluster that leads to this one."""
    path = tmp_path / "stranger"
    addresses = [node.address for node in expected.nodes.values()]
    options = ["--output-types", "talosconfig", "--output", str(path)]
    made = talosctl_program.run("gen", "config", "stranger", "https://192.0.2.1:6443", *options)
    assert made.returncode == 0, made.stderr
    for kind, values in (("endpoint", addresses[:1]), ("node", addresses)):
        changed = talosctl_program.run("config", kind, *values, talosconfig=path)
        assert changed.returncode == 0, changed.stderr
    return path


def table(answer: Answer) -> list[dict[str, str]]:
    """Return the rows of a table that talosctl printed: heading of the column -> cell.

    :raises AssertionError: the command failed, or printed no table.
    """
    assert answer.returncode == 0, answer.stderr or answer.stdout
    heading, *lines = answer.stdout.splitlines() or [""]
    columns = [(found[0], found.start()) for found in re.finditer(r"\S+(?: \S+)*", heading)]
    assert columns, "talosctl printed no table"
    ends = [start for _name, start in columns[1:]] + [None]
    return [{name: line[start:end].strip() for (name, start), end in zip(columns, ends, strict=True)} for line in lines]
