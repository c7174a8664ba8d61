# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a caller proves who it is: a token that stays, or one that an OAuth client gets for an hour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ansible_collections.homelab.talos.plugins.module_utils.tailnet.answer import Answer
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.errors import TailnetError

# An access token is renewed this many seconds before its end: a call with it still has to arrive.
_MARGIN = 60.0


class Access(Protocol):
    """Gives the token of a call.

    :ivar secrets: what must never be shown.
    """

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything that must never be shown."""

    def token(self) -> str:
        """Return the token to use now."""

    def renew(self) -> bool:
        """Forget a token that was refused; return whether another one can be had."""


class StaticToken:
    """A token of the operator: an API key or access token.

    :raises TailnetError: it is empty or no single word.
    """

    def __init__(self, server: str, token: str) -> None:
        self._token = token.strip()
        if not self._token or not self._token.isascii() or len(self._token.split()) != 1:
            raise TailnetError(
                server, "the API token is empty or not one word", "give the token that the server issued"
            )
        self.secrets = (self._token,)

    def token(self) -> str:
        """Return the token."""
        return self._token

    def renew(self) -> bool:
        """Return false: there is only this one."""
        return False


class OAuthClient:
    """A client of the server's OAuth issuer: exchanges its secret for access tokens, and keeps each until it ends.

    Source: tailscale/tailscale-client-go-v2:oauth.go, juanfont/headscale:hscontrol/api/v2.

    :param server: name of the server in errors.
    :param request: sends the form of a token request and returns the answer.
    :param scopes: what the token shall allow; empty for all that the client may.
    :param clock: seconds that only rise.
    """

    def __init__(
        self,
        server: str,
        client_id: str,
        client_secret: str,
        request: Callable[[dict[str, str]], Answer],
        clock: Callable[[], float],
        scopes: tuple[str, ...] = (),
    ) -> None:
        self._server = server
        self._form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        if scopes:
            self._form["scope"] = " ".join(scopes)
        self._request = request
        self._clock = clock
        self._token = ""
        self._ends = 0.0

    @property
    def secrets(self) -> tuple[str, ...]:
        """The client's secret and the current token."""
        return tuple(secret for secret in (self._form["client_secret"], self._token) if secret)

    def token(self) -> str:
        """Return an access token that is still good for a while.

        :raises TailnetError: the issuer refuses, or answers nonsense.
        """
        if not self._token or self._clock() >= self._ends:
            self._token = ""
            self._fetch()
        return self._token

    def renew(self) -> bool:
        """Forget the token; return whether there was one that a new one may replace."""
        had, self._token = bool(self._token), ""
        return had

    def _fetch(self) -> None:
        try:
            answer = self._request(self._form)
        except TailnetError as error:
            if error.status in (400, 401, 403):
                raise TailnetError(
                    self._server,
                    f"the OAuth client is refused: {error.cause}",
                    "check its id, its secret and its scopes, and that it has not been revoked",
                    error.status,
                ) from None
            raise
        lifetime = answer.data.get("expires_in", 3600)
        if isinstance(lifetime, bool) or not isinstance(lifetime, (int, float)) or lifetime <= 0:
            raise answer.nonsense("expires_in", "is no number of seconds")
        self._token = answer.text("access_token", required=True)
        # A token that lives shorter than the margin is used for half its life.
        self._ends = self._clock() + max(lifetime - _MARGIN, lifetime / 2)
