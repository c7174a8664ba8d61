# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Message classes and methods of the Talos API.

They live in a descriptor pool of their own, so that another copy of the same definitions in the process
(a plugin of somebody else, a generated `machine_pb2`) cannot collide with them.

Source: siderolabs/talos:api/, cosi-project/specification:proto/v1alpha1/
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.api import descriptors
from ansible_collections.homelab.talos.plugins.module_utils.talos.libraries import require

PROTOBUF_IMPORT_ERROR: ImportError | None = None
try:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
except ImportError as error:
    PROTOBUF_IMPORT_ERROR = error

if TYPE_CHECKING:
    from google.protobuf.descriptor_pool import DescriptorPool


@dataclass(frozen=True)
class Method:
    """One remote procedure.

    `path` is the HTTP/2 path, for example ``/machine.MachineService/Version``.
    """

    path: str
    request_class: type[Any]
    reply_class: type[Any]
    client_streaming: bool
    server_streaming: bool

    @property
    def service(self) -> str:
        """Full name of the service, for example ``machine.MachineService``."""
        return self.path.split("/")[1]

    @property
    def name(self) -> str:
        """Name within the service, for example ``Version``."""
        return self.path.split("/")[2]


@functools.cache
def _file_set() -> Any:
    require("protobuf", PROTOBUF_IMPORT_ERROR)
    return descriptor_pb2.FileDescriptorSet.FromString(descriptors.FILE_DESCRIPTOR_SET)


@functools.cache
def pool() -> DescriptorPool:
    """Return the private descriptor pool. Raises MissingLibrary without protobuf."""
    files = _file_set().file
    private = descriptor_pool.DescriptorPool()
    for file in files:
        private.Add(file)
    return private


@functools.cache
def message(full_name: str) -> type[Any]:
    """Return the class of a message by its full name, for example ``machine.VersionResponse``.

    Nested messages are reached by their full name too: ``machine.MachineStatusEvent.MachineStatus``.
    Raises KeyError for an unknown name, MissingLibrary without protobuf.
    """
    descriptor = pool().FindMessageTypeByName(full_name)
    return message_factory.GetMessageClass(descriptor)


@functools.cache
def enum(full_name: str) -> Any:
    """Return the wrapper (``Name(number)``, ``Value(name)``) of an enum, for example ``cosi.resource.EventType``.

    Raises KeyError for an unknown name, MissingLibrary without protobuf.
    """
    descriptor = pool().FindEnumTypeByName(full_name)
    return EnumTypeWrapper(descriptor)


@functools.cache
def services() -> dict[str, dict[str, Method]]:
    """Return every service by full name, each as a mapping of method name to Method."""
    found: dict[str, dict[str, Method]] = {}
    for file in _file_set().file:
        for service in file.service:
            full_name = f"{file.package}.{service.name}"
            found[full_name] = {method.name: _method(full_name, method) for method in service.method}
    return found


def _method(service: str, descriptor: Any) -> Method:
    return Method(
        path=f"/{service}/{descriptor.name}",
        request_class=message(descriptor.input_type.lstrip(".")),
        reply_class=message(descriptor.output_type.lstrip(".")),
        client_streaming=descriptor.client_streaming,
        server_streaming=descriptor.server_streaming,
    )


def method(service: str, name: str | None = None) -> Method:
    """Return a method: ``method("machine.MachineService", "Version")`` or ``method("machine.MachineService/Version")``.

    A leading slash is accepted. Raises KeyError for an unknown service or method.
    """
    if name is None:
        service, slash, name = service.lstrip("/").partition("/")
    try:
        return services()[service][name]
    except KeyError:
        raise KeyError(f"the Talos API has no method {service}/{name}") from None
