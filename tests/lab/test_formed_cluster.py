# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab whose cluster was formed leaves nothing either: containers, mounts, control groups, kernel settings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.tests.support.host_snapshot import host_snapshot
from ansible_collections.homelab.talos.tests.support.lab_command import ROOT, run_lab

pytestmark = [pytest.mark.root, pytest.mark.slow]
_LIMIT_SECONDS = 400


def test_down_leaves_nothing_of_a_cluster_whose_supervisor_was_killed() -> None:
    before = host_snapshot("default")
    try:
        playbook = Path(sys.executable).with_name("ansible-playbook")
        command = [str(playbook), "playbooks/site.yml", "-i", "molecule/default/inventory"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=_LIMIT_SECONDS)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        during = host_snapshot("default")
        assert [line for line in during["processes"] if "kube-apiserver" in line]
        os.kill(json.loads(run_lab("status", "default", "--json").stdout)["supervisor"], signal.SIGKILL)
    finally:
        run_lab("down", "default")
    assert host_snapshot("default") == before
