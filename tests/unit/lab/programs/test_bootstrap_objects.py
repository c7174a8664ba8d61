# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Talos puts into a new cluster is rendered out of the machine configuration."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.lab.programs.bootstrap_objects import (
    bootstrap_manifests,
    bootstrap_objects,
    manifests_settings,
)
from ansible_collections.homelab.talos.lab.programs.substitutions import SUBSTITUTIONS
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

# Names as siderolabs/talos:internal/app/machined/pkg/controllers/k8s/manifest.go gives them.
JOINING = {
    "00-kubelet-bootstrapping-token",
    "01-csr-approver-role-binding",
    "01-csr-node-bootstrap",
    "01-csr-renewal-role-binding",
    "11-kube-config-in-cluster",
    "11-talos-node-rbac-template",
}


@pytest.fixture
def plain(controlplane: MachineConfig) -> MachineConfig:
    """A control plane of a cluster with Talos' own network, proxy and DNS."""
    cluster = controlplane.v1alpha1["cluster"]
    for key in ("proxy", "coreDNS"):
        cluster.pop(key, None)
    cluster["network"].pop("cni", None)
    return controlplane


def found(config: MachineConfig, kind: str, name: str) -> dict[str, Any]:
    objects = [each for each in bootstrap_objects(config) if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    assert len(objects) == 1
    return objects[0]


def proxy_command(config: MachineConfig) -> list[str]:
    command: list[str] = found(config, "DaemonSet", "kube-proxy")["spec"]["template"]["spec"]["containers"][0][
        "command"
    ]
    return command


def test_everything_is_there_in_the_order_of_talos(plain: MachineConfig) -> None:
    names = list(bootstrap_manifests(plain))
    assert set(names) == JOINING | {"10-kube-proxy", "11-core-dns", "11-core-dns-svc"}
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("section", "missing"), [("proxy", {"10-kube-proxy"}), ("coreDNS", {"11-core-dns", "11-core-dns-svc"})]
)
def test_what_is_disabled_is_left_out(plain: MachineConfig, section: str, missing: set[str]) -> None:
    whole = set(bootstrap_manifests(plain))
    plain.v1alpha1["cluster"][section] = {"disabled": True}
    assert whole - set(bootstrap_manifests(plain)) == missing


def test_kube_proxy_has_talos_arguments_and_the_replaced_ones(plain: MachineConfig) -> None:
    assert proxy_command(plain) == [
        "/usr/local/bin/kube-proxy",
        "--cluster-cidr=10.244.0.0/16",
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-close-wait=0",
        "--conntrack-tcp-timeout-established=0",
        "--hostname-override=$(NODE_NAME)",
        "--kubeconfig=/etc/kubernetes/kubeconfig",
        "--oom-score-adj=0",
        "--proxy-mode=nftables",
    ]
    replaced = {each.setting for each in SUBSTITUTIONS if each.program == "kube-proxy"}
    assert replaced == {"oom-score-adj", "conntrack-tcp-timeout-*", "volume lib-modules"}


def test_kube_proxy_follows_the_configuration_but_for_its_kubeconfig(plain: MachineConfig) -> None:
    plain.v1alpha1["cluster"]["proxy"] = {
        "mode": "iptables",
        "image": "registry.example/kube-proxy:v1.35.0",
        "extraArgs": {"v": 4, "nodeport-addresses": ["10.0.0.0/8", "192.168.0.0/16"], "kubeconfig": "/elsewhere"},
    }
    command = proxy_command(plain)
    assert {"--proxy-mode=iptables", "--v=4", "--nodeport-addresses=10.0.0.0/8,192.168.0.0/16"} <= set(command)
    assert "--kubeconfig=/etc/kubernetes/kubeconfig" in command
    pod = found(plain, "DaemonSet", "kube-proxy")["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "registry.example/kube-proxy:v1.35.0"


@pytest.mark.parametrize(("enabled", "server"), [(True, "https://127.0.0.1:7445"), (False, "https://198.18.1.11:6443")])
def test_kube_proxy_reaches_the_api_as_the_node_does(plain: MachineConfig, enabled: bool, server: str) -> None:
    plain.v1alpha1["machine"].setdefault("features", {})["kubePrism"] = {"enabled": enabled}
    text = found(plain, "ConfigMap", "kubeconfig-in-cluster")["data"]["kubeconfig"]
    assert yaml.safe_load(text)["clusters"][0]["cluster"]["server"] == server


@pytest.mark.parametrize(
    ("subnets", "addresses", "policy"),
    [
        (["10.96.0.0/12"], ["10.96.0.10"], "SingleStack"),
        (["10.20.0.0/16", "fd00:20::/112"], ["10.20.0.10", "fd00:20::a"], "RequireDualStack"),
    ],
)
def test_the_dns_service_is_the_tenth_address(
    plain: MachineConfig, subnets: list[str], addresses: list[str], policy: str
) -> None:
    plain.v1alpha1["cluster"]["network"]["serviceSubnets"] = subnets
    spec = found(plain, "Service", "kube-dns")["spec"]
    assert (spec["clusterIP"], spec["clusterIPs"], spec["ipFamilyPolicy"]) == (addresses[0], addresses, policy)
    assert {(port["port"], port["protocol"]) for port in spec["ports"]} == {(53, "UDP"), (53, "TCP"), (9153, "TCP")}


def test_the_corefile_serves_the_domain_of_the_cluster(plain: MachineConfig) -> None:
    plain.v1alpha1["cluster"]["network"]["dnsDomain"] = "home.example"
    lines = found(plain, "ConfigMap", "coredns")["data"]["Corefile"].splitlines()
    assert (lines[0], lines[-1]) == (".:53 {", "}")
    assert "    kubernetes home.example in-addr.arpa ip6.arpa {" in lines
    assert {"        disable success home.example", "        disable denial home.example"} <= set(lines)
    assert sum(line.count("{") for line in lines) == sum(line.count("}") for line in lines)


def test_the_pods_of_coredns_are_found_by_service_and_deployment(plain: MachineConfig) -> None:
    deployment = found(plain, "Deployment", "coredns")["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert labels == deployment["selector"]["matchLabels"]
    assert labels == found(plain, "Service", "kube-dns")["spec"]["selector"]


def test_the_settings_tell_what_the_manifests_are_made_from(plain: MachineConfig) -> None:
    plain.v1alpha1["cluster"]["coreDNS"] = {"disabled": True}
    settings = manifests_settings(plain)
    assert (settings["proxyEnabled"], settings["coreDNSEnabled"], settings["cniName"]) == (True, False, "flannel")
    assert settings["dnsServiceIP"] == "10.96.0.10"
    assert settings["proxyArgs"] == proxy_command(plain)[1:]
