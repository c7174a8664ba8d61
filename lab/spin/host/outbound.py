# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that components make: only where the manifest lets them, enforced by the host."""

from __future__ import annotations

import fnmatch
import http.client
import ssl
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.homelab.talos.lab.spin.host.exchange import Answer, Request

_PORTS = {"http": 80, "https": 443}
#: Components of the same app are called by names below this domain.
APP_DOMAIN = ".spin.internal"


class Denied(Exception):
    """A component asked for a host that its manifest does not allow; one line."""


class Unreachable(Exception):
    """No answer came: *code* is the case of wasi:http's error-code, *content* what it carries."""

    def __init__(self, code: str, content: Any = None) -> None:
        super().__init__(code)
        self.code = code
        self.content = content


class Outbound:
    """The way out of an app. *ask_component* calls a component of the same app by its id."""

    def __init__(self, ask_component: Callable[[str, Request], Answer | None]) -> None:
        self._ask_component = ask_component

    @staticmethod
    def require_allowed(component: str, allowed: Sequence[str], scheme: str, authority: str) -> None:
        """Raise :class:`Denied` unless one of *allowed* covers the scheme, host and port."""
        if not any(covers(each, scheme, authority) for each in allowed):
            raise Denied(
                f"component {component} may not send requests to {scheme}://{authority}:"
                " add it to allowed_outbound_hosts of the component in spin.toml"
            )

    def ask(self, request: Request, limit: float) -> Answer:
        """Send *request* and return the answer within *limit* seconds; raises :class:`Unreachable`."""
        host, port = _host_and_port(request.scheme, request.authority)
        if host.endswith(APP_DOMAIN):
            answer = self._ask_component(host.removesuffix(APP_DOMAIN), request)
            if answer is None:
                raise Unreachable("destination-not-found")
            return answer
        connection: http.client.HTTPConnection
        if request.scheme == "https":
            connection = http.client.HTTPSConnection(host, port, timeout=limit, context=ssl.create_default_context())
        else:
            connection = http.client.HTTPConnection(host, port, timeout=limit)
        try:
            headers = {name: value.decode("latin-1") for name, value in request.headers}
            connection.request(request.method, request.path, request.body or None, headers)
            response = connection.getresponse()
            received = [(name.lower(), value.encode("latin-1")) for name, value in response.getheaders()]
            return Answer(response.status, received, response.read())
        except TimeoutError:
            raise Unreachable("connection-timeout") from None
        except ConnectionRefusedError:
            raise Unreachable("connection-refused") from None
        except ssl.SSLCertVerificationError:
            raise Unreachable("TLS-certificate-error") from None
        except ssl.SSLError:
            raise Unreachable("TLS-protocol-error") from None
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable("internal-error", f"{host}: {error}") from None
        finally:
            connection.close()


def covers(allowed: str, scheme: str, authority: str) -> bool:
    """Tell whether an entry of allowed_outbound_hosts (``scheme://host[:port]``, wildcards) covers a target.

    Without a port an entry means that of its scheme. Source: spinframework/spin:crates/outbound-networking-config.
    """
    if allowed == "insecure:allow-all":
        return True
    entry_scheme, mark, rest = allowed.partition("://")
    if not mark or entry_scheme not in ("*", scheme):
        return False
    if rest.rstrip("/") == "self":
        rest = f"*{APP_DOMAIN}"
    entry_host, _colon, entry_port = rest.rstrip("/").partition(":")
    host, port = _host_and_port(scheme, authority)
    if not _port_matches(entry_port, entry_scheme, scheme, port):
        return False
    return entry_host == "*" or fnmatch.fnmatchcase(host.lower(), entry_host.lower())


def _port_matches(entry: str, entry_scheme: str, scheme: str, port: int) -> bool:
    if entry in ("*", ""):
        return entry == "*" or entry_scheme == "*" or port == _PORTS.get(scheme)
    first, dots, last = entry.partition("..")
    try:
        return int(first) <= port < int(last) if dots else port == int(first)
    except ValueError:
        return False


def _host_and_port(scheme: str, authority: str) -> tuple[str, int]:
    parts = urlsplit(f"//{authority}")
    try:
        port = parts.port
    except ValueError:
        port = 0
    return parts.hostname or "", port if port is not None else _PORTS.get(scheme, 0)
