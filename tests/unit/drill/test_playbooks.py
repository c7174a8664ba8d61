# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator of a drill hears what a failed task says, also where Molecule has set how Ansible writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.homelab.talos.tests.drill import playbooks
from ansible_collections.homelab.talos.tests.drill.playbooks import Operator, failure

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.fail:
        msg: cp3 holds "other" data
"""


def test_what_a_failed_playbook_says_is_found() -> None:
    output = 'ok: [cp1]\nfatal: [cp3]: FAILED! => {"changed": false, "msg": "cp3 holds \\"other\\" data"}\n'
    assert failure(output) == 'cp3 holds "other" data'
    assert failure("no fatal line") == "no fatal line"


def test_a_run_of_molecule_hides_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANSIBLE_FORCE_COLOR", "1")
    monkeypatch.setenv("ANSIBLE_DISPLAY_FAILED_STDERR", "1")
    play = tmp_path / "play.yml"
    play.write_text(PLAY, encoding="utf-8")
    monkeypatch.setattr(playbooks, "JOIN", play)
    assert Operator(Path("localhost,")).join() == 'cp3 holds "other" data'
