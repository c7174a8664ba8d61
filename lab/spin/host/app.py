# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running app: its components, its routes, and what answers a request."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from ansible_collections.homelab.talos.lab.spin.host.application import Application, Code
from ansible_collections.homelab.talos.lab.spin.host.component import HttpComponent, Limits
from ansible_collections.homelab.talos.lab.spin.host.engine import Clock, new_engine
from ansible_collections.homelab.talos.lab.spin.host.exchange import Answer, Request
from ansible_collections.homelab.talos.lab.spin.host.guest import Permissions, Surroundings
from ansible_collections.homelab.talos.lab.spin.host.key_value_file import KeyValueFiles
from ansible_collections.homelab.talos.lab.spin.host.outbound import Outbound
from ansible_collections.homelab.talos.lab.spin.host.refusal import Refusal, Trap
from ansible_collections.homelab.talos.lab.spin.host.routes import Match, Routes
from ansible_collections.homelab.talos.lab.spin.host.runtime_config import RuntimeConfig
from ansible_collections.homelab.talos.lab.spin.host.variables import application_variables, component_variables, filled
from ansible_collections.homelab.talos.lab.spin.host.wagi import WagiModule

#: What the host answers itself; no app can take it.
RESERVED = "/.well-known/spin/"
_TEXT = [("content-type", b"text/plain")]


class Answering(Protocol):
    """What answers the requests of one component."""

    def answer(self, request: Request) -> Answer:
        """Return the answer; raises :class:`Trap`."""


class App:
    """An app that answers requests.

    Parameters: *application*; *config* of the runtime; *environment* of the container; *limits* of an instance;
    *write_output* gets what components write (stream name, bytes). Raises :class:`Refusal` when it cannot run.
    """

    def __init__(
        self,
        application: Application,
        config: RuntimeConfig,
        environment: Mapping[str, str],
        limits: Limits,
        write_output: Callable[[str, bytes], None],
    ) -> None:
        self._application = application
        self._write_output = write_output
        self._engine = new_engine()
        self._clock = Clock(self._engine)
        self._limits = limits
        self._surroundings = Surroundings(KeyValueFiles(config.stores), Outbound(self._ask_component), write_output)
        values = application_variables(application.variables, environment, config.providers)
        routes: dict[str, str] = {}
        for trigger in application.triggers:
            if trigger.route in routes:
                raise Refusal(
                    f"route {trigger.route} belongs to two components: {routes[trigger.route]}, {trigger.component}"
                )
            if trigger.route:
                routes[trigger.route] = trigger.component
        self._routes = Routes(routes)
        executors = {trigger.component: trigger.executor for trigger in application.triggers}
        self._components = {
            name: self._component(name, component, values, executors.get(name, {}))
            for name, component in application.components.items()
        }

    def _component(
        self, name: str, component: Mapping[str, Any], values: Mapping[str, str], executor: Mapping[str, Any]
    ) -> Answering:
        code = self._application.code.get(name, Code(refusal="the artifact does not hold it"))
        try:
            if code.refusal:
                raise Refusal(code.refusal)
            permissions = self._permissions(name, component, values)
            if executor.get("type") == "wagi":
                return WagiModule(
                    self._engine, self._clock, code, permissions, self._surroundings, self._limits, executor
                )
            if code.kind != "component":
                raise Refusal("it is a core module: give its trigger the executor wagi, or build a component")
            return HttpComponent(
                self._engine,
                self._clock,
                code.path,
                permissions,
                self._surroundings,
                self._limits,
                tolerant=code.tolerant,
            )
        except Refusal as refusal:
            raise Refusal(f"component {name}: {refusal}") from None

    def _permissions(self, name: str, component: Mapping[str, Any], values: Mapping[str, str]) -> Permissions:
        metadata = component.get("metadata") or {}
        hosts = [filled(name, each, values) for each in metadata.get("allowed_outbound_hosts") or ()]
        stores = list(metadata.get("key_value_stores") or ())
        for label in stores:
            if label not in self._surroundings.stores:
                raise Refusal(f"its key-value store {label} is not known: define it in /runtime-config.toml")
        return Permissions(
            name,
            component_variables(name, component.get("config") or {}, values),
            component.get("env") or {},
            stores,
            hosts,
            self._application.files.get(name, {}),
        )

    def answer(self, request: Request) -> Answer:
        """Return the answer to a request; one whose component fails is answered with status 500."""
        path = urlsplit(f"//x{request.path}").path if request.path.startswith("/") else request.path
        if path.startswith(RESERVED):
            return self._answer_itself(path)
        match = self._routes.find(path)
        if match is None:
            return Answer(404)
        request.headers += _spin_headers(request, match)
        answer = self._ask_component(match.component, request)
        return answer if answer is not None else Answer(500)

    def _ask_component(self, name: str, request: Request) -> Answer | None:
        component = self._components.get(name)
        if component is None:
            return None
        try:
            return component.answer(request)
        except Trap as trap:
            self._write_output("stderr", f"component {name}: {request.method} {request.path}: {trap}\n".encode())
            return Answer(500)

    def _answer_itself(self, path: str) -> Answer:
        if path == f"{RESERVED}health":
            return Answer(200, _TEXT, b"OK")
        if path == f"{RESERVED}info":
            metadata = self._application.metadata
            content = {key: metadata[key] for key in ("name", "version") if metadata.get(key)}
            return Answer(200, [("content-type", b"application/json")], json.dumps(content).encode())
        return Answer(404)


def _spin_headers(request: Request, match: Match) -> list[tuple[str, bytes]]:
    """Return the headers by which Spin tells a component how it was reached."""
    texts = {
        "spin-path-info": match.path_info,
        "spin-full-url": f"{request.scheme}://{request.authority}{request.path}",
        "spin-matched-route": match.route,
        "spin-base-path": "/",
        "spin-raw-component-route": match.route,
        "spin-component-route": match.prefix,
        "spin-client-addr": request.client,
        **{f"spin-path-match-{name}": value for name, value in match.parameters.items()},
    }
    return [(name, value.encode("utf-8")) for name, value in texts.items()]


def load(path: Path, container: Mapping[str, str], root: Path, write_output: Callable[[str, bytes], None]) -> App:
    """Return the app that the runtime described at *path*, set up from the environment of its *container*.

    Raises :class:`Refusal`.
    """
    retained = [name for name in container.get("SPIN_COMPONENTS_TO_RETAIN", "").split(",") if name]
    limits = Limits(
        int(_number(container, "SPIN_MAX_INSTANCE_MEMORY", 0)),
        _number(container, "SPIN_REQUEST_TIMEOUT_SECONDS", Limits.seconds),
    )
    config = RuntimeConfig.read(root / "runtime-config.toml", root)
    return App(Application.from_file(path, retained), config, container, limits, write_output)


def _number(container: Mapping[str, str], name: str, default: float) -> float:
    text = container.get(name, "")
    try:
        value = float(text) if text else float(default)
    except ValueError:
        value = -1.0
    if value < 0:
        raise Refusal(f"{name} is {text!r}: give a number")
    return value
