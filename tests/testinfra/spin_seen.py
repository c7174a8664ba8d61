# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pytest plugin: what was seen of the Spin apps of a cluster, as plain data; asked once, what disturbs comes last.

What was seen is judged elsewhere, and the same judgement is tried on data that were made up.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import ApiException

from ansible_collections.homelab.talos.tests.support.wasm_guests import guest
from ansible_collections.homelab.talos.tests.testinfra.expected import Expected
from ansible_collections.homelab.talos.tests.testinfra.kubernetes_api import wait_until
from ansible_collections.homelab.talos.tests.testinfra.lab_handle import LabHandle
from ansible_collections.homelab.talos.tests.testinfra.spin_apps import (
    MIRROR,
    NAMESPACE,
    RUNTIME_CLASS,
    SpinApps,
    outside,
)
from ansible_collections.homelab.talos.tests.testinfra.spin_images import WASM, RegistryClient
from ansible_collections.homelab.talos.tests.testinfra.traffic import Probes, ask

NATIVE = b"\x7fELF\x02\x01\x01" + bytes(64)
APPS = ("nonce", "visits", "fault")
#: How often another app is asked while one burns.
BESIDE = 20
#: A request to the app that burns is awaited for longer than the host lets it run.
BURN_SECONDS = 60.0
#: Until every node knows a service, or where it leads to now.
SERVICE_SECONDS = 30.0
_NONCE = f"{MIRROR}/nonce:1.0"


class Observer:
    """Asks and acts. *expected* scenario, its *apps*, *registry* and *lab*."""

    def __init__(self, expected: Expected, apps: SpinApps, registry: RegistryClient, lab: LabHandle) -> None:
        self._expected = expected
        self._apps = apps
        self._registry = registry
        self._lab = lab

    def observe(self) -> dict[str, Any]:
        """Return everything; in the end a node was without power."""
        apps = self._apps
        return {
            "handlers": apps.handlers(),
            "places": {name: [pod.spec.node_name for pod in apps.pods(name)] for name in APPS},
            "nonces": self._nonces(),
            "node_ports": self._node_ports(),
            "api": list(apps.through_the_api("nonce", "/?nonce=api")),
            "trap": self._trap(),
            "leak": list(apps.through_the_api("fault", "/leak")),
            "no_class": self._no_class(),
            "wrong_handler": self._no_sandbox("spinn", "node1"),
            "no_extension": self._no_sandbox("spin", "gw1"),
            "ended": self._ended(),
            "burn": self._burn(),
            "counts": {"restart": self._restarted(), "move": self._moved(), "power": self._without_power()},
        }

    def _nonces(self) -> dict[str, dict[str, str]]:
        """Return source -> way (address, name) -> what the app answered, or the error in words."""
        nodes = sorted(self._expected.nodes)
        probes = Probes(self._apps.core, f"spin-{uuid.uuid4().hex[:8]}", nodes)
        try:
            probes.prepare()
            sources = {f"node {node}": (f"node-{node}", True) for node in nodes}
            sources |= {f"pod on {node}": (f"target-{node}", False) for node in nodes}
            return {source: self._nonce(probes.namespace, source, *place) for source, place in sources.items()}
        finally:
            probes.remove()

    def _nonce(self, namespace: str, source: str, pod: str, of_node: bool) -> dict[str, str]:
        resolver = {"resolver": self._expected.cluster["dns"]} if of_node else {}
        name = f"nonce.{NAMESPACE}.svc.{self._expected.cluster['domain']}"
        path = f"/?nonce={source.replace(' ', '-')}"
        places = {"address": self._apps.service_address("nonce"), "name": name}
        asked: list[Mapping[str, Any]] = [
            {"get": f"http://{place}{path}", "seconds": 5.0, **resolver} for place in places.values()
        ]
        answers = ask(self._apps.kubeconfig, namespace, pod, asked)
        return {
            way: str(answer.get("body", answer.get("error", ""))) for way, answer in zip(places, answers, strict=True)
        }

    def _node_ports(self) -> dict[str, list[Any]]:
        port = self._served_at("nonce")
        return {
            name: list(outside(each.address, port, f"/?nonce={name}")) for name, each in self._expected.nodes.items()
        }

    def _served_at(self, name: str) -> int:
        """Return the port of every node at which an app is served, once every node knows it."""
        port = self._apps.node_port(name)

        def look() -> tuple[bool, str]:
            found = {node: outside(each.address, port, "/")[0] for node, each in self._expected.nodes.items()}
            return set(found.values()) == {200}, f"{found}"

        wait_until(f"app {name} at port {port} of every node", look, SERVICE_SECONDS)
        return port

    def _trap(self) -> dict[str, Any]:
        before = self._restarts("fault")
        status = self._apps.through_the_api("fault", "/trap")[0]
        after = list(self._apps.through_the_api("fault", "/"))
        restarts = [before, self._restarts("fault")]
        return {"status": status, "after": after, "log": self._apps.log("fault"), "restarts": restarts}

    def _restarts(self, name: str) -> int:
        return sum(each.restart_count for pod in self._apps.pods(name) for each in pod.status.container_statuses or ())

    @contextmanager
    def _pod(self, image: str, runtime_class: str = RUNTIME_CLASS, node: str = "") -> Iterator[str]:
        name = self._apps.create_pod(image, runtime_class, node)
        try:
            yield name
        finally:
            self._apps.remove_pod(name)

    def _no_class(self) -> str:
        try:
            with self._pod(_NONCE, "no-such-class"):
                return "the pod was admitted"
        except ApiException as refused:
            return f"{refused.status} {refused.body}"

    def _no_sandbox(self, handler: str, node: str) -> str:
        name = f"verify-{handler}"
        self._apps.create_runtime_class(name, handler)
        try:
            with self._pod(_NONCE, name, node) as pod:
                return self._apps.wait_for_event(pod, "FailedCreatePodSandBox")
        finally:
            self._apps.remove_runtime_class(name)

    def _ended(self) -> dict[str, dict[str, Any]]:
        """Return what is wrong with an artifact -> how its container ended."""
        digests = {
            "native": self._registry.push_app("native", NATIVE),
            "lacking": self._registry.push_app("lacking", guest(unknown=True)),
            "bare": self._registry.push("bare", [(WASM, guest())]),
            "unset": self._registry.push_app("unset", guest(), {"password": {"secret": True}}),
        }
        found = {}
        for name, digest in digests.items():
            with self._pod(f"{MIRROR}/{name}@{digest}") as pod:
                found[name] = asdict(self._apps.wait_for_end(pod))
        return found

    def _burn(self) -> dict[str, Any]:
        port = self._served_at("fault")
        with ThreadPoolExecutor(1) as pool:
            burning = pool.submit(outside, self._expected.nodes["node1"].address, port, "/burn", BURN_SECONDS)
            beside = [list(self._apps.through_the_api("nonce", f"/?nonce={number}")) for number in range(BESIDE)]
            during = not burning.done()
            return {"beside": beside, "during": during, "status": burning.result()[0], "log": self._apps.log("fault")}

    def _count(self) -> int | str:
        """Return what the app counts, once its service leads to it: reading does not count."""

        def look() -> tuple[bool, str]:
            status, body = self._apps.through_the_api("visits", "/read")
            return status == 200, f"{status} {body}"

        wait_until("the service of app visits", look, SERVICE_SECONDS)
        status, body = self._apps.through_the_api("visits", "/")
        return int(body) if status == 200 else f"{status} {body}"

    def _end_visits(self) -> None:
        for old in self._apps.pods("visits"):
            self._apps.remove_pod(old.metadata.name)
        self._apps.wait_until_ready("visits")

    def _restarted(self) -> dict[str, Any]:
        before = self._count()
        self._end_visits()
        return {"before": before, "after": self._count()}

    def _moved(self) -> dict[str, Any]:
        before, place = self._count(), self._apps.pods("visits")[0].spec.node_name
        self._apps.core.patch_node(place, {"spec": {"unschedulable": True}})
        try:
            self._end_visits()
        finally:
            self._apps.core.patch_node(place, {"spec": {"unschedulable": False}})
        places = [place, self._apps.pods("visits")[0].spec.node_name]
        return {"before": before, "after": self._count(), "places": places}

    def _without_power(self) -> dict[str, Any]:
        before, place, restarts = self._count(), self._apps.pods("visits")[0].spec.node_name, self._restarts("visits")
        for action in ("power-off", "start"):
            done = self._lab.act(action, place)
            assert done.returncode == 0, f"{action} {place}: {done.stderr}"
        self._apps.wait_until_restarted("visits", restarts)
        return {"before": before, "after": self._count()}


@pytest.fixture(scope="session")
def spin(expected: Expected, lab: LabHandle, require: Callable[[str], None]) -> dict[str, Any]:
    """What was seen of the Spin apps."""
    for capability in ("probe", "power"):
        require(capability)
    kubeconfig = Path(os.environ["KUBECONFIG"])
    published = lab.services["registry"]
    registry = RegistryClient(published["url"], Path("/var/lib/homelab-talos") / kubeconfig.parent.name / "ca.crt")
    return Observer(expected, SpinApps(str(kubeconfig)), registry, lab).observe()
