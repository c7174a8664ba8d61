# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stream that its client gives up leaves nothing behind on the node."""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import Path
from typing import Any

import pytest
from grpclib.server import request_handler

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import method

from .home import Home, control_plane, play, stage, until, worker

ADDRESS, WORKER = "198.18.9.11", "198.18.9.21"
FOLLOWED = [
    ("Dmesg", {"follow": True}),
    ("Events", {"tail_events": -1}),
    ("Logs", {"namespace": "system", "id": "machined", "follow": True, "tail_lines": 1}),
    ("Logs", {"namespace": "system", "id": "kubelet", "follow": True, "tail_lines": 1}),
]


TARGETS: list[dict[str, Any]] = [{}, {"node": WORKER}, {"nodes": [ADDRESS, WORKER]}]
STREAMS = 20
NOISE = 8  # tasks that come and go by themselves: controllers that sleep, calls of health checks


def _tasks() -> int:
    return len([task for task in asyncio.all_tasks() if not task.done()])


def _calls() -> int:
    """Return the number of calls that the nodes' APIs are answering: apart from the noise, hence exact."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks() if not task.done()]
    return names.count(request_handler.__qualname__)


async def _settled() -> int:
    """Return the number of tasks once it stays within the noise for a third of a second."""
    last: deque[int] = deque(maxlen=30)

    def steady() -> bool:
        last.append(_tasks())
        return len(last) == 30 and max(last) - min(last) < NOISE

    await until(steady, "a steady number of tasks")
    return max(last)


@pytest.mark.parametrize(("name", "fields"), FOLLOWED)
def test_followed_streams_end_with_their_client(tmp_path: Path, name: str, fields: dict[str, Any]) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        machine = await worker(lab)
        await stage(machine, "running")
        path = f"machine.MachineService/{name}"
        before = await _settled()
        for target in TARGETS:
            async with lab.client(ADDRESS) as client:
                request = method(path).request_class(**fields)
                streams = [client.stream(path, request, **target) for _number in range(STREAMS)]
                for stream in streams:
                    assert await anext(stream)
                # The negative twin: open streams are seen.
                await until(lambda: _calls() >= STREAMS, "every stream is open")
                if name == "Events" and target:  # the first event may be that of another node
                    await until(lambda: len(machine.node.events._queues) >= STREAMS, "every stream is open")
                for stream in streams:
                    await stream.aclose()  # type: ignore[attr-defined]
            await until(
                lambda: _calls() < STREAMS and _tasks() <= before + NOISE and not machine.node.events._queues,
                f"every task of the streams to {target} ended",
            )

    play(tmp_path, scenario)
