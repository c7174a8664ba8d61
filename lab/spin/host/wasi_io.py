# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""wasi:io 0.2: errors, pollables and streams."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from ansible_collections.homelab.talos.lab.spin.host.guest import Guest
from ansible_collections.homelab.talos.lab.spin.host.refusal import Trap
from ansible_collections.homelab.talos.lab.spin.host.values import Case, Err, Ok, Resource

CLOSED = Case("closed")
#: How much one read returns at most, and how much a stream says it takes.
PIECE_BYTES = 64 * 1024


class IoError(Resource):
    """An error of a stream; *text* tells what happened."""

    wit = "error"

    def __init__(self, text: str) -> None:
        self.text = text


class Pollable(Resource):
    """Something to wait for. *due* is when it is ready (``time.monotonic()``); *complete* brings it about."""

    wit = "pollable"

    def __init__(self, due: float = 0.0, complete: Callable[[], object] | None = None) -> None:
        self.due = due
        self._complete = complete

    def complete(self) -> None:
        """Do what has to be done before it is ready."""
        if self._complete is not None:
            self._complete()
            self._complete = None


class InputStream(Resource):
    """What a guest reads from a file or a buffer."""

    wit = "input-stream"

    def __init__(self, source: BinaryIO) -> None:
        self.source = source

    def take(self, length: int) -> bytes:
        """Return at most *length* bytes, nothing at the end."""
        return self.source.read(min(length, PIECE_BYTES))


class OutputStream(Resource):
    """What a guest writes goes to *write*."""

    wit = "output-stream"

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.write = write


def _read(_guest: Guest, stream: InputStream, length: int) -> Ok | Err:
    piece = stream.take(length)
    return Ok(piece) if piece or not length else Err(CLOSED)


def _skip(_guest: Guest, stream: InputStream, length: int) -> Ok | Err:
    piece = stream.take(length)
    return Ok(len(piece)) if piece or not length else Err(CLOSED)


def _write(_guest: Guest, stream: OutputStream, content: bytes) -> Ok | Err:
    try:
        stream.write(content)
    except OSError as error:
        return Err(Case("last-operation-failed", IoError(str(error))))
    return Ok()


def _write_zeroes(guest: Guest, stream: OutputStream, length: int) -> Ok | Err:
    return _write(guest, stream, bytes(length))


def _splice(guest: Guest, stream: OutputStream, source: InputStream, length: int) -> Ok | Err:
    piece = source.take(length)
    if not piece:
        return Err(CLOSED)
    written = _write(guest, stream, piece)
    return Ok(len(piece)) if isinstance(written, Ok) else written


def block(guest: Guest, pollable: Pollable) -> None:
    """Wait for a pollable, at most until the request has lasted too long."""
    pause = pollable.due - time.monotonic()
    if pause > guest.seconds_left:
        raise Trap("it waits for longer than the request may last")
    if pause > 0:
        time.sleep(pause)
    pollable.complete()


def _poll(guest: Guest, pollables: list[Pollable]) -> list[int]:
    if not pollables:
        raise Trap("poll of an empty list")
    first = min(pollables, key=lambda each: each.due)
    block(guest, first)
    now = time.monotonic()
    return [index for index, each in enumerate(pollables) if each is first or each.due <= now]


def _ready(_guest: Guest, pollable: Pollable) -> bool:
    return pollable.due <= time.monotonic()


def _no_operation(_guest: Guest, _stream: OutputStream) -> Ok:
    return Ok()


INTERFACES: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "wasi:io/error@0.2": {"[method]error.to-debug-string": lambda _guest, error: error.text},
    "wasi:io/poll@0.2": {
        "[method]pollable.ready": _ready,
        "[method]pollable.block": block,
        "poll": _poll,
    },
    "wasi:io/streams@0.2": {
        "[method]input-stream.read": _read,
        "[method]input-stream.blocking-read": _read,
        "[method]input-stream.skip": _skip,
        "[method]input-stream.blocking-skip": _skip,
        "[method]input-stream.subscribe": lambda _guest, _stream: Pollable(),
        "[method]output-stream.check-write": lambda _guest, _stream: Ok(PIECE_BYTES),
        "[method]output-stream.write": _write,
        "[method]output-stream.blocking-write-and-flush": _write,
        "[method]output-stream.flush": _no_operation,
        "[method]output-stream.blocking-flush": _no_operation,
        "[method]output-stream.subscribe": lambda _guest, _stream: Pollable(),
        "[method]output-stream.write-zeroes": _write_zeroes,
        "[method]output-stream.blocking-write-zeroes-and-flush": _write_zeroes,
        "[method]output-stream.splice": _splice,
        "[method]output-stream.blocking-splice": _splice,
    },
}
