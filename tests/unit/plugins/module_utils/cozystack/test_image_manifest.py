# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of an image: read back as written, refused when it lies, documented key by key."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.collection_version import COLLECTION_VERSION
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_manifest import (
    BuiltFile,
    ImageManifest,
    manifest_from,
    read_manifest,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_variants import ImageVariant
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.imager import KINDS
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.profiles import (
    WITH_COMMAND_LINE,
    WITH_OVERLAY,
    WITHOUT_EXTENSIONS,
)

ROOT = Path(__file__).resolve().parents[5]
PAGE = (ROOT / "docs/reference/images.md").read_text(encoding="utf-8")
MANIFEST = ImageManifest(
    key="arm64/compute",
    tag="v1.13.6-compute-arm64",
    architecture="arm64",
    talos_version="v1.13.6",
    variant=ImageVariant("compute", ("zfs",)).to_mapping(),
    upstream={"commit": "0" * 40},
    imager="ghcr.io/siderolabs/imager:v1.13.6",
    base_installer="ghcr.io/siderolabs/installer:v1.13.6",
    extensions=({"name": "zfs", "version": "2.4.3-v1.13.6"},),
    inputs={"kernel": {"architecture": "arm64"}},
    files=(BuiltFile("kernel", "kernel-arm64", 5, "ab" * 32, "arm64", "EFI zboot (zstd)"),),
    profiles={"kernel.yaml": "cd" * 32},
    built="2026-11-20T12:00:00+00:00",
)


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(MANIFEST.to_json(), encoding="utf-8")
    assert read_manifest(tmp_path) == MANIFEST
    assert read_manifest(tmp_path / "nothing") is None


def test_content_is_the_same_whenever_and_wherever_it_was_built() -> None:
    other = dataclasses.replace(MANIFEST, built="2027-01-01T00:00:00+00:00", key="arm64/other", upstream={})
    assert other.content == MANIFEST.content
    assert dataclasses.replace(MANIFEST, profiles={"kernel.yaml": "00" * 32}).content != MANIFEST.content


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "is no manifest of format 1"),
        ({"files": []}, "was changed: its content hash does not fit"),
        ({"files": [{"kind": "kernel"}]}, "lacks something"),
        ({"profiles": {}}, "was changed: its content hash does not fit"),
        ({"content": "0"}, "was changed: its content hash does not fit"),
        (
            {"files": [{"kind": "kernel", "name": "../../kernel-arm64", "size": 1, "sha256": "0"}]},
            "names a file outside",
        ),
        ({"files": [{"kind": "kernel", "name": "/etc/passwd", "size": 1, "sha256": "0"}]}, "names a file outside"),
        ({"files": [{"kind": "kernel", "name": 5, "size": 1, "sha256": "0"}]}, "lacks something"),
        ({"variant": [], "upstream": 5, "inputs": 1}, "lacks something"),
    ],
)
def test_a_manifest_that_cannot_be_right_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(BuildError, match=f"here: {words}"):
        manifest_from({**MANIFEST.to_mapping(), **change}, "here")


def test_what_is_no_manifest_is_named_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(
        BuildError, match=r"manifest\.json: is not JSON; remove the directory and build the image again"
    ):
        read_manifest(tmp_path)


def table(heading: str) -> list[list[str]]:
    """Return the rows of the first table below a heading of the page of reference."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [row for row in section.splitlines() if row.startswith("|")][2:]
    return [[cell.strip().strip("`") for cell in row.split("|")[1:-1]] for row in rows]


def test_every_key_of_the_manifest_is_documented_and_no_other() -> None:
    assert {row[0] for row in table("The manifest")} == set(json.loads(MANIFEST.to_json()))


def test_every_key_of_a_variant_is_documented_and_no_other() -> None:
    assert {row[0] for row in table("Variants")} == set(ImageVariant.KEYS)


def test_the_documented_files_are_those_of_the_kinds() -> None:
    yes = {True: "yes", False: "no"}
    expected = [
        [
            kind,
            output.file_name("arm64"),
            yes[kind not in WITHOUT_EXTENSIONS],
            yes[kind in WITH_COMMAND_LINE],
            yes[kind in WITH_OVERLAY],
        ]
        for kind, output in KINDS.items()
    ]
    assert table("Files of an image") == expected


def test_the_version_of_the_collection_is_that_of_its_metadata() -> None:
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"] == COLLECTION_VERSION
    assert re.fullmatch(r"\d+\.\d+\.\d+", COLLECTION_VERSION)
