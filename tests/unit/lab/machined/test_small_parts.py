# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clock, store, definitions, encodings, texts: parts that need no machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from ansible_collections.homelab.talos.lab.machined import network_plan, proc_text
from ansible_collections.homelab.talos.lab.machined.clock import LabClock
from ansible_collections.homelab.talos.lab.machined.definitions import DEFINITIONS, served
from ansible_collections.homelab.talos.lab.machined.description import DescriptionError, NodeDescription
from ansible_collections.homelab.talos.lab.machined.discovery import TTL_SECONDS, Affiliate, Discovery
from ansible_collections.homelab.talos.lab.machined.event_log import xid
from ansible_collections.homelab.talos.lab.machined.go_duration import go_duration
from ansible_collections.homelab.talos.lab.machined.immediate import NeedsReboot, check_immediate
from ansible_collections.homelab.talos.lab.machined.journal import Log
from ansible_collections.homelab.talos.lab.machined.label_query import matches
from ansible_collections.homelab.talos.lab.machined.notice import NoticeBoard
from ansible_collections.homelab.talos.lab.machined.resources.runtime import pretty
from ansible_collections.homelab.talos.lab.machined.service_runner import HealthCheck, ServiceDefinition, ServiceRunner
from ansible_collections.homelab.talos.lab.machined.spec_encoding import proto_spec
from ansible_collections.homelab.talos.lab.machined.store import Store
from ansible_collections.homelab.talos.lab.machined.validation import several
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, message
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig


async def _turn() -> None:
    # sleep: gives the other coroutines their turn
    await asyncio.sleep(0.01)


def test_clock_that_is_advanced_wakes_sleepers() -> None:
    async def main() -> float:
        clock = LabClock()
        # sleep: of lab time, this is what is tested
        sleeper = asyncio.create_task(clock.sleep(3600))
        await _turn()
        started = time.monotonic()
        clock.advance(3000)
        await _turn()
        assert not sleeper.done()
        clock.advance(601)
        await sleeper
        assert clock.monotonic() >= 3601
        return time.monotonic() - started

    assert asyncio.run(main()) < 60


@pytest.mark.parametrize("turns", range(8))
def test_a_sleeper_that_is_cancelled_ends_although_the_clock_was_just_moved(turns: int) -> None:
    async def main() -> None:
        clock = LabClock()
        # sleep: of lab time, this is what is tested
        sleeper = asyncio.create_task(clock.sleep(3600))
        await _turn()
        clock.advance(1)
        for _number in range(turns):
            # sleep: one turn of the loop
            await asyncio.sleep(0)
        sleeper.cancel()
        _done, pending = await asyncio.wait({sleeper}, timeout=20)
        assert not pending
        assert sleeper.cancelled()

    asyncio.run(main())


@pytest.mark.parametrize("turns", range(8))
def test_a_service_ends_although_its_health_check_just_answered(turns: int) -> None:
    async def main() -> None:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asked = asyncio.Event()

        async def check() -> None:
            asked.set()
            await answer

        class Idle:
            async def prepare(self) -> None:
                return

            async def run(self, started: Callable[[str], None]) -> None:
                started("runs")
                await asyncio.Event().wait()

        health = HealthCheck(check, initial=0, period=3600)
        definition = ServiceDefinition("x", Idle(), health=health)
        runner = ServiceRunner(definition, LabClock(), NoticeBoard(), lambda _runner: None)
        runner.start()
        await asked.wait()
        answer.set_result(None)
        for _number in range(turns):
            # sleep: one turn of the loop
            await asyncio.sleep(0)
        await runner.stop()
        watching = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        pending = (await asyncio.wait(watching, timeout=5))[1] if watching else set()
        assert not pending

    asyncio.run(main())


def test_clock_speed_must_be_positive() -> None:
    with pytest.raises(ValueError, match="not positive"):
        LabClock(0)


def test_store_counts_versions_of_changes_only() -> None:
    async def main() -> None:
        store = Store(LabClock())
        with store.subscribe("ns", "Type") as changes, store.subscribe("ns", "Type", "other") as others:
            assert store.put("ns", "Type", "a", {"x": 1}).version == 1
            assert store.put("ns", "Type", "a", {"x": 1}).version == 1
            assert store.put("ns", "Type", "a", {"x": 2}).version == 2
            store.replace_all("ns", "Type", {"b": {}})
            store.put("ns", "Elsewhere", "a", {})
            found = [await changes.next() for _change in range(4)]
            assert [change and (change.kind, change.resource.id) for change in found] == [
                *(("CREATED", "a"), ("UPDATED", "a"), ("DESTROYED", "a"), ("CREATED", "b"))
            ]
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(others.next(), 0.01)
        assert [each.id for each in store.list("ns", "Type")] == ["b"]
        assert store.get("ns", "Type", "a") is None

    asyncio.run(main())


def test_watcher_that_is_too_slow_is_cut_off() -> None:
    async def main() -> None:
        store = Store(LabClock())
        with store.subscribe("ns", "Type") as changes:
            for number in range(2000):
                store.put("ns", "Type", "a", number)
            while (change := await changes.next()) is not None:
                assert change.kind in ("CREATED", "UPDATED")

    asyncio.run(main())


def test_aliases_follow_the_rules() -> None:
    known = {each.type: each for each in DEFINITIONS}
    peers = known["KubeSpanPeerStatuses.kubespan.talos.dev"]
    assert peers.all_aliases == (
        *("kubespanpeerstatuses", "kubespanpeerstatuses.kubespan", "kubespanpeerstatuses.kubespan.talos"),
        *("kubespanpeerstatus", "ksps"),
    )
    assert known["MachineConfigs.config.talos.dev"].aliases == ("machineconfig", "mc", "mcs")
    assert known["Services.v1alpha1.talos.dev"].aliases == ("svc", "service")


def test_types_of_a_version() -> None:
    assert "BootIDs.runtime.talos.dev" in served("v1.14.1")
    assert "BootIDs.runtime.talos.dev" not in served("v1.13.9")


def test_typed_forms() -> None:
    status = {"stage": "booting", "status": {"ready": False, "unmetConditions": [{"name": "a", "reason": "b"}]}}
    assert proto_spec("MachineStatuses.runtime.talos.dev", status).hex() == "0801" + "1208" + "1206" + "0a0161120162"
    addresses = {"addresses": ["10.5.0.2/24"], "sortAlgorithm": "v1"}
    assert proto_spec("NodeAddresses.net.talos.dev", addresses).hex() == "0a080a040a0500021018"
    member = message("cosi.resource.meta.NamespaceSpec").FromString(
        proto_spec("Namespaces.meta.cosi.dev", {"description": "text"})
    )
    assert member.description == "text"
    volume = {"phase": "ready", "type": "disk", "location": "/a", "filesystem": "xfs", "size": 300}
    assert (
        proto_spec("VolumeStatuses.block.talos.dev", volume).hex() == "0806" + "12022f61" + "48ac02" + "5001" + "800101"
    )
    pod = proto_spec("StaticPodStatuses.kubernetes.talos.dev", {"phase": "Running"})
    assert pod == b"\x0a\x14\x0a\x12\x0a\x05phase\x12\x09\x1a\x07Running"
    manifests = {"clusterDomain": "a", "podCIDRs": ["b", "c"], "coreDNSEnabled": True, "cniName": "none"}
    found = proto_spec("BootstrapManifestsConfigs.kubernetes.talos.dev", manifests)
    assert found.hex() == "120161" + "1a0162" + "1a0163" + "3801" + "aa01046e6f6e65"
    assert proto_spec("KernelCmdlines.runtime.talos.dev", {"cmdline": "x"}) == b""


def test_ids_of_events_are_sorted_by_time() -> None:
    ids = [xid(seconds, b"cp1", 1, counter) for seconds, counter in ((1, 1), (1, 2), (2, 0), (70000, 0))]
    assert ids == sorted(ids)
    assert {len(id) for id in ids} == {20}
    # rs/xid: 4d88e15b 60f486 e428 412dc9 -> 9m4e2mr0ui3e8a215n4g
    assert xid(0x4D88E15B, bytes.fromhex("60f486"), 0xE428, 0x412DC9) == "9m4e2mr0ui3e8a215n4g"


def test_log_is_followed() -> None:
    async def main() -> list[str]:
        log, end = Log(3), asyncio.Event()
        for line in "abcd":
            log.write(line)
        found = []

        async def read() -> None:
            async for line in log.follow(2, end):
                found.append(line)

        reader = asyncio.create_task(read())
        await _turn()
        log.write("e")
        await _turn()
        end.set()
        await asyncio.wait_for(reader, 60)
        assert log.tail() == ["c", "d", "e"]
        assert log.tail(0) == []
        return found

    assert asyncio.run(main()) == ["c", "d", "e"]


def test_notice_board() -> None:
    async def main() -> None:
        board, state = NoticeBoard(), {"ready": False}
        waiting = asyncio.create_task(board.until(lambda: state["ready"]))
        board.post()
        await _turn()
        assert not waiting.done()
        state["ready"] = True
        board.post()
        await asyncio.wait_for(waiting, 60)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("op", "values", "invert", "expected"),
    [
        ("EXISTS", [], False, True),
        ("NOT_EXISTS", [], False, False),
        ("EQUAL", ["5"], False, True),
        ("EQUAL", ["6"], True, True),
        ("IN", ["4", "5"], False, True),
        ("LT", ["40"], False, False),
        ("LT_NUMERIC", ["40"], False, True),
        ("LTE_NUMERIC", ["x"], False, False),
    ],
)
def test_label_queries(op: str, values: list[str], invert: bool, expected: bool) -> None:
    operation = enum("cosi.resource.LabelTerm.Operation").Value(op)
    term = message("cosi.resource.LabelTerm")(key="k", op=operation, value=values, invert=invert)
    assert matches([term], {"k": "5"}) is expected


def test_discovery_forgets_after_its_time_to_live() -> None:
    clock = LabClock()
    discovery, told = Discovery(clock), []
    discovery.listen(lambda: told.append(1))
    affiliate = Affiliate("id", "cp1", "cp1", ("10.0.0.1",), "controlplane", "Talos (v1.13.9)")
    discovery.announce(("cluster", "secret"), affiliate)
    discovery.announce(("cluster", "secret"), affiliate)
    assert len(told) == 1
    assert discovery.affiliates(("cluster", "secret")) == [affiliate]
    assert discovery.affiliates(("cluster", "other secret")) == []
    clock.advance(TTL_SECONDS + 1)
    assert discovery.affiliates(("cluster", "secret")) == []


def test_description_of_a_node() -> None:
    node = NodeDescription.from_mapping(
        {"name": "gw1", "address": "10.0.0.1", "extensions": ["tailscale", "drbd", {"name": "x", "version": "1"}, "y"]},
        "v1.13.9",
    )
    assert [each.image for each in node.extensions] == [
        "ghcr.io/siderolabs/tailscale:1.102.2",
        "ghcr.io/siderolabs/drbd:9.3.2-v1.13.9",
        "ghcr.io/siderolabs/x:1",
        "ghcr.io/siderolabs/y:lab",
    ]
    assert [disk.path for disk in node.disks] == ["/dev/vda"]


@pytest.mark.parametrize(
    ("mapping", "text"),
    [
        ({"address": "10.0.0.1"}, "has no name"),
        ({"name": "n1"}, "n1: no address"),
        ({"name": "n1", "address": "10.0.0.1", "disks": [{"colour": "red"}]}, "n1: a disk is not described correctly"),
        ({"name": "n1", "address": "10.0.0.1", "extensions": [5]}, "n1: extension 5 is neither"),
    ],
)
def test_wrong_descriptions(mapping: dict[str, object], text: str) -> None:
    with pytest.raises(DescriptionError, match=text):
        NodeDescription.from_mapping(mapping, "v1.13.9")


def test_network_of_both_forms() -> None:
    legacy = MachineConfig.from_text(
        "machine: {network: {hostname: a.home, nameservers: [9.9.9.9], searchDomains: [home], interfaces: ["
        "{interface: eth0, addresses: [10.0.0.2/24], routes: [{network: 0.0.0.0/0, gateway: 10.0.0.1}]}]}}"
    )
    documents = MachineConfig.from_text(
        "machine: {}\n---\napiVersion: v1alpha1\nkind: LinkConfig\nname: eth0\naddresses: [{address: 10.0.0.2/24}]\n"
        "routes: [{gateway: 10.0.0.1}]\n---\napiVersion: v1alpha1\nkind: HostnameConfig\nhostname: a.home\n"
        "---\napiVersion: v1alpha1\nkind: ResolverConfig\nnameservers: [{address: 9.9.9.9}]\n"
        "searchDomains: {domains: [home]}\n"
    )
    wanted = network_plan.LinkPlan("eth0", ("10.0.0.2/24",), (network_plan.Route("", "10.0.0.1"),))
    for config in (legacy, documents):
        assert network_plan.links(config, "eth0") == [wanted]
        assert network_plan.hostname(config, "stable", "fallback") == ("a", "home")
        assert network_plan.nameservers(config) == ["9.9.9.9"]
        assert network_plan.search_domains(config) == ["home"]
    empty = MachineConfig.from_text("machine: {}")
    assert network_plan.hostname(empty, "stable", "fallback") == ("fallback", "")
    assert network_plan.nameservers(empty) == ["1.1.1.1", "8.8.8.8"]
    auto = MachineConfig.from_text("machine: {}\n---\napiVersion: v1alpha1\nkind: HostnameConfig\nauto: stable\n")
    assert network_plan.hostname(auto, "stable", "fallback") == ("stable", "")


def test_immediate_changes() -> None:
    old = MachineConfig.from_text("machine: {type: worker, sysctls: {a: '1'}, features: {kubePrism: {}}}\ncluster: {}")
    new = MachineConfig.from_text("machine: {type: worker, network: {}}\ncluster: {id: x}\ndebug: true")
    check_immediate(old, new)
    for text in ("machine: {type: worker, udev: {}}", "machine: {type: worker, features: {rbac: true}}"):
        with pytest.raises(NeedsReboot, match="can't be applied in immediate mode\ndiff: "):
            check_immediate(old, MachineConfig.from_text(text))


def test_texts() -> None:
    assert [go_duration(seconds) for seconds in (1, 60, 90.5, 3600)] == ["1s", "1m0s", "1m30.5s", "1h0m0s"]
    assert [go_duration(seconds) for seconds in (0, 8e-5, 0.01225, 0.9999999)] == ["0s", "80µs", "12.25ms", "1s"]
    assert [pretty(size) for size in (512, 5000, 21474836480, 104857600)] == ["512 B", "5.0 kB", "21 GB", "105 MB"]
    assert several(["a"]) == "1 error occurred:\n\t* a\n\n"
    assert several(["a", "b"]) == "2 errors occurred:\n\t* a\n\t* b\n\n"


def test_proc_texts() -> None:
    assert proc_text.meminfo("MemTotal: 16 kB\nActive(anon): 3 kB\nHugePages_Total: 0\n") == {
        "memtotal": 16,
        "activeanon": 3,
        "hugepagestotal": 0,
    }
    tables = (
        "  1 0 S 1 12 1000 20\n 7 1 R 1 0 1 1\n",
        "  1 my pause\n",
        "  1 /opt/engine/pause\n",
        "  1 pause --x y\n",
    )
    (process,) = proc_text.processes("\n".join(tables))
    assert (process["pid"], process["command"], process["executable"]) == (1, "my pause", "/opt/engine/pause")
    assert (process["args"], process["virtual_memory"]) == ("pause --x y", 1024000)
    header = "Inter-|   Receive\n face |bytes\n  eth0: 1 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0\n"
    (device,) = proc_text.network_devices(header)
    assert (device["name"], device["rx_bytes"], device["tx_packets"]) == ("eth0", 1, 4)


def test_the_time_of_day_is_not_moved_with_the_limits() -> None:
    """Certificates and stamps are read by real programs, which live in the time of day."""
    clock = LabClock()
    clock.advance(86400)
    assert clock.skipped == 86400
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 10
