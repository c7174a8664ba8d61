# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls to the Talos API of one node.

Source: siderolabs/talos:pkg/machinery/client/, api/
"""

from __future__ import annotations

import asyncio
import builtins
import datetime
import math
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from types import TracebackType
from typing import Any, TypeVar

from ansible_collections.homelab.talos.plugins.module_utils.talos import refusal, resource, transport
from ansible_collections.homelab.talos.plugins.module_utils.talos.api import messages
from ansible_collections.homelab.talos.plugins.module_utils.talos.channel import (
    GRPCLIB_IMPORT_ERROR,
    NodeChannel,
    NotHttp2,
    SocketFactory,
    peer_certificate,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.endpoint import parse_endpoint
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import (
    CertificateRefused,
    DeadlineExceeded,
    NotInMaintenance,
    TalosError,
    Unreachable,
    from_status,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.libraries import require
from ansible_collections.homelab.talos.plugins.module_utils.talos.resource import Resource, ResourceEvent
from ansible_collections.homelab.talos.plugins.module_utils.talos.talosconfig import Credentials, utc_now

try:
    from grpclib.const import Cardinality
    from grpclib.exceptions import GRPCError, StreamTerminatedError
    from grpclib.metadata import Deadline
except ImportError:
    # kept by channel.GRPCLIB_IMPORT_ERROR
    pass

Value = TypeVar("Value")

DEFAULT_TIMEOUT = 10.0
# seconds spent at most on finding out whether an unknown certificate is that of a node in maintenance mode
_DIAGNOSIS_LIMIT = 3.0
# version of the watch protocol that has BOOTSTRAPPED, ERRORED and NOOP events
_WATCH_API_VERSION = 1
# (client streams, server streams) -> what a method of that kind is called
_KINDS = {(False, False): "unary call", (False, True): "stream of replies", (True, False): "upload"}


class Client:
    """The Talos API of one endpoint, used as ``async with Client(...) as client``.

    :param endpoint: host, host:port, [v6]:port or https://host; port 50000 unless given.
    :param credentials: CA, client certificate and key for mutual TLS.
    :param insecure: talk to a node in maintenance mode: no client certificate, the node's is not verified.
        There is never a change from one to the other.
    :param fingerprint: SHA-256 of the node's public key (base64 or hex), compared before anything is sent; with
        `insecure` only.
    :param timeout: seconds each call may take, connecting included, unless the call says otherwise.
    :param socket_factory: makes the connected socket in place of a plain TCP connect.
    :param clock: current time, for the validity of the client certificate.
    :raises ValueError: for a combination of options that makes no sense.

    Every call raises a TalosError and nothing else when it fails: Unreachable, CertificateRefused, MaintenanceMode,
    NotInMaintenance while connecting; DeadlineExceeded; or the type of the status the node answered.
    A call takes `timeout` in seconds (math.inf: none, connecting is still limited by the client's) and either `node`
    (the endpoint forwards the call) or `nodes` (MachineService and a few others: answers of all in one reply).
    """

    def __init__(
        self,
        endpoint: str,
        *,
        credentials: Credentials | None = None,
        insecure: bool = False,
        fingerprint: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        socket_factory: SocketFactory | None = None,
        clock: Callable[[], datetime.datetime] = utc_now,
    ) -> None:
        if insecure == (credentials is not None):
            raise ValueError("a client has either credentials or insecure=True")
        if fingerprint is not None and not insecure:
            raise ValueError("a fingerprint is compared in insecure connections only; with credentials the CA decides")
        self._endpoint = parse_endpoint(endpoint)
        self._credentials = credentials
        self._pin = transport.parse_fingerprint(fingerprint) if fingerprint else None
        self._timeout = timeout
        self._socket_factory = socket_factory
        self._clock = clock
        self._channel: NodeChannel | None = None

    @property
    def endpoint(self) -> str:
        """The endpoint as host:port."""
        return str(self._endpoint)

    @property
    def insecure(self) -> bool:
        """Whether this client talks to nodes in maintenance mode."""
        return self._credentials is None

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection, if there is one. A later call would make a new one."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.aclose()

    async def unary(
        self,
        path: str,
        request: Any = None,
        *,
        timeout: float | None = None,
        node: str | None = None,
        nodes: Sequence[str] | None = None,
    ) -> Any:
        """Call a method that has one request and one reply; return the reply message.

        `path` is for example ``machine.MachineService/Version``; `request` None stands for an empty request.
        Raises KeyError for an unknown method, ValueError for a streaming one.
        """
        call = _Call(self, path, request, timeout, node, nodes, server_streaming=False)
        await call.connect()
        return await call.guarded(call.exchange())

    async def stream(
        self,
        path: str,
        request: Any = None,
        *,
        timeout: float | None = None,
        node: str | None = None,
        nodes: Sequence[str] | None = None,
    ) -> AsyncIterator[Any]:
        """Call a method that answers with a stream; yield its messages.

        `timeout` is for the whole stream. Leaving the loop early cancels the call (close the generator, or use
        ``contextlib.aclosing``).
        """
        call = _Call(self, path, request, timeout, node, nodes, server_streaming=True)
        await call.connect()
        try:
            await call.guarded(call.open())
            while (reply := await call.guarded(call.receive())) is not None:
                yield reply
            await call.guarded(call.finish())
        finally:
            await call.drop()

    async def upload(
        self, path: str, requests: Iterable[Any], *, timeout: float | None = None, node: str | None = None
    ) -> Any:
        """Call a method that takes a stream of requests and has one reply; return the reply message.

        `timeout` is for the whole upload.
        """
        call = _Call(self, path, None, timeout, node, None, client_streaming=True)
        await call.connect()
        return await call.guarded(call.upload(requests))

    async def get(
        self,
        namespace: str,
        resource_type: str,
        resource_id: str,
        *,
        timeout: float | None = None,
        node: str | None = None,
    ) -> Resource:
        """Return one resource. Raises NotFound when it does not exist."""
        path = "cosi.resource.State/Get"
        request = messages.method(path).request_class(namespace=namespace, type=resource_type, id=resource_id)
        reply = await self.unary(path, request, timeout=timeout, node=node)
        return resource.parse_resource(reply.resource)

    async def list(
        self, namespace: str, resource_type: str, *, timeout: float | None = None, node: str | None = None
    ) -> builtins.list[Resource]:
        """Return all resources of a type, in the order of the node."""
        path = "cosi.resource.State/List"
        request = messages.method(path).request_class(namespace=namespace, type=resource_type)
        replies = self.stream(path, request, timeout=timeout, node=node)
        return [resource.parse_resource(reply.resource) async for reply in replies]

    async def watch(
        self,
        namespace: str,
        resource_type: str,
        resource_id: str | None = None,
        *,
        bootstrap: bool = True,
        timeout: float | None = None,
        node: str | None = None,
    ) -> AsyncIterator[ResourceEvent]:
        """Yield the changes of one resource, or of all of a type when `resource_id` is None.

        With `bootstrap` and no `resource_id` the existing resources come first as "created", then one "bootstrapped".
        A watch of one resource starts with its present state ("destroyed" when it does not exist).
        """
        path = "cosi.resource.State/Watch"
        request = messages.method(path).request_class(
            namespace=namespace, type=resource_type, id=resource_id, api_version=_WATCH_API_VERSION
        )
        if resource_id is None:
            request.options.bootstrap_contents = bootstrap
        replies = self.stream(path, request, timeout=timeout, node=node)
        try:
            async for reply in replies:
                for event in reply.event:
                    parsed = resource.parse_event(event)
                    if parsed.kind == resource.ERRORED:
                        cause = event.error or "the node ended the watch"
                        raise TalosError(self.endpoint, cause, method=path, code="ABORTED")
                    yield parsed
        finally:
            await replies.aclose()  # type: ignore[attr-defined]

    async def _connected(self, timeout: float) -> NodeChannel:
        """Return the channel, connected within `timeout` seconds. Raises TalosError."""
        started = time.monotonic()
        channel = self._channel or self._new_channel()
        self._channel = channel
        try:
            await channel.connect(timeout)
        except (OSError, NotHttp2) as error:
            if refusal.is_unknown_authority(error):
                left = min(_DIAGNOSIS_LIMIT, timeout - (time.monotonic() - started))
                await self._raise_if_in_maintenance(left)
            raise refusal.explain(self.endpoint, error, self.insecure, timeout) from None
        return channel

    def _new_channel(self) -> NodeChannel:
        require("grpclib", GRPCLIB_IMPORT_ERROR)
        return NodeChannel(
            self._endpoint, self._tls_context(), check=self._check_certificate, socket_factory=self._socket_factory
        )

    def _tls_context(self) -> ssl.SSLContext:
        if self._credentials is None:
            return transport.unverified_context()
        problem = self._credentials.validity_problem(self._clock())
        if problem is None:
            try:
                return transport.mutual_context(self._credentials)
            except ValueError as error:
                problem = str(error)
        raise CertificateRefused(
            self.endpoint, problem, remedy="create a new talosconfig (client_config module or talosctl config new)"
        )

    def _check_certificate(self, certificate: bytes) -> None:
        """Compare the fingerprint, when one is wanted. Raises NotInMaintenance or CertificateRefused."""
        if self._pin is None:
            return
        found = transport.public_key_fingerprint(certificate)
        if found == self._pin:
            return
        if not transport.has_empty_subject(certificate):
            raise NotInMaintenance(self.endpoint, "the certificate is that of a configured node")
        raise CertificateRefused(
            self.endpoint,
            f"the fingerprint of the node is {transport.format_fingerprint(found)}, "
            f"expected {transport.format_fingerprint(self._pin)}",
            remedy="compare with the fingerprint on the node's console; it changes with every boot",
        )

    async def _raise_if_in_maintenance(self, timeout: float) -> None:
        if timeout <= 0:
            return
        context = transport.unverified_context()
        certificate = await peer_certificate(self._endpoint, context, self._socket_factory, timeout)
        if certificate is not None and transport.has_empty_subject(certificate):
            raise refusal.in_maintenance(self.endpoint)


class _Call:
    """One call: its request, its deadline, and what its failures mean."""

    def __init__(
        self,
        client: Client,
        path: str,
        request: Any,
        timeout: float | None,
        node: str | None,
        nodes: Sequence[str] | None,
        *,
        server_streaming: bool = False,
        client_streaming: bool = False,
    ) -> None:
        self._method = messages.method(path)
        wanted = (client_streaming, server_streaming)
        if (self._method.client_streaming, self._method.server_streaming) != wanted:
            raise ValueError(f"{path} is not a {_KINDS[wanted]}")
        if node is not None and nodes is not None:
            raise ValueError("a call goes to a node or to nodes, not both")
        self._client = client
        self._request = self._method.request_class() if request is None else request
        self._timeout = client._timeout if timeout is None else timeout
        self._deadline = time.monotonic() + self._timeout
        self._metadata = [("node", node)] if node is not None else [("nodes", name) for name in nodes or ()]
        self._target = f"{node} (through {client.endpoint})" if node is not None else client.endpoint
        self._channel: NodeChannel | None = None
        self._wire: Any = None

    async def connect(self) -> None:
        """Make sure there is a connection, and prepare the call."""
        self._channel = await self._client._connected(min(self._client._timeout, self._timeout))
        limit = None if self._deadline == math.inf else Deadline(_timestamp=self._deadline)
        self._wire = self._channel.request(
            f"{self._method.path}",
            self._cardinality(),
            self._method.request_class,
            self._method.reply_class,
            deadline=limit,
            metadata=self._metadata,
        )

    def _cardinality(self) -> Any:
        if self._method.client_streaming:
            return Cardinality.STREAM_UNARY
        return Cardinality.UNARY_STREAM if self._method.server_streaming else Cardinality.UNARY_UNARY

    async def upload(self, requests: Iterable[Any]) -> Any:
        """Send every request and return the one reply."""
        async with self._wire:
            for request in requests:
                await self._wire.send_message(request)
            await self._wire.end()
            return await self._wire.recv_message()

    async def exchange(self) -> Any:
        """Send the request and return the one reply."""
        async with self._wire:
            await self._wire.send_message(self._request, end=True)
            return await self._wire.recv_message()

    async def open(self) -> None:
        """Start a stream."""
        await self._wire.__aenter__()
        await self._wire.send_message(self._request, end=True)

    async def receive(self) -> Any:
        """Return the next message of a stream, None at its end."""
        return await self._wire.recv_message()

    async def finish(self) -> None:
        """End a stream that was read to its end; raises what the node says about it."""
        wire, self._wire = self._wire, None
        await wire.__aexit__(None, None, None)

    async def drop(self) -> None:
        """Cancel a stream that was not read to its end."""
        wire, self._wire = self._wire, None
        if wire is not None:
            error = asyncio.CancelledError()
            await wire.__aexit__(type(error), error, None)

    async def guarded(self, step: Coroutine[Any, Any, Value]) -> Value:
        """Run one step; raises a TalosError in place of whatever the libraries below raise."""
        try:
            return await _isolated(step)
        except GRPCError as error:
            message = error.message
            raise from_status(self._target, self._method.path, error.status.name, message) from None
        except StreamTerminatedError as error:
            raise self._broken(str(error)) from None
        except TimeoutError as error:
            if error.errno is not None:
                raise self._broken(str(error)) from None
            cause = f"no answer within {self._timeout:g} s"
            raise DeadlineExceeded(self._target, cause, method=self._method.path) from None
        except (OSError, NotHttp2) as error:
            raise refusal.explain(self._client.endpoint, error, self._client.insecure, self._timeout) from None

    def _broken(self, reason: str) -> TalosError:
        lost = self._channel.lost if self._channel is not None else None
        if isinstance(lost, ssl.SSLError):
            return refusal.explain(self._client.endpoint, lost, self._client.insecure, self._timeout)
        cause = f"the connection broke during the call: {reason}"
        return Unreachable(self._target, cause, method=self._method.path)


async def _isolated(step: Coroutine[Any, Any, Value]) -> Value:
    """Run a step of grpclib in a task of its own.

    grpclib ends a call by cancelling the task that waits for it. In a task of its own this leaves no trace in the
    caller's, where it would disturb asyncio.timeout and task groups.
    """
    task = asyncio.ensure_future(step)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()
        raise
    return task.result()
