# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of the component model, between a guest and functions of the host.

The converters of a function are made once, from its type, when it is linked. wasmtime's own ones look a type up anew
for every value, take a list of bytes apart one by one and keep their state in one place of the process, so that two
threads cannot use them at once.

What a function of the host gets and returns:

==============  ===========================================================
type            Python
==============  ===========================================================
list<u8>        ``bytes``
other lists     ``list``; tuples ``tuple``, flags ``set`` of names, enum ``str``
record          :class:`Record`
variant         :class:`Case`
option          ``None`` or the value
result          :class:`Ok` or :class:`Err`
resource        the object that was handed out, a :class:`Resource`
==============  ===========================================================
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import byref
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from wasmtime import WasmtimeError
from wasmtime import _ffi as ffi
from wasmtime.component import _types as types


class Resource:
    """An object of the host that guests hold by a handle; *wit* is the name of its type."""

    wit: ClassVar[str] = ""


class Handles(Protocol):
    """Who knows which object is behind a handle of a guest."""

    def hand_out(self, resource: Resource) -> int:
        """Return a new handle for *resource*."""

    def behind(self, handle: int) -> Resource:
        """Return what is behind a handle."""

    def type_of(self, resource: Resource) -> int:
        """Return the number of a resource's type."""


@dataclass(frozen=True)
class Case:
    """A value of a variant: the name of the case and its content."""

    name: str
    content: Any = None


@dataclass(frozen=True)
class Ok:
    """A result that is good."""

    value: Any = None


@dataclass(frozen=True)
class Err:
    """A result that is an error."""

    value: Any = None


class Record:
    """A value with named fields; a hyphen in a name stays."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


@dataclass(frozen=True)
class Context:
    """Where values are converted: the *store* (a pointer of wasmtime) and the *handles* of the guest in it."""

    store: Any
    handles: Handles


Lift = Callable[[Context, Any], Any]
Lower = Callable[[Context, Any, Any], None]

_VALUE_BYTES = ctypes.sizeof(ffi.wasmtime_component_val_t)
_CONTENT_OFFSET = ffi.wasmtime_component_val_t.of.offset
_NOTHING = ffi.WASMTIME_COMPONENT_BOOL.value
_NUMBERS: dict[str, tuple[Any, str]] = {
    "Bool": (ffi.WASMTIME_COMPONENT_BOOL, "boolean"),
    "S8": (ffi.WASMTIME_COMPONENT_S8, "s8"),
    "U8": (ffi.WASMTIME_COMPONENT_U8, "u8"),
    "S16": (ffi.WASMTIME_COMPONENT_S16, "s16"),
    "U16": (ffi.WASMTIME_COMPONENT_U16, "u16"),
    "S32": (ffi.WASMTIME_COMPONENT_S32, "s32"),
    "U32": (ffi.WASMTIME_COMPONENT_U32, "u32"),
    "S64": (ffi.WASMTIME_COMPONENT_S64, "s64"),
    "U64": (ffi.WASMTIME_COMPONENT_U64, "u64"),
    "F32": (ffi.WASMTIME_COMPONENT_F32, "f32"),
    "F64": (ffi.WASMTIME_COMPONENT_F64, "f64"),
}


def lifter(type: Any) -> Lift:
    """Return what turns a value of *type* that came from a guest into Python; it empties the value's place."""
    return _makers(type)[0](type)


def lowerer(type: Any) -> Lower:
    """Return what puts a Python value of *type* into a place that a guest reads."""
    return _makers(type)[1](type)


def _makers(type: Any) -> tuple[Callable[[Any], Lift], Callable[[Any], Lower]]:
    name = type.__class__.__name__
    if name in _NUMBERS:
        return _lift_number, _lower_number
    if name not in _MAKERS:
        raise NotImplementedError(f"values of {name} cannot be exchanged with a guest")
    return _MAKERS[name]


def _forget(slot: Any) -> None:
    """Mark a place whose content was taken, so that nobody frees it again."""
    slot.kind = _NOTHING
    slot.of.boolean = False


def _lift_number(type: Any) -> Lift:
    field = _NUMBERS[type.__class__.__name__][1]
    return lambda _context, slot: getattr(slot.of, field)


def _lower_number(type: Any) -> Lower:
    constant, field = _NUMBERS[type.__class__.__name__]
    kind = constant.value

    def lower(_context: Context, value: Any, slot: Any) -> None:
        slot.kind = kind
        setattr(slot.of, field, value)

    return lower


def _lift_character(_type: Any) -> Lift:
    return lambda _context, slot: chr(slot.of.character)


def _lower_character(_type: Any) -> Lower:
    def lower(_context: Context, value: str, slot: Any) -> None:
        slot.kind = ffi.WASMTIME_COMPONENT_CHAR.value
        slot.of.character = ord(value)

    return lower


def _take_name(name: Any) -> str:
    text: str = ffi.to_str(name)
    ffi.wasm_byte_vec_delete(byref(name))
    return text


def _lift_string(_type: Any) -> Lift:
    return lambda _context, slot: _take_name(slot.of.string)


def _lower_string(_type: Any) -> Lower:
    def lower(_context: Context, value: str, slot: Any) -> None:
        slot.kind = ffi.WASMTIME_COMPONENT_STRING.value
        slot.of.string = ffi.str_to_capi(value)

    return lower


def _lift_enumeration(_type: Any) -> Lift:
    return lambda _context, slot: _take_name(slot.of.enumeration)


def _lower_enumeration(_type: Any) -> Lower:
    def lower(_context: Context, value: str, slot: Any) -> None:
        slot.kind = ffi.WASMTIME_COMPONENT_ENUM.value
        slot.of.enumeration = ffi.str_to_capi(value)

    return lower


def _lift_list(type: Any) -> Lift:
    if type._is_bytes():
        return _lift_bytes
    element = lifter(type.element)

    def lift(context: Context, slot: Any) -> list[Any]:
        values = []
        for index in range(slot.of.list.size):
            values.append(element(context, slot.of.list.data[index]))
            _forget(slot.of.list.data[index])
        ffi.wasmtime_component_vallist_delete(byref(slot.of.list))
        return values

    return lift


def _lift_bytes(_context: Context, slot: Any) -> bytes:
    raw = ctypes.string_at(slot.of.list.data, slot.of.list.size * _VALUE_BYTES) if slot.of.list.size else b""
    ffi.wasmtime_component_vallist_delete(byref(slot.of.list))
    return raw[_CONTENT_OFFSET::_VALUE_BYTES]


def _lower_list(type: Any) -> Lower:
    if type._is_bytes():
        return _lower_bytes
    element = lowerer(type.element)

    def lower(context: Context, value: list[Any], slot: Any) -> None:
        raw = ffi.wasmtime_component_vallist_t()
        ffi.wasmtime_component_vallist_new_uninit(raw, len(value))
        for index, each in enumerate(value):
            element(context, each, raw.data[index])
        slot.kind = ffi.WASMTIME_COMPONENT_LIST.value
        slot.of.list = raw

    return lower


def _lower_bytes(_context: Context, value: bytes, slot: Any) -> None:
    raw = ffi.wasmtime_component_vallist_t()
    ffi.wasmtime_component_vallist_new_uninit(raw, len(value))
    if value:
        places = bytearray(len(value) * _VALUE_BYTES)
        places[0::_VALUE_BYTES] = bytes([ffi.WASMTIME_COMPONENT_U8.value]) * len(value)
        places[_CONTENT_OFFSET::_VALUE_BYTES] = value
        ctypes.memmove(raw.data, (ctypes.c_char * len(places)).from_buffer(places), len(places))
    slot.kind = ffi.WASMTIME_COMPONENT_LIST.value
    slot.of.list = raw


def _lift_tuple(type: Any) -> Lift:
    elements = [lifter(each) for each in type.elements]

    def lift(context: Context, slot: Any) -> tuple[Any, ...]:
        values = []
        for index, element in enumerate(elements):
            values.append(element(context, slot.of.tuple.data[index]))
            _forget(slot.of.tuple.data[index])
        ffi.wasmtime_component_valtuple_delete(byref(slot.of.tuple))
        return tuple(values)

    return lift


def _lower_tuple(type: Any) -> Lower:
    elements = [lowerer(each) for each in type.elements]

    def lower(context: Context, value: tuple[Any, ...], slot: Any) -> None:
        raw = ffi.wasmtime_component_valtuple_t()
        ffi.wasmtime_component_valtuple_new_uninit(raw, len(elements))
        for index, (element, each) in enumerate(zip(elements, value, strict=True)):
            element(context, each, raw.data[index])
        slot.kind = ffi.WASMTIME_COMPONENT_TUPLE.value
        slot.of.tuple = raw

    return lower


def _lift_record(type: Any) -> Lift:
    fields = [(name, lifter(each)) for name, each in type.fields]

    def lift(context: Context, slot: Any) -> Record:
        record = Record()
        for index, (name, field) in enumerate(fields):
            record.__dict__[name] = field(context, slot.of.record.data[index].val)
            _forget(slot.of.record.data[index].val)
        ffi.wasmtime_component_valrecord_delete(byref(slot.of.record))
        return record

    return lift


def _lower_record(type: Any) -> Lower:
    fields = [(name, lowerer(each)) for name, each in type.fields]

    def lower(context: Context, value: Record, slot: Any) -> None:
        raw = ffi.wasmtime_component_valrecord_t()
        ffi.wasmtime_component_valrecord_new_uninit(raw, len(fields))
        for index, (name, field) in enumerate(fields):
            field(context, value.__dict__[name], raw.data[index].val)
            raw.data[index].name = ffi.str_to_capi(name)
        slot.kind = ffi.WASMTIME_COMPONENT_RECORD.value
        slot.of.record = raw

    return lower


def _lift_flags(_type: Any) -> Lift:
    def lift(_context: Context, slot: Any) -> set[str]:
        names = {ffi.to_str(slot.of.flags.data[index]) for index in range(slot.of.flags.size)}
        ffi.wasmtime_component_valflags_delete(byref(slot.of.flags))
        return names

    return lift


def _lower_flags(_type: Any) -> Lower:
    def lower(_context: Context, value: set[str], slot: Any) -> None:
        raw = ffi.wasmtime_component_valflags_t()
        ffi.wasmtime_component_valflags_new_uninit(raw, len(value))
        for index, name in enumerate(sorted(value)):
            raw.data[index] = ffi.str_to_capi(name)
        slot.kind = ffi.WASMTIME_COMPONENT_FLAGS.value
        slot.of.flags = raw

    return lower


def _take_boxed(context: Context, pointer: Any, lift: Lift | None) -> Any:
    """Return the content of a case; a case without content has no box."""
    if lift is None or not pointer:
        return None
    value = lift(context, pointer.contents)
    _forget(pointer.contents)
    ffi.wasmtime_component_val_delete(pointer)
    return value


def _boxed(context: Context, value: Any, lower: Lower | None) -> Any:
    if lower is None:
        return None
    raw = ffi.wasmtime_component_val_t()
    lower(context, value, raw)
    return ffi.wasmtime_component_val_new(byref(raw))


def _lift_variant(type: Any) -> Lift:
    cases = {name: lifter(each) if each is not None else None for name, each in type.cases}

    def lift(context: Context, slot: Any) -> Case:
        name = _take_name(slot.of.variant.discriminant)
        return Case(name, _take_boxed(context, slot.of.variant.val, cases[name]))

    return lift


def _lower_variant(type: Any) -> Lower:
    cases = {name: lowerer(each) if each is not None else None for name, each in type.cases}

    def lower(context: Context, value: Case, slot: Any) -> None:
        raw = _boxed(context, value.content, cases[value.name])
        slot.kind = ffi.WASMTIME_COMPONENT_VARIANT.value
        slot.of.variant.discriminant = ffi.str_to_capi(value.name)
        slot.of.variant.val = raw

    return lower


def _lift_option(type: Any) -> Lift:
    payload = lifter(type.payload)
    return lambda context, slot: _take_boxed(context, slot.of.option, payload)


def _lower_option(type: Any) -> Lower:
    payload = lowerer(type.payload)

    def lower(context: Context, value: Any, slot: Any) -> None:
        raw = None if value is None else _boxed(context, value, payload)
        slot.kind = ffi.WASMTIME_COMPONENT_OPTION.value
        slot.of.option = raw

    return lower


def _lift_result(type: Any) -> Lift:
    ok, err = (lifter(each) if each is not None else None for each in (type.ok, type.err))

    def lift(context: Context, slot: Any) -> Ok | Err:
        if slot.of.result.is_ok:
            return Ok(_take_boxed(context, slot.of.result.val, ok))
        return Err(_take_boxed(context, slot.of.result.val, err))

    return lift


def _lower_result(type: Any) -> Lower:
    ok, err = (lowerer(each) if each is not None else None for each in (type.ok, type.err))

    def lower(context: Context, value: Ok | Err, slot: Any) -> None:
        good = isinstance(value, Ok)
        raw = _boxed(context, value.value, ok if good else err)
        slot.kind = ffi.WASMTIME_COMPONENT_RESULT.value
        slot.of.result.is_ok = good
        slot.of.result.val = raw

    return lower


def _lift_resource(_type: Any) -> Lift:
    def lift(context: Context, slot: Any) -> Resource:
        taken = ffi.take_pointer(slot.of, "resource")
        host = ctypes.POINTER(ffi.wasmtime_component_resource_host_t)()
        error = ffi.wasmtime_component_resource_any_to_host(context.store, taken, byref(host))
        ffi.wasmtime_component_resource_any_delete(taken)
        if error:
            raise WasmtimeError._from_ptr(error)
        handle = ffi.wasmtime_component_resource_host_rep(host)
        ffi.wasmtime_component_resource_host_delete(host)
        return context.handles.behind(handle)

    return lift


def _lower_resource(_type: Any) -> Lower:
    def lower(context: Context, value: Resource, slot: Any) -> None:
        handles = context.handles
        host = ffi.wasmtime_component_resource_host_new(True, handles.hand_out(value), handles.type_of(value))
        taken = ctypes.POINTER(ffi.wasmtime_component_resource_any_t)()
        error = ffi.wasmtime_component_resource_host_to_any(context.store, host, byref(taken))
        ffi.wasmtime_component_resource_host_delete(host)
        if error:
            raise WasmtimeError._from_ptr(error)
        slot.kind = ffi.WASMTIME_COMPONENT_RESOURCE.value
        slot.of.resource = taken

    return lower


_MAKERS: dict[str, tuple[Callable[[Any], Lift], Callable[[Any], Lower]]] = {
    types.Char.__name__: (_lift_character, _lower_character),
    types.String.__name__: (_lift_string, _lower_string),
    types.ListType.__name__: (_lift_list, _lower_list),
    types.RecordType.__name__: (_lift_record, _lower_record),
    types.TupleType.__name__: (_lift_tuple, _lower_tuple),
    types.VariantType.__name__: (_lift_variant, _lower_variant),
    types.EnumType.__name__: (_lift_enumeration, _lower_enumeration),
    types.OptionType.__name__: (_lift_option, _lower_option),
    types.ResultType.__name__: (_lift_result, _lower_result),
    types.FlagsType.__name__: (_lift_flags, _lower_flags),
    types.OwnType.__name__: (_lift_resource, _lower_resource),
    types.BorrowType.__name__: (_lift_resource, _lower_resource),
}
