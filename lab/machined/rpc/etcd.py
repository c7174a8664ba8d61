# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Etcd* calls.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import Any, TypeVar

from grpclib import GRPCError, Status

from ansible_collections.homelab.talos.lab.machined import refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.etcd_data import RECOVERY_SNAPSHOT
from ansible_collections.homelab.talos.lab.machined.etcd_leave import LastMember, leave_etcd
from ansible_collections.homelab.talos.lab.machined.interfaces import EtcdError
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, message

PREFIX = "/machine.MachineService/Etcd"
Value = TypeVar("Value")
_STATUS = {"NotFound": Status.NOT_FOUND, "Unavailable": Status.UNAVAILABLE}


class EtcdCalls:
    """The calls of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def handlers(self) -> Handlers:
        """Return the handlers."""
        return {
            f"{PREFIX}MemberList": self._members,
            f"{PREFIX}Status": self._status,
            f"{PREFIX}Snapshot": self._snapshot,
            f"{PREFIX}RemoveMemberByID": self._remove,
            f"{PREFIX}LeaveCluster": self._leave,
            f"{PREFIX}ForfeitLeadership": self._forfeit,
            f"{PREFIX}AlarmList": self._alarms,
            f"{PREFIX}AlarmDisarm": self._disarm,
            f"{PREFIX}Defragment": self._defragment,
            f"{PREFIX}Recover": self._recover,
        }

    def _check(self, what: str) -> None:
        if not self._node.is_controlplane:
            raise refusals.control_plane_only(what)

    async def _members(self, call: Call) -> Any:
        self._check("member list")
        members = await _asked(self._node.programs.etcd_access.members(), "")
        reply = message("machine.EtcdMemberListResponse")()
        element = reply.messages.add(legacy_members=[member.name for member in members])
        for member in members:
            element.members.add(
                id=member.id,
                hostname=member.name,
                peer_urls=member.peer_urls,
                client_urls=member.client_urls,
                is_learner=member.is_learner,
            )
        return reply

    async def _status(self, call: Call) -> Any:
        self._check("etcd status")
        status = await _asked(self._node.programs.etcd_access.status(), "failed to query etcd status: ")
        reply = message("machine.EtcdStatusResponse")()
        reply.messages.add().member_status.CopyFrom(
            message("machine.EtcdMemberStatus")(
                member_id=status.member_id,
                protocol_version=status.version,
                storage_version=status.storage_version,
                db_size=status.db_size,
                db_size_in_use=status.db_size_in_use,
                leader=status.leader,
                raft_index=status.raft_index,
                raft_term=status.raft_term,
                raft_applied_index=status.raft_applied_index,
                errors=status.errors,
                is_learner=status.is_learner,
            )
        )
        return reply

    async def _snapshot(self, call: Call) -> AsyncIterator[Any]:
        self._check("etcd snapshot")
        chunks = await _asked(self._node.programs.etcd_access.snapshot(), "failed reading etcd snapshot: ")
        async for chunk in chunks:
            yield message("common.Data")(bytes=chunk)

    async def _remove(self, call: Call) -> Any:
        self._check("etcd remove member")
        work = self._node.programs.etcd_access.remove_member(call.request.member_id)
        await _asked(work, "failed to remove member: ")
        return _empty("RemoveMemberByID")

    async def _leave(self, call: Call) -> Any:
        self._check("etcd leave")
        try:
            await _asked(leave_etcd(self._node), "failed to leave cluster: ")
        except LastMember as error:
            raise refusals.unknown(f"failed to leave cluster: {error}") from None
        return _empty("LeaveCluster")

    async def _forfeit(self, call: Call) -> Any:
        self._check("etcd forfeit leadership")
        work = self._node.programs.etcd_access.forfeit_leadership()
        leader = await _asked(work, "failed to forfeit leadership: ")
        reply = message("machine.EtcdForfeitLeadershipResponse")()
        reply.messages.add(member=leader)
        return reply

    async def _alarms(self, call: Call) -> Any:
        self._check("etcd alarm list")
        alarms = await _asked(self._node.programs.etcd_access.alarms(), "failed to list etcd alarms: ")
        return _alarm_reply("AlarmList", alarms)

    async def _disarm(self, call: Call) -> Any:
        self._check("etcd alarm list")
        alarms = await _asked(self._node.programs.etcd_access.disarm(), "failed to disarm etcd alarm: ")
        return _alarm_reply("AlarmDisarm", alarms)

    async def _defragment(self, call: Call) -> Any:
        self._check("etcd defragment")
        await _asked(self._node.programs.etcd_access.defragment(), "failed to defragment etcd: ")
        return _empty("Defragment")

    async def _recover(self, call: Call) -> Any:
        if call.requests is None or not self._node.partitions.ephemeral.joinpath("lib").is_dir():
            raise refusals.failed_precondition("etcd service is not ready for recovery yet")
        self._check("etcd recover")
        path = self._node.partitions.ephemeral / RECOVERY_SNAPSHOT
        partial = path.with_name(f".{path.name}.partial")
        try:
            with partial.open("wb") as handle:
                partial.chmod(0o600)
                async for data in call.requests:
                    handle.write(data.bytes)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        return _empty("Recover")


async def _asked(work: Awaitable[Value], prefix: str) -> Value:
    """Await an etcd request; what etcd refuses becomes a status with Talos' words in front."""
    try:
        return await work
    except EtcdError as error:
        status = _STATUS.get(error.code, Status.UNKNOWN)
        raise GRPCError(status, str(error) if status is Status.NOT_FOUND else f"{prefix}{error}") from None
    except (OSError, TimeoutError) as error:
        raise refusals.unknown(f"{prefix}{error}") from None


def _empty(name: str) -> Any:
    reply = message(f"machine.Etcd{name}Response")()
    reply.messages.add()
    return reply


def _alarm_reply(name: str, alarms: Any) -> Any:
    reply = message(f"machine.Etcd{name}Response")()
    element = reply.messages.add()
    kinds = enum("machine.EtcdMemberAlarm.AlarmType")
    for member_id, kind in alarms:
        element.member_alarms.add(member_id=member_id, alarm=kinds.Value(kind))
    return reply


def handlers(node: Node) -> Handlers:
    """Return the handlers."""
    return EtcdCalls(node).handlers()
