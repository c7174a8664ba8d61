# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each control plane knows about etcd, and whether a cluster may be bootstrapped: reading and judging apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import TalosError
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.access import NodeAccess, open_node

DATA_DIRECTORY = "/var/lib/etcd"
_DATA = "member"
# Where a kubelet keeps the certificate that a cluster gave it.
KUBELET_DIRECTORY = "/var/lib/kubelet/pki"
_CERTIFICATE = "kubelet-client-current.pem"


@dataclass(frozen=True)
class Member:
    """A member of etcd."""

    id: str
    hostname: str
    addresses: tuple[str, ...]
    is_learner: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the member as plain data."""
        return {
            "id": self.id,
            "hostname": self.hostname,
            "addresses": list(self.addresses),
            "is_learner": self.is_learner,
        }


@dataclass(frozen=True)
class EtcdView:
    """etcd as one control plane sees it.

    :ivar name: the control plane.
    :ivar error: why it could not be asked, empty when it could.
    :ivar in_maintenance: it has no configuration yet, and so no etcd.
    :ivar service: state of the service ``etcd``, empty when there is none.
    :ivar healthy: the service is running and healthy.
    :ivar members: as this node knows them.
    :ivar has_data: its disk holds the data of an etcd member.
    """

    name: str
    error: str = ""
    in_maintenance: bool = False
    service: str = ""
    healthy: bool = False
    members: tuple[Member, ...] = ()
    has_data: bool = False

    def __str__(self) -> str:
        if self.error:
            return f"{self.name} cannot be asked ({self.error})"
        if self.in_maintenance:
            return f"{self.name} is in maintenance mode"
        return f"{self.name} has etcd {self.service or 'not set up'} with {len(self.members)} member(s)"


@dataclass(frozen=True)
class Witness:
    """What a worker knows of an earlier life of the cluster.

    :ivar error: why it could not be asked, empty when it could.
    :ivar joined: Kubernetes has given its kubelet a certificate.
    """

    name: str
    error: str = ""
    joined: bool = False


@dataclass(frozen=True)
class Verdict:
    """Whether to bootstrap.

    :ivar kind: ``bootstrapped`` (nothing to do), ``needed``, ``wait`` (not clear yet), ``lost`` (there was a cluster,
        and no control plane has its data) or ``refused``.
    :ivar reason: one line.
    """

    kind: Literal["bootstrapped", "needed", "wait", "lost", "refused"]
    reason: str
    members: tuple[Member, ...] = ()


async def read_etcd(access: NodeAccess) -> EtcdView:
    """Ask one control plane; an error becomes part of the view."""
    try:
        async with open_node(access) as node:
            if node.via == "maintenance":
                return EtcdView(access.name, in_maintenance=True)
            service, healthy = await _service(node.client)
            members = await _members(node.client) if service == "Running" else ()
            return EtcdView(access.name, "", False, service, healthy, members, await _has_data(node.client))
    except TalosError as error:
        return EtcdView(access.name, error=str(error))


async def read_witness(access: NodeAccess) -> Witness:
    """Ask one worker; an error becomes part of the answer."""
    try:
        async with open_node(access) as node:
            if node.via == "maintenance":
                return Witness(access.name)
            return Witness(access.name, joined=await _holds(node.client, KUBELET_DIRECTORY, _CERTIFICATE))
    except TalosError as error:
        return Witness(access.name, error=str(error))


def judge(views: Sequence[EtcdView], control_planes: Mapping[str, str], witnesses: Sequence[Witness] = ()) -> Verdict:
    """Return whether the cluster has to be bootstrapped.

    :param views: of all control planes.
    :param control_planes: name -> address of the control planes the cluster shall have.
    :param witnesses: of the workers: an empty store where a worker has joined is not that of a new cluster.
    """
    known = {member.id: member for view in views for member in view.members}
    members = tuple(known[identity] for identity in sorted(known))
    groups = {frozenset(member.id for member in view.members) for view in views if view.members}
    if any(not one & other for one in groups for other in groups):
        return Verdict("refused", f"control planes belong to different etcd clusters: {_list(views)}", members)
    ours = {*control_planes, *control_planes.values()}
    strangers = [member for member in members if not ours & set(member.addresses)]
    if strangers:
        names = ", ".join(f"{member.hostname} ({', '.join(member.addresses)})" for member in strangers)
        return Verdict("refused", f"etcd has members that are no control planes of this cluster: {names}", members)
    if any(view.healthy and view.members for view in views):
        return Verdict("bootstrapped", f"etcd has {len(members)} member(s)", members)
    silent = [view for view in views if view.error]
    if silent:
        return Verdict("wait", f"not every control plane can be asked: {_list(silent)}", members)
    if members:
        return Verdict("wait", f"etcd is not healthy yet: {_list(views)}", members)
    holding = [view for view in views if view.has_data]
    if holding:
        return Verdict("wait", f"the disk of {holding[0].name} holds an etcd member that does not answer", members)
    return _judge_empty(witnesses)


def _judge_empty(witnesses: Sequence[Witness]) -> Verdict:
    """Return whether a store without any data is that of a new cluster."""
    joined = sorted(witness.name for witness in witnesses if witness.joined)
    if joined:
        return Verdict("lost", f"no control plane has etcd data, and {', '.join(joined)} joined a cluster before")
    silent = [f"{witness.name} cannot be asked ({witness.error})" for witness in witnesses if witness.error]
    if silent:
        return Verdict("wait", f"whether there was a cluster is not known: {'; '.join(silent)}")
    return Verdict("needed", "no control plane has an etcd member")


def judge_member(name: str, views: Sequence[EtcdView], control_planes: Mapping[str, str]) -> Verdict:
    """Return whether a control plane is a voting member of the same etcd cluster as all others.

    :param name: the control plane.
    :param views: of the control planes that joined so far; that of *name* must have been read before the others.
    :param control_planes: name -> address of these control planes.
    :return: kind ``bootstrapped`` when it is, ``wait`` or ``refused``.
    """
    own = next(view for view in views if view.name == name)
    others = [view for view in views if view.name != name and view.healthy and view.members]
    known = {member.id: member for view in others for member in view.members}
    ours = {name, control_planes[name]}
    listed = any(ours & {member.hostname, *member.addresses} for member in known.values())
    apart = own.members and not {member.id for member in own.members} & set(known)
    if known and (apart or (own.has_data and not listed)):
        return Verdict(
            "refused",
            f"{name} holds the etcd data of another cluster; the members of this one are"
            f" {', '.join(sorted(member.hostname for member in known.values()))}",
            tuple(known.values()),
        )
    return _judge_votes(own, views, control_planes)


def _judge_votes(own: EtcdView, views: Sequence[EtcdView], control_planes: Mapping[str, str]) -> Verdict:
    members = own.members
    unhealthy = [str(view) for view in views if not view.healthy]
    if unhealthy:
        return Verdict("wait", f"etcd is not healthy yet: {'; '.join(unhealthy)}", members)
    ids = {frozenset(member.id for member in view.members) for view in views}
    if len(ids) != 1:
        return Verdict("wait", f"the control planes do not see the same members yet: {_list(views)}", members)
    learners = sorted(member.hostname or member.id for member in members if member.is_learner)
    if learners:
        return Verdict("wait", f"{', '.join(learners)} does not vote yet", members)
    addresses = {address for member in members for address in member.addresses}
    missing = sorted(each for each, address in control_planes.items() if not {each, address} & addresses)
    if missing:
        names = ", ".join(sorted(member.hostname for member in members))
        return Verdict("wait", f"etcd has the members {names}, {', '.join(missing)} is missing", members)
    return Verdict("bootstrapped", survival(len(members)), members)


def survival(voters: int) -> str:
    """Return what a number of voting members survives, in words: a majority of them has to stay."""
    losses = (voters - 1) // 2
    votes = "1 member votes" if voters == 1 else f"{voters} members vote"
    return f"{votes}; etcd survives {'no loss' if not losses else f'the loss of {losses}'}"


async def _service(client: Any) -> tuple[str, bool]:
    reply = await client.unary("machine.MachineService/ServiceList")
    for service in reply.messages[0].services:
        if service.id == "etcd":
            return service.state, service.state == "Running" and service.health.healthy
    return "", False


async def read_members(client: Any) -> tuple[Member, ...]:
    """Return the members of etcd as this control plane knows them.

    :raises TalosError: etcd does not answer, or the node has none.
    """
    reply = await client.unary("machine.MachineService/EtcdMemberList", message("machine.EtcdMemberListRequest")())
    return tuple(
        Member(
            f"{member.id:x}",
            member.hostname,
            tuple(urlsplit(url).hostname or "" for url in member.peer_urls),
            member.is_learner,
        )
        for member in reply.messages[0].members
    )


async def _members(client: Any) -> tuple[Member, ...]:
    try:
        return await read_members(client)
    except TalosError:
        return ()


async def _has_data(client: Any) -> bool:
    """Return whether the data directory holds a member; a node that cannot list files refuses a second bootstrap."""
    return await _holds(client, DATA_DIRECTORY, _DATA)


async def _holds(client: Any, directory: str, name: str) -> bool:
    """Return whether a directory of the node holds an entry of that name."""
    request = message("machine.ListRequest")(root=directory)
    try:
        async for file in client.stream("machine.MachineService/List", request):
            if file.relative_name == name or file.name.rstrip("/").endswith(f"/{name}"):
                return True
    except TalosError:
        return False
    return False


def _list(views: Sequence[EtcdView]) -> str:
    return "; ".join(str(view) for view in views)
