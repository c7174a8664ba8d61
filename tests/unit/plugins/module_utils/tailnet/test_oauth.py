# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flow of an OAuth client against a local issuer: success, refused scope, expired, revoked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.tailnet.connect import Settings, connect
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.errors import TailnetError
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.server import CoordinationServer
from ansible_collections.homelab.talos.tests.support.stand_in_tailnet import (
    CLIENT_SECRET,
    Answer,
    StandInServer,
    TailscaleApi,
    serve,
)

MARKERS = (CLIENT_SECRET, "access-token-marker")


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[StandInServer]:
    """Yield a server with an OAuth issuer."""
    with serve(TailscaleApi(), tmp_path) as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    """Return the clock of the client."""
    return Clock()


@pytest.fixture
def login(issuer: StandInServer, clock: Clock) -> Callable[..., CoordinationServer]:
    """Return a function that connects as an OAuth client."""

    def make(**changes: Any) -> CoordinationServer:
        settings: dict[str, Any] = {
            "kind": "tailscale",
            "url": issuer.url,
            "ca_file": str(issuer.ca_file),
            "oauth_client_id": "k123",
            "oauth_client_secret": CLIENT_SECRET,
        }
        return connect(Settings(**{**settings, **changes}), pause=lambda seconds: None, clock=clock)

    return make


def refused(call: Any) -> str:
    """Return the text of the error of a call; no secret is in it."""
    with pytest.raises(TailnetError) as caught:
        call()
    text = str(caught.value)
    assert not any(marker in text for marker in MARKERS)
    return text


def test_one_token_serves_many_calls(issuer: StandInServer, login: Any) -> None:
    server = login(oauth_scopes=("devices:routes", "auth_keys"))
    server.devices()
    server.devices()
    assert issuer.tailnet.issued == 1
    (form,) = issuer.tailnet.forms
    assert form["grant_type"] == ["client_credentials"]
    assert form["client_id"] == ["k123"]
    assert form["scope"] == ["devices:routes auth_keys"]


def test_a_token_is_renewed_before_it_ends(issuer: StandInServer, login: Any, clock: Clock) -> None:
    server = login()
    server.devices()
    clock.now = 3539.0
    server.devices()
    assert issuer.tailnet.issued == 1
    clock.now = 3540.0
    server.devices()
    assert issuer.tailnet.issued == 2


def test_a_token_that_ended_early_is_replaced_once(issuer: StandInServer, login: Any) -> None:
    server = login()
    server.devices()
    issuer.tailnet.tokens.clear()
    server.devices()
    assert issuer.tailnet.issued == 2


def test_a_scope_that_is_refused(issuer: StandInServer, login: Any) -> None:
    text = refused(login(oauth_scopes=("dns",)).devices)
    assert "the OAuth client is refused" in text
    assert "invalid_scope: scope not granted" in text
    assert [asked for asked in issuer.tailnet.asked if "devices" in asked] == []


def test_a_token_whose_scope_is_too_small(issuer: StandInServer, login: Any) -> None:
    server = login()
    server.devices()
    issuer.tailnet.faults = [Answer(403, {"message": "insufficient scope"})]
    assert "give the token the scope for it" in refused(server.devices)


def test_a_revoked_client(issuer: StandInServer, login: Any) -> None:
    server = login()
    server.devices()
    issuer.tailnet.client_revoked = True
    issuer.tailnet.tokens.clear()
    text = refused(server.devices)
    assert "the OAuth client is refused" in text
    assert "revoked" in text


def test_a_wrong_secret(issuer: StandInServer, login: Any) -> None:
    assert "invalid_client" in refused(login(oauth_client_secret="wrong").devices)


@pytest.mark.parametrize(
    "body",
    [{}, {"access_token": ""}, {"access_token": "a", "expires_in": "soon"}, {"access_token": "a", "expires_in": 0}],
)
def test_an_issuer_that_answers_nonsense(issuer: StandInServer, login: Any, body: dict[str, Any]) -> None:
    issuer.tailnet.faults = [Answer(200, body)]
    assert "the answer makes no sense" in refused(login().devices)
