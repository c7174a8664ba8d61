# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pytest plugin: every test belongs to one layer, and a failed layer blocks those above it.

L1 a node boots and its API answers, L2 two nodes exchange traffic, L3 services and extensions run on a node,
L4 the cluster forms. ``--layer L2`` runs exactly the tests of that layer. Tests marked as disruptive come last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from typing import Any

import pytest

LAYERS = ("L1", "L2", "L3", "L4")
OUTCOMES = ("passed", "failed", "blocked", "not run")


class LayerBoard:
    """What came of each layer so far."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {layer: Counter() for layer in LAYERS}

    def add(self, layer: str, outcome: str) -> None:
        """Count one outcome (one of :data:`OUTCOMES`) of a layer."""
        self.counts[layer][outcome] += 1

    def blocked_by(self, layer: str) -> str:
        """Return the lowest failed layer below ``layer``, empty when there is none."""
        below = LAYERS[: LAYERS.index(layer)]
        return next((name for name in below if self.counts[name]["failed"]), "")

    def lines(self) -> list[str]:
        """Return one line for each layer that had a test."""
        return [
            f"{layer}: " + ", ".join(f"{counts[name]} {name}" for name in OUTCOMES if counts[name])
            for layer, counts in self.counts.items()
            if counts
        ]


class BlockedByLayer(Exception):
    """A test was not run because a layer below it failed."""


BOARD = pytest.StashKey[LayerBoard]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--layer``."""
    parser.addoption("--layer", action="append", choices=LAYERS, help="run only the tests of this layer; repeatable")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", f"layer(name): layer of the lab that a check belongs to ({', '.join(LAYERS)})")
    config.addinivalue_line("markers", "disruptive: takes something from the cluster; runs after all others")
    config.stash[BOARD] = LayerBoard()


def layer_problem(layers: Sequence[Any]) -> str:
    """Return what is wrong with the layers that a test carries, empty when it carries exactly one known layer."""
    if not layers:
        return "carries no layer; mark it with pytest.mark.layer"
    if len(layers) > 1:
        return f"carries {len(layers)} layers ({', '.join(map(str, layers))}); leave one"
    return "" if layers[0] in LAYERS else f"carries the unknown layer {layers[0]}; known are {', '.join(LAYERS)}"


def layers_of(item: pytest.Item) -> list[Any]:
    """Return the arguments of the test's layer markers."""
    return [marker.args[0] if marker.args else "" for marker in item.iter_markers("layer")]


def disrupts(item: pytest.Item) -> bool:
    """Return whether a test takes something from the cluster for a while."""
    return item.get_closest_marker("disruptive") is not None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse tests without a layer, leave out those not asked for, and run lower layers first."""
    wrong = {item.nodeid: problem for item in items if (problem := layer_problem(layers_of(item)))}
    if wrong:
        raise pytest.UsageError("; ".join(f"{name} {problem}" for name, problem in sorted(wrong.items())))
    wanted = config.getoption("--layer") or LAYERS
    config.hook.pytest_deselected(items=[item for item in items if layers_of(item)[0] not in wanted])
    kept = [item for item in items if layers_of(item)[0] in wanted]
    items[:] = sorted(kept, key=lambda item: (disrupts(item), LAYERS.index(layers_of(item)[0])))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Do not even set up a test whose foundation is broken."""
    blocker = item.config.stash[BOARD].blocked_by(layers_of(item)[0])
    if blocker:
        raise BlockedByLayer(f"blocked by {blocker}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Count the outcome; a blocked test is no pass, and says why in one line."""
    report = yield
    board = item.config.stash[BOARD]
    layer = layers_of(item)[0]
    if report.when == "setup":
        item.user_properties.append(("layer", layer))
    if call.excinfo is not None and call.excinfo.errisinstance(BlockedByLayer):
        report.longrepr = str(call.excinfo.value)
        report.blocked = True  # type: ignore[attr-defined]
        board.add(layer, "blocked")
    elif report.failed:
        board.add(layer, "failed")
    elif report.skipped:
        board.add(layer, "not run")
    elif report.when == "call":
        board.add(layer, "passed")
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: Any) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Show a blocked test as blocked. Its outcome stays ``failed``, so that the exit status is not 0."""
    if getattr(report, "blocked", False):
        return "blocked", "B", (f"BLOCKED ({report.longrepr})", {"yellow": True})
    return None


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show the layers."""
    terminalreporter.section("layers")
    for line in config.stash[BOARD].lines():
        terminalreporter.write_line(line)
