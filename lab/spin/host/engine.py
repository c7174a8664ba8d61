# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of WebAssembly: wasmtime, with the settings under which components are compiled."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import wasmtime

#: How exactly the length of a request is measured, in seconds.
TICK_SECONDS = 0.05


def new_engine() -> wasmtime.Engine:
    """Return an engine whose guests can be stopped; another setting wants another number in code_version.py."""
    config = wasmtime.Config()
    config.epoch_interruption = True
    return wasmtime.Engine(config)


class Clock:
    """Moves the epoch of an engine while requests are served, so that a guest that runs too long is stopped."""

    def __init__(self, engine: wasmtime.Engine) -> None:
        self._engine = engine
        self._served = 0
        self._change = threading.Condition()
        threading.Thread(target=self._run, name="epoch", daemon=True).start()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Let the epoch move on within."""
        with self._change:
            self._served += 1
            self._change.notify()
        try:
            yield
        finally:
            with self._change:
                self._served -= 1

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._served > 0)
            time.sleep(TICK_SECONDS)
            self._engine.increment_epoch()
