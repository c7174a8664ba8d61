# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an app keeps is there after it has ended, and is kept apart by store."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.homelab.talos.lab.spin.host.exchange import Request
from ansible_collections.homelab.talos.lab.spin.host.guest import Guest, Permissions, Surroundings
from ansible_collections.homelab.talos.lab.spin.host.key_value_file import KeyValueFiles
from ansible_collections.homelab.talos.lab.spin.host.outbound import Outbound
from ansible_collections.homelab.talos.lab.spin.host.spin_imports import INTERFACES, Store
from ansible_collections.homelab.talos.lab.spin.host.values import Case, Err, Ok

STORE = INTERFACES["fermyon:spin/key-value@2.0.0"]


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    stores = KeyValueFiles({"default": tmp_path / "kept/a.db"})
    surroundings = Surroundings(stores, Outbound(lambda _name, _request: None), lambda _name, _text: None)
    permissions = Permissions("one", key_value_stores=["default", "unknown"])
    return Guest(permissions, surroundings, Request("GET", "/"), 0.0, {})


def test_values_outlive_their_host(tmp_path: Path) -> None:
    KeyValueFiles({"default": tmp_path / "a.db"}).set("default", "key", b"\0value")
    assert KeyValueFiles({"default": tmp_path / "a.db"}).get("default", "key") == b"\0value"


def test_stores_in_one_file_are_kept_apart(tmp_path: Path) -> None:
    files = KeyValueFiles({"one": tmp_path / "a.db", "two": tmp_path / "a.db"})
    files.set("one", "key", b"1")
    assert files.get("two", "key") is None
    assert (files.keys("one"), files.keys("two")) == (["key"], [])


def test_a_value_is_changed_and_deleted(tmp_path: Path) -> None:
    files = KeyValueFiles({"default": tmp_path / "a.db"})
    assert [files.increment("default", "count", delta) for delta in (1, 1, 5)] == [1, 2, 7]
    files.delete("default", "count")
    files.delete("default", "count")
    assert files.get("default", "count") is None


def test_a_store_opens_only_for_a_component_that_may(guest: Guest) -> None:
    opened = STORE["[static]store.open"](guest, "default")
    assert isinstance(opened, Ok)
    assert isinstance(opened.value, Store)
    assert STORE["[static]store.open"](guest, "other") == Err(Case("access-denied"))
    assert STORE["[static]store.open"](guest, "unknown") == Err(Case("no-such-store"))


def test_an_error_of_the_file_is_an_error_of_the_interface(guest: Guest, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("in the way", encoding="utf-8")
    result = STORE["[method]store.get"](guest, Store("default"), "key")
    assert isinstance(result, Err)
    assert result.value.name == "other"
