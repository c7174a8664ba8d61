# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role gateway against a coordination server: keys, approval and judgement, as a playbook does them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.tests.support.stand_in_tailnet import (
    TOKEN,
    HeadscaleApi,
    StandInDevice,
    StandInServer,
    serve,
)

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
BOTH = ["10.96.0.0/12", "10.244.0.0/16"]
PLAY: list[dict[str, Any]] = [
    {
        "name": "Use the parts of the role that ask no node",
        "hosts": "gateway",
        "gather_facts": False,
        "tasks": [
            {
                "name": f"Run {part}",
                "ansible.builtin.include_role": {"name": "homelab.talos.gateway", "tasks_from": part},
                "tags": ["always", part],
            }
            for part in ("key", "routes", "verify")
        ],
    }
]
RENDER = {
    "name": "Render",
    "homelab.talos.machine_config": {
        "state": "rendered",
        "definition": "{{ groups | homelab.talos.cluster_definition(hostvars) }}",
        "name": "{{ inventory_hostname }}",
        "secrets_bundle": "{{ talos_workspace }}/secrets.yaml",
        "path": "{{ talos_workspace }}/gw1.yaml",
    },
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StandInServer]:
    """Yield a coordination server in whose tailnet gw1 is not yet."""
    with serve(HeadscaleApi(), tmp_path) as running:
        yield running


class Home:
    """An inventory and a play beside it."""

    def __init__(self, directory: Path, server: StandInServer, **tailnet: Any) -> None:
        self.directory = directory
        (directory / "token").write_text(f"{TOKEN}\n")
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "talos_cluster": {"name": "home", "endpoint": "https://198.18.9.11:6443", "kubernetes_version": "v1.35.4"},
            "talos_network": {"prefix": 24},
            "talos_install": {"disk": "/dev/vda"},
            "talos_variants": {"gateway": {"extensions": ["tailscale"]}},
            "talos_workspace": str(directory / "workspace"),
            "talos_tailnet_api": {
                "server": "headscale",
                "url": server.url,
                "token_file": str(directory / "token"),
                "ca_file": str(server.ca_file),
            },
        }
        gateway = {"talos_address": "198.18.9.14", "talos_tailnet": {"tags": ["tag:k8s"], **tailnet}}
        children = {
            "controlplane": {"hosts": {"cp1": {"talos_address": "198.18.9.11"}}},
            "gateway": {"hosts": {"gw1": gateway}},
        }
        (directory / "hosts.yml").write_text(yaml.safe_dump({"all": {"vars": variables, "children": children}}))

    def run(self, *arguments: str, parts: tuple[str, ...] = ("key", "routes", "verify")) -> tuple[int, str]:
        """Run parts of the role; return exit status and everything that was printed."""
        tasks = [task for task in PLAY[0]["tasks"] if set(task["tags"]) & set(parts)]
        (self.directory / "play.yml").write_text(yaml.safe_dump([{**PLAY[0], "tasks": [*tasks, *self.more]}]))
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        done = subprocess.run(
            [program, str(self.directory / "play.yml"), "-i", str(self.directory / "hosts.yml"), "-vvv", *arguments],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "COLUMNS": "2000"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    more: tuple[dict[str, Any], ...] = ()


def clean(output: str) -> str:
    """Return an output in which no secret is, at highest verbosity."""
    assert "SECRETMARKER" not in output
    assert TOKEN not in output
    return output


def recap(output: str) -> dict[str, int]:
    """Return the numbers of the last line about the gateway."""
    (line,) = [line for line in output.splitlines() if line.startswith("gw1 ") and "changed=" in line]
    return {name: int(value) for name, value in (part.split("=") for part in line.split(":", 1)[1].split())}


def test_a_new_gateway_gets_a_key_and_its_routes_once(tmp_path: Path, server: StandInServer) -> None:
    home = Home(tmp_path, server)
    status, output = home.run(parts=("key",))
    assert status == 0, output
    assert recap(clean(output))["changed"] == 1
    key = tmp_path / "workspace/tailnet/gw1.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_text().strip() == server.tailnet.keys[0].secret
    # It joins with that key.
    server.tailnet.keys[0].used = True
    server.tailnet.devices.append(StandInDevice("7", "gw1", advertised=list(BOTH), approved=["192.168.7.0/24"]))
    status, output = home.run()
    assert status == 0, output
    assert recap(clean(output))["changed"] == 1
    assert server.tailnet.devices[0].approved == BOTH
    status, output = home.run()
    assert status == 0, output
    assert recap(clean(output))["changed"] == 0
    assert server.tailnet.changes == ["create key", "approve gw1"]


def test_the_machine_configuration_gets_the_key_that_was_made(tmp_path: Path, server: StandInServer) -> None:
    home = Home(tmp_path, server)
    secrets = {"name": "Make secrets", "homelab.talos.secrets_bundle": {"path": "{{ talos_workspace }}/secrets.yaml"}}
    home.more = (secrets, RENDER)
    status, output = home.run("--diff", parts=("key",))
    assert status == 0, output
    clean(output)
    rendered = (tmp_path / "workspace/gw1.yaml").read_text()
    assert f"- TS_AUTHKEY={server.tailnet.keys[0].secret}\n" in rendered
    assert "- TS_ROUTES=10.96.0.0/12,10.244.0.0/16\n" in rendered


def test_a_key_of_the_operator_is_judged_before_anything_changes(tmp_path: Path, server: StandInServer) -> None:
    key = server.tailnet.add_key("hskey-auth-mine-SECRETMARKER9", {"aclTags": ["tag:k8s"], "ephemeral": True}, 0)
    home = Home(tmp_path, server, auth_key=key.secret)
    status, output = home.run(parts=("key",))
    assert status == 2
    assert "no device can join with key 1: it expired" in clean(output)
    assert server.tailnet.changes == []
    assert not (tmp_path / "workspace").exists()


def test_a_second_advertiser_stops_the_approval_and_is_named(tmp_path: Path, server: StandInServer) -> None:
    server.tailnet.devices += [
        StandInDevice("7", "gw1", advertised=list(BOTH)),
        StandInDevice("8", "nas", advertised=[BOTH[0]], approved=[BOTH[0]]),
    ]
    status, output = Home(tmp_path, server).run(parts=("routes",))
    assert status == 2
    assert "device gw1: route 10.96.0.0/12 has another router: nas (id 8, online)" in clean(output)
    assert server.tailnet.changes == []


def test_check_mode_changes_nothing(tmp_path: Path, server: StandInServer) -> None:
    server.tailnet.devices.append(StandInDevice("7", "gw1", advertised=list(BOTH), expires="2026-01-01T00:00:00Z"))
    status, output = Home(tmp_path, server).run("--check")
    assert status == 0, output
    assert recap(clean(output))["changed"] == 2
    assert server.tailnet.changes == []
    assert not (tmp_path / "workspace").exists()
