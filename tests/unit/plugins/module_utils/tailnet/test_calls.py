# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a server does, a caller gets one clear error, soon, and no secret is in it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.tailnet.connect import Settings, connect
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.errors import TailnetError
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.http_api import Retry, checked_url
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.model import KeyWish
from ansible_collections.homelab.talos.tests.support.certificates import Authority
from ansible_collections.homelab.talos.tests.support.stand_in_tailnet import TOKEN, Answer, StandInServer

WISH = KeyWish(("tag:k8s",), 3600)


def refused(call: Any) -> TailnetError:
    """Return the error of a call, which must be one line."""
    with pytest.raises(TailnetError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_wrong_token(client: Any, server: StandInServer, pauses: list[float]) -> None:
    error = refused(client(token="wrong-token-marker").devices)
    assert "refuses the token (API token invalid)" in str(error)
    assert "wrong-token-marker" not in str(error)
    assert pauses == []


def test_a_certificate_of_somebody_else(client: Any, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(Authority("other").pem)
    error = refused(client(ca_file=str(other)).devices)
    assert "certificate of the server is not trusted" in str(error)
    assert "CA file" in str(error)
    assert "certificate of the server is not trusted" in str(refused(client(ca_file="").devices))


def test_a_server_that_is_not_there(client: Any, server: StandInServer) -> None:
    error = refused(client(url="https://127.0.0.1:9").devices)
    assert str(error).startswith("https://127.0.0.1:9: cannot be reached: ")
    assert "refused" in str(error)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_passes_is_asked_for_again(client: Any, server: StandInServer, pauses: list[float], status: int) -> None:
    server.tailnet.faults = [Answer(status, {}), Answer(status, {})]
    assert len(client().devices()) == 1
    assert pauses == [0.5, 1.0]


def test_the_server_may_ask_for_more_patience_but_not_for_ever(
    client: Any, server: StandInServer, pauses: list[float]
) -> None:
    server.tailnet.faults = [
        Answer(429, {}, headers=(("Retry-After", "3"),)),
        Answer(429, {}, headers=(("Retry-After", "9000"),)),
    ]
    client().devices()
    assert pauses == [3.0, 10.0]


def test_it_is_not_asked_for_ever(client: Any, server: StandInServer, pauses: list[float]) -> None:
    server.tailnet.faults = [Answer(503, {"message": "starting"})] * 9
    error = refused(client().devices)
    assert "answers GET" in str(error)
    assert "4 times with status 503 (starting)" in str(error)
    assert len(pauses) == 3
    assert len(server.tailnet.asked) == 4


def test_a_key_is_not_made_twice(client: Any, server: StandInServer, pauses: list[float]) -> None:
    """A bad gateway does not tell whether the key was made; too many requests does."""
    server.tailnet.faults = [Answer(502, {})]
    refused(lambda: client().create_key(WISH))
    assert pauses == []
    server.tailnet.faults = [Answer(429, {})]
    assert client().create_key(WISH).id
    assert server.tailnet.changes == ["create key"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, raw=b"<html>a router's login page</html>"),
        Answer(200, raw=b"[" * 100000),
        Answer(200, []),
        Answer(200, {}),
        Answer(200, {"devices": 7, "nodes": 7}),
        Answer(200, {"devices": [7], "nodes": [7]}),
        Answer(200, {"devices": [{}], "nodes": [{}]}),
        Answer(200, {"devices": [{"id": "1", "name": {}}], "nodes": [{"id": "1", "name": []}]}),
        Answer(
            200,
            {
                "devices": [{"id": "1", "name": "a", "advertisedRoutes": ["10.0.0.300/8"]}],
                "nodes": [{"id": "1", "name": "a", "availableRoutes": ["x"]}],
            },
        ),
        Answer(
            200,
            {
                "devices": [{"id": "1", "name": "a", "lastSeen": "yesterday"}],
                "nodes": [{"id": "1", "name": "a", "lastSeen": "yesterday"}],
            },
        ),
        Answer(
            200,
            {
                "devices": [{"id": "1", "name": "a", "enabledRoutes": "10.0.0.0/8"}],
                "nodes": [{"id": "1", "name": "a", "approvedRoutes": [1]}],
            },
        ),
        Answer(
            200,
            {
                "devices": [{"id": "1", "name": "a", "authorized": "yes"}],
                "nodes": [{"id": "1", "name": "a", "online": "yes"}],
            },
        ),
    ],
)
def test_nonsense_is_called_so(client: Any, server: StandInServer, answer: Answer) -> None:
    server.tailnet.faults = [answer]
    assert "the answer makes no sense" in str(refused(client().devices))


def test_an_approval_that_was_not_done_is_no_success(client: Any, server: StandInServer) -> None:
    server.tailnet.faults = [Answer(200, {"enabledRoutes": [], "node": {"id": "7", "approvedRoutes": []}})]
    assert "not what was asked for" in str(refused(lambda: client().approve_routes("7", ["10.96.0.0/12"])))


def test_a_key_without_its_secret_is_nonsense(client: Any, server: StandInServer) -> None:
    server.tailnet.faults = [Answer(200, {"id": "1", "preAuthKey": {"id": "1"}})]
    assert "key is missing" in str(refused(lambda: client().create_key(WISH)))


def test_a_slow_server_is_given_up(client: Any, server: StandInServer) -> None:
    """Each byte starts a socket's timeout anew: the limit holds for the call as a whole."""
    server.tailnet.faults = [Answer(200, {"devices": [], "nodes": [], "filler": "x" * 200}, drip=0.05)]
    started = time.monotonic()
    error = refused(client(timeout=0.5).devices)
    assert "did not answer within 0.5 s" in str(error)
    assert time.monotonic() - started < 5


def test_an_endless_answer_is_given_up(client: Any, server: StandInServer) -> None:
    server.tailnet.faults = [Answer(200, raw=b" " * ((16 << 20) + 1))]
    assert "larger than 16 MiB" in str(refused(client(timeout=30.0).devices))


def test_a_token_is_sent_nowhere_else(client: Any, server: StandInServer) -> None:
    server.tailnet.faults = [Answer(302, {}, headers=(("Location", f"{server.url}/elsewhere"),))]
    assert "leads elsewhere (status 302)" in str(refused(client().devices))
    assert len(server.tailnet.asked) == 1


def test_a_netrc_file_does_not_replace_the_token(
    client: Any, server: StandInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert len(client().devices()) == 1


def test_what_the_server_repeats_of_a_secret_is_hidden(client: Any, server: StandInServer) -> None:
    server.tailnet.faults = [Answer(403, {"message": f"token {TOKEN}\nmay\tnot " + "x" * 500})]
    error = str(refused(client().devices))
    assert "does not allow GET" in error
    assert "token <hidden> may not" in error
    assert TOKEN not in error
    assert len(error) < 400


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": "invalid", "error_description": "so it is"}, "(invalid: so it is)"),
        ({"title": "Bad Request", "detail": "no such tag"}, "(Bad Request: no such tag)"),
        ({"message": ["a"]}, "status 400;"),
        ([], "status 400;"),
    ],
)
def test_what_the_server_says_is_told(client: Any, server: StandInServer, body: Any, said: str) -> None:
    server.tailnet.faults = [Answer(400, body)]
    assert said in str(refused(client().devices))


@pytest.mark.parametrize(
    "url",
    [
        "http://hs.example",
        "hs.example:8443",
        "https://",
        "https://user:pw@hs.example",
        "https://hs.example:x",
        "https://h?a=b",
    ],
)
def test_a_url_that_cannot_be_used(url: str) -> None:
    error = refused(lambda: checked_url(url))
    assert "is no https URL" in str(error)
    assert "pw" not in str(error)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"token": ""}, "there is no token"),
        ({"token": "two words"}, "not one word"),
        ({"token": "", "token_file": "/nowhere/token"}, "/nowhere/token: the token cannot be read: No such file"),
        ({"ca_file": "/nowhere/ca.pem"}, "/nowhere/ca.pem: the CA file cannot be used: No such file"),
        ({"kind": "zerotier"}, "is not known; use tailscale or headscale"),
        ({"kind": "headscale", "url": ""}, "its URL is not given"),
        ({"kind": "headscale", "oauth_client_id": "x", "oauth_client_secret": "y"}, "knows no OAuth clients"),
        ({"kind": "tailscale", "oauth_client_id": "x"}, "the secret of the OAuth client is not given"),
    ],
)
def test_settings_that_cannot_be_used(client: Any, server: StandInServer, changes: dict[str, Any], cause: str) -> None:
    assert cause in str(refused(lambda: client(**changes)))
    assert server.tailnet.asked == []


def test_a_ca_file_without_certificates(client: Any, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing\n")
    assert "the CA file cannot be used" in str(refused(lambda: client(ca_file=str(tmp_path / "empty.pem"))))


def test_a_token_from_a_file(client: Any, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert len(client(token="", token_file=str(tmp_path / "token")).devices()) == 1


def test_tailscale_needs_no_url() -> None:
    assert connect(Settings("tailscale", token="x")).name == "https://api.tailscale.com"


def test_pauses_grow_to_a_limit() -> None:
    retry = Retry(first=1.0, longest=5.0)
    assert [retry.pause(attempt) for attempt in (1, 2, 3, 4)] == [1.0, 2.0, 4.0, 5.0]
    assert retry.pause(1, "soon") == 1.0
