# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules against emulated nodes: the real client over TLS, the whole way from maintenance to reset."""

from __future__ import annotations

import asyncio
import datetime
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils._module import connection
from ansible_collections.homelab.talos.plugins.module_utils.talos import pki, secrets_bundle, waiting
from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.plugins.module_utils.talos.endpoint import parse_endpoint
from ansible_collections.homelab.talos.plugins.module_utils.talos.talosconfig import Credentials, render_talosconfig
from ansible_collections.homelab.talos.plugins.modules import (
    bootstrap,
    client_config,
    cluster_health,
    kubeconfig,
    machine_config,
    node_info,
    reboot,
    reset,
    service,
)
from ansible_collections.homelab.talos.tests.unit.lab.machined import home

REAL_PACE = waiting.Pace
ADDRESS = "198.18.9.11"
SILENT = "198.18.9.99"
NETWORK = {"interface": "eth0", "prefix": 24, "gateway": "198.18.9.1", "nameservers": ["198.18.9.1"]}
DEFINITION: dict[str, Any] = {
    "cluster": {
        "name": "home",
        "endpoint": f"https://{ADDRESS}:6443",
        "talos_version": home.VERSION,
        "gateways": 0,
        "cni": "none",
        "proxy": {"disabled": True},
        "coredns": {"disabled": True},
        "variants": {"compute": {"extensions": list(home.VARIANT)}},
    },
    "nodes": [
        {
            "name": "cp1",
            "machine_type": "controlplane",
            "role": "compute",
            "address": ADDRESS,
            "network": NETWORK,
            "install": {"disk": "/dev/vda"},
        }
    ],
}


class LabThread:
    """A lab whose event loop has a thread of its own, so that modules can have theirs."""

    def __init__(self, directory: Path) -> None:
        self.home = home.Home(directory)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine in the lab and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(180)

    def client(self, endpoint: str, **options: Any) -> Client:
        """Return a client whose packets reach the lab."""
        host = parse_endpoint(endpoint).host

        def dial(_host: str, port: int, timeout: float) -> socket.socket:
            if host == SILENT:
                # sleep: a packet that nobody answers takes the time of the whole limit
                time.sleep(timeout)
                raise TimeoutError
            return self.home.wire.connect(host, port, timeout)

        return Client(endpoint, socket_factory=dial, **options)

    def close(self) -> None:
        """Take the lab down."""
        self.do(self.home.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LabThread]:
    """One machine, cp1, in maintenance mode."""
    made = LabThread(tmp_path / "lab")
    monkeypatch.setattr(connection, "Client", made.client)
    monkeypatch.setattr(waiting, "Pace", lambda: REAL_PACE(interval=0.05))
    made.do(made.home.add("cp1", ADDRESS))
    made.do(home.stage(made.home.machines["cp1"], "maintenance"))
    yield made
    made.close()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Secrets bundle and client configuration of the lab's cluster, and where other files go."""
    (tmp_path / "secrets.yaml").write_text(secrets_bundle.dump(home.bundle()))
    names = ("secrets.yaml", "talosconfig", "kubeconfig", "cp1.yaml")
    return {name.partition(".")[0]: str(tmp_path / name) for name in names}


Step = Callable[..., dict[str, Any]]


@pytest.fixture
def step(run_module: Any, files: dict[str, str], lab: LabThread) -> Step:
    """Return a function that runs a module on cp1 and expects success."""
    issued = run_module(
        client_config,
        path=files["talosconfig"],
        secrets_bundle=files["secrets"],
        cluster="home",
        endpoints=[ADDRESS],
    )
    assert issued["changed"]

    def run(module: Any, **options: Any) -> dict[str, Any]:
        defaults = {"endpoint": ADDRESS, "name": "cp1", "talosconfig": files["talosconfig"]}
        if module in (cluster_health, node_info):
            del defaults["name"]
        if module is cluster_health:
            del defaults["endpoint"]
        result: dict[str, Any] = run_module(module, **{**defaults, **options})
        return result

    return run


@pytest.fixture
def applied(step: Step, files: dict[str, str]) -> dict[str, Any]:
    """Apply the configuration to cp1 and return the options that did."""
    rendered = step(
        machine_config,
        state="rendered",
        definition=DEFINITION,
        secrets_bundle=files["secrets"],
        path=files["cp1"],
    )
    assert rendered["exit_status"] == 0, rendered.get("msg")
    options = {"state": "applied", "src": files["cp1"], "maintenance": "allowed", "wait_timeout": 120, "erase": True}
    first = step(machine_config, **options)
    assert first["exit_status"] == 0, first.get("msg")
    assert (first["changed"], first["via"], first["stage"]) == (True, "maintenance", "booting")
    return options


def reader(files: dict[str, str], path: Path) -> str:
    """Write the client configuration of somebody who may only read."""
    leaf = secrets_bundle.issue_client(home.bundle(), (pki.ROLE_READER,))
    ca = secrets_bundle.authority(home.bundle(), "os").crt
    path.write_text(render_talosconfig("home", "os:reader", [ADDRESS], [], Credentials(ca, leaf.crt, leaf.key)))
    return str(path)


def change_sysctl(files: dict[str, str]) -> None:
    """Change the rendered configuration in one key."""
    text = Path(files["cp1"]).read_text()
    changed = text.replace("machine:\n", "machine:\n    sysctls:\n        vm.max_map_count: many\n", 1)
    Path(files["cp1"]).write_text(changed)


def test_from_maintenance_to_reset(step: Step, applied: dict[str, Any], files: dict[str, str], lab: LabThread) -> None:
    again = step(machine_config, **applied)
    assert (again["changed"], again["mode"], again["via"]) == (False, "none", "mtls")

    boot = step(bootstrap, definition=DEFINITION, wait_timeout=120)
    assert boot["exit_status"] == 0, boot.get("msg")
    assert boot["changed"]
    assert not step(bootstrap, definition=DEFINITION, wait_timeout=120)["changed"]

    config = step(kubeconfig, source="node", path=files["kubeconfig"])
    assert config["exit_status"] == 0, config.get("msg")
    assert (config["changed"], config["server"]) == (True, f"https://{ADDRESS}:6443")
    assert not step(kubeconfig, source="node", path=files["kubeconfig"])["changed"]

    lab.do(home.stage(lab.home.machines["cp1"], "running"))
    [node] = step(node_info)["nodes"]
    assert (node["stage"], node["machine_type"], node["version"]["tag"]) == ("running", "controlplane", home.VERSION)
    assert {item["name"] for item in node["extensions"]} == set(home.VARIANT)

    rebooted = step(reboot, wait_timeout=120)
    assert rebooted["exit_status"] == 0, rebooted.get("msg")
    assert rebooted["boot_id_before"] == node["boot_id"] != rebooted["boot_id_after"]

    gone = step(reset, erase=True, wait_timeout=120)
    assert gone["exit_status"] == 0, gone.get("msg")
    assert (gone["changed"], gone["graceful"], gone["stage"]) == (True, False, "maintenance")
    assert not step(reset, erase=True)["changed"]


def test_a_reset_that_cannot_be_is_noticed_at_once(step: Step, applied: dict[str, Any], lab: LabThread) -> None:
    assert step(bootstrap, definition=DEFINITION, wait_timeout=120)["changed"]
    lab.do(home.stage(lab.home.machines["cp1"], "running"))
    started = time.monotonic()
    refused = step(reset, erase=True, graceful="always", wait_timeout=1200)
    assert refused["exit_status"] == 1
    assert refused["msg"].startswith("cp1: reset: ")
    assert "etcdserver: re-configuration failed due to not enough started members" in refused["msg"]
    assert time.monotonic() - started < 60


def test_services_are_restarted_and_stopped(step: Step, applied: dict[str, Any], lab: LabThread) -> None:
    assert step(bootstrap, definition=DEFINITION, wait_timeout=120)["changed"]
    lab.do(home.stage(lab.home.machines["cp1"], "running"))
    (before,) = lab.home.runtimes["cp1"].running("kubelet")
    restarted = step(service, service="kubelet", state="restarted", wait_timeout=120)
    assert (restarted["exit_status"], restarted["changed"], restarted["state_after"]) == (0, True, "Running")
    assert restarted["message"] == "Health check successful"
    assert before.returncode is not None
    stopped = step(service, service="ext-zfs-service", state="stopped")
    assert (stopped["changed"], stopped["state_after"]) == (True, "Finished")
    assert not step(service, service="ext-zfs-service", state="stopped")["changed"]
    refused = step(service, service="etcd", state="stopped")
    assert (refused["exit_status"], lab.home.machines["cp1"].node.is_up("etcd")) == (1, True)


def test_a_change_is_predicted_applied_and_not_applied_again(
    step: Step, applied: dict[str, Any], run_module: Any, files: dict[str, str]
) -> None:
    change_sysctl(files)
    checked = step(machine_config, **applied, check_mode=True)
    assert checked["exit_status"] == 0, checked.get("msg")
    assert (checked["changed"], checked["differences"]) == (True, ["machine.sysctls"])
    assert checked["mode_details"].startswith("Dry run summary:")
    done = step(machine_config, **applied)
    assert (done["changed"], done["differences"], done["mode"]) == (True, ["machine.sysctls"], "no-reboot")
    assert not step(machine_config, **applied)["changed"]


def test_what_the_node_refuses_is_one_line(step: Step, files: dict[str, str], lab: LabThread) -> None:
    Path(files["cp1"]).write_text("version: v1alpha1\nmachine:\n    type: worker\n    nonsense: 1\n")
    judged = step(machine_config, state="applied", src=files["cp1"], maintenance="allowed")
    assert judged["exit_status"] == 1
    ids = [finding["id"] for finding in judged["findings"]]
    assert "config.unknown-key" in ids
    refused = step(
        machine_config, state="applied", src=files["cp1"], maintenance="allowed", accept_findings=ids, wait=False
    )
    assert refused["exit_status"] == 1
    assert refused["code"] == "INVALID_ARGUMENT"
    assert lab.home.machines["cp1"].stage == "maintenance"


class TestBadInput:
    """One line with host, cause and remedy; the node stays as it is."""

    @pytest.fixture(autouse=True)
    def _unchanged(self, lab: LabThread, applied: dict[str, Any]) -> Iterator[None]:
        machine, runtime = lab.home.machines["cp1"], lab.home.runtimes["cp1"]
        before = (machine.stage, runtime.boot_id, (machine.node.partitions.state / "config.yaml").read_bytes())
        yield
        after = (machine.stage, runtime.boot_id, (machine.node.partitions.state / "config.yaml").read_bytes())
        assert after == before

    def test_the_talosconfig_of_another_cluster(
        self, step: Step, applied: dict[str, Any], files: dict[str, str], tmp_path: Path, other_bundle: dict[str, Any]
    ) -> None:
        leaf = secrets_bundle.issue_client(other_bundle)
        ca = secrets_bundle.authority(other_bundle, "os").crt
        wrong = tmp_path / "wrong"
        wrong.write_text(render_talosconfig("cabin", "os:admin", [ADDRESS], [], Credentials(ca, leaf.crt, leaf.key)))
        for module, options in ((machine_config, applied), (reboot, {}), (reset, {"erase": True})):
            result = step(module, **options, talosconfig=str(wrong))
            assert result["exit_status"] == 1
            assert result["msg"].startswith(f"cp1: {ADDRESS}:50000: ")
            assert "does not belong to the cluster of the talosconfig" in result["msg"]
            assert "remedy: use the talosconfig of this node's cluster" in result["msg"]

    def test_an_expired_certificate(
        self, step: Step, applied: dict[str, Any], files: dict[str, str], tmp_path: Path
    ) -> None:
        yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=2)
        leaf = secrets_bundle.issue_client(home.bundle(), clock=lambda: yesterday)
        ca = secrets_bundle.authority(home.bundle(), "os").crt
        path = tmp_path / "expired"
        path.write_text(render_talosconfig("home", "os:admin", [ADDRESS], [], Credentials(ca, leaf.crt, leaf.key)))
        result = step(machine_config, **applied, talosconfig=str(path))
        assert result["exit_status"] == 1
        assert "the client certificate expired at" in result["msg"]
        assert "remedy: create it anew with the client_config module" in result["msg"]

    def test_a_reader_writes(self, step: Step, applied: dict[str, Any], files: dict[str, str], tmp_path: Path) -> None:
        talosconfig = reader(files, tmp_path / "reader")
        change_sysctl(files)
        for module, options in (
            (machine_config, applied),
            (bootstrap, {"definition": DEFINITION, "wait_timeout": 5}),
            (reboot, {}),
            (reset, {"erase": True}),
        ):
            result = step(module, **options, talosconfig=talosconfig)
            assert result["exit_status"] == 1, module
            assert "not authorized" in result["msg"]
            assert result["msg"].startswith(f"cp1: {ADDRESS}:50000: ")
            assert "remedy: use a talosconfig whose certificate has the role the call needs" in result["msg"]

    def test_an_unreachable_node_within_its_deadline(self, step: Step, applied: dict[str, Any]) -> None:
        started = time.monotonic()
        result = step(machine_config, **applied, endpoint=SILENT, name="w9", timeout=0.5)
        assert result["exit_status"] == 1
        assert result["msg"].startswith(f"w9: {SILENT}:50000: no connection within 0.5 s")
        assert "remedy: check that the node is powered on" in result["msg"]
        assert time.monotonic() - started < 30

    def test_health_of_an_unreachable_node_is_named(self, step: Step, applied: dict[str, Any]) -> None:
        nodes = [{"name": "w9", "address": SILENT}]
        result = step(cluster_health, expected_nodes=nodes, timeout=0.5)
        assert result["exit_status"] == 1
        assert f"apid to be ready: w9: error getting version: {SILENT}:50000: no connection within" in result["msg"]

    def test_a_node_of_another_cluster(
        self, step: Step, applied: dict[str, Any], files: dict[str, str], tmp_path: Path, other_bundle: dict[str, Any]
    ) -> None:
        other = tmp_path / "other.yaml"
        other.write_text(secrets_bundle.dump(other_bundle))
        definition = {**DEFINITION, "cluster": {**DEFINITION["cluster"], "name": "cabin"}}
        result = step(
            machine_config, state="applied", definition=definition, secrets_bundle=str(other), maintenance="allowed"
        )
        assert result["exit_status"] == 1
        assert result["msg"].startswith("cp1: belongs to cluster home (id ")
        assert "reset the node first" in result["msg"]

    def test_insecure_to_a_configured_node(self, step: Step, applied: dict[str, Any]) -> None:
        result = step(machine_config, **{**applied, "maintenance": "only"})
        assert result["exit_status"] == 1
        assert "the node wants a client certificate" in result["msg"]

    def test_broken_yaml(self, step: Step, applied: dict[str, Any], files: dict[str, str]) -> None:
        Path(files["cp1"]).write_text("machine:\n  type: worker\n bad: 1\n")
        result = step(machine_config, **applied)
        assert result["exit_status"] == 1
        assert f"{files['cp1']}:3: YAML is broken" in result["msg"]
