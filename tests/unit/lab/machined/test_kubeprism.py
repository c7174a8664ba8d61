# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""KubePrism of an emulated node: endpoints as Talos computes them, connections passed to an API server that answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.lab.machined import kubeprism_plan
from ansible_collections.homelab.talos.lab.machined.discovery import Affiliate
from ansible_collections.homelab.talos.lab.machined.kubeprism_plan import Endpoint
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

from .home import LIMIT_SECONDS, Home, apply, bundle, config, control_plane, definition, play, stage, until, worker

ADDRESS = "198.18.9.11"
STATUS = ("k8s", "KubePrismStatuses.kubernetes.talos.dev", "k8s-loadbalancer")
ENDPOINTS = ("k8s", "KubePrismEndpoints.kubernetes.talos.dev", "k8s-cluster")
CONFIG = ("k8s", "KubePrismConfigs.kubernetes.talos.dev", "k8s-loadbalancer-config")


def parsed(machine_type: str, change: Callable[[MachineConfig], None] = lambda config: None) -> MachineConfig:
    assert bundle()
    return MachineConfig.from_text(config(definition("n1", ADDRESS, machine_type), change).decode())


def without_kubeprism(config: MachineConfig) -> None:
    config.v1alpha1["machine"]["features"]["kubePrism"] = {"enabled": False}


def affiliate(name: str, port: int, *addresses: str) -> Affiliate:
    return Affiliate(name, name, name, addresses, "controlplane" if port else "worker", "Talos", port)


def test_endpoints_are_that_of_the_cluster_the_local_one_and_those_of_the_control_planes() -> None:
    members = [affiliate("cp1", 6443, ADDRESS, "198.18.9.10"), affiliate("w1", 0, "198.18.9.21")]
    of_members = [Endpoint(ADDRESS, 6443), Endpoint("198.18.9.10", 6443)]
    assert kubeprism_plan.endpoints(parsed("worker"), members) == [Endpoint(ADDRESS, 6443), *of_members]
    assert kubeprism_plan.endpoints(parsed("controlplane"), members)[1] == Endpoint("localhost", 6443)


@pytest.mark.parametrize("machine_type", ["controlplane", "worker"])
def test_programs_use_kubeprism(machine_type: str) -> None:
    assert kubeprism_plan.server(parsed(machine_type)) == "https://127.0.0.1:7445"


def test_without_kubeprism_programs_use_what_talos_gives_them() -> None:
    assert kubeprism_plan.server(parsed("controlplane", without_kubeprism)) == "https://localhost:6443"
    assert kubeprism_plan.server(parsed("worker", without_kubeprism)) == "https://198.18.9.11:6443"


def test_the_document_of_talos_1_14_names_the_port() -> None:
    def with_document(config: MachineConfig) -> None:
        without_kubeprism(config)
        config.documents.append({"apiVersion": "v1alpha1", "kind": "KubePrismConfig", "port": 7555})

    assert kubeprism_plan.port(parsed("worker", with_document)) == 7555


async def echo_server(lab: Home, address: str) -> asyncio.Server:
    """An API server that says its own address and then repeats what it hears."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(address.encode() + b" ")
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    lab.wire.ports[address, 6443] = server.sockets[0].getsockname()[1]
    return server


def ask(lab: Home, address: str) -> bytes:
    """Send a request of 200 kB through the KubePrism of the node at *address* and return the whole answer."""
    with closing(lab.wire.connect(address, 7445)) as connection:
        connection.settimeout(LIMIT_SECONDS)
        connection.sendall(b"x" * 200_000)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while data := connection.recv(65536):
            answer += data
        return answer


def test_a_worker_reaches_an_api_server_that_answers_and_leaves_out_one_that_does_not(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        machine = await worker(lab)
        await stage(machine, "running")
        node = machine.node
        assert node.store.spec(*CONFIG)["port"] == 7445
        await until(lambda: node.store.spec(*STATUS) == {"host": "127.0.0.1:7445", "healthy": False}, "unhealthy")
        async with await echo_server(lab, ADDRESS):
            await until(lambda: node.store.spec(*STATUS)["healthy"], "a healthy KubePrism")
            assert await asyncio.to_thread(ask, lab, "198.18.9.21") == ADDRESS.encode() + b" " + b"x" * 200_000
        await until(lambda: not node.store.spec(*STATUS)["healthy"], "an unhealthy KubePrism")
        assert await asyncio.to_thread(refused, lab, "198.18.9.21")

    play(tmp_path, scenario)


def refused(lab: Home, address: str) -> bool:
    """Whether KubePrism closes a connection without an answer."""
    with closing(lab.wire.connect(address, 7445)) as connection:
        connection.settimeout(LIMIT_SECONDS)
        return connection.recv(100) == b""


def test_it_follows_the_configuration_and_the_members(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        node = machine.node
        await until(lambda: node.store.spec(*STATUS), "KubePrism")
        hosts = [each["host"] for each in node.store.spec(*ENDPOINTS)["endpoints"]]
        assert hosts == [ADDRESS, "localhost", ADDRESS]
        async with lab.client(ADDRESS) as client:
            await apply(client, config(definition("cp1", ADDRESS, "controlplane"), without_kubeprism))
            await until(lambda: node.store.spec(*STATUS) is None, "the end of KubePrism")
            await apply(client, config(definition("cp1", ADDRESS, "controlplane")))
            await until(lambda: node.store.spec(*STATUS), "KubePrism again")

    play(tmp_path, scenario)


def test_a_machine_without_power_answers_nobody(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        await until(lambda: machine.node.store.spec(*STATUS), "KubePrism")
        await machine.power_off()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.to_thread(ask, lab, ADDRESS)

    play(tmp_path, scenario)
