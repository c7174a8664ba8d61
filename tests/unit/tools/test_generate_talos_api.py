# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""descriptors.py is what the .proto files say."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("grpc_tools", reason="protoc is needed: pip install grpcio-tools")

from ansible_collections.homelab.talos.plugins.module_utils.talos.api import descriptors
from ansible_collections.homelab.talos.tools import generate_talos_api


def test_the_committed_file_is_up_to_date() -> None:
    assert generate_talos_api.OUTPUT.read_text() == generate_talos_api.render()
    assert generate_talos_api.sources_digest() == descriptors.SOURCES_SHA256


def test_lines_are_short() -> None:
    assert max(len(line) for line in generate_talos_api.OUTPUT.read_text().splitlines()) <= 160


def test_a_change_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = tmp_path / "descriptors.py"
    stale.write_text(generate_talos_api.OUTPUT.read_text().replace("CgR", "CgS", 1))
    monkeypatch.setattr(generate_talos_api, "OUTPUT", stale)
    assert generate_talos_api.main(["--check"]) == 1
    assert "is not up to date" in capsys.readouterr().err
    assert generate_talos_api.main([]) == 0
    assert generate_talos_api.main(["--check"]) == 0


def test_a_broken_source_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.proto").write_text('syntax = "proto3";\nmessage A { Nope b = 1; }\n')
    monkeypatch.setattr(generate_talos_api, "PROTO", tmp_path)
    with pytest.raises(SystemExit, match="protoc refused the files"):
        generate_talos_api.render()
