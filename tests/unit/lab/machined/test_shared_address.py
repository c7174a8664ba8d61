# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shared address of the control planes: taken after an election, given up with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.lab.machined import network_plan
from ansible_collections.homelab.talos.lab.machined.network_plan import SharedAddress
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

from .fakes import FakeCampaign
from .home import Home, config, control_plane, definition, play, unary, until

ADDRESS, VIP = "198.18.9.11", "198.18.9.10"
DOCUMENT = {"apiVersion": "v1alpha1", "kind": "Layer2VIPConfig", "name": VIP, "link": "eth0"}
TAKE = ["ip", "address", "replace", f"{VIP}/32", "dev", "eth0"]
GIVE_UP = ["ip", "address", "del", f"{VIP}/32", "dev", "eth0"]


def with_document(config: MachineConfig) -> None:
    config.documents.append(dict(DOCUMENT))


def plane() -> bytes:
    return config(definition("cp1", ADDRESS, "controlplane"), with_document)


async def candidate(lab: Home) -> FakeCampaign:
    """Return the candidacy of a running control plane; commands of its machine succeed."""
    runtime = None

    async def succeed(argv: Any, timeout: float = 10.0, input: bytes | None = None) -> tuple[int, bytes, bytes]:
        assert runtime is not None
        runtime.commands.append(list(argv))
        return (0, b"", b"") if list(argv)[:2] == ["ip", "address"] else (1, b"", b"")

    machine = await control_plane(lab, plane())
    runtime = lab.runtimes["cp1"]
    runtime.run = succeed  # type: ignore[method-assign]
    access = lab.programs["cp1"].etcd_access
    await until(lambda: access.campaigns, "a candidacy")
    assert machine.stage == "running"
    return access.campaigns[-1]


def test_both_forms_of_the_configuration_name_shared_addresses() -> None:
    def legacy(config: MachineConfig) -> None:
        devices = [{"interface": "eth1", "vip": {"ip": VIP}, "vlans": [{"vlanId": 7, "vip": {"ip": "198.18.9.9"}}]}]
        config.v1alpha1["machine"]["network"] = {"interfaces": devices}

    text = config(definition("cp1", ADDRESS, "controlplane"), legacy).decode()
    found = network_plan.shared_addresses(MachineConfig.from_text(text), "eth0")
    assert found == [SharedAddress("eth1", VIP), SharedAddress("eth1.7", "198.18.9.9")]
    parsed = MachineConfig.from_text(plane().decode())
    assert network_plan.shared_addresses(parsed, "eth0") == [SharedAddress("eth0", VIP)]


def test_the_winner_takes_the_address_and_tells_the_network(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        campaign = await candidate(lab)
        runtime = lab.runtimes["cp1"]
        assert (campaign.election, campaign.name) == (f"talos:v1:vip:election:{VIP}", "cp1")
        assert TAKE not in runtime.commands
        campaign.victory.set()
        await until(lambda: runtime.announced == [("eth0", VIP)], "the announcement")
        assert TAKE in runtime.commands
        operators = lab.machines["cp1"].node.store.list("network", "OperatorSpecs.net.talos.dev")
        assert [(each.id, each.spec["vip"]["ip"]) for each in operators] == [(f"vip/eth0/{VIP}", VIP)]

    play(tmp_path, scenario)


def test_a_lost_session_gives_the_address_up_and_enters_a_new_election(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        campaign = await candidate(lab)
        campaign.victory.set()
        await until(lambda: lab.runtimes["cp1"].announced, "the announcement")
        campaign.end.set()
        await until(lambda: GIVE_UP in lab.runtimes["cp1"].commands, "the end of the address")
        await until(lambda: len(lab.programs["cp1"].etcd_access.campaigns) == 2, "a new candidacy")
        assert campaign.resigned

    play(tmp_path, scenario)


def test_who_stops_its_kubelet_resigns_and_gives_the_address_up(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        campaign = await candidate(lab)
        campaign.victory.set()
        await until(lambda: lab.runtimes["cp1"].announced, "the announcement")
        async with lab.client(ADDRESS) as client:
            await unary(client, "Reboot")
        await until(lambda: campaign.resigned, "the resignation")
        assert GIVE_UP in lab.runtimes["cp1"].commands

    play(tmp_path, scenario)


def statuses(lab: Home) -> list[str]:
    """Return the names of the static pods that the machine knows."""
    return [each.id for each in lab.machines["cp1"].node.store.list("k8s", "StaticPodStatuses.kubernetes.talos.dev")]


async def holder(lab: Home) -> FakeCampaign:
    """Return the candidacy of a control plane that won and whose API server runs."""
    campaign = await candidate(lab)
    campaign.victory.set()
    await until(lambda: lab.runtimes["cp1"].announced, "the announcement")
    await until(lambda: statuses(lab) == ["kube-system/kube-apiserver-cp1"], "the pod of the API server")
    return campaign


def test_who_loses_its_api_server_gives_the_address_up_and_enters_a_new_election(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        campaign = await holder(lab)
        lab.programs["cp1"].control_plane.prepared = 0
        await until(lambda: campaign.resigned, "the resignation")
        assert GIVE_UP in lab.runtimes["cp1"].commands
        # A candidate needs none: a cluster that begins has none.
        await until(lambda: len(lab.programs["cp1"].etcd_access.campaigns) == 2, "a new candidacy")
        lab.programs["cp1"].etcd_access.campaigns[1].victory.set()
        await until(lambda: len(lab.runtimes["cp1"].announced) == 2, "the second announcement")

    play(tmp_path, scenario)


def test_who_loses_its_kubelet_gives_the_address_up(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        campaign = await holder(lab)
        lab.runtimes["cp1"].running("kubelet")[0].end(-9)
        await until(lambda: campaign.resigned, "the resignation")
        assert GIVE_UP in lab.runtimes["cp1"].commands

    play(tmp_path, scenario)


def test_a_kubelet_that_does_not_answer_changes_nothing(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        campaign = await holder(lab)
        kubernetes = lab.programs["cp1"].kubernetes
        kubernetes.kubelet_mute = True
        asked = kubernetes.asked_for_pods
        await until(lambda: kubernetes.asked_for_pods > asked + 2, "questions that are not answered")
        assert statuses(lab) == ["kube-system/kube-apiserver-cp1"]
        assert not campaign.resigned

    play(tmp_path, scenario)


def test_a_machine_that_loses_power_does_nothing_any_more(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        campaign = await candidate(lab)
        campaign.victory.set()
        await until(lambda: lab.runtimes["cp1"].announced, "the announcement")
        await lab.machines["cp1"].power_off()
        assert not campaign.resigned
        assert GIVE_UP not in lab.runtimes["cp1"].commands

    play(tmp_path, scenario)
