# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three clocks: what an extension without its configuration holds up, and what it does not.

gw2 has the tailscale extension and no configuration for it; gw1 has both, cp1 and node1 have neither, until node1
gets an image with the extension.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import extensions, versions
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig
from ansible_collections.homelab.talos.tests.planted import asking
from ansible_collections.homelab.talos.tests.testinfra.boots import ROOT, Boots, seconds_of
from ansible_collections.homelab.talos.tests.testinfra.kubernetes_api import wait_until

CLOCKS = ("kubernetes_ready", "machine_ready", "stage_running")
STUCK, OTHERS = "gw2", ("cp1", "gw1", "node1")
SERVICE = "ext-tailscale"
# In which a node has to reach what it reaches; machines of a lab share the processors of one computer.
LIMIT_SECONDS = 120
# Far below the 70 minutes after which Talos gives up, and the hour that the module may wait here.
ANSWER_SECONDS = 30.0
BOOT_LIMIT = "70m"
NEWER = "v1.14.1"
KEPT = ROOT / "build/ready-timing.json"
TAILSCALE = {
    "apiVersion": "v1alpha1",
    "kind": "ExtensionServiceConfig",
    "name": "tailscale",
    "environment": ["TS_AUTHKEY=tskey-auth-lab"],
}


@pytest.fixture(scope="module")
def boots(lab: Any, expected: Any, pytestconfig: pytest.Config) -> Boots:
    """The boots of the nodes."""
    inventory = str(Path(pytestconfig.getoption("ansible_inventory")).resolve())
    return Boots(lab, expected, Path(os.environ["TALOSCONFIG"]).parent, inventory)


@pytest.fixture(scope="module")
def first(boots: Boots) -> dict[str, Any]:
    """What is measured before anything is done to a node; it is kept."""
    KEPT.parent.mkdir(exist_ok=True)
    return {"nodes": boots.measure(KEPT, wait_seconds=3600), "seconds": json.loads(KEPT.read_text())["seconds"]}


def reached(measured: dict[str, Any]) -> dict[str, bool]:
    """Return clock -> whether it was reached."""
    return {clock: measured[clock]["reached"] for clock in CLOCKS}


ALL = dict.fromkeys(CLOCKS, True)
HELD_UP = ALL | {"stage_running": False}


def config_of(node: str) -> MachineConfig:
    """Return the machine configuration that was rendered for a node."""
    path = Path(os.environ["TALOSCONFIG"]).parent / "machineconfig" / f"{node}.yaml"
    return MachineConfig.from_text(path.read_text(encoding="utf-8"), node)


def image_with_tailscale(host: Any, version: str = "") -> str:
    """Return the installer image with a node's extensions and tailscale, of its version unless another is named."""
    names = [*host.talos.extensions, "tailscale"]
    return versions.installer_image(version or host.talos.version, extensions.schematic(names)[0])


@pytest.mark.layer("L1")
def test_every_node_answers(host: Any, me: Any) -> None:
    assert host.talos.stage == ("booting" if me.name == STUCK else "running")


@pytest.mark.layer("L3")
def test_every_clock_of_a_node_that_has_what_it_needs_is_reached_in_time(first: Any) -> None:
    for name in OTHERS:
        measured = first["nodes"][name]
        assert reached(measured) == ALL, name
        assert measured["waiting_for"] == [], name
        assert all(0 <= value <= LIMIT_SECONDS for value in seconds_of(measured, CLOCKS).values()), measured


@pytest.mark.layer("L3")
def test_only_the_stage_waits_for_the_extension_and_the_service_is_named(first: Any) -> None:
    measured = first["nodes"][STUCK]
    assert reached(measured) == HELD_UP
    times = seconds_of(measured, CLOCKS)
    assert times["stage_running"] is None
    assert all(0 <= times[clock] <= LIMIT_SECONDS for clock in CLOCKS if clock != "stage_running"), times
    assert [(wait["service"], wait["message"]) for wait in measured["waiting_for"]] == [
        (SERVICE, "Waiting for extension service config")
    ]
    assert SERVICE in measured["stage_running"]["reason"]


@pytest.mark.layer("L3")
def test_the_limit_of_talos_is_not_waited_for(first: Any) -> None:
    assert first["seconds"] < ANSWER_SECONDS


@pytest.mark.layer("L3")
def test_the_kernel_log_and_the_services_name_what_is_awaited(boots: Boots, node: Any) -> None:
    wanted = f'[talos] task startAllServices (1/1): service "{SERVICE}" to be "up"'

    def said() -> tuple[bool, str]:  # every 15 s Talos names what it awaits; at first that is more than this service
        lines = boots.kernel_log(STUCK)
        return any(line.endswith(wanted) for line in lines), lines[-1]

    wait_until("the kernel log to name the service", said)
    assert node(STUCK).talos.services[SERVICE] == "Waiting"
    assert node(STUCK).service(SERVICE).message == "Waiting for extension service config"


@pytest.mark.layer("L3")
def test_validation_keeps_the_three_apart(boots: Boots, pytestconfig: pytest.Config, tmp_path: Path) -> None:
    inventory = str(Path(pytestconfig.getoption("ansible_inventory")).resolve())
    report = tmp_path / "report.json"
    assert asking.failing_health(inventory, report) == {"extension-services-running"}
    (finding,) = yaml.safe_load(report.read_text(encoding="utf-8"))["findings"]
    assert (finding["host"], finding["path"]) == (STUCK, "tailscale")
    assert "stage booting, machine ready, Kubernetes Ready" in finding["message"]
    assert "ExtensionServiceConfig named tailscale" in finding["fix"]


@pytest.mark.layer("L4")
@pytest.mark.parametrize("turn", [1, 2])
def test_the_limit_of_talos_reboots_the_node_each_time_and_no_other(
    boots: Boots, require: Callable[[str], None], tmp_path: Path, turn: int
) -> None:
    require("time")
    before = boots.ids()
    boots.advance(STUCK, BOOT_LIMIT)
    boots.wait_for_next_boot(STUCK, before[STUCK])
    assert reached(boots.measure(tmp_path / "timing.json")[STUCK]) == HELD_UP
    after = boots.ids()
    assert after[STUCK] != before[STUCK]
    assert {name: after[name] for name in OTHERS} == {name: before[name] for name in OTHERS}


@pytest.mark.layer("L4")
def test_the_document_completes_the_boot_without_a_reboot(boots: Boots, tmp_path: Path) -> None:
    before = boots.ids()
    completed = MachineConfig([*config_of(STUCK).documents, TAILSCALE])
    assert boots.apply(STUCK, completed.to_text()) == "Applied configuration without a reboot"
    measured = boots.measure(tmp_path / "timing.json")
    assert {name: reached(each) for name, each in measured.items()} == dict.fromkeys(measured, ALL)
    assert boots.ids() == before


@pytest.mark.layer("L4")
def test_a_fresh_upgrade_whose_boot_does_not_finish_is_rolled_back(
    boots: Boots, require: Callable[[str], None], node: Any, tmp_path: Path
) -> None:
    """node1 gets an image with the extension, and no configuration for it."""
    require("time")
    name, before = "node1", boots.ids()
    former = node(name).talos.extensions
    boots.upgrade(name, image_with_tailscale(node(name)))
    boots.wait_for_next_boot(name, before[name])
    upgraded = boots.measure(tmp_path / "upgraded.json")[name]
    assert (reached(upgraded), set(node(name).talos.extensions)) == (HELD_UP, {*former, "tailscale"})
    assert node(name).talos.resource("runtime", "MetaKeys.runtime.talos.dev", "0x06").spec["value"] == "A"
    boots.advance(name, BOOT_LIMIT)
    boots.wait_for_next_boot(name, upgraded["boot_id"])
    assert reached(boots.measure(tmp_path / "rolled-back.json")[name]) == ALL
    assert node(name).talos.extensions == former
    after = boots.ids()
    assert {each: after[each] for each in ("cp1", "gw1", "gw2")} == {
        each: before[each] for each in ("cp1", "gw1", "gw2")
    }


@pytest.mark.layer("L4")
def test_the_cluster_is_healthy_in_the_end(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    inventory = str(Path(pytestconfig.getoption("ansible_inventory")).resolve())

    def healthy() -> tuple[bool, str]:
        failing = asking.failing_health(inventory, tmp_path / "report.json")
        return failing == set(), f"failing {sorted(failing)}"

    wait_until("a healthy cluster", healthy)


@pytest.mark.layer("L4")
def test_stopping_the_service_ends_the_wait_since_talos_1_14(boots: Boots, node: Any) -> None:
    """node1, which nobody declares to be like that, is left with the newer version: nothing follows here."""
    name, before = "node1", boots.ids()
    boots.upgrade(name, image_with_tailscale(node(name), NEWER))
    boots.wait_for_next_boot(name, before[name])

    def waits() -> tuple[bool, str]:
        service = node(name).service(SERVICE)
        seen = service.message if service.state else "does not exist"
        return seen == "Waiting for extension service config", f"{SERVICE}: {seen}"

    wait_until("the extension to wait for its configuration", waits)
    assert (node(name).talos.version, node(name).talos.stage) == (NEWER, "booting")
    after = boots.ids()
    boots.stop_service(name, SERVICE)

    def runs() -> tuple[bool, str]:
        return node(name).talos.stage == "running", f"stage {node(name).talos.stage}"

    wait_until("the end of the boot", runs)
    assert node(name).talos.services[SERVICE] == "Finished"
    assert boots.ids() == after
