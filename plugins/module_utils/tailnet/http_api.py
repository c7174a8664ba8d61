# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of a coordination server's HTTP API: TLS, limits, retries, and one clear error for whatever goes wrong."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.homelab.talos.plugins.module_utils.tailnet.access import Access
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.answer import Answer
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.deadline import DeadlineExceeded, within
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.errors import TailnetError

try:
    import requests
except ImportError:
    # The modules say what is missing before anything is called.
    requests = None  # type: ignore[assignment]

_LARGEST = 16 << 20
_PIECE = 1 << 16
_LONGEST_REASON = 200
# Too many requests, and a server or proxy that is not up to it at the moment.
_PASSING = (429, 500, 502, 503, 504)
# What cannot have been carried out, whatever it was.
_NOT_DONE = (429, 503)


@dataclass(frozen=True)
class Retry:
    """How often and how patiently a call is repeated.

    :ivar attempts: calls in all.
    :ivar first: seconds before the second one; each further pause is twice as long.
    :ivar longest: seconds of the longest pause, also when the server asks for more.
    """

    attempts: int = 4
    first: float = 0.5
    longest: float = 10.0

    def pause(self, attempt: int, asked: str = "") -> float:
        """Return the seconds to wait after the given attempt (1 is the first).

        :param asked: the server's Retry-After, in seconds.
        """
        wanted = self.first * 2 ** (attempt - 1)
        if asked.isdigit():
            wanted = max(wanted, float(asked))
        return min(wanted, self.longest)


@dataclass(frozen=True)
class Reply:
    """What came back: status, body and the header Retry-After."""

    status: int
    body: bytes
    retry_after: str = ""


def checked_url(url: str) -> str:
    """Return a base URL without a slash at its end.

    :raises TailnetError: it is no https URL; with http the token would be readable on the way.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme == "https" and bool(parts.hostname) and not parts.username and parts.port != 0
        good = good and not parts.query and not parts.fragment
    except ValueError:
        good = False
    if not good:
        shown = url if "@" not in url else "the URL"
        raise TailnetError(shown, "is no https URL of a server", "write it like https://headscale.example:8443")
    return url.rstrip("/")


class HttpApi:
    """The API below one URL.

    :param url: base of all paths.
    :param ca_file: PEM file of the authority that signed the server's certificate; None for those of the system.
    :param timeout: limit for each call in seconds, whatever the server does meanwhile.
    :param pause: waits for some seconds; replaced in tests.
    """

    def __init__(
        self,
        url: str,
        ca_file: str | None = None,
        timeout: float = 10.0,
        retry: Retry | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.server = checked_url(url)
        self._verify: str | bool = ca_file or True
        self._timeout = timeout
        self._retry = retry or Retry()
        self._pause = pause
        self._access: Access | None = None

    def use(self, access: Access) -> None:
        """Let all further calls prove who the caller is."""
        self._access = access

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """Return the object that is at a path.

        :raises TailnetError: for whatever goes wrong; ``status`` is that of the answer.
        """
        return self._answer(self._call("GET", path, params=dict(query or {})))

    def post(self, path: str, body: Mapping[str, Any], repeatable: bool = False) -> Answer:
        """Send an object and return the answer.

        :param repeatable: whether doing it twice is the same as once, so that it may be tried again after an answer
            that does not tell whether it was done.
        """
        return self._answer(self._call("POST", path, repeatable, json=body))

    def post_form(self, path: str, form: Mapping[str, str]) -> Answer:
        """Send a form without a token, as a token request does, and return the answer."""
        return self._answer(self._call("POST", path, True, access=False, data=dict(form)))

    def delete(self, path: str, query: Mapping[str, str] | None = None) -> None:
        """Remove what is at a path."""
        self._call("DELETE", path, params=dict(query or {}))

    def _answer(self, body: bytes) -> Answer:
        try:
            content = json.loads(body)
        except (ValueError, RecursionError):
            raise TailnetError(
                self.server, "the answer makes no sense: it is no JSON", "check the URL and the kind of the server"
            ) from None
        return Answer(self.server, "", content)

    def _call(self, method: str, path: str, repeatable: bool = True, access: bool = True, **content: Any) -> bytes:
        for attempt in range(1, self._retry.attempts + 1):
            reply = self._send(method, path, access, content)
            if reply.status == 401 and access and self._access is not None and self._access.renew():
                reply = self._send(method, path, access, content)
            passing = reply.status in (_PASSING if repeatable else _NOT_DONE)
            if not passing or attempt == self._retry.attempts:
                break
            self._pause(self._retry.pause(attempt, reply.retry_after))
        if not 200 <= reply.status < 300:
            raise self._refused(method, path, reply, attempt)
        return reply.body

    def _send(self, method: str, path: str, access: bool, content: Mapping[str, Any]) -> Reply:
        token = self._access.token() if access and self._access is not None else ""
        try:
            return within(self._timeout, lambda: self._exchange(method, path, token, content))
        except (DeadlineExceeded, requests.Timeout):
            cause = f"did not answer within {self._timeout:g} s"
            raise TailnetError(self.server, cause, "check the server, or raise timeout") from None
        except requests.exceptions.SSLError as error:
            cause = f"the certificate of the server is not trusted: {self._shown(_tls_reason(error))}"
            raise TailnetError(self.server, cause, "check the URL, or give the CA file of that server") from None
        except (requests.RequestException, OSError) as error:
            cause = f"cannot be reached: {self._shown(_reason(error))}"
            raise TailnetError(self.server, cause, "check the URL, the CA file and the network") from None

    def _exchange(self, method: str, path: str, token: str, content: Mapping[str, Any]) -> Reply:
        def sign(request: Any) -> Any:
            # Not as a header of the session: requests would prefer what a netrc file says about the host.
            if token:
                request.headers["Authorization"] = f"Bearer {token}"
            return request

        with (
            requests.Session() as session,
            session.request(
                method,
                f"{self.server}{path}",
                auth=sign,
                verify=self._verify,
                timeout=self._timeout,
                # A token is for this server only.
                allow_redirects=False,
                stream=True,
                headers={"Accept": "application/json"},
                **content,
            ) as response,
        ):
            body = bytearray()
            for piece in response.iter_content(_PIECE):
                body += piece
                if len(body) > _LARGEST:
                    raise requests.RequestException(f"the answer is larger than {_LARGEST >> 20} MiB")
            return Reply(response.status_code, bytes(body), response.headers.get("Retry-After", ""))

    def _refused(self, method: str, path: str, reply: Reply, attempts: int) -> TailnetError:
        said = self._shown(_message(reply.body))
        told = f" ({said})" if said else ""
        status = reply.status
        if status == 401:
            cause, remedy = f"refuses the token{told}", "check that it is the right one, not expired and not revoked"
        elif status == 403:
            cause, remedy = f"does not allow {method} {path}{told}", "give the token the scope for it"
        elif status == 404:
            cause, remedy = f"has no {path}{told}", "check the URL, the kind of the server and the tailnet"
        elif 300 <= status < 400:
            cause, remedy = f"leads elsewhere (status {status})", "give the final URL of the API"
        elif status in _PASSING:
            tries = f" {attempts} times" if attempts > 1 else ""
            cause, remedy = f"answers {method} {path}{tries} with status {status}{told}", "try again later"
        else:
            cause, remedy = f"refuses {method} {path} with status {status}{told}", "correct what is asked for"
        return TailnetError(self.server, cause, remedy, status)

    def _shown(self, text: str) -> str:
        """Return a foreign text on one line, not too long, without what is secret."""
        for secret in self._access.secrets if self._access is not None else ():
            text = text.replace(secret, "<hidden>")
        line = " ".join(text.split())
        return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}..."


def _message(body: bytes) -> str:
    """Return what an error says: Tailscale's message, OAuth's error, problem+json's title and detail."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(content, dict):
        return ""
    for keys in (("message",), ("error", "error_description"), ("title", "detail")):
        words = [content[key] for key in keys if isinstance(content.get(key), str) and content[key]]
        if words:
            return ": ".join(words)
    return ""


def _tls_reason(error: BaseException) -> str:
    """Return what the TLS library said, out of the errors around it."""
    text = str(error)
    _before, separator, reason = text.partition("certificate verify failed: ")
    return reason.partition(" (_ssl")[0] if separator else _reason(error)


def _reason(error: BaseException) -> str:
    """Return the innermost reason of an error, which requests wraps several times."""
    seen: BaseException = error
    for _depth in range(8):
        inner = getattr(seen, "reason", None) or (seen.args[0] if seen.args else None)
        if not isinstance(inner, BaseException):
            break
        seen = inner
    text = str(seen)
    return text.rpartition(": ")[2] or type(seen).__name__
