# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables come from the configuration, the environment or the manifest; one without a value is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.spin.host.refusal import Refusal
from ansible_collections.homelab.talos.lab.spin.host.runtime_config import RuntimeConfig
from ansible_collections.homelab.talos.lab.spin.host.variables import application_variables, component_variables

DECLARED: dict[str, dict[str, Any]] = {"user": {"default": "nobody"}, "password": {"secret": True}}
ENVIRONMENT = {"SPIN_VARIABLE_PASSWORD": "secret"}


def test_defaults_and_the_environment_give_values() -> None:
    assert application_variables(DECLARED, ENVIRONMENT) == {"user": "nobody", "password": "secret"}


def test_a_plain_variable_of_the_same_name_counts() -> None:
    assert application_variables(DECLARED, {"PASSWORD": "plain"})["password"] == "plain"
    assert application_variables(DECLARED, {"PASSWORD": "plain", **ENVIRONMENT})["password"] == "secret"


def test_providers_of_the_configuration_come_first() -> None:
    providers: list[dict[str, Any]] = [
        {"type": "static", "values": {"user": "static"}},
        {"type": "env", "prefix": "MY_"},
    ]
    values = application_variables(DECLARED, {"MY_PASSWORD": "mine", **ENVIRONMENT}, providers)
    assert values == {"user": "static", "password": "mine"}


def test_a_variable_without_value_is_named_and_no_value_is() -> None:
    with pytest.raises(Refusal) as refused:
        application_variables(DECLARED, {})
    assert str(refused.value) == (
        "variable password has no value: set SPIN_VARIABLE_PASSWORD in the environment of the container,"
        " or give it a default in spin.toml"
    )


def test_a_component_sees_its_own_names() -> None:
    templates = {"greeting": "hello {{ user }}, {{password}}"}
    assert component_variables("one", templates, {"user": "a", "password": "b"}) == {"greeting": "hello a, b"}
    with pytest.raises(Refusal, match="component one uses variable other, which the app does not declare"):
        component_variables("one", {"x": "{{ other }}"}, {})


def test_stores_are_where_the_configuration_says(tmp_path: Path) -> None:
    assert RuntimeConfig.read(tmp_path / "none.toml", tmp_path).stores == {
        "default": tmp_path / ".spin/sqlite_key_value.db"
    }
    path = tmp_path / "runtime-config.toml"
    path.write_text('[key_value_store.default]\ntype = "spin"\npath = "/kept/a.db"\n', encoding="utf-8")
    assert RuntimeConfig.read(path, tmp_path).stores == {"default": Path("/kept/a.db")}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            '[key_value_store.other]\ntype = "redis"\n',
            "key-value store other has type 'redis': this host has spin only",
        ),
        ("no toml", "cannot be read: "),
    ],
)
def test_a_configuration_that_cannot_be_used_is_named(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "runtime-config.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Refusal) as refused:
        RuntimeConfig.read(path, tmp_path)
    assert problem in str(refused.value)
