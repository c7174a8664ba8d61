# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Makefile is read as make reads it, as far as it matters."""

from __future__ import annotations

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.makefile_text import read_makefile


def test_rules_with_continuations_and_comments() -> None:
    makefile = read_makefile("a b: c d # why\n\tone \\\n\t\ttwo\n\t# nothing\n\n\tthree\nc:\n")
    rule = makefile.rule("b")
    assert rule is not None
    assert (rule.line, rule.targets, rule.recipe) == (1, ("a", "b"), ("one two", "three"))
    assert makefile.prerequisites("a") == ("c", "d")
    assert makefile.rule("d") is None


def test_the_last_recipe_wins_and_prerequisites_add_up() -> None:
    makefile = read_makefile("a: b\n\tone\na: c\n\ttwo\na: d\n")
    rule = makefile.rule("a")
    assert rule is not None
    assert rule.recipe == ("two",)
    assert makefile.prerequisites("a") == ("b", "c", "d")


def test_a_recipe_on_the_line_of_the_rule_and_double_colons() -> None:
    makefile = read_makefile("a: b; echo x\nc::\n\ty\n")
    assert [(rule.targets, rule.prerequisites, rule.recipe) for rule in makefile.rules] == [
        (("a",), ("b",), ("echo x",)),
        (("c",), (), ("y",)),
    ]


def test_assignments_are_no_rules() -> None:
    makefile = read_makefile("A=b:c\nB := d\nC ?= e\noverride D = f\nE ::= g\nexport H = i\n")
    assert makefile.rules == ()
    assert [(each.name, each.operator) for each in makefile.assignments] == [
        ("A", "="),
        ("B", ":="),
        ("C", "?="),
        ("D", "="),
        ("E", "::="),
        ("H", "="),
    ]


def test_what_runs_while_make_parses_is_found_with_its_conditions() -> None:
    text = "ifeq ($(A),)\nB := $(shell x)\nifdef C\n$(eval y)\nelse\n$(file >z)\nendif\nendif\nD != date\ninclude a b\n"
    makefile = read_makefile(text)
    assert [(each.line, each.conditions) for each in makefile.executions] == [
        (2, ("ifeq ($(A),)",)),
        (4, ("ifeq ($(A),)", "ifdef C")),
        (6, ("ifeq ($(A),)", "else")),
        (9, ()),
    ]
    assert makefile.includes == ((10, "a"), (10, "b"))


def test_a_definition_is_not_read_as_rules() -> None:
    makefile = read_makefile("define m\na: b\n\tc\nendef\nd:\n\te\n")
    assert [rule.targets for rule in makefile.rules] == [("d",)]
    assert makefile.defines == ("define m",)
