# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving a component the functions it imports, or saying which of them the host does not have."""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections.abc import Callable, Sequence
from typing import Any

from wasmtime import Engine, WasmtimeError
from wasmtime import _ffi as ffi
from wasmtime.component import Component, Linker, LinkerInstance, ResourceType
from wasmtime.component import _types as types

from ansible_collections.homelab.talos.lab.spin.host import catalogue
from ansible_collections.homelab.talos.lab.spin.host.guest import Guest
from ansible_collections.homelab.talos.lab.spin.host.refusal import Refusal
from ansible_collections.homelab.talos.lab.spin.host.values import Context, lifter, lowerer

#: Resources that have a second name.
_ALIASES = {"headers": "fields", "trailers": "fields", "io-error": "error"}
_Call = Callable[[Any, Any, Any], None]

_calls: dict[int, _Call] = {}
_numbers = itertools.count(1)
_current = threading.local()


class Linked:
    """A component with everything it imports. *resource_numbers* tells the number of each type of resource."""

    def __init__(self, engine: Engine, component: Component, *, tolerant: bool) -> None:
        """Link *component*; a *tolerant* one may import what the host lacks, and traps when it calls it.

        Raises :class:`Refusal` that names the imports.
        """
        self.component = component
        self.linker = Linker(engine)
        self.resource_numbers: dict[str, int] = {}
        self._tolerant = tolerant
        self._lacking: list[str] = []
        with self.linker.root() as root:
            for name, extern in component.type.imports(engine).items():
                self._link_import(engine, root, name, extern.ty)
        if self._lacking:
            raise Refusal(
                f"it imports what the host does not provide: {', '.join(self._lacking)};"
                " build it for Spin 3 and without these interfaces"
            )

    def instantiate(self, store: Any) -> Any:
        """Return a new instance in *store*; raises ``WasmtimeError``."""
        return self.linker.instantiate(store, self.component)

    def _link_import(self, engine: Engine, root: LinkerInstance, interface: str, kind: Any) -> None:
        if not isinstance(kind, types.ComponentInstanceType):
            self._lacking.append(interface)
            return
        provided = catalogue.functions_of(interface)
        if provided is None and not self._tolerant:
            self._lacking.append(interface)
            return
        with root.add_instance(interface) as instance:
            for name, extern in kind.exports(engine).items():
                item = extern.ty
                if isinstance(item, ResourceType):
                    number = self._number(interface, name)
                    instance.add_resource(name, ResourceType.host(number), _drop)
                elif isinstance(item, types.FuncType):
                    self._link_function(instance, interface, name, item, (provided or {}).get(name))

    def _link_function(
        self, instance: LinkerInstance, interface: str, name: str, type: Any, function: Callable[..., Any] | None
    ) -> None:
        if function is not None:
            _add(instance, name, _converting(type, function))
        elif self._tolerant:
            _add(instance, name, _refusing(f"{interface} {name}"))
        else:
            self._lacking.append(f"{interface} {name}")

    def _number(self, interface: str, name: str) -> int:
        name = _ALIASES.get(name, name)
        key = name if interface.startswith("wasi:") else f"{interface.partition('@')[0]} {name}"
        return self.resource_numbers.setdefault(key, len(self.resource_numbers) + 1)


def set_guest(guest: Guest | None) -> Guest | None:
    """Say which guest this thread runs; return the one before, which waits for an answer of this one."""
    before: Guest | None = getattr(_current, "guest", None)
    _current.guest = guest
    return before


def _drop(_store: Any, handle: int) -> None:
    _current.guest.drop(handle)


def _converting(type: Any, function: Callable[..., Any]) -> _Call:
    """Return what calls *function* with values of Python; its type is looked at only now."""
    lifts: Sequence[Any] = [lifter(each) for _name, each in type.params]
    lower = lowerer(type.result) if type.result is not None else None

    def call(store: Any, arguments: Any, results: Any) -> None:
        guest = _current.guest
        context = Context(store, guest)
        values = [lift(context, arguments[index]) for index, lift in enumerate(lifts)]
        result = function(guest, *values)
        if lower is not None:
            lower(context, result, results[0])

    return call


def _refusing(name: str) -> _Call:
    def call(_store: Any, _arguments: Any, _results: Any) -> None:
        raise WasmtimeError(f"it called {name}, which the host does not provide")

    return call


@ffi.wasmtime_component_func_callback_t
def _enter(number: Any, store: Any, _type: Any, arguments: Any, _count: Any, results: Any, _expected: Any) -> Any:
    try:
        _calls[number](store, arguments, results)
    except WasmtimeError as error:
        raised = error
    except Exception as error:
        # Whatever a function of the host raises ends the guest, with this text in the trap.
        raised = WasmtimeError(str(error) or type(error).__name__)
    else:
        return 0
    return ctypes.cast(raised._consume(), ctypes.c_void_p).value


def _add(instance: LinkerInstance, name: str, call: _Call) -> None:
    number = next(_numbers)
    _calls[number] = call
    encoded = name.encode()
    error = ffi.wasmtime_component_linker_instance_add_func(
        instance.ptr(), ctypes.create_string_buffer(encoded), len(encoded), _enter, number, _NO_FINALIZER
    )
    if error:
        raise WasmtimeError._from_ptr(error)


_NO_FINALIZER = ctypes.cast(0, ctypes.CFUNCTYPE(None, ctypes.c_void_p))
