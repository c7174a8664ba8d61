# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator writes is read, and what cannot be used is refused with one line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import (
    Cluster,
    DefinitionError,
    Node,
)
from ansible_collections.homelab.talos.tests.support import definitions


def test_defaults_of_the_plain_flavour() -> None:
    cluster = Cluster.from_mapping({"name": "garage", "endpoint": "https://198.18.1.11:6443"})
    assert cluster.talos_version == "v1.13.9"
    assert cluster.kubernetes_version == "v1.36.3"
    assert cluster.pod_subnets == ("10.244.0.0/16",)
    assert cluster.service_subnets == ("10.96.0.0/12",)
    assert cluster.cni == "flannel"
    assert not cluster.proxy_disabled
    assert cluster.discovery
    assert cluster.gateways == 1


def test_defaults_of_the_cozystack_flavour() -> None:
    cluster = Cluster.from_mapping({"name": "c", "endpoint": "https://198.18.1.11:6443", "flavour": "cozystack"})
    assert cluster.dns_domain == "cozy.local"
    assert cluster.service_subnets == ("10.96.0.0/16",)
    assert cluster.join_subnet == "100.64.0.0/16"
    assert cluster.cni == "none"
    assert cluster.proxy_disabled
    assert not cluster.discovery


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"talos_verison": "v1.13.9"}, 'talos_cluster.talos_verison: unknown key; did you mean "talos_version"?'),
        ({"name": ""}, "talos_cluster.name: is required"),
        ({"name": "My Cluster"}, "talos_cluster.name: 'My Cluster' is not a name"),
        ({"talos_version": "v1.9.5"}, "Talos v1.9.5 is unknown; known lines are v1.12, v1.13, v1.14"),
        ({"talos_version": "1.13"}, "'1.13' is not a full version; write it like v1.13.9"),
        ({"kubernetes_version": "v1.35"}, "talos_cluster.kubernetes_version: 'v1.35' is not a full version"),
        ({"endpoint": "198.18.1.11"}, "talos_cluster.endpoint: '198.18.1.11' is not an https URL"),
        ({"endpoint": "https://198.18.1.11:x"}, "is not an https URL"),
        ({"flavour": "spicy"}, "talos_cluster.flavour: 'spicy' is none of plain, cozystack"),
        ({"cni": "calico"}, "talos_cluster.cni: 'calico' is none of flannel, none"),
        ({"pod_subnets": "10.244.0.0/16"}, "talos_cluster.pod_subnets: expected a list, got a string"),
        ({"pod_subnets": ["10.244.0.1/16"]}, "talos_cluster.pod_subnets: '10.244.0.1/16' is not a subnet"),
        ({"pod_subnets": ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"]}, "at most two are allowed"),
        ({"gateways": "many"}, "talos_cluster.gateways: expected a whole number, got a string"),
        ({"gateways": -1}, "talos_cluster.gateways: -1 is out of range; use 0 or more"),
        ({"proxy": {"disable": True}}, 'talos_cluster.proxy.disable: unknown key; did you mean "disabled"?'),
        ({"proxy": {"disabled": "yes"}}, "talos_cluster.proxy.disabled: expected true or false, got a string"),
        ({"variants": {"storage": {}}}, "talos_variants.storage: unknown key; known are compute, gateway"),
        ({"variants": {"compute": {"extension": []}}}, "talos_variants.compute.extension: unknown key; did you mean"),
        ({"vip": "198.18.1"}, "talos_cluster.vip: '198.18.1' is not an IP address"),
        ({"patches": [[{"op": "add"}]]}, "JSON6902 patches are not supported for multi-document"),
        ({"patches": [{}]}, "talos_cluster.patches[0]: expected a partial configuration"),
        ({"registry_mirrors": {"docker.io": "x"}}, "talos_cluster.registry_mirrors.docker.io: expected a list"),
        ({"trusted_roots": [{"name": "lab"}]}, "talos_cluster.trusted_roots[0].certificates: or file is required"),
        ({"trusted_roots": [{"name": "lab", "file": "/a", "certificates": "b"}]}, "and not both; give one of them"),
        ({"trusted_roots": [{"file": "/a"}]}, "talos_cluster.trusted_roots[0].name: is required"),
        ({"trusted_roots": [{"name": "lab", "certificates": "b"}]}, "trusted_roots[0].certificates: holds no certific"),
    ],
)
def test_a_cluster_that_cannot_be_used(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError) as error:
        definitions.cluster(**changes)
    assert message in str(error.value)
    assert str(error.value).startswith("cluster")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"adress": "198.18.1.1"}, 'talos_adress: unknown key; did you mean "address"?'),
        ({"name": "CP_1"}, "name: 'CP_1' cannot be a host name"),
        ({"address": "cp1.example"}, "talos_address: 'cp1.example' is not an IP address"),
        ({"machine_type": "master"}, "machine_type: 'master' is none of controlplane, worker"),
        ({"role": "storage"}, "role: 'storage' is none of compute, gateway"),
        ({"network": {"interface": "eth0"}}, "talos_network.prefix: is required for a static address"),
        ({"network": {"prefix": 240}}, "talos_network.prefix: 240 is out of range; use 1 to 128"),
        ({"network": {"dhcp": True, "gatway": "x"}}, 'talos_network.gatway: unknown key; did you mean "gateway"?'),
        ({"network": {"dhcp": True, "hardware_address": "zz"}}, "talos_network.hardware_address: is not a MAC address"),
        ({"network": {"prefix": 24, "nameservers": ["dns"]}}, "talos_network.nameservers: 'dns' is not an IP address"),
        ({"install": {}}, "talos_install.disk: is required; give disk or disk_selector"),
        ({"install": {"disk": "/dev/vda", "disk_selector": {"size": "1GB"}}}, "given together with disk_selector"),
        ({"labels": {"a": True}}, "talos_labels.a: expected a string, got true or false; put it into quotes"),
        ({"taints": ["a"]}, "talos_taints: expected a mapping, got a list"),
        ({"extension_services": [{"name": "tailscale", "environment": ["TS"]}]}, "environment: an entry has no ="),
        ({"extension_services": [{"environment": []}]}, "talos_extension_services[0].name: is required"),
        ({"extension_services": [{"name": "x", "config_files": [{"content": "a"}]}]}, "mount_path: is required"),
        ({"tailnet": {"advertise": ["10.96.0.1/12"]}}, "advertise: '10.96.0.1/12' is no route: it has host bits set"),
        ({"tailnet": {"advertise": ["servces"]}}, "name services, pods or lan, or a network"),
        ({"tailnet": {"hostname": "Gate Way"}}, "talos_tailnet.hostname: 'Gate Way' cannot be a host name"),
        ({"tailnet": {"tags": ["k8s"]}}, "talos_tailnet.tags: 'k8s' is no tag; write it like tag:k8s"),
        ({"tailnet": {"login_server": "headscale:8443"}}, "talos_tailnet.login_server: 'headscale:8443' is no URL"),
        ({"tailnet": {"login_server": "https://hs --ssh"}}, "is no URL"),
        ({"tailnet": {"environment": ["TS_DEBUG"]}}, "talos_tailnet.environment: an entry has no ="),
        ({"tailnet": {"routes": []}}, "talos_tailnet.routes: unknown key"),
        (
            {"tailnet": {}, "extension_services": [{"name": "tailscale"}]},
            "talos_tailnet: configures tailscale, and so does talos_extension_services; keep one of them",
        ),
        ({"extension_services": ["tailscale"]}, "talos_extension_services[0]: expected a mapping, got a string"),
        ({"erase": "yes"}, "erase: expected true or false, got a string"),
    ],
)
def test_a_host_that_cannot_be_used(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError) as error:
        definitions.node(**changes)
    assert message in str(error.value)
    assert str(error.value).startswith("host ")
    assert "\n" not in str(error.value)


def test_the_network_of_a_host() -> None:
    assert definitions.node().subnet == "198.18.1.0/24"
    assert definitions.node(network={"dhcp": True}).subnet == "198.18.1.11/32"
    assert definitions.node(address="fd00::11", network={"prefix": 64}).subnet == "fd00::/64"


def test_extensions_come_from_the_variant_of_the_role() -> None:
    cluster = definitions.cluster()
    assert cluster.extensions_of(definitions.node("gw1")) == ("drbd", "spin", "tailscale", "zfs")
    assert cluster.extensions_of(definitions.node("cp1", extensions=["zfs"])) == ("zfs",)
    assert definitions.cluster(variants={}).extensions_of(definitions.node("cp1")) == ()


@pytest.mark.parametrize("changes", [{}, {"flavour": "cozystack", "vip": "198.18.1.9", "cert_sans": ["a"]}])
def test_a_cluster_comes_back_from_plain_data(changes: dict[str, Any]) -> None:
    cluster = definitions.cluster(**changes)
    assert Cluster.from_mapping(cluster.to_mapping()) == cluster


@given(
    labels=st.dictionaries(st.text("abc", min_size=1), st.text("xyz")),
    dhcp=st.booleans(),
    prefix=st.integers(1, 32),
    mtu=st.sampled_from([0, 1500, 9000]),
    files=st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), max_size=2),
    extensions=st.none() | st.lists(st.sampled_from(["zfs", "drbd"]), unique=True),
    tailnet=st.none()
    | st.fixed_dictionaries(
        {},
        optional={
            "advertise": st.lists(st.sampled_from(["services", "pods", "lan", "192.168.7.0/24"])),
            "tags": st.lists(st.sampled_from(["tag:k8s", "tag:home"])),
            "snat": st.booleans(),
            "auth_key": st.none() | st.text("abc"),
        },
    ),
)
def test_a_host_comes_back_from_plain_data(
    labels: dict[str, str],
    dhcp: bool,
    prefix: int,
    mtu: int,
    files: list[tuple[str, str]],
    extensions: list[str] | None,
    tailnet: dict[str, Any] | None,
) -> None:
    services = [{"name": "x", "config_files": [{"content": text, "mount_path": path} for text, path in files]}]
    network: dict[str, Any] = {"dhcp": dhcp, "prefix": prefix}
    node = definitions.node(
        labels=labels,
        network={**network, "mtu": mtu} if mtu else network,
        extension_services=services,
        extensions=extensions,
        tailnet=tailnet,
    )
    assert Node.from_mapping(node.to_mapping()) == node


def test_tagged_values_become_plain() -> None:
    class Tagged(str):
        pass

    node = definitions.node(patches=[{Tagged("machine"): {"certSANs": (Tagged("a"),)}}], labels={"a": Tagged("b")})
    assert not isinstance(next(iter(node.patches[0])), Tagged)
    assert not isinstance(node.patches[0]["machine"]["certSANs"][0], Tagged)
    assert not isinstance(node.labels["a"], Tagged)
