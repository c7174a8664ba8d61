# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab whose cluster was formed: what its node tells of real programs, and that it leaves nothing either.

The same run shows that no secret of the bundle is in what a playbook prints at the highest verbosity.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from ansible_collections.homelab.talos.lab.host.processes import wait_until
from ansible_collections.homelab.talos.tests.support.asked_node import AskedNode
from ansible_collections.homelab.talos.tests.support.host_snapshot import host_snapshot
from ansible_collections.homelab.talos.tests.support.lab_command import ROOT, run_lab

pytestmark = [pytest.mark.root, pytest.mark.slow]
_LIMIT_SECONDS = 400
CLUSTER = ROOT / ".ansible/clusters/default"
NODE = AskedNode("198.18.2.11", CLUSTER / "talosconfig")


def secrets_in(text: str, bundle: Path) -> list[str]:
    """Return the names of the secrets of *bundle* whose values stand in *text*."""
    content = yaml.safe_load(bundle.read_text(encoding="utf-8"))
    values = {f"certs.{name}": pair["key"] for name, pair in content["certs"].items()}
    values.update({f"secrets.{name}": value for name, value in content["secrets"].items()})
    values.update({"cluster.secret": content["cluster"]["secret"], "trustdinfo.token": content["trustdinfo"]["token"]})
    return sorted(name for name, value in values.items() if value in text)


def test_a_secret_in_a_text_is_found(tmp_path: Path) -> None:
    """The negative control of the search for secrets."""
    bundle = tmp_path / "secrets.yaml"
    content = {
        "cluster": {"secret": "AAAA"},
        "secrets": {"bootstraptoken": "BBBB"},
        "trustdinfo": {"token": "CCCC"},
        "certs": {"os": {"crt": "public", "key": "DDDD"}},
    }
    bundle.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert secrets_in("ok: public BBBB x DDDD", bundle) == ["certs.os", "secrets.bootstraptoken"]


@dataclass(frozen=True)
class Formed:
    """A lab of one machine whose cluster was formed; ``before`` is the host before, ``output`` what was printed."""

    before: dict[str, list[str]]
    output: str


@pytest.fixture(scope="module")
def formed() -> Iterator[Formed]:
    """Form the cluster of the scenario ``default`` with the highest verbosity."""
    before = host_snapshot("default")
    try:
        playbook = Path(sys.executable).with_name("ansible-playbook")
        command = [str(playbook), "playbooks/site.yml", "-i", "molecule/default/inventory", "-vvvv", "--diff"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=_LIMIT_SECONDS)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        yield Formed(before, done.stdout + done.stderr)
    finally:
        run_lab("down", "default")


def test_no_secret_is_printed(formed: Formed) -> None:
    assert secrets_in(formed.output, CLUSTER / "secrets.yaml") == []


@pytest.mark.usefixtures("formed")
def test_sockets_are_those_of_the_programs() -> None:
    listening = {item["port"]: item for item in NODE.listening()}
    assert listening[2379]["protocol"] == "tcp"
    assert {6443, 10250, 50000} <= set(listening)
    assert 9 not in listening
    records = NODE.unary("Netstat", feature={"pid": True}, l4proto={"tcp": True}, netns={"hostnetwork": True})
    owners = {item.localport: item.process.name for item in records.connectrecord if not item.remoteport}
    assert (owners[2379], owners[50000]) == ("etcd", "")


@pytest.mark.usefixtures("formed")
def test_usage_is_that_of_the_control_groups() -> None:
    wanted = {"namespace": "k8s.io", "driver": 1}
    running = {item.id for item in NODE.unary("Containers", **wanted).containers}
    first = {item.name: item for item in NODE.unary("Stats", **wanted).stats}
    second = {item.name: item for item in NODE.unary("Stats", **wanted).stats}
    assert {"kube-apiserver", "kube-controller-manager", "kube-scheduler"} <= set(second)
    assert {item.id for item in second.values()} <= running
    server = "kube-apiserver"
    assert second[server].memory_usage > 50 * 1024 * 1024
    assert second[server].cpu_usage > first[server].cpu_usage > second["kube-scheduler"].cpu_usage > 0


@pytest.mark.usefixtures("formed")
def test_a_big_file_comes_in_pieces_and_its_reader_ends_with_the_caller() -> None:
    path = "/opt/engine/etcd"
    (info,) = NODE.files(path)
    sizes = NODE.pieces(path)
    assert (sum(sizes), max(sizes) <= 64 * 1024) == (info["size"], True)
    NODE.pieces(path, only=1)

    def readers() -> list[str]:
        return [item["args"] for item in NODE.processes() if item["args"].startswith("cat ")]

    wait_until(lambda: not readers(), "the reader of a file that nobody reads any more to end", 10.0)


@pytest.mark.usefixtures("formed")
def test_files_of_the_state_partition_have_their_names() -> None:
    names = {item["name"] for item in NODE.files("/system/state", depth=1)}
    assert names >= {"/system/state", "/system/state/config.yaml"}


@pytest.mark.usefixtures("formed")
def test_images_are_listed_with_the_sizes_of_their_content() -> None:
    images = {item.name: item.size for item in NODE.images()}
    pause = [size for name, size in images.items() if "pause" in name and "@" not in name]
    server = [size for name, size in images.items() if "kube-apiserver" in name and "@" not in name]
    assert 0 < pause[0] < server[0]


def test_down_leaves_nothing_of_a_cluster_whose_supervisor_was_killed(formed: Formed) -> None:
    """The last test of this file: it ends the lab that the others use."""
    during = host_snapshot("default")
    assert [line for line in during["processes"] if "kube-apiserver" in line]
    os.kill(json.loads(run_lab("status", "default", "--json").stdout)["supervisor"], signal.SIGKILL)
    run_lab("down", "default")
    assert host_snapshot("default") == formed.before
