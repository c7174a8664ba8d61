# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents of a machine configuration are found, named and written back."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import documents
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig
from ansible_collections.homelab.talos.tests.support import definitions

TEXT = """\
machine:
    type: worker
    network:
        hostname: old
---
apiVersion: v1alpha1
kind: LinkConfig
name: eth0
---
apiVersion: v1alpha1
kind: LinkConfig
name: eth1
"""


def test_documents_are_found_by_kind_and_name() -> None:
    config = MachineConfig.from_text(TEXT)
    assert config.v1alpha1["machine"]["type"] == "worker"
    assert config.document("LinkConfig", "eth1") == {"apiVersion": "v1alpha1", "kind": "LinkConfig", "name": "eth1"}
    assert config.document("LinkConfig", "eth2") is None
    assert [document["name"] for document in config.documents_of("LinkConfig")] == ["eth0", "eth1"]
    assert config.hostname == "old"
    assert config.value("machine", "network", "hostname") == "old"
    assert config.value("machine", "install", "disk", default="none") == "none"
    assert repr(config) == "MachineConfig(v1alpha1.Config, LinkConfig/eth0, LinkConfig/eth1)"


def test_text_comes_back() -> None:
    assert MachineConfig.from_text(TEXT).to_text() == TEXT


@pytest.mark.parametrize(
    ("declared", "machine_type", "controlplane"),
    [("controlplane", "controlplane", True), ("init", "init", True), ("join", "worker", False), ("", "worker", False)],
)
def test_machine_types(declared: str, machine_type: str, controlplane: bool) -> None:
    config = MachineConfig([{"machine": {"type": declared}}])
    assert config.machine_type == machine_type
    assert config.is_controlplane is controlplane


def test_a_configuration_without_v1alpha1() -> None:
    config = MachineConfig([{"apiVersion": "v1alpha1", "kind": "HostnameConfig", "hostname": "cp1"}])
    assert config.v1alpha1 == {}
    assert config.machine_type == "worker"
    assert config.hostname == "cp1"


def test_a_copy_does_not_share() -> None:
    config = definitions.config()
    copy = config.copy()
    copy.v1alpha1["machine"]["type"] = "worker"
    assert config.machine_type == "controlplane"
    assert copy != config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [\n", "cp1.yaml:2: YAML is broken"),
        ("- op: add\n", "cp1.yaml:1: document is a list; a machine configuration document is a mapping"),
        ("a: 1\n---\nhello\n", "cp1.yaml:3: document is a string"),
    ],
)
def test_broken_text_names_file_and_line(text: str, message: str) -> None:
    with pytest.raises(documents.DocumentError) as error:
        documents.parse(text, "cp1.yaml")
    assert str(error.value).startswith(message)
