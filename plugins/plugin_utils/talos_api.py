# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the testinfra backend reads from one Talos node, as plain data.

Every call opens a connection of its own and nothing is remembered: a test that changes the node sees the change.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ansible_collections.homelab.talos.plugins.module_utils.talos.api import messages
from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import NotFound, TalosError
from ansible_collections.homelab.talos.plugins.module_utils.talos.parallel import run
from ansible_collections.homelab.talos.plugins.module_utils.talos.talosconfig import load_talosconfig

Result = TypeVar("Result")
Record = dict[str, Any]

MACHINE = "machine.MachineService"
# Enumeration values of the API; source: siderolabs/talos:api/machine/machine.proto (NetstatRequest).
LISTENING = 2
# What the kernel says of a path that does not exist; the call List passes it on as text.
MISSING = "no such file"


class TalosApi:
    """Reads a node through its machine API.

    :param name: name of the node in the inventory, for messages.
    :param endpoint: address of the machine API, ``host`` or ``host:port``.
    :param talosconfig: path of the client configuration; None means what talosctl itself would take.
    :param context: context of the client configuration; None means its current one.
    :param timeout: limit for each call in seconds.

    Every method raises ``TalosError`` when the node cannot be asked, and ``TalosconfigError`` when there is no usable
    client configuration.
    """

    def __init__(
        self,
        name: str,
        endpoint: str,
        talosconfig: str | None = None,
        context: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        self.name = name
        self.endpoint = endpoint
        self._talosconfig = talosconfig
        self._context = context
        self._timeout = timeout

    def version(self) -> Record:
        """Return ``tag``, ``sha``, ``built``, ``go_version``, ``os``, ``arch`` and ``platform``."""
        reply = self._unary("Version")
        version = reply.messages[0].version
        found = {key: getattr(version, key) for key in ("tag", "sha", "built", "go_version", "os", "arch")}
        return {**found, "platform": reply.messages[0].platform.name}

    def services(self) -> dict[str, Record]:
        """Return service id -> ``state`` (``Running`` ...), ``healthy`` (None when unknown) and ``message``."""
        services = self._unary("ServiceList").messages[0].services
        return {service.id: _service(service) for service in services}

    def mounts(self) -> list[Record]:
        """Return the mounts: ``filesystem`` (the device), ``mounted_on``, ``size`` and ``available`` in bytes."""
        stats = self._unary("Mounts").messages[0].stats
        keys = ("filesystem", "mounted_on", "size", "available")
        return [{key: getattr(stat, key) for key in keys} for stat in stats]

    def processes(self) -> list[Record]:
        """Return the processes with the field names of ProcessInfo."""
        keys = ("pid", "ppid", "state", "threads", "command", "executable", "args", "resident_memory")
        processes = self._unary("Processes").messages[0].processes
        return [{key: getattr(process, key) for key in keys} for process in processes]

    def listening(self) -> list[Record]:
        """Return the listening sockets of the host network: ``protocol`` (tcp, udp6 ...), ``address``, ``port``."""
        request = {
            "filter": LISTENING,
            "l4proto": {"tcp": True, "tcp6": True, "udp": True, "udp6": True},
            "netns": {"hostnetwork": True},
        }
        records = self._unary("Netstat", request).messages[0].connectrecord
        return [{"protocol": item.l4proto, "address": item.localip, "port": item.localport} for item in records]

    def read(self, path: str) -> bytes:
        """Return the content of a file.

        :raises FileNotFoundError: it does not exist.
        """

        async def collect(client: Client) -> bytes:
            request = _request("Read", {"path": path})
            return b"".join([data.bytes async for data in client.stream(f"{MACHINE}/Read", request)])

        try:
            return self._with_client(collect)
        except NotFound:
            raise FileNotFoundError(f"{self.name}: {path}") from None

    def files(self, path: str, depth: int = 0) -> list[Record]:
        """Return ``path`` itself and, down to ``depth`` directories, what is below it; empty when it does not exist.

        Each has ``relative_name``, ``size`` in bytes, ``mode`` (of Go's FileMode, type bits included), ``modified``
        (Unix seconds), ``is_dir``, ``link``, ``uid`` and ``gid``.
        """
        keys = ("name", "relative_name", "size", "mode", "modified", "is_dir", "link", "uid", "gid", "error")
        wanted = {"root": path, "recurse": depth > 0, "recursion_depth": depth}

        async def collect(client: Client) -> list[Record]:
            stream = client.stream(f"{MACHINE}/List", _request("List", wanted))
            return [{key: getattr(info, key) for key in keys} async for info in stream]

        try:
            found = self._with_client(collect)
        except NotFound:
            return []
        except TalosError as error:
            # Some versions answer with an error that has no code of its own.
            if MISSING in error.cause.lower():
                return []
            raise
        return [info for info in found if MISSING not in info["error"].lower()]

    def resource(self, namespace: str, kind: str, id: str) -> Any:
        """Return one COSI resource (``namespace``, ``type``, ``id``, ``version``, ``phase``, ``labels``, ``spec`` ...).

        :param kind: resource type, such as ``MachineStatuses.runtime.talos.dev``.
        :raises KeyError: it does not exist.
        """
        try:
            return self._with_client(lambda client: client.get(namespace, kind, id))
        except NotFound:
            raise KeyError(f"{self.name}: no resource {namespace}/{kind}/{id}") from None

    def resources(self, namespace: str, kind: str) -> list[Any]:
        """Return all COSI resources of a type in a namespace."""
        return list(self._with_client(lambda client: client.list(namespace, kind)))

    def _unary(self, method: str, fields: Record | None = None) -> Any:
        request = None if fields is None else _request(method, fields)
        return self._with_client(lambda client: client.unary(f"{MACHINE}/{method}", request))

    def _with_client(self, ask: Callable[[Client], Awaitable[Result]]) -> Result:
        async def once() -> Result:
            context = load_talosconfig(self._talosconfig, self._context)
            async with Client(self.endpoint, credentials=context.credentials, timeout=self._timeout) as client:
                return await ask(client)

        return run(once())


def _request(method: str, fields: Record) -> Any:
    return messages.method(MACHINE, method).request_class(**fields)


def _service(info: Any) -> Record:
    health = info.health
    last = info.events.events[-1].msg if info.events.events else ""
    return {
        "state": info.state,
        "healthy": None if health.unknown else health.healthy,
        "message": health.last_message or last,
    }
