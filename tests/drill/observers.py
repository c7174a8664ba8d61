# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who watches a cluster from outside while it is broken: writers, and a client of a pod."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

WRITER = Path(__file__).with_name("writer.py")
POD_PAUSE_SECONDS = 0.5
ANSWER_SECONDS = 2.0
END_SECONDS = 30.0


class Writer:
    """A writer process; ``writes`` grows while it runs.

    :param command: what stands in front of a command so that it runs where the writes shall come from.
    """

    def __init__(self, command: Sequence[str], server: str, namespace: str, prefix: str, credentials: Any) -> None:
        self.writes: list[dict[str, Any]] = []
        program = [str(Path(sys.executable).resolve()), "-I", "-c", WRITER.read_text(encoding="utf-8")]
        self._process = subprocess.Popen(
            [*command, *program, server, namespace, prefix], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(credentials) + "\n")
        self._process.stdin.flush()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.writes.append(json.loads(line))

    def stop(self) -> None:
        """End the process; what it is writing is finished first."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(END_SECONDS)
        self._reader.join(END_SECONDS)


class PodClient:
    """Asks a pod again and again; ``answers`` grows while it runs."""

    def __init__(self, url: str) -> None:
        self.answers: list[dict[str, Any]] = []
        self._url = url
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        while not self._ended.wait(POD_PAUSE_SECONDS):
            begin = time.time()
            self.answers.append({"begin": begin, "text": ask(self._url), "end": time.time()})

    def stop(self) -> None:
        """Ask no more."""
        self._ended.set()
        self._thread.join(END_SECONDS)


def ask(url: str) -> str:
    """Return what a pod answers, or why it does not."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:
            return f"{answer.status}"
    except (OSError, urllib.error.URLError) as error:
        return str(error)


def wait_for(what: str, condition: Callable[[], Any], seconds: float) -> Any:
    """Return what *condition* returns as soon as that is true; raises TimeoutError after *seconds*."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        # sleep: the poll of a wait with a limit
        time.sleep(0.2)
    return found
