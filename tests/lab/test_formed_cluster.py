# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab whose cluster was formed leaves nothing either: containers, mounts, control groups, kernel settings.

The same run shows that no secret of the bundle is in what a playbook prints at the highest verbosity.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ansible_collections.homelab.talos.tests.support.host_snapshot import host_snapshot
from ansible_collections.homelab.talos.tests.support.lab_command import ROOT, run_lab

pytestmark = [pytest.mark.root, pytest.mark.slow]
_LIMIT_SECONDS = 400


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


def test_down_leaves_nothing_of_a_cluster_whose_supervisor_was_killed() -> None:
    before = host_snapshot("default")
    try:
        playbook = Path(sys.executable).with_name("ansible-playbook")
        command = [str(playbook), "playbooks/site.yml", "-i", "molecule/default/inventory", "-vvvv", "--diff"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=_LIMIT_SECONDS)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        assert secrets_in(done.stdout + done.stderr, ROOT / ".ansible/clusters/default/secrets.yaml") == []
        during = host_snapshot("default")
        assert [line for line in during["processes"] if "kube-apiserver" in line]
        os.kill(json.loads(run_lab("status", "default", "--json").stdout)["supervisor"], signal.SIGKILL)
    finally:
        run_lab("down", "default")
    assert host_snapshot("default") == before
