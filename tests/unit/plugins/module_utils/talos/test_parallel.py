# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work on many nodes, and asynchronous work from synchronous code."""

from __future__ import annotations

import asyncio

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos import errors
from ansible_collections.homelab.talos.plugins.module_utils.talos.parallel import for_each_node, run


def test_order_and_errors() -> None:
    async def work(node: str) -> str:
        if node == "b":
            raise errors.Unreachable(node, "dead")
        return node.upper()

    results = run(for_each_node(["c", "b", "a", "c"], work))
    assert list(results) == ["c", "b", "a"]
    assert (results["c"], results["a"]) == ("C", "A")
    assert isinstance(results["b"], errors.Unreachable)


def test_limit() -> None:
    active: set[int] = set()
    most: list[int] = []

    async def work(node: int) -> None:
        active.add(node)
        most.append(len(active))
        if len(active) == 4:
            together.set()
        await together.wait()
        active.remove(node)

    together = asyncio.Event()
    run(for_each_node(range(20), work, limit=4))
    assert max(most) == 4
    assert len(most) == 20


def test_a_mistake_in_the_work_is_raised_and_ends_the_rest() -> None:
    ended = []

    async def work(node: str) -> None:
        if node == "broken":
            raise KeyError(node)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(node)

    with pytest.raises(KeyError, match="broken"):
        run(for_each_node(["a", "broken"], work))
    assert ended == ["a"]


def test_run_within_a_running_loop() -> None:
    async def inner() -> int:
        return 7

    async def outer() -> int:
        return run(inner())

    assert asyncio.run(outer()) == 7


def test_nothing_to_do() -> None:
    async def work(node: str) -> None:
        raise AssertionError(node)

    assert run(for_each_node([], work)) == {}
