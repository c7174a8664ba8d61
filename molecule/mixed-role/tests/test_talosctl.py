# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real talosctl, unmodified, works with this cluster as it does with one of real machines."""

from __future__ import annotations

import ipaddress
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.tests.testinfra.kubernetes_api import wait_until
from ansible_collections.homelab.talos.tests.testinfra.talosctl_program import table

# What it says of a cluster is worth something only when the lower layers are right.
pytestmark = pytest.mark.layer("L4")

CONTROL_PLANE = "cp1"
WORKER = "node1"
REBOOTED = "node2"
# Talos has no health check for them.
UNCHECKED = ("dashboard", "ext-")
HEALTH = (
    "etcd to be healthy",
    "etcd members to be consistent across nodes",
    "etcd members to be control plane nodes",
    "apid to be ready",
    "all nodes memory sizes",
    "all nodes disk sizes",
    "no diagnostics",
    "kubelet to be healthy",
    "all nodes to finish boot sequence",
    "all k8s nodes to report",
    "all control plane static pods to be running",
    "all control plane components to be ready",
    "all k8s nodes to report ready",
    "kube-proxy to report ready",
    "coredns to report ready",
    "all k8s nodes to report schedulable",
)
KERNEL_LINE = re.compile(r"(\S+): user: warning: \[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z\]: (.+)")
BOOTED = re.compile(r"\[talos\] boot sequence: done: \S+s")
NO_CHANGE = """Dry run summary:
Applied configuration without a reboot (skipped in dry-run).
Config diff:

No changes.
"""
BOOT_ID = "/proc/sys/kernel/random/boot_id"
MUTE = (
    ("nft", "add table inet planted"),
    ("nft", "add chain inet planted input { type filter hook input priority 0; }"),
    ("nft", "add rule inet planted input tcp dport 10248 drop"),
)


def by_node(expected: Any, rows: list[dict[str, str]], *columns: str) -> dict[str, set[Any]]:
    """Return name of a node -> the cells of its rows in some columns."""
    names = {node.address: node.name for node in expected.nodes.values()}
    found: dict[str, set[Any]] = defaultdict(set)
    for row in rows:
        cells = tuple(row[column] for column in columns)
        found[names.get(row["NODE"], row["NODE"])].add(cells if len(columns) > 1 else cells[0])
    return dict(found)


def outside_pods(prefix: str, expected: Any) -> bool:
    """Return whether an IPv4 prefix is none of the pod network; empty is the default route."""
    pods = ipaddress.ip_network(expected.network["pods"])
    return not prefix or not ipaddress.ip_interface(prefix).network.subnet_of(pods)


def health_verdicts(text: str) -> dict[str, str]:
    """Return check -> its last verdict, in the order of the checks."""
    return dict(re.findall(r"^waiting for (.+?): (.+)$", text, re.MULTILINE))


def test_version_shows_the_release_of_every_node(talosctl: Any, expected: Any) -> None:
    answer = talosctl("version")
    assert answer.returncode == 0, answer.stderr
    client, _separator, server = answer.stdout.partition("Server:")
    release = expected.versions["talos"]
    assert f"\tTag:         {release.rpartition('.')[0]}." in client
    found = dict(re.findall(r"NODE:\s+(\S+)\n\tTag:\s+(\S+)", server))
    assert found == {node.address: release for node in expected.nodes.values()}
    assert server.count("Enabled:     RBAC") == len(expected.nodes)


def test_get_machinestatus_shows_every_node_running_and_ready(talosctl: Any, expected: Any) -> None:
    found = by_node(expected, table(talosctl("get", "machinestatus")), "STAGE", "READY")
    assert found == dict.fromkeys(expected.nodes, {("running", "true")})


def test_get_members_shows_every_node_to_every_node(talosctl: Any, expected: Any) -> None:
    rows = table(talosctl("get", "members"))
    system = f"Talos ({expected.versions['talos']})"
    members = {(n.name, n.machine_type, system, json.dumps([n.address])) for n in expected.nodes.values()}
    found = by_node(expected, rows, "HOSTNAME", "MACHINE TYPE", "OS", "ADDRESSES")
    assert found == dict.fromkeys(expected.nodes, members)


def test_get_services_shows_exactly_the_expected_ones(talosctl: Any, expected: Any) -> None:
    found = by_node(expected, table(talosctl("get", "services")), "ID", "RUNNING")
    assert found == {name: {(id, "true") for id in expected.services_of(name)} for name in expected.nodes}


def test_get_extensions_shows_exactly_those_of_the_role(talosctl: Any, expected: Any) -> None:
    found = by_node(expected, table(talosctl("get", "extensions")), "NAME")
    assert found == {name: set(expected.extensions_of(name)) for name in expected.nodes}


def test_get_addresses_shows_exactly_the_declared_ones(talosctl: Any, expected: Any) -> None:
    rows = [row for row in table(talosctl("get", "addresses")) if ":" not in row["ADDRESS"]]
    kept = [row for row in rows if outside_pods(row["ADDRESS"], expected) and row["LINK"] != "kube-ipvs0"]
    interface, prefix = expected.network["interface"], expected.network["prefix"]
    wanted = {n.name: {("127.0.0.1/8", "lo"), (f"{n.address}/{prefix}", interface)} for n in expected.nodes.values()}
    assert by_node(expected, kept, "ADDRESS", "LINK") == wanted


def test_get_routes_shows_exactly_the_declared_ones(talosctl: Any, expected: Any) -> None:
    rows = [row for row in table(talosctl("get", "routes")) if row["ID"].startswith("inet4/")]
    kept = [row for row in rows if outside_pods(row["DESTINATION"], expected)]
    network = expected.network
    subnet = str(ipaddress.ip_interface(f"{network['gateway']}/{network['prefix']}").network)
    wanted = {("", network["gateway"], network["interface"]), (subnet, "", network["interface"])}
    assert by_node(expected, kept, "DESTINATION", "GATEWAY", "LINK") == dict.fromkeys(expected.nodes, wanted)


def test_get_links_shows_the_declared_interface_up(talosctl: Any, expected: Any) -> None:
    rows = table(talosctl("get", "links"))
    declared = {expected.network["interface"], "lo"}
    found = by_node(expected, [row for row in rows if row["ID"] in declared], "ID", "TYPE", "OPER STATE")
    wanted = {(expected.network["interface"], "ether", "up"), ("lo", "loopback", "unknown")}
    assert found == dict.fromkeys(expected.nodes, wanted)


def test_get_nodename_shows_the_inventory_names(talosctl: Any, expected: Any) -> None:
    found = by_node(expected, table(talosctl("get", "nodename")), "NODENAME")
    assert found == {name: {name} for name in expected.nodes}


def test_services_shows_states_and_health(talosctl: Any, expected: Any) -> None:
    found = by_node(expected, table(talosctl("services")), "SERVICE", "STATE", "HEALTH")
    assert found == {
        name: {(id, "Running", "?" if id.startswith(UNCHECKED) else "OK") for id in expected.services_of(name)}
        for name in expected.nodes
    }


def test_service_shows_one_service_of_a_node(talosctl: Any, expected: Any) -> None:
    node = expected.nodes[WORKER]
    answer = talosctl("service", "kubelet", node=node.address)
    assert answer.returncode == 0, answer.stderr
    found = dict(re.findall(r"^(NODE|ID|STATE|HEALTH)\s+(\S+)$", answer.stdout, re.MULTILINE))
    assert found == {"NODE": node.address, "ID": "kubelet", "STATE": "Running", "HEALTH": "OK"}
    assert "[Running]: Health check successful" in answer.stdout


def test_dmesg_tells_that_every_node_booted(talosctl: Any, expected: Any) -> None:
    answer = talosctl("dmesg")
    assert answer.returncode == 0, answer.stderr
    lines = [KERNEL_LINE.fullmatch(line) for line in answer.stdout.splitlines()]
    assert None not in lines
    booted = {line[1] for line in lines if line and BOOTED.fullmatch(line[2])}
    assert booted == {node.address for node in expected.nodes.values()}


def test_logs_shows_the_kubelet_of_every_node(talosctl: Any, expected: Any) -> None:
    answer = talosctl("logs", "kubelet")
    assert answer.returncode == 0, answer.stderr
    version = f'kubeletVersion="{expected.versions["kubernetes"]}"'
    found = {line.partition(":")[0] for line in answer.stdout.splitlines() if version in line}
    assert found == {node.address for node in expected.nodes.values()}


def test_health_by_the_server_passes_every_check(talosctl: Any, expected: Any) -> None:
    node = expected.nodes[CONTROL_PLANE]
    answer = talosctl("health", "--wait-timeout", "60s", node=node.address)
    assert answer.returncode == 0, answer.stderr
    assert list(health_verdicts(answer.stderr).items()) == [(check, "OK") for check in HEALTH]


def test_health_by_the_client_passes_every_check(talosctl: Any, expected: Any) -> None:
    node = expected.nodes[CONTROL_PLANE]
    answer = talosctl("health", "--server=false", "--wait-timeout", "60s", node=node.address)
    assert answer.returncode == 0, answer.stderr
    assert list(health_verdicts(answer.stderr).items()) == [(check, "OK") for check in HEALTH]


def test_a_dry_run_of_what_is_applied_finds_no_change(talosctl: Any, expected: Any, workspace: Path) -> None:
    for node in expected.nodes.values():
        file = workspace / "machineconfig" / f"{node.name}.yaml"
        answer = talosctl("apply-config", "--dry-run", "--file", str(file), node=node.address)
        assert (answer.returncode, answer.stderr or answer.stdout) == (0, NO_CHANGE), node.name


def test_kubeconfig_leads_to_the_endpoint(talosctl: Any, expected: Any) -> None:
    node = expected.nodes[CONTROL_PLANE]
    answer = talosctl("kubeconfig", "--merge=false", "-", node=node.address)
    assert answer.returncode == 0, answer.stderr
    theirs = yaml.safe_load(answer.stdout)
    assert theirs["clusters"][0]["cluster"]["server"] == f"https://{node.address}:6443"
    assert theirs["current-context"].startswith("admin@")
    assert set(theirs["users"][0]["user"]) == {"client-certificate-data", "client-key-data"}


def test_etcd_members_shows_exactly_the_control_planes(talosctl: Any, expected: Any) -> None:
    planes = [node for node in expected.nodes.values() if node.machine_type == "controlplane"]
    rows = table(talosctl("etcd", "members", node=expected.nodes[CONTROL_PLANE].address))
    found = {(row["HOSTNAME"], row["PEER URLS"], row["CLIENT URLS"], row["LEARNER"]) for row in rows}
    assert found == {(n.name, f"https://{n.address}:2380", f"https://{n.address}:2379", "false") for n in planes}


def test_etcd_status_shows_a_leader_and_no_error(talosctl: Any, expected: Any) -> None:
    address = expected.nodes[CONTROL_PLANE].address
    members = {row["ID"] for row in table(talosctl("etcd", "members", node=address))}
    (row,) = table(talosctl("etcd", "status", node=address))
    assert (row["LEARNER"], row["ERRORS"]) == ("false", "")
    assert row["LEADER"] in members
    assert row["MEMBER"] in members


def test_a_client_of_another_authority_is_refused(talosctl: Any, stranger: Path) -> None:
    answer = talosctl("version", talosconfig=stranger)
    assert answer.returncode == 1
    assert "x509: certificate signed by unknown authority" in answer.stderr


def test_a_reader_may_read_and_may_not_change(talosctl: Any, expected: Any, reader: Path) -> None:
    address = expected.nodes[WORKER].address
    assert talosctl("get", "machinestatus", node=address, talosconfig=reader).returncode == 0
    for refused in (["reboot", "--wait=false"], ["read", "/etc/os-release"], ["get", "machineconfig"]):
        answer = talosctl(*refused, node=address, talosconfig=reader)
        assert answer.returncode == 1, refused
        assert "code = PermissionDenied desc = not authorized" in answer.stderr, refused


def test_every_command_answers_as_the_table_says(
    talosctl: Any, expected: Any, workspace: Path, tmp_path: Path, command_table: Any
) -> None:
    wrong = {}
    for row in command_table:
        if row.run:
            node = expected.nodes[row.node].address if row.node else ""
            answer = talosctl(*row.arguments(workspace, tmp_path), node=node, endless=row.endless)
            if problem := row.problem(answer):
                wrong[row.run] = problem
    assert wrong == {}


@pytest.mark.disruptive
def test_health_names_a_service_that_does_not_answer(talosctl: Any, lab: Any, require: Any, expected: Any) -> None:
    require("exec")
    node = expected.nodes[CONTROL_PLANE]

    def is_unhealthy() -> tuple[bool, str]:
        shown = talosctl("service", "kubelet", node=node.address).stdout
        return re.search(r"^HEALTH\s+Fail$", shown, re.MULTILINE) is not None, shown

    try:
        for command in MUTE:
            assert lab.act("exec", node.name, command).returncode == 0
        wait_until("the health check of the kubelet to fail", is_unhealthy)
        answer = talosctl("health", "--wait-timeout", "5s", node=node.address)
    finally:
        lab.act("exec", node.name, ("nft", "delete table inet planted"))
    assert answer.returncode == 1
    assert f"waiting for kubelet to be healthy: {node.address}: service is not healthy: kubelet" in answer.stderr
    mended = talosctl("health", "--wait-timeout", "60s", node=node.address)
    assert mended.returncode == 0, mended.stderr


@pytest.mark.disruptive
def test_reboot_waits_until_the_node_is_back(talosctl: Any, kubernetes: Any, expected: Any) -> None:
    node = expected.nodes[REBOOTED]
    before = talosctl("read", BOOT_ID, node=node.address).stdout
    answer = talosctl("reboot", "--wait", "--timeout", "2m", node=node.address)
    assert answer.returncode == 0, answer.stderr
    assert "post check passed" in answer.stderr + answer.stdout
    after = talosctl("read", BOOT_ID, node=node.address)
    assert re.fullmatch(r"[0-9a-f-]{36}\n", after.stdout)
    assert after.stdout != before

    def is_ready() -> tuple[bool, str]:
        (found,) = [each for each in kubernetes.list_node().items if each.metadata.name == node.name]
        states = {each.type: each.status for each in found.status.conditions}
        return states["Ready"] == "True", f"Ready is {states['Ready']}"

    wait_until(f"node {node.name} to be Ready", is_ready)
