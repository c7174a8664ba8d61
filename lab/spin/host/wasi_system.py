# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""wasi:clocks, wasi:random and wasi:cli 0.2."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.homelab.talos.lab.spin.host.guest import Guest
from ansible_collections.homelab.talos.lab.spin.host.refusal import Trap
from ansible_collections.homelab.talos.lab.spin.host.values import Ok, Record
from ansible_collections.homelab.talos.lab.spin.host.wasi_io import InputStream, OutputStream, Pollable

_BILLION = 10**9


def _now(_guest: Guest) -> Record:
    seconds, nanoseconds = divmod(time.time_ns(), _BILLION)
    return Record(seconds=seconds, nanoseconds=nanoseconds)


def _random_number(_guest: Guest) -> int:
    return int.from_bytes(os.urandom(8), "little")


def _output(guest: Guest, name: str) -> OutputStream:
    return OutputStream(lambda content: guest.surroundings.write_output(name, content))


def _exit(_guest: Guest, status: Any) -> None:
    raise Trap(f"it exited with {'success' if isinstance(status, Ok) else 'failure'}")


def _seed(guest: Guest) -> tuple[int, int]:
    return _random_number(guest), _random_number(guest)


def _random_bytes(_guest: Guest, length: int) -> bytes:
    return os.urandom(length)


def _no_terminal(_guest: Guest) -> None:
    return None


INTERFACES: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "wasi:clocks/monotonic-clock@0.2": {
        "now": lambda _guest: time.monotonic_ns(),
        "resolution": lambda _guest: 1,
        "subscribe-instant": lambda _guest, when: Pollable(when / _BILLION),
        "subscribe-duration": lambda _guest, duration: Pollable(time.monotonic() + duration / _BILLION),
    },
    "wasi:clocks/wall-clock@0.2": {
        "now": _now,
        "resolution": lambda _guest: Record(seconds=0, nanoseconds=1),
    },
    "wasi:random/random@0.2": {"get-random-bytes": _random_bytes, "get-random-u64": _random_number},
    "wasi:random/insecure@0.2": {
        "get-insecure-random-bytes": _random_bytes,
        "get-insecure-random-u64": _random_number,
    },
    "wasi:random/insecure-seed@0.2": {"insecure-seed": _seed},
    "wasi:cli/environment@0.2": {
        "get-environment": lambda guest: list(guest.permissions.environment.items()),
        "get-arguments": lambda _guest: [],
        "initial-cwd": lambda _guest: None,
    },
    "wasi:cli/exit@0.2": {"exit": _exit},
    "wasi:cli/stdin@0.2": {"get-stdin": lambda _guest: InputStream(io.BytesIO())},
    "wasi:cli/stdout@0.2": {"get-stdout": lambda guest: _output(guest, "stdout")},
    "wasi:cli/stderr@0.2": {"get-stderr": lambda guest: _output(guest, "stderr")},
    "wasi:cli/terminal-input@0.2": {},
    "wasi:cli/terminal-output@0.2": {},
    "wasi:cli/terminal-stdin@0.2": {"get-terminal-stdin": _no_terminal},
    "wasi:cli/terminal-stdout@0.2": {"get-terminal-stdout": _no_terminal},
    "wasi:cli/terminal-stderr@0.2": {"get-terminal-stderr": _no_terminal},
}
