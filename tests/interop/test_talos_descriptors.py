# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our definitions of the Talos API against those of the real Go module, field by field.

Needs Go and the modules pinned in talos_descriptors/ (module cache or proxy). Run with
``pytest tests/interop/test_talos_descriptors.py``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.descriptors import FILE_DESCRIPTOR_SET

PROGRAM = Path(__file__).parent / "talos_descriptors"
PACKAGES = ("cluster", "common", "cosi.", "google.rpc", "inspect", "machine", "securityapi", "storage", "time")
# newer than the COSI runtime both programs are pinned to; source: cosi-project/specification:proto/v1alpha1/state.proto
NEWER_COSI = ("cosi.resource.State/Teardown", "cosi.resource.Teardown")
NEW_IN_1_14 = (
    "common.ContainerdNamespace.NS_TALOSCONTAINERS",
    "machine.DebugContainerRunRequestSpec.Profile.PROFILE_HOST_NS",
    "machine.LVMService",
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
    """Return what matters on the wire: messages, fields, enum values and methods by their full names."""
    found: Facts = {}
    for file in files.file:
        if not file.package.startswith(PACKAGES):
            continue
        for message in file.message_type:
            _message(file.package, message, found)
        for enum in file.enum_type:
            _enum(file.package, enum, found)
        for service in file.service:
            for method in service.method:
                streams = (method.client_streaming, method.server_streaming)
                full_name = f"{file.package}.{service.name}/{method.name}"
                found[full_name] = (method.input_type, method.output_type, *streams)
    return found


def _message(scope: str, message: descriptor_pb2.DescriptorProto, found: Facts) -> None:
    name = f"{scope}.{message.name}"
    found[name] = "message"
    for field in message.field:
        in_oneof = field.HasField("oneof_index") and not field.proto3_optional
        oneof = message.oneof_decl[field.oneof_index].name if in_oneof else ""
        found[f"{name}.{field.name}"] = (
            field.number,
            field.type,
            field.label,
            field.type_name,
            field.proto3_optional,
            oneof,
        )
    for nested in message.nested_type:
        _message(name, nested, found)
    for enum in message.enum_type:
        _enum(name, enum, found)


def _enum(scope: str, enum: descriptor_pb2.EnumDescriptorProto, found: Facts) -> None:
    for value in enum.value:
        found[f"{scope}.{enum.name}.{value.name}"] = value.number


def below(name: str, roots: tuple[str, ...]) -> bool:
    """Say whether a full name is one of `roots` or continues one."""
    return name.startswith(roots)


def differences(ours: Facts, real: Facts, newer: tuple[str, ...]) -> dict[str, tuple[Any, Any]]:
    """Return name -> (ours, real) of what differs, apart from what is `newer` or left over."""
    wanted = {name: fact for name, fact in ours.items() if not below(name, newer)}
    given = {name: fact for name, fact in real.items() if not below(name, LEFTOVERS)}
    names = sorted({*wanted, *given})
    return {n: (wanted.get(n), given.get(n)) for n in names if wanted.get(n) != given.get(n)}


def our_facts() -> Facts:
    return facts_of(descriptor_pb2.FileDescriptorSet.FromString(FILE_DESCRIPTOR_SET))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("modfile", "newer"),
    [("talos-1.13.mod", (*NEWER_COSI, *NEW_IN_1_14)), ("go.mod", NEWER_COSI)],
    ids=["1.13", "1.14"],
)
def test_equal(modfile: str, newer: tuple[str, ...]) -> None:
    go = shutil.which("go", path=f"{os.environ.get('PATH', '')}:/usr/local/go/bin")
    if go is None:
        pytest.skip("Go is not installed: the comparison with the real definitions is not run")
    ended = subprocess.run(
        [go, "run", f"-modfile={modfile}", "."], cwd=PROGRAM, capture_output=True, check=False, timeout=600
    )
    assert ended.returncode == 0, ended.stderr.decode()[-2000:]
    real = facts_of(descriptor_pb2.FileDescriptorSet.FromString(ended.stdout))
    assert len(real) > 1000
    assert differences(our_facts(), real, newer) == {}


def test_a_wrong_number_is_found() -> None:
    real = our_facts()
    number, *rest = real["machine.Version.version"]
    real["machine.Version.version"] = (number + 1, *rest)
    del real["machine.MachineService/Reboot"]
    real["machine.New"] = "message"
    assert set(differences(our_facts(), real, ())) == {
        "machine.Version.version",
        "machine.MachineService/Reboot",
        "machine.New",
    }
