# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our strategic merge against Talos' own, patch by patch.

Both results are compared in the form that Talos itself writes: ours is loaded and written by talosctl once more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.plugins.module_utils.talos import secrets_bundle
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.merge import (
    MergeError,
    merge,
    parse_patch,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.render import render
from ansible_collections.homelab.talos.tests.support import definitions
from ansible_collections.homelab.talos.tests.support.talosctl import Talosctl

HOST = "gw1"
# Changes nothing; Talos writes its own form of what it is given.
NOTHING = "machine:\n    type: worker\n"
LINK = "apiVersion: v1alpha1\nkind: LinkConfig\n"
SERVICE = "apiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: tailscale\n"
HOSTNAME = "apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: other\n"

PATCHES: dict[str, str] = {
    "a value": "machine: {install: {disk: /dev/sda}}",
    "an empty value": "machine: {install: {disk: ''}}",
    "null": "machine: {install: {disk: null}}",
    "a flag set": "machine: {install: {wipe: true}}",
    "a flag unset": "machine: {features: {hostDNS: {enabled: false}}}",
    "a new key": "machine: {sysctls: {net.core.somaxconn: '65535'}}",
    "a list that appends": "machine: {certSANs: [a.example, b.example]}",
    "a list that appends to one": "machine: {kubelet: {nodeIP: {validSubnets: [10.0.0.0/8]}}}",
    "an empty list": "machine: {kubelet: {nodeIP: {validSubnets: []}}}",
    "a list that is replaced": "cluster: {network: {podSubnets: [10.7.0.0/16]}}",
    "both replaced lists": "cluster: {network: {podSubnets: [10.7.0.0/16], serviceSubnets: [10.8.0.0/16]}}",
    "a mapping": "machine: {nodeLabels: {zone: attic, homelab.talos/role: other}}",
    "nested free form": "machine: {kubelet: {extraConfig: {serverTLSBootstrap: true, featureGates: {A: true}}}}",
    "arguments": "machine: {kubelet: {extraArgs: {v: '4', rotate-server-certificates: 'true'}}}",
    "another document": HOSTNAME,
    "a new document": "apiVersion: v1alpha1\nkind: KmsgLogConfig\nname: remote\nurl: tcp://192.0.2.1:5140/\n",
    "a named document": f"{LINK}name: eth0\nmtu: 9000\n",
    "a document with another name": f"{LINK}name: eth1\nup: true\n",
    "addresses of a document": f"{LINK}name: eth0\naddresses: [{{address: 192.0.2.7/24}}]\n",
    "environment": f"{SERVICE}environment: [TS_EXTRA_ARGS=--ssh]\n",
    "files of a service": f"{SERVICE}configFiles: [{{content: x, mountPath: /etc/x}}]\n",
    "two documents": "machine: {certSANs: [a.example]}\n---\n" + HOSTNAME,
    "a key removed": "machine: {nodeLabels: {$patch: delete}}",
    "one label removed": "machine: {nodeLabels: {homelab.talos/role: {$patch: delete}}}",
    "a document removed": f"{SERVICE}$patch: delete\n",
    "interfaces by name": "machine: {network: {interfaces: [{interface: eth7, dhcp: true}]}}",
}
REFUSED: dict[str, str] = {
    "a list for a mapping": "machine: {nodeLabels: [a]}",
    "a mapping for a text": "machine: {token: {a: b}}",
    "a document without a kind": "apiVersion: v1alpha1\nname: x\n",
    "the removal of a label that is not there": "machine: {nodeLabels: {zone: {$patch: delete}}}",
}


@pytest.fixture(scope="module")
def base() -> MachineConfig:
    """A configuration with a document of each kind that the renderer writes."""
    return render(definitions.cluster(), definitions.node(HOST), secrets_bundle.generate())


def written(talosctl: Talosctl, config: str, patch: str, directory: Path) -> list[dict[str, Any]]:
    """Return the documents that talosctl writes for a configuration and a patch.

    :raises AssertionError: it refuses the patch.
    """
    (directory / "config.yaml").write_text(config, encoding="utf-8")
    (directory / "patch.yaml").write_text(patch, encoding="utf-8")
    done = talosctl.run("machineconfig", "patch", "config.yaml", "--patch", "@patch.yaml", directory=directory)
    assert done.returncode == 0, done.stderr
    return sorted(yaml.safe_load_all(done.stdout), key=lambda each: (each.get("kind", ""), each.get("name", "")))


@pytest.mark.parametrize("name", sorted(PATCHES))
def test_a_patch_has_the_same_effect(name: str, base: MachineConfig, talosctl: Talosctl, tmp_path: Path) -> None:
    theirs = written(talosctl, base.to_text(), PATCHES[name], tmp_path)
    merged = MachineConfig(merge(base.documents, parse_patch(PATCHES[name])))
    assert written(talosctl, merged.to_text(), NOTHING, tmp_path) == theirs


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_patch_that_does_not_fit_is_refused_by_both(
    name: str, base: MachineConfig, talosctl: Talosctl, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError):
        written(talosctl, base.to_text(), REFUSED[name], tmp_path)
    with pytest.raises(MergeError):
        merge(base.documents, parse_patch(REFUSED[name]))


def test_a_different_effect_is_found(base: MachineConfig, talosctl: Talosctl, tmp_path: Path) -> None:
    theirs = written(talosctl, base.to_text(), PATCHES["a value"], tmp_path)
    assert written(talosctl, base.to_text(), NOTHING, tmp_path) != theirs
