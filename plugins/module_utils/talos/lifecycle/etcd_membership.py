# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until a control plane that joined is a voting member of etcd."""

from __future__ import annotations

import asyncio

from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.bootstrap import ControlPlanes
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.etcd_view import (
    Verdict,
    judge_member,
    read_etcd,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.waiting import Observed, Pace, wait_for


class ForeignMember(Exception):
    """A control plane holds the etcd data of another cluster; one line with cause and remedy."""


async def wait_for_member(name: str, planes: ControlPlanes, timeout: float, pace: Pace | None = None) -> Verdict:
    """Wait until the control plane *name* votes and all of *planes* agree on the members.

    :raises ForeignMember: its disk holds the data of another cluster.
    :raises WaitTimeout: it did not become so in time.
    """

    async def look() -> Observed[Verdict]:
        # Its own data first: whoever joins is a member before it stores anything.
        own = [await read_etcd(access) for access in planes.accesses if access.name == name]
        others = await asyncio.gather(*(read_etcd(access) for access in planes.accesses if access.name != name))
        verdict = judge_member(name, [*own, *others], planes.addresses)
        return Observed(verdict.kind != "wait", verdict.reason, verdict)

    verdict = await wait_for(f"{name} to vote in etcd", look, timeout, pace)
    if verdict.kind == "refused":
        raise ForeignMember(f"{verdict.reason}; nothing was changed; erase {name} (module reset) and let it join again")
    return verdict
