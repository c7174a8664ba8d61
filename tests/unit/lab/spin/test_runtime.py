# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OCI runtime prepares the containers of apps, passes everything on to runc, and tells the shim what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.spin.runtime import main
from ansible_collections.homelab.talos.lab.spin.runtime.content import ContentError

CREATE = ["--root", "/run/x", "--log", "LOG", "create", "--bundle=DIRECTORY", "--pid-file", "/run/pid", "abc"]


class Became(Exception):
    """Stands for the program that the process became."""


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """The containers that were prepared; the process becomes runc by an exception."""
    found: list[Any] = []

    def become(program: str, arguments: list[str]) -> None:
        raise Became(program, arguments)

    arguments = [each.replace("LOG", str(tmp_path / "log")).replace("DIRECTORY", str(tmp_path)) for each in CREATE]
    monkeypatch.setattr(main.sys, "argv", ["spin-runtime", *arguments])
    monkeypatch.setattr(main.os, "execvp", become)
    monkeypatch.setattr(main, "image_of", lambda container: (f"image of {container}", "sha256:0a"))
    monkeypatch.setattr(main.bundle, "prepare", lambda *given: found.append(given))
    return found


def write_spec(directory: Path, kind: str) -> None:
    text = json.dumps({"annotations": {"io.kubernetes.cri.container-type": kind}})
    (directory / "config.json").write_text(text, encoding="utf-8")


def test_the_container_of_an_app_is_prepared(prepared: list[Any], tmp_path: Path) -> None:
    write_spec(tmp_path, "container")
    with pytest.raises(Became) as became:
        main.start()
    assert prepared == [(tmp_path, "abc", "image of abc", "sha256:0a")]
    assert became.value.args[1][:2] == ["runc", "--root"]
    assert became.value.args[1][-1] == "abc"


def test_a_sandbox_goes_to_runc_as_it_is(prepared: list[Any], tmp_path: Path) -> None:
    write_spec(tmp_path, "sandbox")
    with pytest.raises(Became):
        main.start()
    assert prepared == []


def test_what_is_wrong_is_told_where_the_shim_looks(
    prepared: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(container: str) -> tuple[str, str]:
        raise ContentError(f"image of {container} is not on this node")

    write_spec(tmp_path, "container")
    monkeypatch.setattr(main, "image_of", fail)
    assert main.start() == 1
    entry = json.loads((tmp_path / "log").read_text(encoding="utf-8"))
    assert (entry["level"], entry["msg"]) == ("error", "spin: image of abc is not on this node")
    assert prepared == []
