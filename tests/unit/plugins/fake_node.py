# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes without wires, behind the interface of the client: just enough state for the operations of modules.

The real wire is tested elsewhere; here only what is asked, in which order, and what the answers lead to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, method
from ansible_collections.homelab.talos.plugins.module_utils.talos.endpoint import parse_endpoint
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import (
    MaintenanceMode,
    NotFound,
    NotInMaintenance,
    TalosError,
    Unimplemented,
    Unreachable,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.resource import Resource

Answer = Callable[["FakeNode", Any], Any]


@dataclass
class FakeNode:
    """One node.

    :ivar config: its configuration in effect; None in maintenance mode.
    :ivar services: id -> (state, healthy); healthy None is "unknown".
    :ivar members: etcd members as (id, hostname, address).
    :ivar files: path -> content, of what can be read and listed.
    :ivar resources: (type, id) -> spec, besides those made from the fields above.
    :ivar refuse: method name -> error raised instead of an answer; ``connect`` stands for any.
    :ivar answers: method name -> function(node, request) that returns a reply message or a list of stream messages.
    :ivar uploads: method name -> what was sent to it as a stream of Data.
    :ivar calls: names of the methods called, in order; with ``insecure:`` in front when not authenticated.
    """

    address: str = "198.18.1.11"
    stage: str = "running"
    ready: bool = True
    unmet: list[dict[str, str]] = field(default_factory=list)
    boot_id: str = "11111111-1111-1111-1111-111111111111"
    config: str | None = None
    stored: str | None = None
    services: dict[str, tuple[str, bool | None]] = field(default_factory=dict)
    members: list[tuple[int, str, str]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    resources: dict[tuple[str, str], Any] = field(default_factory=dict)
    refuse: dict[str, TalosError] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    requests: list[Any] = field(default_factory=list)
    uploads: dict[str, bytes] = field(default_factory=dict)

    @property
    def in_maintenance(self) -> bool:
        return self.stage == "maintenance"

    def all_resources(self) -> dict[tuple[str, str], Any]:
        """Return every resource, (type, id) -> spec."""
        found = dict(self.resources)
        status = {"ready": self.ready, "unmetConditions": self.unmet}
        found["MachineStatuses.runtime.talos.dev", "machine"] = {"stage": self.stage, "status": status}
        for which, text in (("v1alpha1", self.config), ("persistent", self.stored or self.config)):
            if text is not None:
                found["MachineConfigs.config.talos.dev", which] = text
        return found


class FakeClient:
    """Stands in for the client of one endpoint."""

    def __init__(self, world: FakeWorld, endpoint: str, **options: Any) -> None:
        self.node = world.nodes.get(parse_endpoint(endpoint).host)
        self.endpoint = endpoint
        self.options = options

    async def __aenter__(self) -> FakeClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None

    def _admit(self, name: str) -> FakeNode:
        insecure = self.options.get("insecure", False)
        if self.node is None:
            raise Unreachable(self.endpoint, "connection refused")
        self.node.calls.append(f"insecure:{name}" if insecure else name)
        for key in ("connect", name):
            if key in self.node.refuse:
                raise self.node.refuse[key]
        if insecure and not self.node.in_maintenance:
            raise NotInMaintenance(self.endpoint, "the node wants a client certificate")
        if not insecure and self.node.in_maintenance:
            raise MaintenanceMode(self.endpoint, "the node is in maintenance mode")
        return self.node

    async def unary(self, path: str, request: Any = None, **_options: Any) -> Any:
        called = method(path)
        node = self._admit(called.name)
        node.requests.append(request)
        answer = node.answers.get(called.name) or _UNARY.get(called.name)
        if answer is None:
            raise Unimplemented(self.endpoint, f"unknown method {called.name}", method=path)
        reply = answer(node, called.request_class() if request is None else request)
        return called.reply_class() if reply is None else reply

    async def stream(self, path: str, request: Any = None, **_options: Any) -> AsyncIterator[Any]:
        called = method(path)
        node = self._admit(called.name)
        answer = node.answers.get(called.name) or _STREAM.get(called.name)
        if answer is None:
            raise Unimplemented(self.endpoint, f"unknown method {called.name}", method=path)
        for message in answer(node, request):
            yield message

    async def upload(self, path: str, requests: Iterable[Any], **_options: Any) -> Any:
        called = method(path)
        node = self._admit(called.name)
        node.uploads[called.name] = b"".join(request.bytes for request in requests)
        return called.reply_class()

    async def get(self, namespace: str, resource_type: str, resource_id: str, **_options: Any) -> Resource:
        node = self._admit(f"get {resource_type.partition('.')[0]}")
        found = node.all_resources()
        if (resource_type, resource_id) not in found:
            raise NotFound(self.endpoint, f"resource {resource_type}/{resource_id} doesn't exist")
        return Resource(namespace, resource_type, resource_id, spec=found[resource_type, resource_id])

    async def list(self, namespace: str, resource_type: str, **_options: Any) -> list[Resource]:
        node = self._admit(f"list {resource_type.partition('.')[0]}")
        return [
            Resource(namespace, kind, identity, spec=spec)
            for (kind, identity), spec in node.all_resources().items()
            if kind == resource_type
        ]


class FakeWorld:
    """The nodes that can be reached."""

    def __init__(self, *nodes: FakeNode) -> None:
        self.nodes = {node.address: node for node in nodes}

    def client(self, endpoint: str, **options: Any) -> FakeClient:
        """Return what the class of the client would."""
        return FakeClient(self, endpoint, **options)


def _version(node: FakeNode, request: Any) -> Any:
    reply = method("machine.MachineService/Version").reply_class()
    version = reply.messages.add()
    version.version.tag = "v1.13.9"
    version.platform.name = "metal"
    return reply


def list_services(node: FakeNode, request: Any) -> Any:
    """Answer ServiceList from the node's services."""
    reply = method("machine.MachineService/ServiceList").reply_class()
    listing = reply.messages.add()
    for name, (state, healthy) in node.services.items():
        service = listing.services.add(id=name, state=state)
        service.health.unknown = healthy is None
        service.health.healthy = bool(healthy)
        service.events.events.add(msg=f"{name} is {state}", state=state)
    return reply


def _members(node: FakeNode, request: Any) -> Any:
    reply = method("machine.MachineService/EtcdMemberList").reply_class()
    listing = reply.messages.add()
    for identity, hostname, address in node.members:
        listing.members.add(id=identity, hostname=hostname, peer_urls=[f"https://{address}:2380"])
    return reply


def _apply(node: FakeNode, request: Any) -> Any:
    """Apply as Talos 1.13 does, every change without a reboot."""
    modes = enum("machine.ApplyConfigurationRequest.Mode")
    reply = method("machine.MachineService/ApplyConfiguration").reply_class()
    answer = reply.messages.add()
    chosen = modes.Value("NO_REBOOT") if request.mode == modes.Value("AUTO") else request.mode
    answer.mode = chosen
    if request.dry_run:
        answer.mode_details = "Dry run summary:\nApplied configuration without a reboot (skipped in dry-run)."
        return reply
    answer.mode_details = "Applied configuration without a reboot"
    text = request.data.decode()
    if chosen == modes.Value("STAGED"):
        node.stored = text
        return reply
    node.stored = node.stored or node.config if chosen == modes.Value("TRY") else text
    node.config = text
    if node.stage == "maintenance":
        node.stage = "booting"
    return reply


def _bootstrap(node: FakeNode, request: Any) -> Any:
    node.services["etcd"] = ("Running", True)
    node.members = [(1, node.address, node.address)]


def _memory(node: FakeNode, request: Any) -> Any:
    reply = method("machine.MachineService/Memory").reply_class()
    reply.messages.add().meminfo.memtotal = 4 * 1024 * 1024
    return reply


def _reboot(node: FakeNode, request: Any) -> Any:
    node.boot_id = "22222222-2222-2222-2222-222222222222"


def _reset(node: FakeNode, request: Any) -> Any:
    wiped = [item.label for item in request.system_partitions_to_wipe]
    node.boot_id = "33333333-3333-3333-3333-333333333333"
    if not request.reboot:
        node.refuse["connect"] = Unreachable(node.address, "connection refused")
    if "STATE" in wiped or not wiped:
        node.stage, node.config, node.stored = "maintenance", None, None


def _read(node: FakeNode, request: Any) -> list[Any]:
    content = node.boot_id.encode() + b"\n" if request.path.endswith("/boot_id") else node.files.get(request.path)
    if content is None:
        raise NotFound(node.address, f"stat {request.path}: no such file or directory")
    data = method("machine.MachineService/Read").reply_class
    return [data(bytes=content)]


def _list(node: FakeNode, request: Any) -> list[Any]:
    info = method("machine.MachineService/List").reply_class
    below = request.root.rstrip("/") + "/"
    return [info(name=path, relative_name=path.removeprefix(below)) for path in node.files if path.startswith(below)]


_UNARY: dict[str, Answer] = {
    "Version": _version,
    "ServiceList": list_services,
    "EtcdMemberList": _members,
    "ApplyConfiguration": _apply,
    "Bootstrap": _bootstrap,
    "Memory": _memory,
    "Reboot": _reboot,
    "Reset": _reset,
}
_STREAM: dict[str, Answer] = {"Read": _read, "List": _list}
