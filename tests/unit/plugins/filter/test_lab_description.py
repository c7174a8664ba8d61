# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the definition of a cluster to the description of the emulated lab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.homelab.talos.plugins.filter.lab_description import lab_description
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_manifest import ImageManifest


def definition(**second: Any) -> dict[str, Any]:
    common = {"machine_type": "worker", "network": {"prefix": 24}, "install": {"disk": "/dev/vda"}}
    nodes = [
        {**common, "name": "cp1", "machine_type": "controlplane", "role": "compute", "address": "198.18.1.11"},
        {**common, "name": "gw1", "role": "gateway", "address": "198.18.1.14", **second},
    ]
    variants = {"compute": {"extensions": ["zfs", "drbd"]}, "gateway": {"extensions": ["tailscale"]}}
    cluster = {
        "name": "home",
        "endpoint": "https://198.18.1.11:6443",
        "talos_version": "v1.13.9",
        "variants": variants,
    }
    return {"cluster": cluster, "nodes": nodes}


def test_nodes_get_the_extensions_of_their_role() -> None:
    assert lab_description(definition()) == {
        "name": "home",
        "subnet": "198.18.1.0/24",
        "talos_version": "v1.13.9",
        "nodes": [
            {"name": "cp1", "address": "198.18.1.11", "extensions": ["drbd", "zfs"]},
            {"name": "gw1", "address": "198.18.1.14", "extensions": ["tailscale"]},
        ],
    }


def test_services_are_part_of_the_lab() -> None:
    service = {"name": "hs", "kind": "headscale", "address": "198.18.1.5"}
    assert lab_description(definition(), services=[service])["services"] == [service]


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"address": "198.18.9.14"}, "gw1 in 198.18.9.0/24"),
        ({"network": {"dhcp": True}}, "the nodes are in several"),
        ({"address": "nowhere"}, "host gw1"),
        ({"colour": "red"}, "host gw1: .*colour: unknown key"),
    ],
)
def test_a_lab_that_cannot_be_is_refused(second: dict[str, Any], words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        lab_description(definition(**second))


def test_a_cluster_without_nodes_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="there are no nodes"):
        lab_description({**definition(), "nodes": []})


def write_image(root: Path, name: str, extensions: list[str], **others: Any) -> ImageManifest:
    """Write the manifest of an image; its files are not looked at here."""
    values: dict[str, Any] = {
        "key": f"arm64/{name}",
        "tag": f"v1.13.9-{name}-arm64",
        "architecture": "arm64",
        "talos_version": "v1.13.9",
        "variant": {"name": name, "roles": [name]},
        "upstream": {"commit": "0" * 40},
        "imager": "ghcr.io/siderolabs/imager:v1.13.9",
        "base_installer": "ghcr.io/siderolabs/installer:v1.13.9",
        "extensions": tuple({"name": each, "version": f"1.0-{each}"} for each in extensions),
        "inputs": {},
        "files": (),
        "profiles": {},
        "built": "2026-11-20T12:00:00+00:00",
        **others,
    }
    manifest = ImageManifest(**values)
    directory = root / manifest.key
    directory.mkdir(parents=True)
    (directory / "manifest.json").write_text(manifest.to_json())
    return manifest


@pytest.fixture
def images(tmp_path: Path) -> Path:
    write_image(tmp_path, "compute", ["drbd", "zfs"])
    write_image(tmp_path, "gateway", ["tailscale"])
    return tmp_path


def test_versions_come_from_the_manifests_of_the_images(images: Path) -> None:
    description = lab_description(definition(), str(images))
    one, other = description["nodes"]
    assert one["extensions"] == [{"name": "drbd", "version": "1.0-drbd"}, {"name": "zfs", "version": "1.0-zfs"}]
    assert other["image"]["key"] == "arm64/gateway"
    assert (other["image"]["architecture"], description["talos_version"]) == ("arm64", "v1.13.9")


def test_a_stale_image_is_refused_unless_told_to(tmp_path: Path) -> None:
    write_image(tmp_path, "compute", ["drbd"], talos_version="v1.13.6")
    write_image(tmp_path, "gateway", ["tailscale"], talos_version="v1.13.6")
    words = (
        "image arm64/compute of host cp1: is stale: it holds drbd, the inventory says drbd, zfs; "
        "it is Talos v1.13.6, the inventory says v1.13.9"
    )
    with pytest.raises(AnsibleFilterError, match=words):
        lab_description(definition(), str(tmp_path))
    told = lab_description(definition(), str(tmp_path), stale=True)
    assert told["talos_version"] == "v1.13.6"
    assert [each["name"] for each in told["nodes"][0]["extensions"]] == ["drbd"]


def test_a_role_without_an_image_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path, "compute", ["drbd", "zfs"])
    with pytest.raises(AnsibleFilterError, match="there is no image for role gateway; build it with"):
        lab_description(definition(), str(tmp_path))


def test_two_images_for_a_role_are_refused_unless_one_has_its_name(images: Path) -> None:
    write_image(images, "pi", ["drbd", "zfs"], variant={"name": "pi", "roles": ["compute"]})
    assert lab_description(definition(), str(images))["nodes"][0]["image"]["key"] == "arm64/compute"
    write_image(images, "rock", ["tailscale"], variant={"name": "rock", "roles": ["gateway"]})
    (images / "arm64/gateway/manifest.json").unlink()
    write_image(images, "other", ["tailscale"], variant={"name": "other", "roles": ["gateway"]})
    with pytest.raises(AnsibleFilterError, match="several images are for role gateway: arm64/other, arm64/rock"):
        lab_description(definition(), str(images))


def test_a_manifest_that_was_changed_is_refused(images: Path) -> None:
    path = images / "arm64/gateway/manifest.json"
    path.write_text(path.read_text().replace('"profiles": {}', '"profiles": {"iso.yaml": "0"}'))
    with pytest.raises(AnsibleFilterError, match="gateway/manifest.json: was changed: its content hash does not fit"):
        lab_description(definition(), str(images))
