# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to one registry: TLS, logging in, and a bounded number of tries.

Source: opencontainers/distribution-spec:spec.md, distribution/distribution:docs/content/spec/auth/token.md
"""

from __future__ import annotations

import importlib
import ipaddress
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import RegistryError

_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_TRIES = 3
_PAUSE = 0.5
# The registry, or what stands before it, is busy or just starting.
_PASSING = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class RegistryAccess:
    """How a registry is reached.

    :ivar ca_file: file with the authorities that are trusted instead of the system's.
    :ivar plain_http: speak HTTP without TLS.
    :ivar username: for logging in, with ``password``; empty to stay anonymous.
    :ivar timeout: limit in seconds for each step of a request.
    """

    ca_file: str = ""
    plain_http: bool = False
    username: str = ""
    password: str = field(default="", repr=False)
    timeout: float = 30.0


class RegistrySession:
    """A connection to a registry, used as a context manager.

    :param registry: host and port.
    :param pause: waits a number of seconds before a further try; tests replace it.
    :raises RegistryError: the file of authorities cannot be read, or the package requests is missing.
    """

    def __init__(self, registry: str, access: RegistryAccess, pause: Callable[[float], None] = time.sleep) -> None:
        self.registry = registry
        self._access = access
        self._pause = pause
        self._authorization: dict[str, str] = {}
        self._base = f"{'http' if access.plain_http else 'https'}://{registry}"
        self._requests: Any = _requests(registry)
        self._session = self._requests.Session()
        if access.ca_file:
            _check_ca(access.ca_file)
            self._session.verify = access.ca_file
        # A registry in the house is never behind the proxy of the environment.
        self._session.trust_env = not _is_private(registry)

    def __enter__(self) -> RegistrySession:
        return self

    def __exit__(self, *_error: object) -> None:
        self._session.close()

    def url(self, path: str) -> str:
        """Return the address of a path below ``/v2/``, or of a location that the registry gave."""
        return urljoin(self._base, path if path.startswith(("/", "http")) else f"/v2/{path}")

    def ask(
        self,
        method: str,
        path: str,
        expected: tuple[int, ...],
        *,
        scope: str = "",
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> Any:
        """Send a request and return the answer, logging in when that is asked for.

        :param path: below ``/v2/``, or a location.
        :param expected: statuses that are no error.
        :param scope: repository that is meant, for errors.
        :raises RegistryError: the registry cannot be reached, is not trusted, or refuses.
        """
        url = self.url(path)
        answer = self._send(method, url, headers, data)
        if answer.status_code == 401:
            self._log_in(answer.headers.get("WWW-Authenticate", ""), scope)
            answer = self._send(method, url, headers, data)
        if answer.status_code not in expected:
            raise self._refused(scope or url, answer)
        return answer

    def _send(self, method: str, url: str, headers: Mapping[str, str] | None, data: bytes | None) -> Any:
        for number in range(1, _TRIES + 1):
            last = number == _TRIES
            try:
                answer = self._request(method, url, headers, data)
            except RegistryError:
                raise
            except Exception as error:
                if last or not self._is_passing(error):
                    raise self._unreachable(error) from None
            else:
                if last or answer.status_code not in _PASSING:
                    return answer
            self._pause(_PAUSE * number)
        raise self._unreachable(TimeoutError("no answer"))

    def _request(self, method: str, url: str, headers: Mapping[str, str] | None, data: bytes | None) -> Any:
        # Credentials are for the registry, not for the storage that it may send us to.
        ours = urlsplit(url).netloc == urlsplit(self._base).netloc
        sent = {**(headers or {}), **(self._authorization if ours else {})}
        limit = self._access.timeout
        return self._session.request(method, url, headers=sent, data=data, timeout=(limit, limit))

    def _log_in(self, challenge: str, scope: str) -> None:
        kind = challenge.partition(" ")[0].lower()
        if kind == "basic":
            if not self._access.username or self._authorization:
                raise self._not_let_in(scope)
            self._authorization = {"Authorization": self._basic()}
        elif kind == "bearer":
            self._authorization = {"Authorization": f"Bearer {self._token(challenge, scope)}"}
        else:
            raise RegistryError(
                f"registry {self.registry}", "asks for a way to log in that is not known here", "use another registry"
            )

    def _token(self, challenge: str, scope: str) -> str:
        values = dict(_CHALLENGE.findall(challenge))
        realm = values.pop("realm", "")
        if urlsplit(realm).scheme != ("http" if self._access.plain_http else "https"):
            cause = f"sends us to {realm!r} for a token"
            raise RegistryError(f"registry {self.registry}", cause, "it has to use HTTPS for logging in")
        login = {"Authorization": self._basic()} if self._access.username else {}
        limit = self._access.timeout
        try:
            answer = self._session.get(realm, params=values, headers=login, timeout=(limit, limit))
            found = answer.json() if answer.status_code == 200 else {}
        except Exception as error:
            raise self._unreachable(error) from None
        token = str(found.get("token") or found.get("access_token") or "") if isinstance(found, dict) else ""
        if not token:
            raise self._not_let_in(scope)
        return token

    def _basic(self) -> str:
        encode = importlib.import_module("requests.auth")._basic_auth_str
        return str(encode(self._access.username.encode(), self._access.password.encode()))

    def _is_passing(self, error: Exception) -> bool:
        exceptions = self._requests.exceptions
        if isinstance(error, exceptions.SSLError):
            return False
        return isinstance(error, (exceptions.ConnectionError, exceptions.Timeout, exceptions.ChunkedEncodingError))

    def _unreachable(self, error: Exception) -> RegistryError:
        where = f"registry {self.registry}"
        text = " ".join(str(error).split())
        if isinstance(error, self._requests.exceptions.SSLError):
            return _not_trusted(where, text, self._access)
        if isinstance(error, self._requests.exceptions.Timeout):
            remedy = "check that it runs and can be reached from here"
            return RegistryError(where, f"no answer within {self._access.timeout:g} s", remedy)
        reason = text.rsplit("] ", 1)[-1].rsplit(": ", 1)[-1].rstrip(")'\"") or type(error).__name__
        return RegistryError(where, f"cannot be reached: {reason}", "check that it runs, and its address")

    def _not_let_in(self, scope: str) -> RegistryError:
        cause = "does not accept the user name and password" if self._access.username else "asks for a user name"
        return RegistryError(
            f"registry {self.registry}", f"{cause} ({scope})", "give the credentials of a user who may do this"
        )

    def _refused(self, what: str, answer: Any) -> RegistryError:
        status = answer.status_code
        said = _message(answer)
        if status in (401, 403):
            return self._not_let_in(what)
        if status == 404:
            return RegistryError(
                f"{self.registry}: {what}", f"is not there ({said})", "check the name, or push it first"
            )
        if status == 413:
            return RegistryError(f"{self.registry}: {what}", "is too large for it", "raise its limit for uploads")
        return RegistryError(f"{self.registry}: {what}", f"is refused: {status} {said}", "look at the registry's log")


def _not_trusted(where: str, text: str, access: RegistryAccess) -> RegistryError:
    if "WRONG_VERSION_NUMBER" in text or "record layer failure" in text or "unknown protocol" in text.lower():
        return RegistryError(where, "does not speak TLS", "ask for plain HTTP, or give it a certificate")
    if "hostname" in text.lower() or "IP address mismatch" in text:
        cause = "has a certificate for another name"
        return RegistryError(where, cause, "use the name in its certificate")
    reason = text.rsplit("certificate verify failed: ", 1)[-1].partition(" (_ssl")[0][:120]
    remedy = (
        "check that the file of authorities is the registry's" if access.ca_file else "give the file of its authority"
    )
    return RegistryError(where, f"has a certificate that is not trusted: {reason}", remedy)


def _message(answer: Any) -> str:
    try:
        first = answer.json()["errors"][0]
        return str(first.get("message") or first.get("code"))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return str(answer.reason or "no reason given")


def _check_ca(path: str) -> None:
    try:
        with open(path, "rb") as stream:
            found = b"-----BEGIN CERTIFICATE-----" in stream.read(1 << 20)
    except OSError as error:
        raise RegistryError(
            path, f"cannot be read: {error.strerror}", "name the file of the registry's authority"
        ) from None
    if not found:
        raise RegistryError(path, "holds no certificate", "name the PEM file of the registry's authority")


def _is_private(registry: str) -> bool:
    host = registry.rsplit(":", 1)[0].strip("[]") if ":" in registry else registry
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False


def _requests(registry: str) -> Any:
    try:
        return importlib.import_module("requests")
    except ImportError:
        raise RegistryError(
            f"registry {registry}", "the Python package requests is not installed", "pip install requests"
        ) from None
