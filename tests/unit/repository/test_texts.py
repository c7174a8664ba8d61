# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that must not be in any file: places of one machine, waits without a condition, names of providers."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.tests.unit.repository.tree import (
    ROOT,
    below,
    files,
    load_yaml,
    name,
    task_files,
    tasks,
)

# Directories of the root that hold what belongs to a user or to one machine, and users of documentation and images.
PERSONAL = ("home", "Users", "work", "workspace")
ANYBODY = ("op", "operator", "user")
# An absolute path: nothing that could be a part of a longer path, of a URL or of a variable comes before it.
MACHINE_PATH = re.compile(
    r"(?<![\w.$}~-])/(?:"
    rf"(?:{'|'.join(PERSONAL)})/(?!(?:{'|'.join(ANYBODY)})/)[A-Za-z]\w*"  # somebody's files
    r"|root/\.\w+"  # hidden files of root: environments, caches
    r"|tmp/\w+/(?:bin|lib)"  # an environment in a temporary directory
    r")\b"
)
PROVIDERS = ("emulated", "hardware", "qemu")
PROVIDER_CONDITION = re.compile(
    rf"""(?:==|!=|\bin\b|\bis\b)\s*[\[(]?\s*['"](?:{"|".join(PROVIDERS)})['"]|['"](?:{"|".join(PROVIDERS)})['"]\s*(?:==|!=)"""
)
SLEEP = re.compile(r"(?<![\w.])(?:time\.|asyncio\.)?sleep\(|(?:^|[\s;&|])sleep\s+[\d{$]")
REASON = re.compile(r"#.*\bsleep:")
BINARY = {".png", ".ico", ".gz", ".pyc"}


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of a text file."""
    yield from enumerate(path.read_text(errors="replace").splitlines(), 1)


def provider_conditions(path: Path) -> list[str]:
    """Return the conditions of a task file or a Python file that ask for the provider's name."""
    return [f"{name(path)}:{number}: {line.strip()}" for number, line in lines(path) if PROVIDER_CONDITION.search(line)]


def sleeps(path: Path) -> list[str]:
    """Return the lines that sleep and do not say why, as ``# sleep: reason`` there or in the line above."""
    found, above = [], ""
    for number, line in lines(path):
        if SLEEP.search(line) and not line.lstrip().startswith("#") and not REASON.search(line + above):
            found.append(f"{name(path)}:{number}: {line.strip()}")
        above = line
    return found


def test_no_path_of_one_machine() -> None:
    found = [
        f"{name(path)}:{number}: {line.strip()[:100]}"
        for path in files()
        if path.suffix not in BINARY
        for number, line in lines(path)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


def test_the_place_of_this_checkout_is_in_no_file() -> None:
    places = {str(place) for place in (ROOT, ROOT.resolve(), Path(sys.prefix)) if len(place.parts) > 2}
    found = [name(path) for path in files() if any(place in path.read_text(errors="replace") for place in places)]
    assert found == []


# Put together when they are used, so that this file is judged like any other.
@pytest.mark.parametrize("parts", [*((place, "me", "lab") for place in PERSONAL), ("root", ".x"), ("tmp", "x", "bin")])
@pytest.mark.parametrize("frame", ["cd {}", "({})", "'{}'", "PATH={}:y"])
def test_a_path_of_one_machine_is_seen(parts: tuple[str, ...], frame: str) -> None:
    assert MACHINE_PATH.search(frame.format("/" + "/".join(parts)))


@pytest.mark.parametrize("text", ["directory/work/x", "https://example.org/home/", "~/.cache", "/var/lib/work/a"])
def test_other_paths_are_allowed(text: str) -> None:
    assert not MACHINE_PATH.search(text)


@pytest.mark.parametrize("path", sorted(task_files()), ids=name)
def test_no_task_pauses_or_sleeps(path: Path) -> None:
    for task in tasks(load_yaml(path)):
        assert "ansible.builtin.pause" not in task, f"{task.get('name')} pauses: wait for a condition"
        wait = task.get("ansible.builtin.wait_for") or {}
        assert not wait or set(wait) & {"port", "path"}, f"{task.get('name')} waits for time only"
    assert sleeps(path) == []


def test_no_test_or_module_sleeps_without_a_reason() -> None:
    sources = below("tests", "molecule", "plugins", suffix=".py")
    assert [line for path in sources for line in sleeps(path)] == []


def test_a_sleep_is_seen_unless_it_says_why(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    pause = "sleep" + "(1)"
    lines = [f"time.{pause}", f"self.{pause}", "# sleep: the poll of a wait with a limit", f"await asyncio.{pause}"]
    path.write_text("\n".join(lines))
    assert [line.rpartition(": ")[2] for line in sleeps(path)] == [f"time.{pause}"]


def test_only_the_lab_asks_for_the_name_of_the_provider() -> None:
    sources = [*task_files(), *below("plugins", "molecule", suffix=".py"), *below("roles", suffix=".j2")]
    found = [line for path in sources if not name(path).startswith("roles/lab/") for line in provider_conditions(path)]
    assert found == []


@pytest.mark.parametrize(
    "text",
    ["when: talos_provider == 'emulated'", 'if provider in ("hardware",):', "when: \"'qemu' == talos_provider\""],
)
def test_a_condition_on_the_provider_is_seen(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.yml"
    path.write_text(f"{text}\n")
    assert len(provider_conditions(path)) == 1


def test_tool_settings_leave_the_links_out() -> None:
    assert ".collections" in (ROOT / ".yamllint").read_text()
    assert ".collections" in (ROOT / ".ansible-lint").read_text()


def test_no_wait_loses_a_cancellation() -> None:
    """``asyncio.wait_for`` of Python 3.11 forgets a cancellation that comes at the moment of the result."""
    found = [
        f"{name(path)}:{number}: {line.strip()}"
        for path in below("lab", "plugins", suffix=".py")
        for number, line in lines(path)
        if "asyncio.wait_for(" in line
    ]
    assert found == [], "use asyncio.timeout"
