# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers get their API certificate from a control plane that knows the machine token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from grpclib import GRPCError, Status
from multidict import MultiDict

from ansible_collections.homelab.talos.lab.machined import certificates
from ansible_collections.homelab.talos.lab.machined.dial import NodeChannel, call_unary
from ansible_collections.homelab.talos.lab.machined.service_runner import State
from ansible_collections.homelab.talos.plugins.module_utils.talos import pki, secrets_bundle
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

from .home import Home, apply, bundle, config, control_plane, definition, play, stage, unary, until, worker

WORKER = definition("w1", "198.18.9.21", "worker")


def _wrong_token(config: MachineConfig) -> None:
    config.v1alpha1["machine"]["token"] = "aaaaaa.bbbbbbbbbbbbbbbb"


def _another_name(config: MachineConfig) -> None:
    config.v1alpha1["machine"]["certSANs"] = ["other.example"]


def test_worker_serves_with_a_certificate_of_the_cluster(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        machine = await worker(lab)
        await stage(machine, "running")
        async with lab.client("198.18.9.21") as client:
            assert (await unary(client, "Hostname")).hostname == "w1"

    play(tmp_path, scenario)


def test_worker_answers_on_when_its_certificate_no_longer_fits(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        machine = await worker(lab)
        await stage(machine, "running")
        async with lab.client("198.18.9.21") as client:
            await apply(client, config(WORKER, _another_name))
        apid = machine.node.services["apid"]
        await until(lambda: not machine.configurator.apid.outdated, "new certificate")
        assert apid.state is State.RUNNING
        async with lab.client("198.18.9.21") as client:
            assert (await unary(client, "Hostname")).hostname == "w1"

    play(tmp_path, scenario)


def test_worker_waits_for_a_control_plane(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await lab.add("w1", "198.18.9.21")
        await stage(machine, "maintenance")
        boot = lab.runtimes["w1"].boot_id
        async with lab.client("198.18.9.21", insecure=True) as client:
            await apply(client, config(WORKER))
        await until(lambda: lab.runtimes["w1"].boot_id != boot and machine.node.config, "configured boot")
        apid = machine.node.services["apid"]
        await until(lambda: apid.state is State.PREPARING and "trustd" in apid.events[-1].message, "apid waiting")
        await control_plane(lab)
        await stage(machine, "running")

    play(tmp_path, scenario)


def test_wrong_token_gets_no_certificate(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        machine = await lab.add("w1", "198.18.9.21")
        await stage(machine, "maintenance")
        boot = lab.runtimes["w1"].boot_id
        async with lab.client("198.18.9.21", insecure=True) as client:
            await apply(client, config(WORKER, _wrong_token))
        await until(lambda: lab.runtimes["w1"].boot_id != boot and machine.node.config, "configured boot")
        apid = machine.node.services["apid"]
        text = "code = UNAUTHENTICATED desc = invalid token"
        await until(lambda: any(text in event.message for event in apid.events), "refusal shown")
        assert not apid.up

    play(tmp_path, scenario)


@pytest.mark.parametrize(("token", "text"), [({}, "missing token"), ({"token": "x.y"}, "invalid token")])
def test_refusals_of_the_server(tmp_path: Path, token: dict[str, str], text: str) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        with pytest.raises(GRPCError) as refusal:
            await _ask(lab, MultiDict(token))
        assert (refusal.value.status, refusal.value.message) == (Status.UNAUTHENTICATED, text)

    play(tmp_path, scenario)


def test_requested_organizations_are_not_granted(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        reply = await _ask(lab, MultiDict(token=bundle()["trustdinfo"]["token"]))
        assert pki.certificate_roles(reply.crt) == []

    play(tmp_path, scenario)


async def _ask(lab: Home, metadata: MultiDict[str]) -> Any:
    ca = secrets_bundle.authority(bundle(), "os").crt
    channel = NodeChannel(lab.runtimes["cp1"], "198.18.9.11", 50001, certificates.client_context(ca))
    csr, _key = pki.create_csr("ed25519", "w1", organizations=["os:admin"], sans=["198.18.9.21"])
    request = message("securityapi.CertificateRequest")(csr=csr)
    try:
        return await call_unary(channel, "securityapi.SecurityService/Certificate", request, metadata)
    finally:
        channel.close()
