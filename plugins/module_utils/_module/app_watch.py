# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at an application until it is done, failed or gone.

Private to this collection: it may change at any time.
"""

from __future__ import annotations

import asyncio

from ansible_collections.homelab.talos.plugins.module_utils.spin.cluster_app import ClusterApp
from ansible_collections.homelab.talos.plugins.module_utils.spin.rollout import FAILED, Rollout, judge
from ansible_collections.homelab.talos.plugins.module_utils.talos.waiting import Observed, Pace, WaitTimeout, wait_for


async def watch_rollout(app: ClusterApp, has_operator: bool, limit: float, pace: Pace | None = None) -> Rollout:
    """Look until the rollout is over, at most ``limit`` seconds; return the last judgement, over or not."""
    last: list[Rollout] = []

    async def look() -> Observed[None]:
        last[:] = [judge(await asyncio.to_thread(app.read, has_operator))]
        return Observed(last[0].is_over, f"{last[0].state}: {last[0].message}", None)

    try:
        await wait_for(f"{app.where} to be available", look, limit, pace)
    except WaitTimeout:
        # How far it is says more than that time is over.
        return last[0]
    return last[0]


async def watch_removal(app: ClusterApp, limit: float, pace: Pace | None = None) -> None:
    """Look until nothing carries the application's label.

    :raises WaitTimeout: something is left.
    """

    async def look() -> Observed[None]:
        left = await asyncio.to_thread(app.left)
        return Observed(not left, f"{', '.join(left)} left", None)

    await wait_for(f"{app.where} to be gone", look, limit, pace)


def unavailable(app: ClusterApp, rollout: Rollout, limit: float) -> str:
    """Return the line about an application that is not done.

    :param limit: seconds that were waited.
    """
    if rollout.state == FAILED:
        return f"{app.where}: {rollout.message}"
    return f"{app.where}: not available after {limit:g} s, {rollout.state}: {rollout.message}"
