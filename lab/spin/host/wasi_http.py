# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""wasi:http 0.2: what a component sees of a request, and how it answers."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.homelab.talos.lab.spin.host.exchange import Answer, Headers, Request
from ansible_collections.homelab.talos.lab.spin.host.guest import Guest
from ansible_collections.homelab.talos.lab.spin.host.outbound import Denied, Unreachable
from ansible_collections.homelab.talos.lab.spin.host.values import Case, Err, Ok, Resource
from ansible_collections.homelab.talos.lab.spin.host.wasi_io import InputStream, OutputStream, Pollable

_METHODS = {"get", "head", "post", "put", "delete", "connect", "options", "trace", "patch"}
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BILLION = 10**9
#: Names that only the host sets, as they describe the connection.
_FORBIDDEN = frozenset({"connection", "keep-alive", "host", "proxy-connection", "transfer-encoding", "upgrade"})


class Fields(Resource):
    """Header fields or trailers; names in lower case."""

    wit = "fields"

    def __init__(self, entries: Headers | None = None) -> None:
        self.entries: Headers = entries if entries is not None else []

    def append(self, name: str, value: bytes) -> Ok | Err:
        """Add a field unless its name or value cannot be sent."""
        refused = _refused(name, value)
        if refused is None:
            self.entries.append((name.lower(), value))
        return Ok() if refused is None else Err(refused)

    def delete(self, name: str) -> Ok | Err:
        """Remove all fields called *name*."""
        if not _NAME.fullmatch(name):
            return Err(Case("invalid-syntax"))
        self.entries[:] = [entry for entry in self.entries if entry[0] != name.lower()]
        return Ok()

    def values(self, name: str) -> list[bytes]:
        """Return the values of the fields called *name*."""
        return [value for key, value in self.entries if key == name.lower()]


class IncomingBody(Resource):
    """A body to read."""

    wit = "incoming-body"

    def __init__(self, content: bytes) -> None:
        self.content = content


class FutureTrailers(Resource):
    """Trailers of a body: there are never any."""

    wit = "future-trailers"


class IncomingRequest(Resource):
    """The request that a component answers."""

    wit = "incoming-request"

    def __init__(self, request: Request) -> None:
        self.request = request


class OutgoingBody(Resource):
    """A body to write."""

    wit = "outgoing-body"

    def __init__(self) -> None:
        self.content = bytearray()


class OutgoingResponse(Resource):
    """The answer of a component."""

    wit = "outgoing-response"

    def __init__(self, headers: Fields) -> None:
        self.status = 200
        self.headers = headers
        self.body = OutgoingBody()

    def complete(self) -> Answer:
        """Return the answer with all that was written; a body is written after the answer was handed over."""
        return Answer(self.status, list(self.headers.entries), bytes(self.body.content))

    def set_status(self, status: int) -> Ok | Err:
        """Set the status code; those that HTTP does not know are refused."""
        if not 100 <= status <= 599:
            return Err()
        self.status = status
        return Ok()


class ResponseOutparam(Resource):
    """Where a component puts its answer."""

    wit = "response-outparam"


class OutgoingRequest(Resource):
    """A request that a component makes; the fields are those of HTTP."""

    wit = "outgoing-request"

    def __init__(self, headers: Fields) -> None:
        self.headers = headers
        self.method = Case("get")
        self.path_with_query: str | None = None
        self.scheme: Case | None = None
        self.authority: str | None = None
        self.body = OutgoingBody()


class RequestOptions(Resource):
    """Limits of a request that a component makes, in nanoseconds."""

    wit = "request-options"

    def __init__(self) -> None:
        self.connect_timeout: int | None = None
        self.first_byte_timeout: int | None = None
        self.between_bytes_timeout: int | None = None


class IncomingResponse(Resource):
    """What somebody else answered to a component."""

    wit = "incoming-response"

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


class FutureIncomingResponse(Resource):
    """An answer that is asked for when the component looks for it, after it has written its body."""

    wit = "future-incoming-response"

    def __init__(self, ask: Callable[[], Answer]) -> None:
        self._ask = ask
        self._result: Ok | Err | None = None
        self._taken = False

    def complete(self) -> None:
        """Make the request unless it was made."""
        if self._result is None:
            try:
                self._result = Ok(IncomingResponse(self._ask()))
            except Unreachable as error:
                self._result = Err(Case(error.code, error.content))

    def get(self) -> Ok | Err | None:
        """Return the answer once; a second time is an error."""
        self.complete()
        if self._taken:
            return Err()
        self._taken = True
        return Ok(self._result)


def _refused(name: str, value: bytes) -> Case | None:
    if not _NAME.fullmatch(name) or b"\r" in value or b"\n" in value or b"\0" in value:
        return Case("invalid-syntax")
    return Case("forbidden") if name.lower() in _FORBIDDEN else None


def _fields_from(_guest: Guest, entries: list[tuple[str, bytes]]) -> Ok | Err:
    fields = Fields()
    for name, value in entries:
        added = fields.append(name, value)
        if isinstance(added, Err):
            return added
    return Ok(fields)


def _set_values(_guest: Guest, fields: Fields, name: str, values: list[bytes]) -> Ok | Err:
    for value in values or [b""]:
        refused = _refused(name, value)
        if refused is not None:
            return Err(refused)
    fields.delete(name)
    fields.entries.extend((name.lower(), value) for value in values)
    return Ok()


def method_case(method: str) -> Case:
    """Return HTTP's method as a case of the variant *method*."""
    lower = method.lower()
    return Case(lower) if lower in _METHODS else Case("other", method)


def _scheme(name: str) -> Case:
    return Case(name.upper()) if name in ("http", "https") else Case("other", name)


def _set_answer(guest: Guest, _outparam: ResponseOutparam, result: Ok | Err) -> None:
    if isinstance(result, Ok):
        guest.answer = result.value.complete
    else:
        guest.answer = lambda: Answer(500, [], f"error: {result.value.name}\n".encode())


def _handle_outgoing(guest: Guest, request: OutgoingRequest, options: RequestOptions | None) -> Ok | Err:
    scheme = (request.scheme or Case("HTTP")).content or (request.scheme or Case("HTTP")).name.lower()
    method = request.method.content or request.method.name.upper()
    path, authority = request.path_with_query or "/", request.authority or ""
    outbound, allowed = guest.surroundings.outbound, guest.permissions.allowed_outbound_hosts
    try:
        outbound.require_allowed(guest.permissions.component, allowed, scheme, authority)
    except Denied as denied:
        guest.surroundings.write_output("stderr", f"{denied}\n".encode())
        return Err(Case("HTTP-request-denied"))

    def ask() -> Answer:
        limits = [guest.seconds_left]
        if options is not None:
            limits += [each / _BILLION for each in (options.connect_timeout, options.first_byte_timeout) if each]
        headers = list(request.headers.entries)
        sent = Request(method, path, authority, headers, bytes(request.body.content), scheme=scheme)
        return outbound.ask(sent, min(limits))

    return Ok(FutureIncomingResponse(ask))


def _getter(name: str) -> Callable[..., Any]:
    return lambda _guest, resource: getattr(resource, name)


def _setter(name: str) -> Callable[..., Ok]:
    def set_it(_guest: Guest, resource: Resource, value: Any) -> Ok:
        setattr(resource, name, value)
        return Ok()

    return set_it


def _accessors(resource: str, *names: str) -> dict[str, Callable[..., Any]]:
    found = {}
    for name in names:
        found[f"[method]{resource}.{name}"] = _getter(name.replace("-", "_"))
        found[f"[method]{resource}.set-{name}"] = _setter(name.replace("-", "_"))
    return found


_TYPES: dict[str, Callable[..., Any]] = {
    "http-error-code": lambda _guest, _error: None,
    "[constructor]fields": lambda _guest: Fields(),
    "[static]fields.from-list": _fields_from,
    "[method]fields.get": lambda _guest, fields, name: fields.values(name),
    "[method]fields.has": lambda _guest, fields, name: bool(fields.values(name)),
    "[method]fields.set": _set_values,
    "[method]fields.delete": lambda _guest, fields, name: fields.delete(name),
    "[method]fields.append": lambda _guest, fields, name, value: fields.append(name, value),
    "[method]fields.entries": lambda _guest, fields: fields.entries,
    "[method]fields.clone": lambda _guest, fields: Fields(list(fields.entries)),
    "[method]incoming-request.method": lambda _guest, it: method_case(it.request.method),
    "[method]incoming-request.path-with-query": lambda _guest, it: it.request.path,
    "[method]incoming-request.scheme": lambda _guest, it: _scheme(it.request.scheme),
    "[method]incoming-request.authority": lambda _guest, it: it.request.authority or None,
    "[method]incoming-request.headers": lambda _guest, it: Fields(list(it.request.headers)),
    "[method]incoming-request.consume": lambda _guest, it: Ok(IncomingBody(it.request.body)),
    "[method]incoming-body.stream": lambda _guest, body: Ok(InputStream(io.BytesIO(body.content))),
    "[static]incoming-body.finish": lambda _guest, _body: FutureTrailers(),
    "[method]future-trailers.subscribe": lambda _guest, _trailers: Pollable(),
    "[method]future-trailers.get": lambda _guest, _trailers: Ok(Ok(None)),
    "[constructor]outgoing-response": lambda _guest, headers: OutgoingResponse(headers),
    "[method]outgoing-response.status-code": lambda _guest, response: response.status,
    "[method]outgoing-response.set-status-code": lambda _guest, response, status: response.set_status(status),
    "[method]outgoing-response.headers": lambda _guest, response: response.headers,
    "[method]outgoing-response.body": lambda _guest, response: Ok(response.body),
    "[method]outgoing-body.write": lambda _guest, body: Ok(OutputStream(body.content.extend)),
    "[static]outgoing-body.finish": lambda _guest, _body, _trailers: Ok(),
    "[static]response-outparam.set": _set_answer,
    "[constructor]outgoing-request": lambda _guest, headers: OutgoingRequest(headers),
    "[method]outgoing-request.body": lambda _guest, request: Ok(request.body),
    "[method]outgoing-request.headers": lambda _guest, request: request.headers,
    **_accessors("outgoing-request", "method", "path-with-query", "scheme", "authority"),
    "[constructor]request-options": lambda _guest: RequestOptions(),
    **_accessors("request-options", "connect-timeout", "first-byte-timeout", "between-bytes-timeout"),
    "[method]incoming-response.status": lambda _guest, response: response.answer.status,
    "[method]incoming-response.headers": lambda _guest, response: Fields(list(response.answer.headers)),
    "[method]incoming-response.consume": lambda _guest, response: Ok(IncomingBody(response.answer.body)),
    "[method]future-incoming-response.subscribe": lambda _guest, future: Pollable(complete=future.complete),
    "[method]future-incoming-response.get": lambda _guest, future: future.get(),
}

INTERFACES: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "wasi:http/types@0.2": _TYPES,
    "wasi:http/outgoing-handler@0.2": {"handle": _handle_outgoing},
}
