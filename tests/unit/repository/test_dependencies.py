# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may know whom: dependencies point down, from playbooks over roles and modules to the library."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.tests.unit.repository.tree import NAMESPACE, ROOT, below, name

LIBRARY = f"{NAMESPACE}.plugins.module_utils"
# Directory below the root: what files in it must not import.
FORBIDDEN = {
    "plugins": (f"{NAMESPACE}.lab", f"{NAMESPACE}.tests", f"{NAMESPACE}.tools"),
    "plugins/module_utils/findings": (NAMESPACE,),
    "plugins/module_utils/talos": (
        f"{LIBRARY}.rules",
        f"{LIBRARY}.kubernetes",
        f"{LIBRARY}.report",
        f"{LIBRARY}.cozystack",
    ),
    "plugins/module_utils/cozystack": (f"{LIBRARY}.rules", f"{LIBRARY}.kubernetes", f"{LIBRARY}.report"),
    "plugins/module_utils/kubernetes": (f"{LIBRARY}.rules", f"{LIBRARY}.report"),
    "plugins/module_utils/spin": (f"{LIBRARY}.rules", f"{LIBRARY}.report"),
    "plugins/module_utils/report": (f"{LIBRARY}.rules", f"{LIBRARY}.talos", f"{LIBRARY}.kubernetes"),
    "lab": ("ansible", f"{NAMESPACE}.tests", f"{NAMESPACE}.tools", f"{NAMESPACE}.plugins.modules"),
}
# Within a directory that the rule is about, its own files are allowed.
OWN = {directory: f"{NAMESPACE}.{directory.replace('/', '.')}" for directory in FORBIDDEN}


def imports(source: str) -> Iterator[str]:
    """Yield the absolute names of the modules that Python source imports, anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield ("." * node.level) + (node.module or "")


def forbidden_imports(relative: str, source: str) -> list[str]:
    """Return the imports that a file at a path below the root must not have."""
    found = []
    directories = [directory for directory in FORBIDDEN if relative.startswith(f"{directory}/")]
    is_library = relative.startswith("plugins/module_utils/") and not relative.startswith(
        "plugins/module_utils/_module/"
    )
    for module in imports(source):
        if module.startswith("."):
            found.append(f"{module} (relative)")
        if is_library and (module == "ansible" or module.startswith("ansible.")):
            found.append(module)
        for directory in directories:
            prefixes = tuple(f"{prefix}." for prefix in FORBIDDEN[directory])
            if f"{module}.".startswith(prefixes) and not f"{module}.".startswith(f"{OWN[directory]}."):
                found.append(module)
    return found


SOURCES = sorted(below("plugins", "lab", suffix=".py"))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_dependencies_point_down(path: Path) -> None:
    assert forbidden_imports(name(path), path.read_text()) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("plugins/module_utils/talos/client.py", "def f():\n    from ansible.module_utils.basic import AnsibleModule"),
        ("plugins/module_utils/talos/client.py", f"from {LIBRARY}.rules.health import services"),
        ("plugins/module_utils/findings/model.py", f"import {LIBRARY}.talos.errors"),
        ("plugins/module_utils/talos/client.py", f"import {LIBRARY}.cozystack.layout"),
        ("plugins/module_utils/cozystack/layout.py", f"import {LIBRARY}.rules.document"),
        ("plugins/modules/reset.py", f"from {NAMESPACE}.lab import cli"),
        ("plugins/modules/reset.py", "from ..module_utils import x"),
        ("lab/cli.py", "import ansible.constants"),
    ],
)
def test_an_import_upwards_is_seen(path: str, source: str) -> None:
    assert len(forbidden_imports(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("plugins/module_utils/_module/connection.py", "from ansible.module_utils.basic import AnsibleModule"),
        ("plugins/module_utils/rules/node.py", f"from {LIBRARY}.talos.client import Client"),
        ("lab/cli.py", f"from {LIBRARY}.talos.client import Client\nfrom {NAMESPACE}.lab import engine"),
        ("lab/cli.py", f"from {NAMESPACE}.lab import engine"),
    ],
)
def test_an_import_downwards_is_allowed(path: str, source: str) -> None:
    assert forbidden_imports(path, source) == []


def test_only_python_travels_to_a_module_run() -> None:
    """Ansible packs .py files only: a table in another format would be missing on the node. Sources are no tables."""
    others = [name(p) for p in below("plugins") if p.suffix != ".py" and p.suffix != ".proto"]
    assert others == []


def test_package_files_are_empty() -> None:
    found = [
        name(path) for path in below("plugins", "lab", "tests", "tools", suffix="__init__.py") if path.stat().st_size
    ]
    assert found == []


def test_every_python_file_names_its_licence() -> None:
    for path in below("plugins", "lab", "tests", "tools", "molecule", suffix=".py"):
        if path.stat().st_size:
            head = path.read_text().splitlines()[:20]
            assert any("SPDX-License-Identifier: GPL-3.0-or-later" in line for line in head), name(path)
            assert any("GNU General Public License v3.0+" in line for line in head), name(path)


def test_the_licence_is_there() -> None:
    assert "GNU GENERAL PUBLIC LICENSE" in (ROOT / "LICENSE").read_text()
