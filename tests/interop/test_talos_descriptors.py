# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our definitions of the Talos API against those of the real Go modules: names, numbers, types, labels, methods."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2

from ansible_collections.homelab.talos.lab.engine import toolchain
from ansible_collections.homelab.talos.lab.engine.ensure import cache_directory, print_progress
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.descriptors import FILE_DESCRIPTOR_SET

PROGRAM = Path(__file__).parent / "talos_descriptors"
GO = (1, 26, 6)
PACKAGES = ("cluster", "common", "cosi.", "google.rpc", "inspect", "machine", "securityapi", "storage", "time")
# In ours, and not yet in what Talos 1.13 is made of (its COSI runtime is 1.14.1); 1.14 has them.
NEW_IN_1_14 = (
    "common.ContainerdNamespace.NS_TALOSCONTAINERS",
    "cosi.resource.State/Teardown",
    "cosi.resource.State/TeardownAndDestroy",
    "cosi.resource.TeardownAndDestroyOptions",
    "cosi.resource.TeardownAndDestroyRequest",
    "cosi.resource.TeardownAndDestroyResponse",
    "cosi.resource.TeardownOptions",
    "cosi.resource.TeardownRequest",
    "cosi.resource.TeardownResponse",
    "machine.DebugContainerRunRequestSpec.Profile.PROFILE_HOST_NS",
    "machine.LVMService",
    "machine.LVMServiceLogicalVolumeRemoveRequest",
    "machine.LVMServicePhysicalVolumeRemoveRequest",
    "machine.LVMServiceVolumeGroupRemoveRequest",
    "machine.MDService",
    "machine.MDDestroyRequest",
)
# what remains of a call removed in 1.13; no method uses it
LEFTOVERS = (
    "machine.CNIConfig",
    "machine.ClusterConfig",
    "machine.ClusterNetworkConfig",
    "machine.ControlPlaneConfig",
    "machine.DHCPOptionsConfig",
    "machine.InstallConfig",
    "machine.MachineConfig",
    "machine.NetworkConfig",
    "machine.NetworkDeviceConfig",
    "machine.RouteConfig",
)

Facts = dict[str, Any]


def facts_of(files: descriptor_pb2.FileDescriptorSet) -> Facts:
    """Return what matters on the wire by full names: services, methods, messages, fields, values of enumerations."""
    found: Facts = {}
    for file in files.file:
        if not file.package.startswith(PACKAGES):
            continue
        for message in file.message_type:
            _message(file.package, message, found)
        for enum in file.enum_type:
            _enum(file.package, enum, found)
        for service in file.service:
            found[f"{file.package}.{service.name}"] = "service"
            for method in service.method:
                found[f"{file.package}.{service.name}/{method.name}"] = {
                    "input": method.input_type,
                    "output": method.output_type,
                    "client_streaming": method.client_streaming,
                    "server_streaming": method.server_streaming,
                }
    return found


def _message(scope: str, message: descriptor_pb2.DescriptorProto, found: Facts) -> None:
    name = f"{scope}.{message.name}"
    found[name] = "map entry" if message.options.map_entry else "message"
    for field in message.field:
        in_oneof = field.HasField("oneof_index") and not field.proto3_optional
        found[f"{name}.{field.name}"] = {
            "number": field.number,
            "type": field.type,
            "label": field.label,
            "type_name": field.type_name,
            "optional": field.proto3_optional,
            "oneof": message.oneof_decl[field.oneof_index].name if in_oneof else "",
        }
    for nested in message.nested_type:
        _message(name, nested, found)
    for enum in message.enum_type:
        _enum(name, enum, found)


def _enum(scope: str, enum: descriptor_pb2.EnumDescriptorProto, found: Facts) -> None:
    for value in enum.value:
        found[f"{scope}.{enum.name}.{value.name}"] = value.number


def below(name: str, roots: tuple[str, ...]) -> bool:
    """Return whether a full name is one of *roots* or inside one."""
    return any(name == root or name.startswith((f"{root}.", f"{root}/")) for root in roots)


def differences(ours: Facts, real: Facts, newer: tuple[str, ...]) -> dict[str, tuple[Any, Any]]:
    """Return name -> (ours, real) of what differs.

    *newer* are the names that only ours may have, LEFTOVERS those that only the real one may have: one that both have
    is a difference, too, so that neither list can hide anything.
    """
    found = {}
    for name in sorted({*ours, *real}):
        here, there = ours.get(name), real.get(name)
        allowed = (there is None and below(name, newer)) or (here is None and below(name, LEFTOVERS))
        needless = here is not None and there is not None and below(name, (*newer, *LEFTOVERS))
        if (here != there and not allowed) or needless:
            found[name] = (here, there)
    return found


def our_facts() -> Facts:
    """Return the facts of the definitions that the collection ships."""
    return facts_of(descriptor_pb2.FileDescriptorSet.FromString(FILE_DESCRIPTOR_SET))


@pytest.mark.slow
@pytest.mark.parametrize(("modfile", "newer"), [("talos-1.13.mod", NEW_IN_1_14), ("go.mod", ())], ids=["1.13", "1.14"])
def test_equal(modfile: str, newer: tuple[str, ...]) -> None:
    go = toolchain.ensure_go(cache_directory(), print_progress, GO)
    ended = subprocess.run(
        [go, "run", f"-modfile={modfile}", "."],
        cwd=PROGRAM,
        env={**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false", "GOTOOLCHAIN": "local"},
        capture_output=True,
        check=False,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stderr.decode()[-2000:]
    real = facts_of(descriptor_pb2.FileDescriptorSet.FromString(ended.stdout))
    assert len(real) > 1000
    assert differences(our_facts(), real, newer) == {}


def _set(name: str, key: str, value: Any) -> Callable[[Facts], None]:
    return lambda facts: facts[name].__setitem__(key, value)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("machine.Version.version", _set("machine.Version.version", "number", 7)),
        ("machine.Version.version", _set("machine.Version.version", "type", 9)),
        ("machine.Version.version", _set("machine.Version.version", "type_name", ".machine.PlatformInfo")),
        ("machine.VersionResponse.messages", _set("machine.VersionResponse.messages", "label", 1)),
        ("cosi.resource.WatchRequest.id", _set("cosi.resource.WatchRequest.id", "optional", False)),
        ("machine.MachineService/Dmesg", _set("machine.MachineService/Dmesg", "server_streaming", False)),
        ("machine.MachineService/Reboot", _set("machine.MachineService/Reboot", "input", ".machine.ResetRequest")),
        ("machine.MachineService/Reboot", lambda facts: facts.pop("machine.MachineService/Reboot")),
        ("time.TimeService", lambda facts: facts.pop("time.TimeService")),
        ("machine.Version.version", lambda facts: facts.pop("machine.Version.version")),
        ("machine.New", lambda facts: facts.update({"machine.New": "message"})),
        ("common.Code.FATAL", lambda facts: facts.update({"common.Code.FATAL": 9})),
        ("common.Metadata", lambda facts: facts.update({"common.Metadata": "map entry"})),
    ],
    ids=[
        "number", "type", "type name", "label", "optional", "stream", "request", "no method", "no service",
        "no field", "new message", "value", "map",
    ],
)  # fmt: skip
def test_each_kind_of_difference_is_found(name: str, spoil: Callable[[Facts], Any]) -> None:
    real = our_facts()
    spoil(real)
    assert set(differences(our_facts(), real, ())) == {name}


def test_an_exception_that_is_none_is_found() -> None:
    found = differences(our_facts(), our_facts(), ("machine.LVMService",))
    assert "machine.LVMService/VolumeGroupRemove" in found
