# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control plane's files and static pods come from the machine configuration."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from ansible_collections.homelab.talos.lab.machined.interfaces import Facts, NotReadyYet
from ansible_collections.homelab.talos.lab.programs.control_plane import StaticPodControlPlane
from ansible_collections.homelab.talos.lab.programs.control_plane_files import write_control_plane_files
from ansible_collections.homelab.talos.lab.programs.static_pods import static_pods
from ansible_collections.homelab.talos.plugins.module_utils.talos import pki
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

FACTS = Facts(hostname="cp1", address="198.18.1.11", machine_type="controlplane")


def command_of(pod: dict[str, Any]) -> list[str]:
    command: list[str] = pod["spec"]["containers"][0]["command"]
    return command


def test_the_pods_carry_the_networks_and_images_of_the_configuration(controlplane: MachineConfig) -> None:
    pods = static_pods(controlplane, FACTS)
    assert set(pods) == {"kube-apiserver", "kube-controller-manager", "kube-scheduler"}
    assert "--service-cluster-ip-range=10.96.0.0/12" in command_of(pods["kube-apiserver"])
    assert "--cluster-cidr=10.244.0.0/16" in command_of(pods["kube-controller-manager"])
    assert "--advertise-address=198.18.1.11" in command_of(pods["kube-apiserver"])
    assert pods["kube-scheduler"]["spec"]["containers"][0]["image"] == "registry.k8s.io/kube-scheduler:v1.35.4"


def test_extra_arguments_win_over_defaults(controlplane: MachineConfig) -> None:
    controlplane.v1alpha1["cluster"].setdefault("apiServer", {})["extraArgs"] = {"profiling": "true", "v": 4}
    command = command_of(static_pods(controlplane, FACTS)["kube-apiserver"])
    assert "--profiling=true" in command
    assert "--profiling=false" not in command
    assert "--v=4" in command


def test_a_disabled_component_has_no_pod(controlplane: MachineConfig) -> None:
    controlplane.v1alpha1["machine"]["controlPlane"] = {"scheduler": {"disabled": True}}
    assert set(static_pods(controlplane, FACTS)) == {"kube-apiserver", "kube-controller-manager"}


def test_every_private_key_and_kubeconfig_is_readable_by_its_owner_only(
    controlplane: MachineConfig, tmp_path: Path
) -> None:
    write_control_plane_files(tmp_path, controlplane, FACTS)
    etc = tmp_path / "etc/kubernetes"
    secret = [*etc.glob("pki/*.key"), *etc.glob("kubeconfig-*"), etc / "config/encryptionconfig.yaml"]
    assert len(secret) > 8
    assert {path.stat().st_mode & 0o777 for path in secret} == {0o600}


def test_the_api_server_is_named_by_endpoint_address_and_service(controlplane: MachineConfig, tmp_path: Path) -> None:
    write_control_plane_files(tmp_path, controlplane, FACTS)
    crt = (tmp_path / "etc/kubernetes/pki/apiserver.crt").read_bytes()
    names = x509.load_pem_x509_certificate(crt).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = {str(each) for each in names.get_values_for_type(x509.IPAddress)}
    assert addresses == {"127.0.0.1", "198.18.1.11", "10.96.0.1"}
    assert "kubernetes.default.svc.cluster.local" in names.get_values_for_type(x509.DNSName)


def test_certificates_are_kept_until_the_authority_changes(controlplane: MachineConfig, tmp_path: Path) -> None:
    path = tmp_path / "etc/kubernetes/pki/admin.crt"
    write_control_plane_files(tmp_path, controlplane, FACTS)
    first = path.read_bytes()
    write_control_plane_files(tmp_path, controlplane, FACTS)
    assert path.read_bytes() == first
    other = pki.create_ca("ecdsa", "kubernetes")
    ca = controlplane.v1alpha1["cluster"]["ca"]
    ca.update(crt=base64.b64encode(other.crt).decode(), key=base64.b64encode(other.key).decode())
    write_control_plane_files(tmp_path, controlplane, FACTS)
    assert path.read_bytes() != first


def test_a_missing_authority_is_named(controlplane: MachineConfig, tmp_path: Path) -> None:
    del controlplane.v1alpha1["cluster"]["aggregatorCA"]
    with pytest.raises(ValueError, match="no certificate at cluster.aggregatorCA"):
        write_control_plane_files(tmp_path, controlplane, FACTS)


def test_secrets_are_encrypted_with_the_key_of_the_bundle(controlplane: MachineConfig, tmp_path: Path) -> None:
    write_control_plane_files(tmp_path, controlplane, FACTS)
    content = yaml.safe_load((tmp_path / "etc/kubernetes/config/encryptionconfig.yaml").read_text(encoding="utf-8"))
    key = content["resources"][0]["providers"][0]["secretbox"]["keys"][0]
    assert key == {"name": "key2", "secret": controlplane.value("cluster", "secretboxEncryptionSecret")}


def test_publishing_applies_the_token_and_labels_the_node(controlplane: MachineConfig, runtime: Any) -> None:
    control_plane = StaticPodControlPlane(runtime)
    asyncio.run(control_plane.publish(controlplane, FACTS))
    verbs = [next(word for word in command if word in ("apply", "label", "taint")) for command in runtime.commands]
    assert verbs[0] == "apply"
    label = runtime.commands[verbs.index("label")]
    assert "node-role.kubernetes.io/control-plane=" in label
    assert "homelab.talos/role=compute" in label


def test_publishing_waits_while_the_api_does_not_answer(controlplane: MachineConfig, runtime: Any) -> None:
    runtime.answers = [(1, b"", b"connection refused\n")]
    with pytest.raises(NotReadyYet, match="kubectl apply: connection refused"):
        asyncio.run(StaticPodControlPlane(runtime).publish(controlplane, FACTS))


def test_withdrawing_removes_the_manifests(controlplane: MachineConfig, runtime: Any) -> None:
    control_plane = StaticPodControlPlane(runtime)
    asyncio.run(control_plane.prepare(controlplane, FACTS))
    manifests = runtime.directory / "etc/kubernetes/manifests"
    assert len(list(manifests.iterdir())) == 3
    asyncio.run(control_plane.withdraw())
    assert not list(manifests.iterdir())
    assert json.dumps(control_plane.static_pods(controlplane)) == "{}"
