# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Image archives are complete and reproducible."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

from ansible_collections.homelab.talos.lab.engine.images import write_image


def test_an_image_has_its_name_its_entrypoint_and_its_file(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(b"\x7fELF")
    target = tmp_path / "pause.tar"
    write_image(target, "registry.example/pause:1", "/usr/local/bin/pause", {"/usr/local/bin/pause": program}, "arm64")
    with tarfile.open(target) as archive:
        manifest = json.load(archive.extractfile("manifest.json"))[0]  # type: ignore[arg-type]
        config = json.load(archive.extractfile(manifest["Config"]))  # type: ignore[arg-type]
        with tarfile.open(fileobj=archive.extractfile(manifest["Layers"][0])) as layer:
            member = layer.getmember("usr/local/bin/pause")
    assert manifest["RepoTags"] == ["registry.example/pause:1"]
    assert (config["architecture"], config["config"]["Entrypoint"]) == ("arm64", ["/usr/local/bin/pause"])
    assert (member.mode, member.size) == (0o755, 4)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    program = tmp_path / "p"
    program.write_bytes(b"x")
    for name in ("a.tar", "b.tar"):
        write_image(tmp_path / name, "r/p:1", "/p", {"/p": program}, "amd64")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    assert not list(tmp_path.glob(".*"))
