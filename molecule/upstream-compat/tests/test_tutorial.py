# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command of the tutorial works, and prints what the page shows.

The repository of the scenario stands in for the real one, by a setting of git: commands are run as they are written.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.tests.support.page_run import run, steps

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/tutorial-images.md"
NAME = "docs/tutorial-images.md"
URL = "https://github.com/cozystack/cozystack.git"


@pytest.mark.layer("L1")
def test_every_command_of_the_tutorial_works(tmp_path: Path) -> None:
    upstream = Path(os.environ["HOMELAB_UPSTREAM_RECORD"]).parent / "cozystack"
    (tmp_path / ".gitconfig").write_text(f'[url "{upstream}"]\n\tinsteadOf = {URL}\n[safe]\n\tdirectory = *\n')
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    environment = {
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
        "ANSIBLE_NOCOLOR": "1",
    }
    todo = list(steps(PAGE.read_text(encoding="utf-8")))
    assert len(todo) > 8
    assert [problem for step in todo if (problem := run(step, tmp_path, environment))] == []
