# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubelet's and containerd's settings come from the machine configuration, less the substitutions."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.engine.pod_images import PAUSE
from ansible_collections.homelab.talos.lab.machined.interfaces import Facts
from ansible_collections.homelab.talos.lab.programs import containerd, kubelet
from ansible_collections.homelab.talos.lab.programs.substitutions import SUBSTITUTIONS
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

FACTS = Facts(hostname="cp1", address="198.18.1.11", machine_type="controlplane")


def settings(config: MachineConfig, runtime: Any) -> dict[str, Any]:
    return kubelet.Kubelet(runtime, containerd.Containerd(runtime))._configuration(config)


def test_the_node_registers_with_its_name_address_and_labels(controlplane: MachineConfig, runtime: Any) -> None:
    arguments = kubelet.Kubelet(runtime, containerd.Containerd(runtime))._arguments(controlplane, FACTS)
    assert "--hostname-override=cp1" in arguments
    assert "--node-ip=198.18.1.11" in arguments
    (labels,) = [word for word in arguments if word.startswith("--node-labels=")]
    assert "homelab.talos/role=compute" in labels


def test_cluster_dns_is_the_tenth_service_address(controlplane: MachineConfig, runtime: Any) -> None:
    assert settings(controlplane, runtime)["clusterDNS"] == ["10.96.0.10"]


def test_extra_configuration_is_used_but_not_against_a_substitution(controlplane: MachineConfig, runtime: Any) -> None:
    machine = controlplane.v1alpha1["machine"]
    machine.setdefault("kubelet", {})["extraConfig"] = {"maxPods": 42, "oomScoreAdj": -999}
    content = settings(controlplane, runtime)
    assert (content["maxPods"], content["oomScoreAdj"]) == (42, 0)


def test_taints_of_the_configuration_are_registered(controlplane: MachineConfig, runtime: Any) -> None:
    controlplane.v1alpha1["machine"]["nodeTaints"] = {"gateway": "yes:NoSchedule", "plain": "NoExecute"}
    assert settings(controlplane, runtime)["registerWithTaints"] == [
        {"key": "gateway", "value": "yes", "effect": "NoSchedule"},
        {"key": "plain", "value": "", "effect": "NoExecute"},
    ]


@pytest.mark.parametrize(("subnets", "expected"), [(["198.18.1.0/24"], "198.18.1.11"), (["10.0.0.0/8"], "")])
def test_the_node_address_must_be_in_the_valid_subnets(
    controlplane: MachineConfig, subnets: list[str], expected: str
) -> None:
    controlplane.v1alpha1["machine"].setdefault("kubelet", {})["nodeIP"] = {"validSubnets": subnets}
    assert kubelet.node_ip(controlplane, "198.18.1.11") == expected


def test_every_replaced_setting_of_the_kubelet_is_in_the_table() -> None:
    listed = {each.setting for each in SUBSTITUTIONS if each.program == "kubelet"}
    assert set(kubelet._LAB_SETTINGS) <= listed


def test_mirrors_of_both_forms_become_hosts_files(controlplane: MachineConfig, runtime: Any) -> None:
    old = {"endpoints": ["https://198.18.1.2:5000/v2"], "overridePath": True}
    controlplane.v1alpha1["machine"]["registries"] = {"mirrors": {"old.example": old, "*": {"endpoints": []}}}
    document = {"apiVersion": "v1alpha1", "kind": "RegistryMirrorConfig", "name": "new.example"}
    controlplane.documents.append({**document, "endpoints": [{"url": "http://198.18.1.2:5001"}]})
    asyncio.run(containerd.Containerd(runtime).prepare(controlplane, FACTS))
    hosts = runtime.directory / "etc/cri/conf.d/hosts"
    old_text = (hosts / "old.example/hosts.toml").read_text(encoding="utf-8")
    new_text = (hosts / "new.example/hosts.toml").read_text(encoding="utf-8")
    assert '[host."https://198.18.1.2:5000/v2"]' in old_text
    assert "override_path = true" in old_text
    assert '[host."http://198.18.1.2:5001"]' in new_text
    assert "override_path" not in new_text
    assert (hosts / "_default/hosts.toml").is_file()


def test_the_sandbox_image_is_the_engines() -> None:
    assert f'sandbox = "{PAUSE.reference}"' in containerd._CONFIG
