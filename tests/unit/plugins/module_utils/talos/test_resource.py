# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""COSI resources: get, list, watch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from grpclib import GRPCError, Status

from ansible_collections.homelab.talos.plugins.module_utils.talos import errors, resource, yaml_text
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, message
from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.plugins.module_utils.talos.resource import Resource, ResourceEvent
from ansible_collections.homelab.talos.tests.support.certificates import Authority
from ansible_collections.homelab.talos.tests.support.talos_api import ApiServer
from ansible_collections.homelab.talos.tests.unit.plugins.module_utils.talos.test_client import collect, with_client

StartNode = Callable[..., ApiServer]
MEMBERS = "Members.cluster.talos.dev"
CONFIG = "version: v1alpha1\nmachine: {}\n---\napiVersion: v1alpha1\nkind: HostnameConfig\n"


def wire(resource_id: str, yaml_spec: str, resource_type: str = MEMBERS, **metadata: Any) -> Any:
    made = message("cosi.resource.Resource")()
    made.metadata.namespace = "cluster"
    made.metadata.type = resource_type
    made.metadata.id = resource_id
    made.metadata.version = metadata.get("version", "1")
    made.metadata.phase = "running"
    made.metadata.labels.update(metadata.get("labels", {}))
    made.metadata.annotations.update(metadata.get("annotations", {}))
    made.spec.yaml_spec = yaml_spec
    return made


def event(kind: str, subject: Any = None, old: Any = None, error: str | None = None) -> Any:
    made = message("cosi.resource.Event")(event_type=enum("cosi.resource.EventType").Value(kind))
    made.resource.CopyFrom(subject or message("cosi.resource.Resource")())
    if old is not None:
        made.old.CopyFrom(old)
    if error is not None:
        made.error = error
    return made


def watching(*events: Any) -> Callable[[Any], Awaitable[None]]:
    async def answer(stream: Any) -> None:
        answer.request = await stream.recv_message()  # type: ignore[attr-defined]
        await stream.send_message(message("cosi.resource.WatchResponse")())
        for one in events:
            await stream.send_message(message("cosi.resource.WatchResponse")(event=[one]))

    return answer


def test_get(node: StartNode, authority: Authority) -> None:
    async def answer(stream: Any) -> None:
        request = await stream.recv_message()
        if (request.namespace, request.type, request.id) != ("cluster", MEMBERS, "cp1"):
            raise GRPCError(
                Status.NOT_FOUND, f"resource {request.type}({request.namespace}/{request.id}) doesn't exist"
            )
        found = wire("cp1", "hostname: cp1\naddresses:\n  - 198.18.1.11\n", labels={"a": "b"}, version="3")
        await stream.send_message(message("cosi.resource.GetResponse")(resource=found))

    async def work(client: Client) -> None:
        assert await client.get("cluster", MEMBERS, "cp1") == Resource(
            namespace="cluster",
            type=MEMBERS,
            id="cp1",
            version="3",
            phase="running",
            labels={"a": "b"},
            spec={"hostname": "cp1", "addresses": ["198.18.1.11"]},
        )
        with pytest.raises(errors.NotFound, match="doesn't exist"):
            await client.get("cluster", MEMBERS, "cp2")

    with_client(node({"cosi.resource.State/Get": answer}), authority, work)


def test_list(node: StartNode, authority: Authority) -> None:
    async def answer(stream: Any) -> None:
        request = await stream.recv_message()
        for name in ("cp1", "w1") if request.type == MEMBERS else ():
            await stream.send_message(message("cosi.resource.ListResponse")(resource=wire(name, f"hostname: {name}\n")))

    async def work(client: Client) -> None:
        assert [member.id for member in await client.list("cluster", MEMBERS)] == ["cp1", "w1"]
        assert await client.list("cluster", "Affiliates.cluster.talos.dev") == []

    with_client(node({"cosi.resource.State/List": answer}), authority, work)


def test_list_that_is_refused(node: StartNode, authority: Authority) -> None:
    async def answer(stream: Any) -> None:
        await stream.recv_message()
        raise GRPCError(Status.PERMISSION_DENIED, "not authorized")

    async def work(client: Client) -> None:
        with pytest.raises(errors.NotAuthorized):
            await client.list("network", "LinkStatuses.net.talos.dev")

    with_client(node({"cosi.resource.State/List": answer}), authority, work)


def test_watch_of_a_type(node: StartNode, authority: Authority) -> None:
    answer = watching(
        event("CREATED", wire("cp1", "a: 1\n")),
        event("BOOTSTRAPPED"),
        event("NOOP"),
        event("UPDATED", wire("cp1", "a: 2\n", version="2"), wire("cp1", "a: 1\n")),
        event("DESTROYED", wire("cp1", "a: 2\n")),
    )

    async def work(client: Client) -> list[ResourceEvent]:
        return [one async for one in client.watch("cluster", MEMBERS)]

    seen = with_client(node({"cosi.resource.State/Watch": answer}), authority, work)
    assert [one.kind for one in seen] == ["created", "bootstrapped", "noop", "updated", "destroyed"]
    assert [one.resource.spec if one.resource else None for one in seen] == [{"a": 1}, None, None, {"a": 2}, {"a": 2}]
    assert seen[3].old.spec == {"a": 1}
    request = answer.request  # type: ignore[attr-defined]
    assert request.options.bootstrap_contents
    assert request.api_version == 1
    assert not request.HasField("id")


def test_watch_of_one_resource(node: StartNode, authority: Authority) -> None:
    answer = watching(event("CREATED", wire("cp1", "a: 1\n")))

    async def work(client: Client) -> list[ResourceEvent]:
        return [one async for one in client.watch("cluster", MEMBERS, "cp1")]

    assert len(with_client(node({"cosi.resource.State/Watch": answer}), authority, work)) == 1
    request = answer.request  # type: ignore[attr-defined]
    assert request.id == "cp1"
    assert not request.options.bootstrap_contents


def test_watch_that_ends_with_an_error(node: StartNode, authority: Authority) -> None:
    answer = watching(event("CREATED", wire("cp1", "a: 1\n")), event("ERRORED", error="buffer overrun"))

    async def work(client: Client) -> None:
        seen: list[ResourceEvent] = []
        with pytest.raises(errors.TalosError, match="buffer overrun"):
            await collect(client.watch("cluster", MEMBERS), seen)
        assert [one.kind for one in seen] == ["created"]

    with_client(node({"cosi.resource.State/Watch": answer}), authority, work)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("stage: running\n", {"stage": "running"}),
        ("controlplane\n", "controlplane"),
        ("version: 1.10\nday: 2026-01-02\non: yes\n", {"version": 1.1, "day": "2026-01-02", "on": "yes"}),
        ("", None),
        ("{}\n", {}),
    ],
)
def test_specifications(text: str, spec: Any) -> None:
    assert resource.parse_resource(wire("x", text)).spec == spec


@pytest.mark.parametrize(
    ("yaml_spec", "annotations"),
    [
        (yaml_text.dump(CONFIG), {"talos.dev/yaml-spec": "true"}),
        ("|\n    " + CONFIG.replace("\n", "\n    ").rstrip(" "), {"talos.dev/yaml-spec": "true"}),
        (CONFIG, {}),
        ("version: v1alpha1\n", {}),
    ],
)
def test_the_machine_configuration_is_text(yaml_spec: str, annotations: dict[str, str]) -> None:
    found = resource.parse_resource(wire("v1alpha1", yaml_spec, resource.MACHINE_CONFIG, annotations=annotations))
    assert found.spec == (CONFIG if "HostnameConfig" in yaml_spec else yaml_spec)
