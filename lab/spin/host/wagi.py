# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules that answer requests as CGI programs do (executor ``wagi``).

Source: spinframework/spin:crates/http/src/wagi/mod.rs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import wasmtime

from ansible_collections.homelab.talos.lab.spin.host.application import Code
from ansible_collections.homelab.talos.lab.spin.host.component import Limits, explained
from ansible_collections.homelab.talos.lab.spin.host.engine import TICK_SECONDS, Clock
from ansible_collections.homelab.talos.lab.spin.host.exchange import Answer, Request
from ansible_collections.homelab.talos.lab.spin.host.guest import Permissions, Surroundings
from ansible_collections.homelab.talos.lab.spin.host.refusal import Refusal, Trap

_WITHHELD = {"authorization", "connection"}


class WagiModule:
    """A core module whose ``_start`` reads a request and writes the answer; parameters as of HttpComponent."""

    def __init__(
        self,
        engine: wasmtime.Engine,
        clock: Clock,
        code: Code,
        permissions: Permissions,
        surroundings: Surroundings,
        limits: Limits,
        executor: Mapping[str, Any],
    ) -> None:
        if code.kind != "module":
            raise Refusal("it is a component: the executor wagi wants a core module")
        self._engine = engine
        self._clock = clock
        self._permissions = permissions
        self._surroundings = surroundings
        self._limits = limits
        self._arguments = str(executor.get("argv") or "${SCRIPT_NAME} ${ARGS}")
        self._entry = str(executor.get("entrypoint") or "_start")
        self._module = wasmtime.Module.deserialize_file(engine, str(code.path))
        self._linker = wasmtime.Linker(engine)
        self._linker.define_wasi()
        lacking = [each for each in self._module.imports if each.module != "wasi_snapshot_preview1"]
        if lacking:
            names = ", ".join(f"{each.module} {each.name}" for each in lacking)
            raise Refusal(f"it imports what the host does not provide: {names}")
        if self._entry not in {each.name for each in self._module.exports}:
            raise Refusal(f"it exports no {self._entry}: a module for wagi is a program")

    def answer(self, request: Request) -> Answer:
        """Run the program for *request*; raises :class:`Trap`."""
        with tempfile.TemporaryDirectory(prefix="wagi-") as name:
            folder = Path(name)
            (folder / "in").write_bytes(request.body)
            self._run(request, folder)
            self._surroundings.write_output("stderr", (folder / "err").read_bytes())
            return _parsed((folder / "out").read_bytes())

    def _run(self, request: Request, folder: Path) -> None:
        environment = {**self._permissions.environment, **cgi_environment(request)}
        config = wasmtime.WasiConfig()
        config.argv = _arguments(self._arguments, environment)
        config.env = sorted(environment.items())
        config.stdin_file, config.stdout_file = str(folder / "in"), str(folder / "out")
        config.stderr_file = str(folder / "err")
        with wasmtime.Store(self._engine) as store:
            if self._limits.memory:
                store.set_limits(memory_size=self._limits.memory)
            store.set_epoch_deadline(int(self._limits.seconds / TICK_SECONDS) + 1)
            store.set_wasi(config)
            try:
                with self._clock.watching():
                    start = self._linker.instantiate(store, self._module).exports(store)[self._entry]
                    start(store)  # type: ignore[operator]
            except wasmtime.ExitTrap as ended:
                if ended.code != 0:
                    raise Trap(f"it exited with status {ended.code}") from None
            except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
                raise Trap(explained(error, self._limits)) from None


def cgi_environment(request: Request) -> dict[str, str]:
    """Return the variables by which a CGI program is told its request."""
    parts = urlsplit(request.path)
    host, _colon, port = request.authority.partition(":")
    spin = {name: value.decode("utf-8") for name, value in request.headers if name.startswith("spin-")}
    environment = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REQUEST_METHOD": request.method,
        "PATH_INFO": spin.get("spin-path-info", parts.path),
        "X_RAW_PATH_INFO": spin.get("spin-path-info", parts.path),
        "QUERY_STRING": parts.query,
        "SCRIPT_NAME": spin.get("spin-component-route", ""),
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "WAGI/1",
        "REMOTE_ADDR": request.client.partition(":")[0],
        "REMOTE_HOST": request.client.partition(":")[0],
        "REMOTE_USER": "",
        "AUTH_TYPE": "",
        "CONTENT_LENGTH": str(len(request.body)),
        "CONTENT_TYPE": request.header("content-type"),
        "X_FULL_URL": spin.get("spin-full-url", ""),
        "X_MATCHED_ROUTE": spin.get("spin-matched-route", ""),
    }
    for name, value in request.headers:
        if name not in _WITHHELD:
            environment[f"HTTP_{name.upper().replace('-', '_')}"] = value.decode("latin-1")
    return environment


def _arguments(template: str, cgi: Mapping[str, str]) -> list[str]:
    words = cgi["QUERY_STRING"].replace("&", " ")
    return template.replace("${SCRIPT_NAME}", cgi["SCRIPT_NAME"]).replace("${ARGS}", words).split()


def _parsed(output: bytes) -> Answer:
    """Return the answer that a CGI program wrote; raises :class:`Trap` for what is none."""
    head, mark, body = output.partition(b"\n\n") if b"\r\n\r\n" not in output else output.partition(b"\r\n\r\n")
    if not mark:
        raise Trap("it wrote no headers: a CGI answer begins with content-type or location, and an empty line")
    headers, status = [], 200
    for line in head.splitlines():
        name, colon, value = line.partition(b":")
        if not colon:
            raise Trap(f"it wrote {line.decode(errors='replace')!r} where a header belongs")
        key = name.strip().decode("latin-1").lower()
        if key == "status":
            digits = value.strip()[:3]
            if not digits.isdigit():
                raise Trap(f"it wrote status {value.strip().decode(errors='replace')!r}, which is no number")
            status = int(digits)
        else:
            headers.append((key, value.strip()))
    names = {key for key, _value in headers}
    if "location" in names and status == 200:
        status = 302
    if not names & {"content-type", "location"}:
        raise Trap("it wrote neither content-type nor location")
    return Answer(status, headers, body)
