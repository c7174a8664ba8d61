# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine API, the Kubernetes API and etcd of one control plane, each asked to write with some credential.

A write is asked for because a refusal must be seen to change nothing, and a write that is allowed must be seen.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ansible_collections.homelab.talos.plugins.module_utils.talos import pki
from ansible_collections.homelab.talos.plugins.module_utils.talos.api import messages
from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import NotAuthorized
from ansible_collections.homelab.talos.plugins.module_utils.talos.parallel import run
from ansible_collections.homelab.talos.plugins.module_utils.talos.talosconfig import Credentials
from ansible_collections.homelab.talos.tests.testinfra.credential_kinds import Subject
from ansible_collections.homelab.talos.tests.testinfra.tls_exchange import Exchange, exchange

MACHINE = "machine.MachineService"
AUDIT_LOG = "/var/log/audit/kube/kube-apiserver.log"
# The third of the META keys that Talos leaves to users (siderolabs/talos:internal/pkg/meta/constants.go).
META_KEY = 14
META_TYPE = "MetaKeys.runtime.talos.dev"
NAMESPACE = "kube-public"
Value = TypeVar("Value")


@dataclass(frozen=True)
class Attempt:
    """One attempt to write: what the endpoint answered, and by what its log would know it."""

    answer: str
    mark: str


class Endpoint(Protocol):
    """One of the three APIs."""

    subject: Subject

    def attempt(self, certificate: pki.CertificateAndKey | None) -> Attempt:
        """Try to write and return the answer."""

    def log(self) -> list[str]:
        """Return the lines in which the endpoint keeps its refusals."""

    def written(self) -> bool:
        """Return whether a write of an attempt is there."""

    def clean(self) -> None:
        """Remove the write of an attempt."""


class Administrator:
    """The machine API of one control plane with os:admin: reads logs and states."""

    def __init__(self, address: str, authority: bytes, certificate: pki.CertificateAndKey) -> None:
        self.address = address
        self._credentials = Credentials(authority, certificate.crt, certificate.key)

    def ask(self, work: Callable[[Client], Awaitable[Value]]) -> Value:
        """Return what *work* makes of a client."""

        async def once() -> Value:
            async with Client(self.address, credentials=self._credentials) as client:
                return await work(client)

        return run(once())

    def stream(self, method: str, **fields: Any) -> list[str]:
        """Return the lines of a method that streams bytes."""

        async def work(client: Client) -> bytes:
            request = messages.method(MACHINE, method).request_class(**fields)
            return b"".join([data.bytes async for data in client.stream(f"{MACHINE}/{method}", request)])

        return self.ask(work).decode("utf-8", "replace").splitlines()

    def service_log(self, service: str) -> list[str]:
        """Return the log of a Talos service."""
        return self.stream("Logs", namespace="system", id=service, tail_lines=-1)


class MachineApi:
    """Talos' API: META is written."""

    subject = Subject("os", "", ("os:admin",), "ed25519")

    def __init__(self, administrator: Administrator, authority: bytes) -> None:
        self._administrator = administrator
        self._authority = authority

    def attempt(self, certificate: pki.CertificateAndKey | None) -> Attempt:
        """Try to write."""
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
        seen = exchange(self._administrator.address, 50000, certificate, preface, ("h2",))
        if seen.alert or certificate is None:
            return Attempt(_refused(seen), f":{seen.port}")
        request = messages.method(MACHINE, "MetaWrite").request_class(key=META_KEY, value=b"credentials")

        async def write() -> Attempt:
            credentials = Credentials(self._authority, certificate.crt, certificate.key)
            async with Client(self._administrator.address, credentials=credentials) as client:
                await client.unary(f"{MACHINE}/Version")
                try:
                    await client.unary(f"{MACHINE}/MetaWrite", request)
                except NotAuthorized as error:
                    roles = ",".join(pki.certificate_roles(certificate.crt))
                    return Attempt(f"reads; {error.code}: {error.cause}", f"/{MACHINE}/MetaWrite] .*roles={roles}\\)")
            return Attempt("writes", "")

        return run(write())

    def log(self) -> list[str]:
        """Return apid's log."""
        return self._administrator.service_log("apid")

    def written(self) -> bool:
        """Return whether the META key is there."""

        async def work(client: Client) -> bool:
            return f"0x{META_KEY:02x}" in {item.id for item in await client.list("runtime", META_TYPE)}

        return self._administrator.ask(work)

    def clean(self) -> None:
        """Delete the META key."""
        request = messages.method(MACHINE, "MetaDelete").request_class(key=META_KEY)
        self._administrator.ask(lambda client: client.unary(f"{MACHINE}/MetaDelete", request))


class KubernetesApi:
    """The Kubernetes API: a ConfigMap is written; refusals are in the audit log."""

    subject = Subject("k8s", "admin", ("system:masters",))
    _path = f"/api/v1/namespaces/{NAMESPACE}/configmaps"

    def __init__(self, administrator: Administrator, own: pki.CertificateAndKey) -> None:
        self._administrator = administrator
        self._own = own
        self._name = f"credentials-{uuid.uuid4().hex[:12]}"

    def attempt(self, certificate: pki.CertificateAndKey | None) -> Attempt:
        """Try to write."""
        agent = f"credentials/{uuid.uuid4().hex}"
        body = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": self._name}})
        seen = self._request("POST", self._path, certificate, body, agent)
        return Attempt(_refused(seen) if seen.alert else _status(seen), agent)

    def log(self) -> list[str]:
        """Return the entries of the audit log that end a request."""
        lines = self._administrator.stream("Read", path=AUDIT_LOG)
        return [line for line in lines if '"stage":"ResponseStarted"' in line or '"stage":"ResponseComplete"' in line]

    def written(self) -> bool:
        """Return whether the ConfigMap is there."""
        return _status(self._request("GET", f"{self._path}/{self._name}", self._own)) == "200 OK"

    def clean(self) -> None:
        """Delete the ConfigMap."""
        self._request("DELETE", f"{self._path}/{self._name}", self._own)

    def _request(
        self, verb: str, path: str, certificate: pki.CertificateAndKey | None, body: str = "", agent: str = "verifier"
    ) -> Exchange:
        address = self._administrator.address
        return exchange(address, 6443, certificate, _http(verb, path, address, body, agent))


class Etcd:
    """etcd: a key is written, through the JSON form of its own API."""

    subject = Subject("etcd", "credentials", ())

    def __init__(self, administrator: Administrator, own: pki.CertificateAndKey) -> None:
        self._administrator = administrator
        self._own = own
        self._key = base64.b64encode(f"credentials/{uuid.uuid4().hex}".encode()).decode()

    def attempt(self, certificate: pki.CertificateAndKey | None) -> Attempt:
        """Try to write."""
        seen = self._request("/v3/kv/put", {"key": self._key, "value": ""}, certificate)
        return Attempt(_refused(seen) if seen.alert else _status(seen), f":{seen.port}")

    def log(self) -> list[str]:
        """Return etcd's log."""
        return self._administrator.service_log("etcd")

    def written(self) -> bool:
        """Return whether the key is there."""
        return b'"kvs"' in self._request("/v3/kv/range", {"key": self._key}, self._own).received

    def clean(self) -> None:
        """Delete the key."""
        self._request("/v3/kv/deleterange", {"key": self._key}, self._own)

    def _request(self, path: str, body: dict[str, str], certificate: pki.CertificateAndKey | None) -> Exchange:
        address = self._administrator.address
        return exchange(address, 2379, certificate, _http("POST", path, address, json.dumps(body), "verifier"))


def _http(verb: str, path: str, host: str, body: str, agent: str) -> bytes:
    lines = [
        f"{verb} {path} HTTP/1.1",
        f"Host: {host}",
        f"User-Agent: {agent}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        "",
        body,
    ]
    return "\r\n".join(lines).encode()


def _refused(seen: Exchange) -> str:
    return f"alert: {seen.alert}" if seen.alert else "let in without a certificate"


def _status(seen: Exchange) -> str:
    """Return status and reason of an HTTP/1.1 answer."""
    return seen.received.partition(b"\r\n")[0].decode("latin-1").partition(" ")[2]
