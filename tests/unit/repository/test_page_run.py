# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A page whose commands or outputs are wrong is seen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.tests.support.page_run import run, steps

PAGE = """
Text.

```console
$ echo one
one
$ printf 'a\\nb\\nc\\n'
a
...
c
```

```yaml
not: a session
```
"""


def problems(page: str, directory: Path) -> list[str]:
    """Return what is wrong with the commands of a page."""
    environment = {"PATH": os.environ["PATH"]}
    return [problem for step in steps(page) if (problem := run(step, directory, environment))]


def test_a_page_that_is_right(tmp_path: Path) -> None:
    assert len(list(steps(PAGE))) == 2
    assert problems(PAGE, tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("echo one", "echo two"),
        ("echo one", "false"),
        ("...\nc", "c"),
        ("a\n...", "...\na"),
        ("one\n$ p", "one\nmore\n$ p"),
    ],
)
def test_a_page_that_is_wrong(old: str, new: str, tmp_path: Path) -> None:
    assert old in PAGE
    assert len(problems(PAGE.replace(old, new, 1), tmp_path)) == 1


def test_the_end_may_be_left_open(tmp_path: Path) -> None:
    assert problems(PAGE.replace("...\nc\n", "...\n"), tmp_path) == []
