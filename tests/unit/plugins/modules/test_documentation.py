# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation of the modules says, compared with what they accept."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.plugins.doc_fragments import requirements
from ansible_collections.homelab.talos.plugins.module_utils._module import dependencies
from ansible_collections.homelab.talos.plugins.module_utils._module.connection import CONNECTION
from ansible_collections.homelab.talos.plugins.modules import machine_config

PACKAGE = "ansible_collections.homelab.talos.plugins.modules"
RUNTIME = Path(machine_config.__file__).parents[2] / "meta/runtime.yml"
GROUP = yaml.safe_load(RUNTIME.read_text(encoding="utf-8"))["action_groups"]["talos"]
NAMES = sorted(path.stem for path in Path(machine_config.__file__).parent.glob("*.py"))


@pytest.fixture(params=NAMES)
def module(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"{PACKAGE}.{request.param}")


def name_of(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def test_examples_are_tasks_the_module_accepts(module: ModuleType) -> None:
    spec = module.spec()
    tasks: list[dict[str, Any]] = yaml.safe_load(module.EXAMPLES)
    assert tasks
    for task in tasks:
        options = task[f"homelab.talos.{name_of(module)}"]
        assert task["name"][0].isupper()
        assert set(options) <= set(spec.options)
        required = {name for name, option in spec.options.items() if option.get("required")}
        assert required <= set(options)
        for choice in spec.required_one_of:
            assert set(choice) & set(options)
        for key, value, needed in (rule[:3] for rule in spec.required_if):
            default = spec.options[key].get("default")
            assert options.get(key, default) != value or set(needed) <= set(options)


def test_the_defaults_of_the_action_group_are_accepted(module: ModuleType) -> None:
    accepted = module.spec().options
    if name_of(module) not in GROUP:
        assert "talosconfig" not in accepted
        return
    assert {name: accepted[name] for name in CONNECTION.options} == CONNECTION.options


def test_every_return_value_has_a_sample(module: ModuleType) -> None:
    for name, entry in yaml.safe_load(module.RETURN).items():
        assert {"description", "returned", "type", "sample"} <= set(entry), name


def test_descriptions_are_sentences(module: ModuleType) -> None:
    document = yaml.safe_load(module.DOCUMENTATION)
    assert document["module"] == name_of(module)
    assert not document["short_description"].endswith(".")
    for text in document["description"]:
        assert text.endswith("."), text


def test_requirements_are_those_that_are_checked() -> None:
    fragment = requirements.ModuleDocFragment
    for text, packages in (
        (fragment.DOCUMENTATION, dependencies.TALOS),
        (fragment.KUBERNETES, dependencies.KUBERNETES),
    ):
        listed = set(yaml.safe_load(text)["requirements"]) - {"Python 3.11 or newer"}
        assert listed == set(packages.values())
