# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may call what."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.lab.machined import authorization
from ansible_collections.homelab.talos.plugins.module_utils.talos import pki, secrets_bundle
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import method, services
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import NotAuthorized, TalosError, Unimplemented
from ansible_collections.homelab.talos.plugins.module_utils.talos.talosconfig import Credentials

from .home import LIMIT_SECONDS, Home, bundle, control_plane, credentials, play, stage, unary

ADDRESS = "198.18.9.11"
ALL = ("os:admin", "os:operator", "os:reader", "os:etcd:backup", "os:meta:writer", "os:image:verifier")
# method of MachineService -> roles that may call it
MATRIX = {
    "Version": {"os:admin", "os:operator", "os:reader"},
    "ServiceList": {"os:admin", "os:operator", "os:reader"},
    "ServiceRestart": {"os:admin", "os:operator"},
    "EtcdMemberList": {"os:admin", "os:operator", "os:reader", "os:etcd:backup"},
    "EtcdAlarmDisarm": {"os:admin", "os:operator"},
    "EtcdForfeitLeadership": {"os:admin"},
    "GenerateClientConfiguration": {"os:admin"},
    "MetaWrite": {"os:admin", "os:meta:writer"},
    "Bootstrap": {"os:admin"},
    "ApplyConfiguration": {"os:admin"},
    "Rollback": {"os:admin"},
}
STREAMS = {
    "Read": {"os:admin"},
    "Kubeconfig": {"os:admin"},
    "EtcdSnapshot": {"os:admin", "os:operator", "os:etcd:backup"},
    "List": {"os:admin", "os:operator", "os:reader"},
}


def test_matrix_over_the_wire(tmp_path: Path) -> None:
    async def allowed(lab: Home, name: str, role: str) -> bool:
        path = f"machine.MachineService/{name}"
        async with lab.client(ADDRESS, role) as client:
            try:
                if method(path).server_streaming:
                    _replies = [reply async for reply in client.stream(path)]
                else:
                    await client.unary(path)
            except NotAuthorized as refusal:
                return refusal.cause != "not authorized"
            except TalosError:
                return True
        return True

    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        for name, roles in (MATRIX | STREAMS).items():
            found = {role for role in ALL if await allowed(lab, name, role)}
            assert found == roles, name

    play(tmp_path, scenario)


def test_every_rule_names_a_method_of_the_api() -> None:
    known = {each.path for service in services().values() for each in service.values()}
    assert set(authorization.RULES) - known == set()
    assert authorization.MAINTENANCE_ONLY - known == set()


def test_method_without_a_rule_is_for_admins() -> None:
    assert authorization.allowed("/machine.MachineService/New", frozenset({"os:admin"}), False)
    assert not authorization.allowed("/machine.MachineService/New", frozenset({"os:operator", "os:reader"}), False)


def test_roles_of_a_caller() -> None:
    assert authorization.effective_roles(["os:reader", "group:x"], ["os:admin"]) == {"os:reader"}
    assert authorization.effective_roles(["os:impersonator"], ["os:reader", "x"]) == {"os:reader"}
    assert authorization.effective_roles(["os:impersonator"], ["os:impersonator"]) == set()
    assert authorization.effective_roles([], ["os:admin"]) == set()


def test_impersonator_alone_may_nothing(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        async with lab.client(ADDRESS, "os:impersonator") as client:
            with pytest.raises(NotAuthorized):
                await unary(client, "Version")

    play(tmp_path, scenario)


def test_certificate_that_is_client_and_server_is_not_served(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        ca = secrets_bundle.authority(bundle(), "os")
        leaf = pki.issue(ca, ("client", "server"), organizations=["os:admin"], algorithm="ed25519")
        async with lab.client(ADDRESS, creds=Credentials(ca.crt, leaf.crt, leaf.key)) as client:
            with pytest.raises(TalosError):
                await unary(client, "Version")

    play(tmp_path, scenario)


def test_certificate_of_another_cluster_is_refused(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        other = pki.create_ca("ed25519", "talos")
        leaf = pki.issue_client(other, [pki.ROLE_ADMIN])
        mixed = Credentials(credentials().ca, leaf.crt, leaf.key)
        for creds in (Credentials(other.crt, leaf.crt, leaf.key), mixed):
            async with lab.client(ADDRESS, creds=creds) as client:
                with pytest.raises(TalosError):
                    await unary(client, "Version")

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    "name", ["Reboot", "Reset", "MetaWrite", "Shutdown", "EtcdMemberList", "GenerateClientConfiguration"]
)
def test_maintenance_is_read_only(tmp_path: Path, name: str) -> None:
    async def scenario(lab: Home) -> None:
        machine = await lab.add("cp1", ADDRESS)
        await stage(machine, "maintenance")
        async with lab.client(ADDRESS, insecure=True) as client:
            with pytest.raises((NotAuthorized, Unimplemented)):
                await unary(client, name)
            assert (await unary(client, "Version")).version.tag
            disks = await client.unary("storage.StorageService/Disks")
        assert [disk.device_name for disk in disks.messages[0].disks] == ["/dev/vda"]
        assert machine.stage == "maintenance"

    play(tmp_path, scenario)


def test_methods_that_are_not_played(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        async with lab.client(ADDRESS) as client:
            with pytest.raises(Unimplemented):
                await unary(client, "EtcdDowngradeCancel")
        async with lab.client(ADDRESS, "os:reader") as client:
            with pytest.raises(NotAuthorized):
                await unary(client, "EtcdDowngradeCancel")

    play(tmp_path, scenario)


def test_unknown_method_over_the_wire(tmp_path: Path) -> None:
    from grpclib import GRPCError, Status
    from grpclib.client import UnaryUnaryMethod

    from ansible_collections.homelab.talos.lab.machined import certificates
    from ansible_collections.homelab.talos.lab.machined.dial import NodeChannel
    from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message

    empty = message("google.protobuf.Empty")

    async def ask(lab: Home, role: str) -> Status:
        creds = credentials(role)
        tls = certificates.client_context(creds.ca, pki.CertificateAndKey(creds.crt, creds.key))
        channel = NodeChannel(lab.runtimes["cp1"], ADDRESS, 50000, tls)
        try:
            await asyncio.wait_for(
                UnaryUnaryMethod(channel, "/machine.MachineService/Nope", empty, empty)(empty()), LIMIT_SECONDS
            )
        except GRPCError as error:
            return error.status
        finally:
            channel.close()
        raise AssertionError("an unknown method was answered")

    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        assert await ask(lab, "os:admin") is Status.UNIMPLEMENTED
        assert await ask(lab, "os:reader") is Status.PERMISSION_DENIED

    play(tmp_path, scenario)
