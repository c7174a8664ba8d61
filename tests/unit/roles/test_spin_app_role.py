# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role spin_app as an operator runs it, against a registry and a cluster on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.tests.support.kubernetes_objects import FakeCluster
from ansible_collections.homelab.talos.tests.support.kubernetes_objects import serve as serve_cluster
from ansible_collections.homelab.talos.tests.support.oci_registry import OciRegistry
from ansible_collections.homelab.talos.tests.support.oci_registry import serve as serve_registry
from ansible_collections.homelab.talos.tests.support.spin_app import write_app
from ansible_collections.homelab.talos.tests.unit.repository.tree import ROOT

LIMIT_SECONDS = 120
SECRET = "a-very-secret-word"


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    with serve_cluster(FakeCluster()) as running:
        yield running


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[OciRegistry]:
    with serve_registry(OciRegistry(), tmp_path) as running:
        yield running


class Operator:
    """Somebody with an inventory and a play that includes the role."""

    def __init__(self, place: Path, cluster: FakeCluster, registry: OciRegistry) -> None:
        self._place = place
        (place / "workspace").mkdir()
        (place / "workspace/kubeconfig").write_text(cluster.kubeconfig())
        self.image = f"{registry.host}/apps/nonce:1.0"
        self.app = {
            "name": "nonce",
            "image": self.image,
            "source": {"path": str(write_app(place / "app"))},
            "replicas": 2,
            "secrets": {"password": SECRET},
        }
        self._registry = {"ca_file": str(registry.ca_file)}

    def run(self, apps: list[dict[str, Any]], *arguments: str, **variables: Any) -> tuple[int, str]:
        """Run the play; return its status and what it printed."""
        roles = [{"role": "homelab.talos.spin_app"}]
        given = {"talos_workspace": str(self._place / "workspace"), "talos_spin_apps": apps, **variables}
        play = [{"hosts": "localhost", "gather_facts": False, "vars": {"spin_app_registry": self._registry, **given}}]
        play[0]["roles"] = roles
        path = self._place / "play.yml"
        path.write_text(yaml.safe_dump(play))
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        done = subprocess.run(
            [
                program,
                str(path),
                "-i",
                "localhost,",
                "-c",
                "local",
                "-e",
                f"ansible_python_interpreter={sys.executable}",
                *arguments,
            ],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "COLUMNS": "2000"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def operator(tmp_path: Path, cluster: FakeCluster, registry: OciRegistry) -> Operator:
    return Operator(tmp_path, cluster, registry)


def test_an_application_is_published_deployed_and_removed(
    operator: Operator, cluster: FakeCluster, registry: OciRegistry
) -> None:
    empty = set(cluster.objects)
    app = {**operator.app, "image": "mirror.lab/apps/nonce:1.0", "publish_as": operator.image}
    status, said = operator.run([app], "-vv")
    assert status == 0, said
    assert SECRET not in said
    image = cluster.of("deployments", "nonce")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image.startswith("mirror.lab/apps/nonce@sha256:")
    assert f"/v2/apps/nonce/manifests/{image.partition('@')[2]}" in registry.manifests
    changes, uploads = list(cluster.changes), registry.uploads()
    status, said = operator.run([app])
    assert (status, "changed=0" in said, cluster.changes, registry.uploads()) == (0, True, changes, uploads), said
    status, said = operator.run([app], spin_app_state="absent")
    assert (status, set(cluster.objects)) == (0, empty), said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"namespace": "default"}, "Spin application default/nonce is there twice; give each application"),
        ({"name": "other", "replicaz": 2}, "replicaz"),
    ],
)
def test_bad_input_publishes_and_deploys_nothing(
    operator: Operator, cluster: FakeCluster, registry: OciRegistry, change: dict[str, Any], said: str
) -> None:
    status, told = operator.run([operator.app, {**operator.app, **change}])
    assert status != 0
    assert said in told
    assert SECRET not in told
    assert (cluster.changes, registry.requests) == ([], [])


def test_a_secret_is_not_shown_when_a_task_fails(operator: Operator, cluster: FakeCluster) -> None:
    cluster.refusals["/api/v1/namespaces/default/services"] = (422, "Service is invalid: spec.ports")
    status, said = operator.run([operator.app], "-vvv")
    assert status != 0
    assert "Service is invalid: spec.ports (422); correct what it names" in said
    assert SECRET not in said
