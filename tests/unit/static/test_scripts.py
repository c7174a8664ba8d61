# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell scripts of the repository: what they take, leave alone, and say when something is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.tests.unit.repository.tree import ROOT

PROGRAMS = ("bash", "cat", "cut", "dirname", "env", "find", "git", "grep", "head", "id", "mkdir", "mktemp", "rm", "sed")


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A PATH of the most basic programs: no Python, no apt-get, no sudo."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for program in PROGRAMS:
        if found := shutil.which(program):
            (directory / program).symlink_to(found)
    return directory


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small git checkout with the scripts of this one."""
    root = tmp_path / "checkout"
    for part in (".ci", "tools", "tests/static"):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("Makefile", ".gitattributes", ".gitignore"):
        shutil.copy(ROOT / file, root / file)
    for directory in ("meta", "inventories/homelab"):
        (root / directory).mkdir(parents=True)
    (root / "meta/ee-bindep.txt").write_text("bash [platform:dpkg]  # provides bash\n")
    (root / "inventories/homelab/hosts.yml").write_text("---\n")
    (root / "homelab").symlink_to("inventories/homelab")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "-c", "user.name=test", "-c", "user.email=test@example.invalid", "commit", "--quiet", "-m", "first")
    return root


def git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout


def call(root: Path, script: str, *words: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": str(path) if path else os.environ["PATH"]}
    return subprocess.run(
        [str(root / script), *words], cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def test_the_export_holds_changes_and_new_files_and_no_links_to_directories(checkout: Path, tmp_path: Path) -> None:
    (checkout / "Makefile").write_text("changed:\n")
    (checkout / "new.txt").write_text("new\n")
    (checkout / "build").mkdir()
    (checkout / "build/ignored.txt").write_text("ignored\n")
    before = git(checkout, "status", "--porcelain")
    objects = git(checkout, "count-objects")

    done = call(checkout, "tests/static/export.sh", str(tmp_path / "out"))

    assert done.returncode == 0, done.stderr
    exported = tmp_path / "out/ansible_collections/homelab/talos"
    assert (exported / "Makefile").read_text() == "changed:\n"
    assert (exported / "new.txt").exists()
    assert not (exported / "build").exists()
    assert not (exported / "homelab").exists()
    assert (exported / "inventories/homelab/hosts.yml").exists()
    assert git(checkout, "status", "--porcelain") == before, "the export staged something"
    assert git(checkout, "count-objects") == objects, "the export left objects behind"


def test_the_export_says_that_it_needs_git(checkout: Path, tmp_path: Path) -> None:
    shutil.rmtree(checkout / ".git")
    done = call(checkout, "tests/static/export.sh", str(tmp_path / "out"))
    assert done.returncode == 1
    assert "is no git checkout" in done.stderr


def test_packages_that_are_there_are_not_installed(checkout: Path, bare_path: Path) -> None:
    done = call(checkout, "tools/setup/packages.sh", path=bare_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_missing_packages_are_named(checkout: Path, bare_path: Path) -> None:
    with (checkout / "meta/ee-bindep.txt").open("a") as file:
        file.write("runc [platform:dpkg]  # provides no-such-program|/no/such/file\n")
    checked = call(checkout, "tools/setup/packages.sh", "--check", path=bare_path)
    assert checked.returncode == 1
    assert "missing on this machine: runc;" in checked.stderr

    installed = call(checkout, "tools/setup/packages.sh", path=bare_path)
    assert installed.returncode == 1
    assert "missing: runc" in installed.stderr


def test_a_line_that_names_no_program_is_refused(checkout: Path) -> None:
    (checkout / "meta/ee-bindep.txt").write_text("runc [platform:dpkg]\n")
    done = call(checkout, "tools/setup/packages.sh", "--check")
    assert done.returncode == 2
    assert "line of runc does not end in '# provides PROGRAM'" in done.stderr


def test_a_command_without_environment_says_what_to_do(checkout: Path) -> None:
    done = call(checkout, "tools/run", "true")
    assert done.returncode == 1
    assert "run 'make setup' first" in done.stderr


def test_an_interpreter_that_does_not_fit_is_refused(checkout: Path, tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    environment = {**os.environ, "PYTHON": str(old)}
    script = checkout / "tools/setup/environment.sh"
    done = subprocess.run([script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no Python 3.11 to 3.13 with venv" in done.stderr
    assert str(old) in done.stderr


def test_a_checkout_that_everybody_may_write_is_refused(checkout: Path) -> None:
    """Ansible would ignore ansible.cfg there, and then not find the roles."""
    checkout.chmod(0o777)
    done = call(checkout, "tools/setup/environment.sh")
    assert done.returncode == 1
    assert "Ansible ignores ansible.cfg there" in done.stderr


def test_an_environment_that_belongs_to_another_checkout_is_left_alone(checkout: Path, tmp_path: Path) -> None:
    """Making it anew through a link would clear the environment of the other checkout."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "precious").write_text("packages\n")
    for name in ("requirements.txt", "requirements-dev.txt"):
        (checkout / name).write_text("")
    (checkout / ".venv").symlink_to(other)
    done = call(checkout, "tools/setup/environment.sh")
    assert done.returncode == 1
    assert f"{checkout}/.venv is a link to {other}, made for other pins or another place" in done.stderr
    assert "remove the link" in done.stderr
    assert [path.name for path in other.iterdir()] == ["precious"]


def test_continuous_integration_ends_with_the_closing_line_when_setup_fails(checkout: Path) -> None:
    (checkout / "meta/ee-bindep.txt").write_text("runc [platform:dpkg]\n")
    done = call(checkout, ".ci/run")
    assert done.returncode != 0
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed"


@pytest.mark.parametrize("green", [True, False])
def test_continuous_integration_ends_with_the_closing_line_of_the_tests(checkout: Path, green: bool) -> None:
    recipe = f"@mkdir -p build; echo '7 passed, 1 failed' | tee build/closing-line; {'true' if green else 'false'}"
    (checkout / "Makefile").write_text(f"test:\n\t{recipe}\n")
    done = call(checkout, ".ci/run")
    assert (done.returncode == 0) is green
    assert done.stdout.splitlines()[-1] == "7 passed, 1 failed"


@pytest.mark.parametrize(
    "script", [*(ROOT / "tests/static").glob("*.sh"), *(ROOT / "tools/setup").glob("*.sh")], ids=lambda path: path.name
)
def test_script_is_valid_bash(script: Path) -> None:
    assert subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False).stderr == ""
