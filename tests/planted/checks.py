# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which checks there are: every one of them needs a planted defect."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "plugins/module_utils/rules"
# Scenarios whose tests act on a running lab: they bring the defects that they look for themselves.
ACTING = frozenset({"network", "self-test", "ready-timing"})
# Scenarios without nodes: the defects of their verifiers are changes to what they left.
WITHOUT_NODES = frozenset({"image-build", "upstream-compat"})
# Rules about what goes into images have a catalogue of their own.
IMAGE_NEEDS = (RULES / "image_needs.py", ROOT / "plugins/module_utils/cozystack/profile_check.py")
# File of rules -> what their ids begin with.
PREFIXES = {"cluster.py": "cluster", "node.py": "node", "tailnet.py": "tailnet"}
IN_DOCSTRING = re.compile(r"``((?:config|node|cluster|tailnet)\.[a-z][a-z-]*)``")


def document_rule_ids(directory: Path = RULES) -> set[str]:
    """Return the ids of the rules about documents, nodes and clusters, read from their source."""
    found: set[str] = set()
    for path in sorted(directory.glob("*.py")):
        if path.name.startswith("image_"):  # test_planted_images.py, test_planted_image_needs.py
            continue
        prefix = PREFIXES.get(path.name, "config")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found.update(f"{prefix}.{topic}" for topic in _topics(tree, path.name == "document_kinds.py"))
        found.update(_whole_ids(tree))
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.Module)):
                found.update(IN_DOCSTRING.findall(ast.get_docstring(node) or ""))
    return found


def image_needs_ids() -> set[str]:
    """Return the ids of the rules about what goes into images, and about their profiles, read from their source."""
    found: set[str] = set()
    for path in IMAGE_NEEDS:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found.update(f"image.{topic}" for topic in _topics(tree, False))
        found.update(_whole_ids(tree))
    return found


def _topics(tree: ast.AST, yields_topics: bool) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in ("finding", "_finding"):
            yield from _constant(node.args)
        if yields_topics and isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            yield from _constant(node.value.elts)


def _whole_ids(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) == "Finding":
            yield from _constant(node.args)


def _constant(values: list[ast.expr]) -> Iterator[str]:
    if values and isinstance(values[0], ast.Constant) and isinstance(values[0].value, str):
        yield values[0].value


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def verifier_ids(root: Path = ROOT) -> set[str]:
    """Return the ids of the scenarios' tests: ``<file>::<function>``, the file without ``test_`` and ``.py``."""
    found = set()
    for path in [*root.glob("molecule/shared/verifiers/test_*.py"), *root.glob("molecule/*/tests/test_*.py")]:
        if path.parent.parent.name in ACTING | WITHOUT_NODES:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.add(f"{path.stem.removeprefix('test_')}::{node.name.removeprefix('test_')}")
    return found


def catalogue_problems(checks: set[str], defects: set[str]) -> list[str]:
    """Return the differences between the checks that exist and those that have a defect."""
    problems = [f"{check} has no planted defect" for check in sorted(checks - defects)]
    return problems + [f"there is a defect for {check}, which does not exist" for check in sorted(defects - checks)]
