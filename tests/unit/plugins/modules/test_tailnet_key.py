# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tailnet_key: one usable key in a private file, made only when one is needed, and shown nowhere."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.modules import tailnet_key
from ansible_collections.homelab.talos.tests.support.stand_in_tailnet import NOW, StandInDevice, StandInServer

MARKER = "SECRETMARKER"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tailnet" / "gw1.key"


@pytest.fixture
def wish(reach: dict[str, Any], path: Path, at: Any) -> dict[str, Any]:
    at(NOW)
    return {**reach, "path": str(path), "tags": ["tag:k8s"], "lifetime": 600}


def hidden(result: dict[str, Any]) -> dict[str, Any]:
    """Return a result in which no key is shown."""
    assert MARKER not in str(result)
    return result


def test_makes_one_key_and_keeps_it(run_module: Any, wish: dict[str, Any], path: Path, tailnet: StandInServer) -> None:
    first = hidden(run_module(tailnet_key, **wish, diff=True))
    assert (first["changed"], first["reason"], first["tags"]) == (True, "there is no key yet", ["tag:k8s"])
    assert path.read_text() == f"{tailnet.tailnet.keys[0].secret}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    second = hidden(run_module(tailnet_key, **wish))
    assert (second["changed"], second["reason"], second["id"]) == (False, "", first["id"])
    assert tailnet.tailnet.changes == ["create key"]


def test_check_mode_makes_none(run_module: Any, wish: dict[str, Any], path: Path, tailnet: StandInServer) -> None:
    result = run_module(tailnet_key, **wish, check_mode=True, diff=True)
    assert (result["changed"], result["id"], result["diff"]["after"]) == (True, "", "key (new)\n")
    assert not path.exists()
    assert tailnet.tailnet.changes == []


def test_a_file_that_others_can_read_is_closed(run_module: Any, wish: dict[str, Any], path: Path) -> None:
    run_module(tailnet_key, **wish)
    path.chmod(0o644)
    assert run_module(tailnet_key, **wish)["changed"]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda tailnet, at: at(NOW + datetime.timedelta(seconds=601)), "it expired at"),
        (lambda tailnet, at: setattr(tailnet.keys[0], "used", True), "no device can join with key 1"),
        (
            lambda tailnet, at: tailnet.keys[0].__init__("99", "hskey-auth-other-x", {}, NOW),
            "the server does not know the key in the file",
        ),
        (lambda tailnet, at: tailnet.keys[0].body.update(reusable=True), "key 1 is reusable"),
        (lambda tailnet, at: tailnet.keys[0].body.update(ephemeral=True), "key 1 is ephemeral"),
        (
            lambda tailnet, at: tailnet.keys[0].body.update(tags=["tag:x"], aclTags=["tag:x"]),
            "key 1 has tag:x instead of tag:k8s",
        ),
    ],
)
def test_a_key_that_will_not_do_is_replaced(
    run_module: Any, wish: dict[str, Any], path: Path, tailnet: StandInServer, at: Any, harm: Any, reason: str
) -> None:
    run_module(tailnet_key, **wish)
    old = path.read_text()
    harm(tailnet.tailnet, at)
    # A stand-in counts its keys; a new one must not get the secret of the old one.
    tailnet.tailnet.add_key("other", {}, 0)
    result = hidden(run_module(tailnet_key, **wish))
    assert result["changed"]
    assert reason in result["reason"]
    assert path.read_text() != old


def test_a_device_that_has_joined_needs_no_key(
    run_module: Any, wish: dict[str, Any], path: Path, tailnet: StandInServer, at: Any
) -> None:
    result = run_module(tailnet_key, **wish, device="gw1")
    assert (result["changed"], result["joined"], result["id"]) == (False, True, "")
    assert not path.exists()
    tailnet.tailnet.devices[0].expires = "2026-06-01T00:00:00Z"
    assert run_module(tailnet_key, **wish, device="gw1")["changed"]


def test_a_used_key_is_kept_while_its_device_is_there(
    run_module: Any, wish: dict[str, Any], path: Path, tailnet: StandInServer
) -> None:
    gone = tailnet.tailnet.devices.pop()
    assert run_module(tailnet_key, **wish, device="gw1")["changed"]
    tailnet.tailnet.devices.append(gone)
    tailnet.tailnet.keys[0].used = True
    before = path.read_text()
    assert not run_module(tailnet_key, **wish, device="gw1")["changed"]
    assert path.read_text() == before


def test_two_devices_of_one_name_are_no_answer(run_module: Any, wish: dict[str, Any], tailnet: StandInServer) -> None:
    tailnet.tailnet.devices.append(StandInDevice("8", "gw1"))
    assert "2 devices are called so" in run_module(tailnet_key, **wish, device="gw1")["msg"]
    assert tailnet.tailnet.changes == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tags": []}, "a key without a tag is for a user"),
        ({"tags": ["k8s"]}, "'k8s' is no tag; write it like tag:k8s"),
        ({"lifetime": 5}, "lifetime: 5 s is out of range"),
        ({"lifetime": 8000000}, "out of range; use 60 to 7776000"),
        ({"path": None}, "state is present but all of the following are missing: path"),
        ({"ca_file": "/nowhere"}, "/nowhere: the CA file cannot be used"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(
    run_module: Any, wish: dict[str, Any], tailnet: StandInServer, change: dict[str, Any], words: str
) -> None:
    arguments = {name: value for name, value in {**wish, **change}.items() if value is not None}
    result = run_module(tailnet_key, **arguments)
    assert words in result["msg"]
    assert tailnet.tailnet.changes == []


def test_reusable_and_ephemeral_keys_are_made_for_those_who_ask(
    run_module: Any, wish: dict[str, Any], tailnet: StandInServer
) -> None:
    run_module(tailnet_key, **wish)
    assert not tailnet.tailnet.keys[0].body.get("reusable")
    assert not tailnet.tailnet.keys[0].body.get("ephemeral")
    run_module(tailnet_key, **wish, reusable=True, ephemeral=True)
    assert tailnet.tailnet.keys[1].body["reusable"]
    assert tailnet.tailnet.keys[1].body["ephemeral"]


def test_a_key_that_the_server_made_otherwise_is_revoked(
    run_module: Any, wish: dict[str, Any], tailnet: StandInServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = type(tailnet.tailnet).add_key
    monkeypatch.setattr(
        type(tailnet.tailnet),
        "add_key",
        lambda net, secret, body, life: add(net, secret, {**body, "reusable": True}, life),
    )
    result = hidden(run_module(tailnet_key, **wish))
    assert "the new key is reusable; it was revoked" in result["msg"]
    assert tailnet.tailnet.changes == ["create key", "revoke key"]
    assert not path.exists()


def test_revokes_and_removes(run_module: Any, wish: dict[str, Any], path: Path, tailnet: StandInServer) -> None:
    run_module(tailnet_key, **wish)
    checked = run_module(tailnet_key, **wish, state="absent", check_mode=True)
    assert checked["changed"]
    assert path.exists()
    assert run_module(tailnet_key, **wish, state="absent")["changed"]
    assert not path.exists()
    assert tailnet.tailnet.changes == ["create key", "revoke key"]
    assert not run_module(tailnet_key, **wish, state="absent")["changed"]


def test_judges_a_key_of_the_operator(
    run_module: Any, wish: dict[str, Any], reach: dict[str, Any], tailnet: StandInServer, at: Any
) -> None:
    run_module(tailnet_key, **wish)
    secret = tailnet.tailnet.keys[0].secret
    judged = hidden(run_module(tailnet_key, **reach, state="usable", key=secret))
    assert (judged["changed"], judged["findings"]) == (False, [])
    assert not hidden(run_module(tailnet_key, **reach, state="usable", path=wish["path"]))["findings"]
    at(NOW + datetime.timedelta(days=1))
    late = hidden(run_module(tailnet_key, **reach, state="usable", key=secret))
    assert "no device can join with key 1: it expired" in late["msg"]
    assert [finding["id"] for finding in late["findings"]] == ["tailnet.key-unusable"]
    assert hidden(run_module(tailnet_key, **reach, state="usable", key=secret, device="gw1"))["joined"]
    assert run_module(tailnet_key, **reach, state="usable", key="tskey-auth-9-x", device="gw1")["joined"]
    assert "does not know the key" in run_module(tailnet_key, **reach, state="usable", key="tskey-auth-9-x")["msg"]
    assert "there is no key to judge" in run_module(tailnet_key, **reach, state="usable")["msg"]
    assert tailnet.tailnet.changes == ["create key"]
