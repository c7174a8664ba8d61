# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host of one Spin app: what runs in a container with the runtime handler ``spin``.

Argument: the file in which the runtime described the app.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.homelab.talos.lab.spin.host.app import load
from ansible_collections.homelab.talos.lab.spin.host.refusal import Refusal
from ansible_collections.homelab.talos.lab.spin.host.server import Server

_LISTEN = "0.0.0.0:80"
_TERMINATION_MESSAGE = Path("/dev/termination-log")
_STREAMS = {"stdout": 1, "stderr": 2}


def main(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Serve the app until SIGTERM; returns the exit status of one that cannot be served."""
    # The shim stops at once, too: it does not wait for requests that are being answered.
    signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(0))
    try:
        app = load(Path(arguments[0]), environment, Path("/"), write_output)
        host, port = _listen_address(environment)
        server = Server(host, port, app.answer)
    except Refusal as refusal:
        return _refuse(str(refusal))
    except OSError as error:
        return _refuse(f"the app cannot be served: {error}")
    gc.freeze()
    server.serve_forever(poll_interval=3600)
    return 0


def write_output(stream: str, content: bytes) -> None:
    """Write what a component wrote to the container's log."""
    os.write(_STREAMS[stream], content)


def _listen_address(container: Mapping[str, str]) -> tuple[str, int]:
    text = container.get("SPIN_HTTP_LISTEN_ADDR", _LISTEN)
    host, _colon, port = text.rpartition(":")
    if not port.isdigit():
        raise Refusal(f"SPIN_HTTP_LISTEN_ADDR is {text!r}: give an address and a port such as {_LISTEN}")
    return host.strip("[]"), int(port)


def _refuse(text: str) -> int:
    write_output("stderr", f"Error: {text}\n".encode())
    if _TERMINATION_MESSAGE.exists():
        _TERMINATION_MESSAGE.write_text(text, encoding="utf-8")
    return 1


def start() -> int:
    """Run with the arguments and the environment of the process."""
    return main(sys.argv[1:], os.environ)
