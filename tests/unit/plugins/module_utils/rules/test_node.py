# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule about a node has a configuration that breaks it, and one that does not."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding
from ansible_collections.homelab.talos.plugins.module_utils.rules import node as rules
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.flavours import FLAVOURS
from ansible_collections.homelab.talos.tests.support import definitions


def check(sample: str, cluster_changes: dict[str, Any] | None = None, **changes: Any) -> list[Finding]:
    config = definitions.config(sample, cluster_changes, **changes)
    return rules.check(definitions.cluster(**(cluster_changes or {})), definitions.node(sample, **changes), config)


@pytest.mark.parametrize("flavour", sorted(FLAVOURS))
@pytest.mark.parametrize("sample", ["cp1", "node1", "gw1"])
def test_what_we_render_is_clean(sample: str, flavour: str) -> None:
    assert check(sample, {"flavour": flavour}) == []


def test_an_extension_without_its_configuration_is_refused() -> None:
    (finding,) = check("gw1", extension_services=[])
    assert finding.id == "node.extension-unconfigured"
    assert finding.severity == "error"
    assert finding.host == "gw1"
    assert "extension tailscale" in finding.message
    assert "stage booting" in finding.message
    assert finding.fix == "add talos_tailnet or take tailscale out of talos_variants.gateway"


def test_it_is_a_warning_where_it_is_allowed() -> None:
    config = definitions.config("gw1", extension_services=[])
    (finding,) = rules.check(definitions.cluster(), definitions.node("gw1"), config, ("tailscale",))
    assert (finding.id, finding.severity) == ("node.extension-unconfigured", "warning")


def test_a_configuration_without_its_extension_is_refused() -> None:
    (finding,) = check("node1", extension_services=[definitions.TAILSCALE])
    assert finding.id == "node.extension-missing"
    assert finding.host == "node1"
    assert finding.fix == "add tailscale to talos_variants.compute or remove the document"


def test_a_wrong_name_is_both_with_a_suggestion() -> None:
    findings = check("gw1", extension_services=[{**definitions.TAILSCALE, "name": "tailscael"}])
    assert [finding.id for finding in findings] == ["node.extension-unconfigured", "node.extension-missing"]
    assert findings[1].fix == 'did you mean "tailscale"?'


def test_extensions_that_an_image_was_seen_to_hold() -> None:
    config = definitions.config("node1")
    assert rules.check_extensions(config, ["zfs", "drbd", "spin"]) == []
    findings = rules.check_extensions(config, ["lldpd", "nut-client", "qemu-guest-agent"], "node1")
    assert [finding.path for finding in findings] == [
        "ExtensionServiceConfig/lldpd",
        "ExtensionServiceConfig/nut-client",
    ]


def test_an_extension_of_our_own_may_be_configured() -> None:
    config = definitions.config("node1", extension_services=[{"name": "my-agent", "environment": ["A=b"]}])
    findings = rules.check_extensions(config, ["my-agent"], "node1", "compute")
    assert [(finding.id, finding.severity) for finding in findings] == [("node.extension-unknown", "warning")]


def test_a_misspelt_extension_gets_a_suggestion() -> None:
    (finding,) = rules.check_extensions(MachineConfig([]), ["zsf"], "node1", "compute")
    assert finding.fix in ('did you mean "zfs"?', "make sure that your image really holds it")
    (finding,) = rules.check_extensions(MachineConfig([]), ["qemu-guest-agnet"], "node1", "compute")
    assert finding.fix == 'did you mean "qemu-guest-agent"?'


@pytest.mark.parametrize(
    ("rule", "sample", "patch"),
    [
        ("node.machine-type", "node1", {"machine": {"type": "controlplane"}}),
        ("node.hostname", "node1", {"apiVersion": "v1alpha1", "kind": "HostnameConfig", "hostname": "other"}),
        ("node.role-label", "node1", {"machine": {"nodeLabels": {"homelab.talos/role": "gateway"}}}),
        ("node.role-label", "node1", {"machine": {"nodeLabels": {"$patch": "delete"}}}),
        ("node.endpoint", "node1", {"cluster": {"controlPlane": {"endpoint": "https://198.18.1.99:6443"}}}),
        ("node.cluster-name", "node1", {"cluster": {"clusterName": "other"}}),
        ("node.installer", "node1", {"machine": {"install": {"image": "ghcr.io/siderolabs/installer:v1.13.9"}}}),
        ("node.address-choice", "gw1", {"machine": {"kubelet": {"nodeIP": {"$patch": "delete"}}}}),
    ],
)
def test_a_patch_that_breaks_the_agreement(rule: str, sample: str, patch: dict[str, Any]) -> None:
    assert [finding.id for finding in check(sample, patches=[patch])] == [rule]


@pytest.mark.parametrize(
    ("sample", "patch"),
    [
        ("node1", {"machine": {"kubelet": {"nodeIP": {"$patch": "delete"}}}}),
        ("node1", {"apiVersion": "v1alpha1", "kind": "HostnameConfig", "hostname": "node1.home.arpa"}),
        ("node1", {"cluster": {"controlPlane": {"endpoint": "https://198.18.1.11:6443/"}}}),
    ],
)
def test_a_patch_that_looks_like_it_but_is_fine(sample: str, patch: dict[str, Any]) -> None:
    assert check(sample, patches=[patch]) == []


def test_etcd_beside_a_tailnet() -> None:
    patch = {"cluster": {"etcd": {"advertisedSubnets": {"$patch": "delete"}}}}
    changes: dict[str, Any] = {"extensions": ["tailscale"], "extension_services": [definitions.TAILSCALE]}
    assert [finding.id for finding in check("cp1", patches=[patch], **changes)] == ["node.address-choice"]
    assert check("cp1", **changes) == []


@pytest.mark.parametrize(
    ("variable", "reported"),
    [("TS_AUTHKEY=", True), ("TS_AUTHKEY=  ", True), ("TS_AUTHKEY=tskey-auth-x", False), ("TS_ROUTES=", False)],
)
def test_an_empty_key_is_a_warning(variable: str, reported: bool) -> None:
    findings = check("gw1", extension_services=[{"name": "tailscale", "environment": [variable]}])
    assert [(finding.id, finding.severity) for finding in findings] == (
        [("node.extension-key", "warning")] if reported else []
    )
    assert all(finding.path == "ExtensionServiceConfig/tailscale: environment" for finding in findings)
