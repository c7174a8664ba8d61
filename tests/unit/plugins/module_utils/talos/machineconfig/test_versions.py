# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions are compared as Talos compares them."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import versions


@pytest.mark.parametrize(
    ("talos", "kubernetes", "sentence"),
    [
        ("v1.13.9", "v1.35.4", ""),
        ("v1.13.9", "v1.31.0", ""),
        ("v1.13.9", "v1.36.9", ""),
        ("v1.13.9", "v1.37.0", "version of Kubernetes 1.37.0 is too new to be used with Talos 1.13.9"),
        ("v1.13.9", "v1.30.0", "version of Kubernetes 1.30.0 is too old to be used with Talos 1.13.9"),
        ("v1.12.11", "v1.30.0", ""),
        ("v1.14.1", "v1.31.0", "version of Kubernetes 1.31.0 is too old to be used with Talos 1.14.1"),
    ],
)
def test_kubernetes_skew(talos: str, kubernetes: str, sentence: str) -> None:
    assert versions.kubernetes_skew(talos, kubernetes) == sentence


@pytest.mark.parametrize(
    ("current", "target", "sentence"),
    [
        ("v1.12.11", "v1.13.9", ""),
        ("v1.11.0", "v1.13.9", ""),
        ("v1.10.9", "v1.13.9", "host version 1.10.9 is too old to upgrade to Talos 1.13.9"),
        ("v1.14.1", "v1.13.9", ""),
        ("v1.15.0", "v1.13.9", "host version 1.15.0 is too new to downgrade to Talos 1.13.9"),
    ],
)
def test_upgrades(current: str, target: str, sentence: str) -> None:
    assert versions.upgrade_fault(current, target) == sentence


@pytest.mark.parametrize("text", ["", "1.13", "v1.13.x", "latest", "v1.13.9.1", "v01.1.1"])
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(versions.UnknownVersion, match="is not a full version"):
        versions.parse_version(text)


def test_unknown_lines_are_refused_with_the_known_ones() -> None:
    with pytest.raises(versions.UnknownVersion, match=r"known lines are v1\.12, v1\.13, v1\.14"):
        versions.talos_line("v1.99.0")


def test_a_release_candidate_comes_before_the_release() -> None:
    assert versions.parse_version("v1.14.0-rc.1") < versions.parse_version("v1.14.0")
    assert str(versions.parse_version("1.14.0-rc.1")) == "v1.14.0-rc.1"


def test_images() -> None:
    assert versions.kubernetes_image("kubelet", "v1.35.4") == "ghcr.io/siderolabs/kubelet:v1.35.4"
    assert versions.kubernetes_image("kube-apiserver", "1.35.4") == "registry.k8s.io/kube-apiserver:v1.35.4"
    assert versions.installer_image("v1.13.9") == "ghcr.io/siderolabs/installer:v1.13.9"
    assert versions.installer_image("v1.14.1").startswith("factory.talos.dev/metal-installer/376567988ad3")
    assert versions.installer_image("v1.13.9", "abc") == "factory.talos.dev/metal-installer/abc:v1.13.9"
