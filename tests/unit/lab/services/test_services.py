# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of a lab: what is refused, what they get, in which order they start, and what is said when one does not."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.description import LabDescription
from ansible_collections.homelab.talos.lab.engine.ensure import Engine
from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.host.record import LabRecord
from ansible_collections.homelab.talos.lab.machined.interfaces import Command, Runtime
from ansible_collections.homelab.talos.lab.services import lab_services, service_node
from ansible_collections.homelab.talos.lab.services.authority import ensure_authority, write_certificate
from ansible_collections.homelab.talos.lab.services.description import ServiceDescription
from ansible_collections.homelab.talos.lab.services.kind import Place
from ansible_collections.homelab.talos.lab.services.service_node import ServiceNode
from ansible_collections.homelab.talos.plugins.module_utils.talos import pki

SERVICE = {"name": "hs", "kind": "headscale", "address": "198.18.9.5"}


def content(*services: Any, **values: Any) -> dict[str, Any]:
    nodes = [{"name": "cp1", "address": "198.18.9.11"}]
    lab = {"name": "unit", "subnet": "198.18.9.0/24", "talos_version": "v1.13.9", "nodes": nodes}
    return {**lab, "services": list(services), **values}


def test_services_are_read_back_from_what_is_written(tmp_path: Path) -> None:
    description = LabDescription.from_mapping(content({**SERVICE, "options": {"user": "me"}}))
    (tmp_path / "lab.json").write_text(description.to_json(), encoding="utf-8")
    assert LabDescription.from_file(tmp_path / "lab.json") == description
    assert description.address_of == {"cp1": "198.18.9.11", "hs": "198.18.9.5"}
    assert description.programs == {"headscale", "containerboot", "tailscaled", "tailscale"}
    assert description.has_tailnet


def test_a_lab_without_services_needs_no_optional_program() -> None:
    description = LabDescription.from_mapping(content())
    assert description.programs == set()
    assert not description.has_tailnet
    assert "services" not in description.to_json()


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("hs", "service 'hs' is not described"),
        ({"name": "hs", "kind": "headscale"}, "service hs: key 'address' is missing"),
        ({**SERVICE, "port": 1}, "service hs: key 'port' is not known"),
        ({**SERVICE, "options": ["x"]}, "service hs: options"),
        ({**SERVICE, "kind": "mail"}, "service hs: kind 'mail' is not known; known kinds are "),
        ({**SERVICE, "name": "cp1"}, "service name 'cp1' is taken"),
        ({**SERVICE, "name": "router"}, "service name 'router' is taken"),
        ({**SERVICE, "name": "../x"}, "service name '../x' cannot be used"),
        ({**SERVICE, "address": "here"}, "service hs: address 'here' is none"),
        ({**SERVICE, "address": "198.18.8.5"}, "neither in 198.18.9.0/24 nor in 198.19.254.0/24"),
        ({**SERVICE, "address": "198.18.9.11"}, "address 198.18.9.11 belongs to node cp1"),
        ({**SERVICE, "address": "198.18.9.2"}, "address 198.18.9.2 belongs to the host"),
        ({**SERVICE, "address": "198.19.254.1"}, "address 198.19.254.1 belongs to the router"),
        ({**SERVICE, "options": {"colour": "red"}}, "service hs: option 'colour' is not known"),
        ({**SERVICE, "options": {"prefix": "10.0.0.0/8"}}, "prefix 10.0.0.0/8 is not in 100.64.0.0/10"),
        ({**SERVICE, "options": {"prefix": "100.96.0.1/16"}}, "has host bits set"),
        ({**SERVICE, "kind": "tailnet-client"}, "service hs: nobody coordinates its tailnet"),
        ({**SERVICE, "kind": "tailnet-client", "options": {"x": 1}}, "service hs: option 'x' is not known"),
    ],
)
def test_a_wrong_service_is_refused_with_its_cause(service: Any, expected: str) -> None:
    with pytest.raises(LabError) as caught:
        LabDescription.from_mapping(content(service))
    assert expected in str(caught.value)
    assert caught.value.remedy


def test_two_services_of_one_name_are_refused() -> None:
    with pytest.raises(LabError, match="service name 'hs' is taken"):
        LabDescription.from_mapping(content(SERVICE, {**SERVICE, "address": "198.18.9.6"}))


def test_a_lab_at_the_place_of_the_outside_is_refused() -> None:
    nodes = [{"name": "cp1", "address": "198.19.254.11"}]
    outside = {**SERVICE, "address": "198.19.254.5"}
    with pytest.raises(LabError, match=r"subnet 198.19.254.0/24 overlaps 198.19.254.0/24, the network outside"):
        LabDescription.from_mapping(content(outside, subnet="198.19.254.0/24", nodes=nodes))


def test_the_authority_is_made_once_and_its_keys_are_secret(tmp_path: Path) -> None:
    first = ensure_authority(tmp_path)
    assert ensure_authority(tmp_path) == first
    write_certificate(first, tmp_path / "hs", "hs", "198.18.9.5")
    certificate = (tmp_path / "hs/tls.crt").read_bytes()
    assert pki.is_issued_by(certificate, first.crt)
    for key in (tmp_path / "ca.key", tmp_path / "hs/tls.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


class FakeProcess:
    def __init__(self) -> None:
        self.returncode: int | None = None


class FakeRuntime:
    """A machine whose one process runs until the test ends it."""

    def __init__(self) -> None:
        self.process = FakeProcess()
        self.on = False

    async def power_on(self) -> None:
        self.on = True

    async def power_off(self) -> None:
        self.on = False

    async def spawn(self, _id: str, _argv: Sequence[str], _env: Mapping[str, str] | None = None) -> FakeProcess:
        return self.process


class FakeKind:
    """A kind of service that is ready after as many looks as it is told."""

    programs: Sequence[str] = ()

    def __init__(self, looks: int = 0, after: Sequence[str] = (), order: list[str] | None = None) -> None:
        self.looks = looks
        self.after = after
        self.order = [] if order is None else order

    def check(self, service: ServiceDescription, services: Sequence[ServiceDescription]) -> None:
        pass

    def prepare(self, place: Place) -> Command:
        place.write("/etc/fake.conf", "x")
        self.order.append(f"start {place.description.name}")
        return Command(("/opt/engine/fake",))

    async def missing(self, place: Place, _runtime: Runtime) -> str:
        self.looks -= 1
        if self.looks >= 0:
            return f"{self.looks} more looks"
        self.order.append(f"ready {place.description.name}")
        return ""

    def published(self, place: Place) -> Mapping[str, str]:
        return {"url": f"https://{place.address}"}


def node(tmp_path: Path, kind: FakeKind, runtime: FakeRuntime, limit: float = 5) -> ServiceNode:
    description = ServiceDescription("hs", "fake", "198.18.9.5")
    authority = ensure_authority(tmp_path)
    return ServiceNode(Place(description, tmp_path / "hs", (description,)), kind, runtime, authority, limit)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_node, "_PERIOD_SECONDS", 0)


def test_a_service_is_awaited_and_says_what_it_is(tmp_path: Path) -> None:
    runtime = FakeRuntime()
    service = node(tmp_path, FakeKind(looks=3), runtime)
    assert service.status()["state"] == "off"
    asyncio.run(service.power_on())
    assert service.status() == {
        "name": "hs",
        "kind": "fake",
        "address": "198.18.9.5",
        "state": "ready",
        "url": "https://198.18.9.5",
    }
    trusted = (tmp_path / "hs/etc/ssl/certs/ca-certificates.crt").read_text()
    assert (tmp_path / "ca.crt").read_text().strip() in trusted
    runtime.process.returncode = 3
    assert service.status()["state"] == "ended with status 3"
    asyncio.run(service.power_off())
    assert (service.status()["state"], runtime.on) == ("off", False)


def test_a_program_that_ends_is_named_with_its_last_words(tmp_path: Path) -> None:
    runtime = FakeRuntime()
    runtime.process.returncode = 1
    service = node(tmp_path, FakeKind(looks=99), runtime)
    service.log_file.parent.mkdir(parents=True)
    service.log_file.write_text("first\naddress already in use\n")
    with pytest.raises(LabError, match="service hs: its program ended with status 1: address already in use; see"):
        asyncio.run(service.power_on())
    assert not runtime.on


def test_a_service_that_does_not_become_ready_says_what_is_missing(tmp_path: Path) -> None:
    service = node(tmp_path, FakeKind(looks=10**9), FakeRuntime(), limit=0.01)
    with pytest.raises(LabError, match=r"service hs: not ready after 0.01 s: \d+ more looks; see"):
        asyncio.run(service.power_on())


def test_a_service_starts_when_those_it_builds_on_are_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    kinds = {"server": FakeKind(5, order=order), "client": FakeKind(after=("server",), order=order)}
    monkeypatch.setattr(lab_services, "KINDS", kinds)
    monkeypatch.setattr(lab_services, "NodeRuntime", lambda *_, **__: FakeRuntime())
    monkeypatch.setattr(LabRecord, "state_directory", tmp_path)
    described = (ServiceDescription("a", "client", "198.18.9.6"), ServiceDescription("b", "server", "198.18.9.5"))
    engine = Engine(tmp_path, tmp_path, tmp_path, "unit", {})
    services = lab_services.LabServices(described, LabRecord("unit", "198.18.9.0/24", "hlt0"), engine)
    asyncio.run(services.power_on())
    assert order == ["start b", "ready b", "start a", "ready a"]
    assert [each["state"] for each in services.status()] == ["ready", "ready"]
    assert services.find("c") is None


def test_no_service_makes_no_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LabRecord, "state_directory", tmp_path)
    engine: Any = SimpleNamespace()
    services = lab_services.LabServices((), LabRecord("unit", "198.18.9.0/24", "hlt0"), engine)
    assert services.status() == []
    assert not list(tmp_path.iterdir())
