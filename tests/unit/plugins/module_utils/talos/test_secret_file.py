# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret file is private from its first byte and replaced in one step."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.secret_file import SecretFileError, write_secret


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_secret(tmp_path / "secrets.yaml", b"secret")
    finally:
        os.umask(before)
    assert mode(tmp_path / "secrets.yaml") == 0o600
    assert (tmp_path / "secrets.yaml").read_bytes() == b"secret"


def test_it_is_private_when_it_is_created(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    created: list[tuple[int, int]] = []
    real_open = os.open

    def watch(path: str, flags: int, permissions: int = 0o777) -> int:
        created.append((flags, permissions))
        return real_open(path, flags, permissions)

    monkeypatch.setattr(os, "open", watch)
    write_secret(tmp_path / "key", b"secret")
    flags, permissions = created[0]
    assert permissions == 0o600
    assert flags & os.O_EXCL
    assert flags & os.O_CREAT


def test_an_open_file_of_others_is_replaced_not_filled(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"old")
    path.chmod(0o644)
    with path.open("rb") as reader:
        write_secret(path, b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"
    assert mode(path) == 0o600


def test_a_link_is_replaced_and_its_target_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"mine")
    (tmp_path / "key").symlink_to(target)
    write_secret(tmp_path / "key", b"secret")
    assert target.read_bytes() == b"mine"
    assert not (tmp_path / "key").is_symlink()


def test_a_missing_directory_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SecretFileError, match="cannot be written: No such file or directory") as error:
        write_secret(tmp_path / "none" / "key", b"secret")
    assert "secret" not in str(error.value).replace(str(tmp_path), "")


def test_nothing_stays_when_the_replacement_fails(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    with pytest.raises(SecretFileError):
        write_secret(tmp_path / "key", b"secret")
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
