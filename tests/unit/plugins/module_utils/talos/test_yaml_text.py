# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML is read as Talos reads it, and written in one way only."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.homelab.talos.plugins.module_utils.talos import yaml_text

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30),
    st.text("ab:# -'\"\n\t{}[]&*!|>%@`,?~=<0123456789", max_size=20),
    st.sampled_from(
        ["yes", "off", "0o17", "017", "1:30", "2026-01-01", "1e3", ".5", "null", "~", "=", "<<", "|", "0x"]
    ),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text("abcyn0123:- ~.", min_size=1, max_size=8), inner, max_size=4),
    ),
    max_leaves=12,
)


@given(TREES)
def test_what_is_written_is_read_back(tree: Any) -> None:
    text = yaml_text.dump(tree)
    assert yaml_text.load_all(text, "x") == ([] if tree is None else [tree])
    assert yaml_text.dump(tree) == text


@given(st.dictionaries(st.text("abc", min_size=1), st.text(max_size=20), min_size=1))
def test_a_yaml_1_1_reader_sees_the_same_strings(tree: dict[str, str]) -> None:
    assert yaml.safe_load(yaml_text.dump(tree)) == tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("0o644", 0o644),
        ("0644", 0o644),
        ("0x1F", 31),
        ("-12", -12),
        ("1_000", 1000),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        ("1e3", 1000.0),
        ("1.5", 1.5),
        (".inf", float("inf")),
        ("~", None),
        ("null", None),
        ("'1'", "1"),
    ],
)
def test_scalars_are_those_of_talos(text: str, value: Any) -> None:
    read = yaml_text.load_all(f"a: {text}", "x")[0]["a"]
    assert read == value
    assert type(read) is type(value)


def test_keys_are_strings() -> None:
    assert yaml_text.load_all("{1: a, true: b, 1:2: c}", "x") == [{"1": "a", "true": "b", "1:2": "c"}]


def test_anchors_and_merges_are_followed() -> None:
    assert yaml_text.load_all("a: &x {b: 1}\nc:\n  <<: *x\n  d: 2\n", "x") == [{"a": {"b": 1}, "c": {"b": 1, "d": 2}}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "f.yaml:2: YAML is broken: mapping key 'a' is given twice"),
        ("a: [1\nb: 2\n", "f.yaml:2: YAML is broken"),
        ("a: 1\n b: 2\n", "f.yaml:2: YAML is broken"),
        ("a: *x\n", "f.yaml:1: YAML is broken"),
        ("a: !!python/object:os.system {}\n", "f.yaml:1: YAML is broken"),
        ("? [a]\n: 1\n", "f.yaml:1: YAML is broken: mapping key must be a scalar"),
        ("a: \x00\n", "f.yaml"),
        ("a: &x [*x]\n", "f.yaml:1: YAML is broken: found unconstructable recursive node"),
        ("b: 1\na: 0x_\n", "f.yaml:2: YAML is broken: no value of its type: 0x_"),
        ("a: !!int abc\n", "f.yaml:1: YAML is broken: no value of its type: abc"),
        ("a: !!float abc\n", "f.yaml:1: YAML is broken: no value of its type: abc"),
        ("a: !!timestamp abc\n", "f.yaml:1: YAML is broken: no value of its type: abc"),
        ("a: !!timestamp 2001-99-99\n", "f.yaml:1: YAML is broken: no value of its type: 2001-99-99"),
        ("a: " + "9" * 5000 + "\n", "f.yaml:1: YAML is broken: no value of its type: 99999"),
    ],
)
def test_broken_text_names_file_and_line(text: str, message: str) -> None:
    with pytest.raises(yaml_text.YamlError) as error:
        yaml_text.load_all(text, "f.yaml")
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_every_key_has_its_line() -> None:
    _value, lines = yaml_text.load_all_with_lines("---\na:\n  b: 1\n  c:\n    - d: 2\n", "x")[0]
    assert lines[("a",)] == 2
    assert lines[("a", "b")] == 3
    assert lines[("a", "c", "0", "d")] == 5


def test_documents_are_separated_and_empty_ones_dropped() -> None:
    assert yaml_text.load_all("---\na: 1\n---\n---\nb: 2\n", "x") == [{"a": 1}, {"b": 2}]
    assert yaml_text.dump_all([{"a": 1}, {"b": [{"c": 1, "d": 2}]}]) == "a: 1\n---\nb:\n    - c: 1\n      d: 2\n"


@pytest.mark.parametrize("text", ["[" * 100_000 + "]" * 100_000, "a: " + "{b: " * 20_000 + "1" + "}" * 20_000])
def test_deeply_nested_text_is_refused(text: str) -> None:
    with pytest.raises(yaml_text.YamlError, match=r"f\.yaml: YAML is nested too deeply"):
        yaml_text.load_all(text, "f.yaml")


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 12)]
    with pytest.raises(yaml_text.YamlError, match=r"f\.yaml: YAML holds too much: its aliases stand for more than"):
        yaml_text.load_all("\n".join(lines), "f.yaml")
