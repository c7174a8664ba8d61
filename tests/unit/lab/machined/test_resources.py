# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""COSI resources over the wire."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message, method
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import NotAuthorized, NotFound
from ansible_collections.homelab.talos.plugins.module_utils.talos.resource import Resource, ResourceEvent

from .home import LIMIT_SECONDS, VARIANT, Home, control_plane, play, stage, status, unary, until, worker

ADDRESS = "198.18.9.11"
DEFINITIONS = ("meta", "ResourceDefinitions.meta.cosi.dev")


def test_definitions_carry_the_typed_form_talosctl_needs(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        path = "cosi.resource.State/List"
        request = method(path).request_class(namespace=DEFINITIONS[0], type=DEFINITIONS[1])
        async with lab.client(ADDRESS, "os:reader") as client:
            found = [reply.resource async for reply in client.stream(path, request)]
        typed = message("cosi.resource.meta.ResourceDefinitionSpec")
        specs = {each.metadata.id: typed.FromString(each.spec.proto_spec) for each in found}
        members = specs["members.cluster.talos.dev"]
        assert (members.resource_type, members.default_namespace) == ("Members.cluster.talos.dev", "cluster")
        assert list(members.all_aliases) == ["members", "members.cluster", "members.cluster.talos", "member"]
        assert specs["machineconfigs.config.talos.dev"].sensitivity == 1
        assert all(each.spec.yaml_spec for each in found)
        assert "bootids.runtime.talos.dev" not in specs  # since Talos 1.14

    play(tmp_path, scenario)


def test_every_type_of_a_running_node_is_readable(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        present = {}
        async with lab.client(ADDRESS) as client:
            for definition in await client.list(*DEFINITIONS):
                namespace, type = definition.spec["defaultNamespace"], definition.spec["type"]
                present[type] = [each.id for each in await client.list(namespace, type)]
        assert present["MachineConfigs.config.talos.dev"] == ["persistent", "v1alpha1"]
        assert present["EtcdMembers.etcd.talos.dev"] == ["local"]
        assert present["StaticPods.kubernetes.talos.dev"] == ["kube-apiserver"]
        assert present["VolumeStatuses.block.talos.dev"] == ["EPHEMERAL", "META", "STATE"]
        assert present["SystemDisks.block.talos.dev"] == ["system-disk"]
        assert present["Nodenames.kubernetes.talos.dev"] == ["nodename"]
        assert present["Diagnostics.runtime.talos.dev"] == []
        assert machine.stage == "running"

    play(tmp_path, scenario)


def test_bootstrap_manifests_and_what_they_are_made_from(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        control = await control_plane(lab)
        type = "Manifests.kubernetes.talos.dev"
        await until(lambda: len(control.node.store.list("controlplane", type)) == 1, "manifests")
        async with lab.client(ADDRESS) as client:
            found = await client.get("controlplane", type, "10-kube-proxy")
            assert found.spec == {"items": [{"kind": "DaemonSet", "metadata": {"name": "kube-proxy"}}]}
            settings = await client.get("controlplane", "BootstrapManifestsConfigs.kubernetes.talos.dev", "manifests")
            assert settings.spec["cniName"] == "flannel"

    play(tmp_path, scenario)


def test_services_exist_only_while_running(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        type = "Services.v1alpha1.talos.dev"
        async with lab.client(ADDRESS) as client:
            found = {each.id: each.spec for each in await client.list("runtime", type)}
            assert found["etcd"] == {"running": True, "healthy": True, "unknown": False}
            assert found["dashboard"] == {"running": True, "healthy": False, "unknown": True}
            await lab.machines["cp1"].node.services["kubelet"].stop()
            with pytest.raises(NotFound, match="doesn't exist"):
                await client.get("runtime", type, "kubelet")

    play(tmp_path, scenario)


def test_members_of_a_cluster(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        control = await control_plane(lab)
        await stage(await worker(lab), "running")
        type = "Members.cluster.talos.dev"
        await until(lambda: len(control.node.store.list("cluster", type)) == 2, "two members")
        async with lab.client(ADDRESS, "os:reader") as client:
            found = {each.id: each.spec for each in await client.list("cluster", type)}
        assert found["w1"]["machineType"] == "worker"
        assert found["w1"]["addresses"] == ["198.18.9.21"]
        assert found["cp1"]["controlPlane"] == {"port": 6443}
        assert found["cp1"]["operatingSystem"] == "Talos (v1.13.9)"

    play(tmp_path, scenario)


def test_extensions_of_the_image(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        async with lab.client(ADDRESS, "os:reader") as client:
            found = await client.list("runtime", "ExtensionStatuses.runtime.talos.dev")
        assert [each.spec["metadata"]["name"] for each in found] == list(VARIANT)
        assert found[0].id == "000.ghcr.io-siderolabs-drbd-9.3.2-v1.13.9"

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("namespace", "type", "text"),
    [
        ("runtime", "Nonsense.talos.dev", 'resource type "Nonsense.talos.dev" is not supported'),
        ("nowhere", "Members.cluster.talos.dev", 'namespace "nowhere" is not supported'),
    ],
)
def test_unknown_type_and_namespace(tmp_path: Path, namespace: str, type: str, text: str) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        async with lab.client(ADDRESS) as client:
            with pytest.raises(NotAuthorized) as refusal:
                await client.list(namespace, type)
        assert refusal.value.cause == text

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("namespace", "type"),
    [
        ("config", "MachineConfigs.config.talos.dev"),
        ("network", "LinkStatuses.net.talos.dev"),
        ("k8s", "KubeletSpecs.kubernetes.talos.dev"),
        ("runtime", "ExtensionServiceConfigs.runtime.talos.dev"),
    ],
)
def test_sensitive_types_are_for_admins(tmp_path: Path, namespace: str, type: str) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        for role in ("os:reader", "os:operator"):
            async with lab.client(ADDRESS, role) as client:
                with pytest.raises(NotAuthorized):
                    await client.list(namespace, type)
        async with lab.client(ADDRESS) as client:
            await client.list(namespace, type)

    play(tmp_path, scenario)


@pytest.mark.parametrize("name", ["Create", "Update", "Destroy", "Teardown", "TeardownAndDestroy"])
def test_nobody_writes(tmp_path: Path, name: str) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        async with lab.client(ADDRESS) as client:
            with pytest.raises(NotAuthorized) as refusal:
                await client.unary(f"cosi.resource.State/{name}")
        assert refusal.value.cause == "write access is not allowed"

    play(tmp_path, scenario)


def test_watch_of_a_type(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        async with lab.client(ADDRESS) as client:
            watch = client.watch("runtime", "Services.v1alpha1.talos.dev", timeout=LIMIT_SECONDS)
            async with aclosing(watch) as events:  # type: ignore[type-var]
                created = set()
                async for event in events:
                    if event.kind == "bootstrapped":
                        break
                    created.add(_resource(event).id)
                assert created == set(machine.node.services)
                await unary(client, "ServiceRestart", id="kubelet")
                kinds: list[str] = []
                while len(kinds) < 3:
                    event = await anext(events)
                    if _resource(event).id == "kubelet":
                        kinds.append(event.kind)
        assert kinds == ["destroyed", "created", "updated"]

    play(tmp_path, scenario)


def test_watch_of_one_id(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        await until(lambda: status(machine)["status"]["ready"], "ready")
        async with lab.client(ADDRESS) as client:
            watch = client.watch("runtime", "MachineStatuses.runtime.talos.dev", "machine")
            async with aclosing(watch) as events:  # type: ignore[type-var]
                first = await anext(events)
                assert (first.kind, _resource(first).spec["status"]["ready"]) == ("created", True)
                lab.programs["cp1"].kubelet.problem = "no answer"
                second = await anext(events)
                assert (second.kind, _resource(second).spec["status"]["ready"]) == ("updated", False)
                assert int(_resource(second).version) == int(_resource(first).version) + 1
            watch = client.watch("runtime", "MachineStatuses.runtime.talos.dev", "none")
            async with aclosing(watch) as events:  # type: ignore[type-var]
                assert (await anext(events)).kind == "destroyed"

    play(tmp_path, scenario)


def _resource(event: ResourceEvent) -> Resource:
    assert event.resource is not None
    return event.resource


def test_queries_by_id(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        path = "cosi.resource.State/List"
        request = method(path).request_class(namespace="runtime", type="VolumeStatuses.block.talos.dev")
        request.options.id_query.regexp = "^(STATE|META)$"
        async with lab.client(ADDRESS) as client:
            found = [reply.resource.metadata.id async for reply in client.stream(path, request)]
        assert found == ["META", "STATE"]

    play(tmp_path, scenario)
