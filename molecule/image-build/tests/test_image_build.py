# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was built: exactly the wanted files, for the wanted architecture, with the wanted content, and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.layer("L1")

HERE = Path(__file__).parent
# In front of "PE\0\0" stands its offset; behind it the machine, here arm64.
PE_OFFSET, ARM64 = 0x3C, 0xAA64
BESIDES = {"manifest.json", "checksums.sha256"}


@pytest.fixture
def expected() -> dict[str, Any]:
    """What the scenario must have built."""
    content: dict[str, Any] = yaml.safe_load((HERE / "expected.yml").read_text(encoding="utf-8"))
    return content


@pytest.fixture
def work() -> Path:
    """Directory of clone and images."""
    return Path(os.environ["HOMELAB_IMAGES"])


def images(work: Path, expected: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any], list[str]]]:
    """Yield directory, expected row and expected extensions of each image that was built from a shape of upstream."""
    for row in expected["supported"]:
        for variant, extensions in expected["variants"].items():
            wanted = [name for name in extensions if name not in row.get("without", [])]
            yield work / "every" / row["tag"] / "arm64" / variant, row, wanted


def manifest(directory: Path) -> dict[str, Any]:
    """Return the manifest of an image."""
    content: dict[str, Any] = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    return content


def below(directory: Path) -> set[str]:
    """Return the files below a directory."""
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}


def git(work: Path, *words: str) -> str:
    """Ask the clone something."""
    command = ["git", "-c", "safe.directory=*", "-C", str(work / "cozystack"), *words]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_the_files_are_exactly_those_of_each_generation(work: Path, expected: dict[str, Any]) -> None:
    for directory, row, _extensions in images(work, expected):
        profiles = {f"profiles/{kind}.yaml" for kind in row["kinds"]}
        wanted = {expected["files"][kind] for kind in row["kinds"]} | profiles | BESIDES
        assert below(directory) == wanted, directory


def test_every_kernel_is_for_arm64(work: Path, expected: dict[str, Any]) -> None:
    for directory, _row, _extensions in images(work, expected):
        header = (directory / expected["files"]["kernel"]).read_bytes()[:4096]
        offset = struct.unpack_from("<I", header, PE_OFFSET)[0]
        assert header[offset : offset + 4] == b"PE\0\0", directory
        assert struct.unpack_from("<H", header, offset + 4)[0] == ARM64, directory


def test_the_profiles_list_exactly_the_extensions_of_the_variant(work: Path, expected: dict[str, Any]) -> None:
    for directory, _row, extensions in images(work, expected):
        for path in sorted((directory / "profiles").iterdir()):
            profile = yaml.safe_load(path.read_text(encoding="utf-8"))
            references = [entry["imageRef"] for entry in profile["input"]["systemExtensions"]]
            assert sorted(each.rpartition("/")[2].partition(":")[0] for each in references) == extensions, path
            assert all("@sha256:" in each for each in references), path


def test_no_profile_names_another_architecture(work: Path, expected: dict[str, Any]) -> None:
    for directory, _row, _extensions in images(work, expected):
        for path in sorted((directory / "profiles").iterdir()):
            assert "amd64" not in path.read_text(encoding="utf-8"), path


def test_the_checksums_cover_every_file_and_are_right(work: Path, expected: dict[str, Any]) -> None:
    for directory, _row, _extensions in images(work, expected):
        lines = (directory / "checksums.sha256").read_text(encoding="utf-8").splitlines()
        listed = {name: checksum for checksum, name in (line.split("  ", 1) for line in lines)}
        found = {name: hashlib.sha256((directory / name).read_bytes()).hexdigest() for name in below(directory)}
        assert listed == {name: value for name, value in found.items() if name != "checksums.sha256"}, directory


def test_the_manifest_names_the_source(work: Path, expected: dict[str, Any]) -> None:
    for directory, row, _extensions in images(work, expected):
        content = manifest(directory)
        assert content["upstream"]["commit"] == git(work, "rev-parse", f"{row['tag']}^{{commit}}").strip(), directory
        assert content["upstream"]["generation"] == row["generation"], directory
        assert (content["talos_version"], content["architecture"]) == (row["talos"], "arm64"), directory


def test_a_stand_in_for_the_imager_names_itself(work: Path, expected: dict[str, Any]) -> None:
    for directory, _row, _extensions in images(work, expected):
        assert "stand-in" in manifest(directory)["engine"]["version"], directory


def test_the_images_of_the_inventory_are_there_under_names_of_their_own(work: Path, expected: dict[str, Any]) -> None:
    found = {}
    for path in sorted((work / "images").glob("*/*/manifest.json")):
        content = manifest(path.parent)
        extensions = sorted(each["name"] for each in content["extensions"])
        assert path.parent.relative_to(work / "images").as_posix() == content["key"]
        found[content["key"]] = {"extensions": extensions, "tag": content["tag"]}
    assert found == expected["images"]


def test_the_clone_was_only_read(work: Path, expected: dict[str, Any]) -> None:
    assert git(work, "status", "--porcelain", "--ignored") == ""
    assert len(git(work, "worktree", "list", "--porcelain").split("\n\n")) == 2, "the checkout, and what follows it"
    refs = {line.split()[2] for line in git(work, "for-each-ref").splitlines()}
    assert {ref for ref in refs if not ref.startswith("refs/tags/v")} == {"refs/heads/main"}


def test_nothing_half_built_is_left(work: Path, expected: dict[str, Any]) -> None:
    left = [path for path in work.glob("**/.work/*") if path.suffix != ".lock"]
    assert left == []
