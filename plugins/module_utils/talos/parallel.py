# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many nodes at once."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import TalosError

Node = TypeVar("Node")
Value = TypeVar("Value")

DEFAULT_LIMIT = 16


def run(work: Coroutine[Any, Any, Value]) -> Value:
    """Run a coroutine to its end from synchronous code; return its result or raise its error.

    Where an event loop runs in this thread already, the coroutine gets another thread.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(asyncio.run, work).result()


async def read_each(
    clients: Mapping[str, Callable[[], Client]], read: Callable[[Client], Awaitable[dict[str, Any]]]
) -> dict[str, dict[str, Any]]:
    """Read every node with a client of its own; a node that cannot be asked reads as ``{"error": "..."}``.

    :param clients: name -> function that makes a client of the node.
    """

    async def one(name: str) -> dict[str, Any]:
        async with clients[name]() as client:
            return await read(client)

    results = await for_each_node(clients, one)
    return {
        name: {"error": str(result)} if isinstance(result, TalosError) else result for name, result in results.items()
    }


async def for_each_node(
    nodes: Iterable[Node], func: Callable[[Node], Awaitable[Value]], limit: int = DEFAULT_LIMIT
) -> dict[Node, Value | TalosError]:
    """Await ``func(node)`` for every node, at most `limit` at a time.

    Returns the result of each node, or the TalosError it failed with: a dead node does not hide the others. The order
    is that of `nodes`. Any other error ends the work on all nodes and is raised.
    """
    names = list(dict.fromkeys(nodes))
    slots = asyncio.Semaphore(limit)

    async def one(node: Node) -> Value | TalosError:
        async with slots:
            try:
                return await func(node)
            except TalosError as error:
                return error

    tasks = [asyncio.ensure_future(one(node)) for node in names]
    try:
        results = await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    return dict(zip(names, results, strict=True))
