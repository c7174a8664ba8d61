# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One limit for everything that a call does: name lookup, handshake, headers, body."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


class DeadlineExceeded(Exception):
    """The call did not end in time; what it still does, it does for nobody."""


def within(seconds: float, call: Callable[[], Value]) -> Value:
    """Return what ``call`` returns, or raise what it raises, if it ends in time.

    A socket's timeout starts anew with each byte, so a server that sends one at a time would hold the caller for ever.

    :param seconds: limit.
    :raises DeadlineExceeded: it took longer. The thread that runs it does not keep the process.
    """
    outcome: queue.SimpleQueue[tuple[Value | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put((call(), None))
        except BaseException as error:
            outcome.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        value, error = outcome.get(timeout=seconds)
    except queue.Empty:
        raise DeadlineExceeded from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]
