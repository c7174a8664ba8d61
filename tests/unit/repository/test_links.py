# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two committed links that make the checkout itself the collection and `-i homelab` work."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.tests.unit.repository.tree import LINKS, NAMESPACE, ROOT, below, files, name


def link_problem(root: Path, link: str, target: str) -> str | None:
    """Return what is wrong with a committed link and what to do, None when nothing is."""
    path = root / link
    if not path.is_symlink():
        return f"{link} is no symbolic link: check out anew where links work (git config core.symlinks true)"
    found = os.readlink(path)
    if os.path.isabs(found):
        return f"{link} points to the absolute path {found}; it must be {target}"
    if found != target:
        return f"{link} points to {found}; it must be {target}"
    if not path.resolve().is_relative_to(root.resolve()) or not path.is_dir():
        return f"{link} leads out of the checkout or nowhere: {path.resolve()}"
    return None


@pytest.mark.parametrize(("link", "target"), LINKS.items())
def test_link_is_relative_and_resolves_inside_the_checkout(link: str, target: str) -> None:
    assert link_problem(ROOT, link, target) is None


@pytest.mark.parametrize(
    ("target", "words"),
    [("/inventories/homelab", "absolute path"), ("inventories/other", "must be"), (None, "no symbolic link")],
)
def test_a_wrong_link_is_seen(tmp_path: Path, target: str | None, words: str) -> None:
    if target is None:
        # What a checkout without support for links holds.
        (tmp_path / "homelab").write_text("inventories/homelab")
    else:
        (tmp_path / "homelab").symlink_to(target)
    assert words in (link_problem(tmp_path, "homelab", "inventories/homelab") or "")


def test_a_link_that_leads_nowhere_is_seen(tmp_path: Path) -> None:
    (tmp_path / "homelab").symlink_to("inventories/homelab")
    assert "nowhere" in (link_problem(tmp_path, "homelab", "inventories/homelab") or "")


def test_every_other_link_is_relative_and_leads_to_a_file_inside() -> None:
    """ansible-test refuses links to directories; an absolute link works on one machine only."""
    for path in files():
        if path.is_symlink():
            assert not os.path.isabs(os.readlink(path)), name(path)
            assert path.resolve().is_relative_to(ROOT), name(path)


def test_python_imports_the_library_of_this_checkout() -> None:
    module = importlib.import_module(f"{NAMESPACE}.plugins.module_utils.findings.model")
    assert Path(str(module.__file__)).resolve() == ROOT / "plugins/module_utils/findings/model.py"


def test_ansible_runs_the_modules_of_this_checkout() -> None:
    """An older copy of the collection elsewhere must not win."""
    modules = sorted(path.stem for path in below("plugins", suffix=".py") if path.parent.name == "modules")
    program = (
        "import sys; from ansible.plugins.loader import init_plugin_loader, module_loader; init_plugin_loader();"
        "print(*(module_loader.find_plugin('homelab.talos.' + name) for name in sys.argv[1:]), sep='\\n')"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PYTHONPATH"))}
    found = subprocess.run(
        [sys.executable, "-c", program, *modules], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout.split()
    assert [str(Path(path).resolve()) for path in found] == [str(ROOT / f"plugins/modules/{m}.py") for m in modules]
