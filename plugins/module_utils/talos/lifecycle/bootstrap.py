# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bootstrapping etcd, once for a cluster.

Bootstrap starts a new etcd cluster with one member; done on a second node it makes a second cluster. So every control
plane is asked first. Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import (
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    Unreachable,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.access import NodeAccess
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.etcd_snapshot import (
    Snapshot,
    send_snapshot,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.etcd_view import (
    EtcdView,
    Verdict,
    judge,
    read_etcd,
    read_witness,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.waiting import Observed, Pace, wait_for

METHOD = "machine.MachineService/Bootstrap"


class BootstrapRefused(Exception):
    """A bootstrap would make a second cluster, or an empty one in place of one that was lost; cause and remedy."""


@dataclass(frozen=True)
class ControlPlanes:
    """The control planes of a cluster.

    :ivar accesses: how to reach each.
    :ivar addresses: name -> address.
    :ivar workers: how to reach each worker; they remember whether there was a cluster before.
    """

    accesses: Sequence[NodeAccess]
    addresses: Mapping[str, str]
    workers: Sequence[NodeAccess] = ()


async def look_at_etcd(planes: ControlPlanes) -> tuple[list[EtcdView], Verdict]:
    """Ask every control plane and every worker at the same time and judge."""
    views, witnesses = await asyncio.gather(
        asyncio.gather(*(read_etcd(access) for access in planes.accesses)),
        asyncio.gather(*(read_witness(access) for access in planes.workers)),
    )
    return list(views), judge(views, planes.addresses, witnesses)


async def decide(planes: ControlPlanes, timeout: float, pace: Pace | None = None) -> tuple[list[EtcdView], Verdict]:
    """Ask until it is clear whether the cluster has to be bootstrapped.

    Where a snapshot is going to bring the data back, do not name workers: an empty store is what is expected then.

    :raises BootstrapRefused: there are two clusters, one of somebody else, or one whose data is lost.
    :raises WaitTimeout: it did not become clear in time.
    """

    async def look() -> Observed[tuple[list[EtcdView], Verdict]]:
        views, verdict = await look_at_etcd(planes)
        return Observed(verdict.kind != "wait", verdict.reason, (views, verdict))

    views, verdict = await wait_for("every control plane to show whether it has an etcd member", look, timeout, pace)
    if verdict.kind == "lost":
        raise BootstrapRefused(
            f"{verdict.reason}: nothing was changed; give a snapshot of etcd as recover_from, or reset"
            " those nodes when the cluster shall begin empty"
        )
    if verdict.kind == "refused":
        raise BootstrapRefused(f"{verdict.reason}; reset the nodes that do not belong here, or correct the inventory")
    return views, verdict


async def bootstrap(
    target: NodeAccess, timeout: float, snapshot: Snapshot | None = None, pace: Pace | None = None
) -> bool:
    """Ask the target to bootstrap as soon as it can; return whether it did (false: somebody else was faster).

    :param snapshot: recover etcd from it instead of beginning empty.
    :raises WaitTimeout: it did not accept in time.
    :raises TalosError: it refuses for good, for instance because it is a worker.
    """

    async def look() -> Observed[bool]:
        try:
            async with target.secure() as client:
                if snapshot is not None:
                    await send_snapshot(client, snapshot, timeout)
                await client.unary(METHOD, message("machine.BootstrapRequest")(recover_etcd=snapshot is not None))
                return Observed(True, "accepted", True)
        except AlreadyExists as error:
            return Observed(True, error.cause, False)
        except (FailedPrecondition, Unreachable, DeadlineExceeded) as error:
            return Observed(False, error.cause, False)

    return await wait_for(f"{target.name} to accept the bootstrap", look, timeout, pace)


async def wait_for_etcd(target: NodeAccess, timeout: float, pace: Pace | None = None) -> EtcdView:
    """Wait until etcd of the target is healthy and knows its members.

    :raises WaitTimeout: it did not become so in time.
    """

    async def look() -> Observed[EtcdView]:
        view = await read_etcd(target)
        return Observed(view.healthy and bool(view.members), str(view), view)

    return await wait_for(f"etcd on {target.name} to be healthy", look, timeout, pace)
