# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the contract about the tree and its makefiles: C1 to C4, C11 and C12."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.imager import KINDS
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.layout import (
    CORE_DIRECTORIES,
    INCLUDES,
    MAKE_VARIABLES,
    PROFILES_DIRECTORY,
    TARGET_PREFIXES,
    UNKNOWN,
    Layout,
    known_recipe,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.makefile_text import Execution, Makefile
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.verdict import Observation, Wishes, ok

# Kinds that older layouts lack.
LATER_KINDS = ("nocloud", "metal")
_NEEDED_KINDS = tuple(kind for kind in KINDS if kind not in LATER_KINDS)
_NORMAL = "docker-tar-to-stdout"

# What runs while make parses and does no harm.
_HARMLESS = (
    re.compile(
        r"^TALOS_VERSION\s*=\s*\$\(shell awk '/\^version:/ \{print \$\$2\}' images/talos/profiles/installer\.yaml\)$"
    ),
    re.compile(r"^ifeq \(\$\(shell uname\),\s*\w+\)$"),
)
_EMPTY_TEST = re.compile(r"^ifeq \(\$\((?P<name>\w+)\),\s*\)$")
_UNDEFINED_TEST = re.compile(r"^ifeq \(\$\(origin (?P<name>\w+)\),\s*undefined\)$")


def core_directory(layout: Layout, wishes: Wishes) -> Iterator[Observation]:
    """C1: the Talos package is where it is expected, and the build as a whole is of a known generation."""
    newest = CORE_DIRECTORIES[0]
    if layout.core == newest:
        yield ok(layout.core, 0, newest)
    else:
        yield Observation("changed-but-handled", layout.core, 0, newest, layout.core, "make is called there")
    path = layout.makefile_file.path
    known = "a combination of directory, include, targets and recipe that CozyStack had"
    if not layout.generations:
        features = layout.features
        found = f"{features.core}, {features.include or 'no include'}, {features.prefix}*, {features.kinds} kinds"
        yield Observation("unknown", path, 0, known, f"{found}, {features.invocation}", "look at that ref by hand")
    elif not layout.generation:
        note = "this collection publishes images itself"
        expected = f"upstream's way to publish and to generate of {', '.join(layout.generations)}"
        yield Observation("changed-but-handled", path, 0, expected, "another one", note)


def includes(layout: Layout, wishes: Wishes) -> Iterator[Observation]:
    """C2: the included makefile exists and is that of the shared variables (further ones: C12)."""
    path = layout.makefile_file.path
    if not layout.includes:
        yield Observation(
            "changed-but-handled", path, 0, f"include of {INCLUDES[0]}", "no include", "its variables are in the file"
        )
    for include in layout.includes[:1]:
        if include.path in INCLUDES and include.file is not None:
            verdict = "ok" if include.path == INCLUDES[0] else "changed-but-handled"
            yield Observation(verdict, path, include.line, INCLUDES[0], include.path)  # type: ignore[arg-type]
        elif include.file is None and re.fullmatch(r"[\w./-]+", include.path):
            yield Observation(
                "unsupported",
                path,
                include.line,
                INCLUDES[0],
                f"{include.path}, which does not exist",
                "make would stop",
            )
        else:
            yield Observation("unknown", path, include.line, INCLUDES[0], include.path)


def invocation(layout: Layout, wishes: Wishes) -> Iterator[Observation]:
    """C3: the recipe is one whose effect is known, and needs nothing but a container engine."""
    path = layout.makefile_file.path
    rules = [(target, layout.makefile.rule(target)) for target in layout.targets.values()]
    line = min((rule.line for target, rule in rules if rule), default=0)
    expected = known_recipe(_NORMAL, layout.prefix)[-1]
    if layout.invocation == _NORMAL:
        yield ok(path, line, _NORMAL)
    elif layout.invocation == "docker-bind-out":
        yield Observation(
            "changed-but-handled", path, line, _NORMAL, layout.invocation, "files belong to the imager's user"
        )
    elif layout.invocation != UNKNOWN:
        yield Observation(
            "unsupported", path, line, _NORMAL, layout.invocation, "needs a cluster with the pod builder-talos-imager"
        )
    elif not rules:
        yield Observation("unknown", path, 0, expected, "no target that builds", "look at that ref by hand")
    for target, rule in rules if layout.invocation == UNKNOWN else []:
        recipe = rule.recipe if rule else ()
        if recipe == known_recipe(_NORMAL, layout.prefix):
            continue
        found = next((part for part in recipe if part not in known_recipe(_NORMAL, layout.prefix)), "no recipe")
        verdict = "unsupported" if "kubectl exec" in found else "unknown"
        yield Observation(verdict, path, rule.line if rule else 0, expected, f"{target}: {found}")  # type: ignore[arg-type]


def targets(layout: Layout, wishes: Wishes) -> Iterator[Observation]:
    """C4: every kind has a target that really builds, and a committed profile."""
    path = layout.makefile_file.path
    expected = TARGET_PREFIXES[0] + "<kind>"
    if layout.prefix == TARGET_PREFIXES[0]:
        yield ok(path, 0, expected)
    elif layout.prefix:
        yield Observation("changed-but-handled", path, 0, expected, layout.prefix + "<kind>", "those are called")
    else:
        yield Observation("unsupported", path, 0, expected, "no target of any kind")
    for kind in wishes.kinds or KINDS:
        target, profile = kind in layout.targets, kind in layout.profiles
        if target and profile:
            continue
        both = f"target {layout.prefix or TARGET_PREFIXES[0]}{kind} and profile {layout.profile_path(kind)}"
        if not target and not profile and kind in LATER_KINDS and not wishes.kinds:
            yield Observation("changed-but-handled", path, 0, both, "neither", f"{kind} cannot be built")
            continue
        found = "neither" if not target and not profile else "no profile" if target else "no target"
        yield Observation("unsupported", path if not target else layout.profile_path(kind), 0, both, found)
    for name in layout.other_profiles:
        yield Observation(
            "changed-but-handled",
            f"{layout.core}/{PROFILES_DIRECTORY}/{name}",
            0,
            f"only {', '.join(KINDS)}",
            name,
            "this collection does not build it",
        )


def command_line(layout: Layout, wishes: Wishes) -> Iterator[Observation]:
    """C11: our variables are accepted, and keep make from running anything while it parses."""
    makefiles = {layout.makefile_file.path: layout.makefile, **layout.included}
    expected = f"nothing that runs under {' '.join(f'{name}={value}' for name, value in MAKE_VARIABLES.items())}"
    found_any = False
    for path, makefile in makefiles.items():
        for execution in makefile.executions:
            if not _suppressed(execution):
                found_any = True
                yield Observation(
                    "unknown", path, execution.line, expected, execution.text, "it would run while make parses"
                )
        for assignment in makefile.assignments:
            if assignment.name == ".SHELLFLAGS" or assignment.name == "SHELL":
                found_any = True
                yield Observation(
                    "changed-but-handled", path, assignment.line, "make's own shell", assignment.value, "ours is used"
                )
    if not found_any:
        yield ok(layout.makefile_file.path, 0, expected)


def _suppressed(execution: Execution) -> bool:
    """Return whether a line runs nothing, or nothing harmful, with our command line.

    A variable of the command line wins, but make still evaluates the right side of ``:=``.
    """
    if any(pattern.match(execution.text) for pattern in _HARMLESS):
        return True
    for condition in execution.conditions:
        empty, undefined = _EMPTY_TEST.match(condition), _UNDEFINED_TEST.match(condition)
        if empty and MAKE_VARIABLES.get(empty["name"]):
            return True
        if undefined and undefined["name"] in MAKE_VARIABLES:
            return True
    assignment = execution.assignment
    return (
        assignment is not None
        and not assignment.words
        and assignment.operator in ("=", "?=")
        and assignment.name in MAKE_VARIABLES
    )


def nothing_else(layout: Layout, wishes: Wishes) -> Iterator[Observation]:
    """C12: the targets need nothing outside the Talos package and the shared variables."""
    path = layout.makefile_file.path
    found_any = False
    for target in layout.targets.values():
        prerequisites = layout.makefile.prerequisites(target)
        if prerequisites:
            rule = layout.makefile.rule(target)
            found_any = True
            yield Observation(
                "unknown", path, rule.line if rule else 0, f"{target} without prerequisites", " ".join(prerequisites)
            )
    for extra in layout.includes[1:]:
        found_any = True
        verdict = "unknown" if extra.file else "unsupported"
        yield Observation(verdict, path, extra.line, "one include", extra.path)  # type: ignore[arg-type]
    for inner, makefile in layout.included.items():
        for line, word in makefile.includes:
            found_any = True
            yield Observation("unknown", inner, line, "no include", word)
        yield from _rules_elsewhere(layout, inner, makefile)
    if not found_any:
        yield ok(path, 0, "targets without prerequisites, one include")


def _rules_elsewhere(layout: Layout, path: str, makefile: Makefile) -> Iterator[Observation]:
    for target in layout.targets.values():
        rule = makefile.rule(target)
        if rule is not None:
            yield Observation("unknown", path, rule.line, f"no rule for {target}", f"a rule for {target}")
