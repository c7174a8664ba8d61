# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an operator's settings to a coordination server that can be asked."""

from __future__ import annotations

import datetime
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.homelab.talos.plugins.module_utils.tailnet.access import OAuthClient, StaticToken
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.errors import TailnetError
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.headscale import Headscale
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.http_api import HttpApi, Retry
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.server import CoordinationServer
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.tailscale import DEFAULT_URL, TOKEN_PATH, Tailscale

KINDS = ("tailscale", "headscale")


@dataclass(frozen=True)
class Settings:
    """How a coordination server is reached.

    :ivar kind: one of KINDS.
    :ivar url: base URL; empty for that of Tailscale.
    :ivar token: API token; or ``token_file``, a file that holds it; or the id and secret of an OAuth client.
    :ivar ca_file: PEM file of the authority of the server's certificate, empty for the system's.
    :ivar timeout: limit of each call, in seconds.
    """

    kind: str
    url: str = ""
    token: str = ""
    token_file: str = ""
    oauth_client_id: str = ""
    oauth_client_secret: str = ""
    oauth_scopes: tuple[str, ...] = ()
    ca_file: str = ""
    tailnet: str = "-"
    timeout: float = 10.0


def _utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def connect(
    settings: Settings,
    retry: Retry | None = None,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime.datetime] = _utc_now,
) -> CoordinationServer:
    """Return the server of the settings; nothing is sent yet.

    :param pause: waits for some seconds; ``clock``: seconds that only rise; ``now``: the time; replaced in tests.
    :raises TailnetError: a setting is missing or cannot be used.
    """
    if settings.kind not in KINDS:
        raise TailnetError(f"server kind {settings.kind!r}", "is not known", f"use {' or '.join(KINDS)}")
    url = settings.url or (DEFAULT_URL if settings.kind == "tailscale" else "")
    if not url:
        raise TailnetError("headscale", "its URL is not given", "write it like https://headscale.example:8443")
    api = HttpApi(url, _ca_file(settings.ca_file), settings.timeout, retry, pause)
    if settings.oauth_client_id:
        if settings.kind != "tailscale":
            raise TailnetError(api.server, "headscale's API v1 knows no OAuth clients", "give an API key as the token")
        secret = settings.oauth_client_secret
        if not secret:
            raise TailnetError(api.server, "the secret of the OAuth client is not given", "give oauth_client_secret")
        api.use(
            OAuthClient(
                api.server,
                settings.oauth_client_id,
                secret,
                lambda form: api.post_form(TOKEN_PATH, form),
                clock,
                settings.oauth_scopes,
            )
        )
    else:
        api.use(StaticToken(api.server, settings.token or _token_in(settings.token_file, api.server)))
    return Tailscale(api, settings.tailnet) if settings.kind == "tailscale" else Headscale(api, now)


def _token_in(path: str, server: str) -> str:
    if not path:
        raise TailnetError(server, "there is no token for its API", "give token, token_file or an OAuth client")
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise TailnetError(path, f"the token cannot be read: {reason}", "check token_file") from None


def _ca_file(path: str) -> str | None:
    if not path:
        return None
    known = str(Path(path).expanduser())
    try:
        ssl.create_default_context(cafile=known)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or "it holds no certificate"
        raise TailnetError(
            path, f"the CA file cannot be used: {reason}", "give a file with certificates in PEM"
        ) from None
    return known
