# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages and methods of the API."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.api import messages
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, message, method, services


def test_services() -> None:
    assert set(services()) == {
        "cluster.ClusterService",
        "cosi.resource.State",
        "inspect.InspectService",
        "machine.DebugService",
        "machine.ImageService",
        "machine.LVMService",
        "machine.LifecycleService",
        "machine.MDService",
        "machine.MachineService",
        "securityapi.SecurityService",
        "storage.StorageService",
        "time.TimeService",
    }


@pytest.mark.parametrize(
    ("path", "client_streaming", "server_streaming"),
    [
        ("machine.MachineService/Version", False, False),
        ("machine.MachineService/Kubeconfig", False, True),
        ("machine.MachineService/EtcdRecover", True, False),
        ("machine.DebugService/ContainerRun", True, True),
        ("cosi.resource.State/Watch", False, True),
        ("securityapi.SecurityService/Certificate", False, False),
    ],
)
def test_methods(path: str, client_streaming: bool, server_streaming: bool) -> None:
    found = method(path)
    assert found is method("/" + path) or found == method("/" + path)
    assert found == method(*path.split("/"))
    assert found.path == "/" + path
    assert f"{found.service}/{found.name}" == path
    assert (found.client_streaming, found.server_streaming) == (client_streaming, server_streaming)


@pytest.mark.parametrize("path", ["machine.MachineService/Nope", "machine.Nope/Version", "Version", ""])
def test_unknown_methods(path: str) -> None:
    with pytest.raises(KeyError, match="the Talos API has no method"):
        method(path)


def test_unknown_messages() -> None:
    with pytest.raises(KeyError):
        message("machine.Nope")
    with pytest.raises(KeyError):
        enum("machine.Nope")


def test_wire_form() -> None:
    request = message("machine.ApplyConfigurationRequest")(data=b"a", mode="AUTO", dry_run=True)
    request.try_mode_timeout.FromSeconds(60)
    assert request.SerializeToString().hex() == "0a0161200128013202083c"
    assert message("machine.EtcdMember")(id=7).SerializeToString().hex() == "1007"


def test_every_unary_answer_follows_the_envelope_rule() -> None:
    exceptions = {"cosi.resource.State", "securityapi.SecurityService"}
    newer = {"machine.ImageService", "machine.LVMService", "machine.MDService", "machine.LifecycleService"}
    for service, methods in services().items():
        for found in methods.values():
            if service in exceptions | newer or found.server_streaming:
                continue
            field = found.reply_class.DESCRIPTOR.fields_by_name["messages"]
            assert field.number == 1
            assert field.message_type.fields_by_name["metadata"].number == 1
            assert field.message_type.fields_by_name["metadata"].message_type.full_name == "common.Metadata"


def test_optional_fields_know_whether_they_were_set() -> None:
    request = message("cosi.resource.WatchRequest")()
    assert not request.HasField("id")
    request.id = ""
    assert request.HasField("id")


def test_events_hold_any_message() -> None:
    event = message("machine.Event")()
    event.data.Pack(message("machine.PhaseEvent")(phase="boot"), type_url_prefix="talos/runtime/")
    assert event.data.type_url == "talos/runtime/machine.PhaseEvent"
    phase = message("machine.PhaseEvent")()
    assert event.data.Unpack(phase)
    assert phase.phase == "boot"


def test_enums() -> None:
    assert enum("cosi.resource.EventType").Name(3) == "BOOTSTRAPPED"
    assert message("machine.MachineStatusEvent").MachineStage.Value("UPGRADING") == 8


def test_the_pool_is_private() -> None:
    from google.protobuf import descriptor_pool

    assert messages.pool() is not descriptor_pool.Default()
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("machine.Version")
