# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entry point of ``python -m ansible_collections.homelab.talos.lab`` and of ``python lab/__main__.py``."""

from __future__ import annotations

import sys
from pathlib import Path


def _make_importable() -> None:
    """Put the folder that holds ``ansible_collections`` on the path when this file is run by its own path."""
    here = Path(__file__).absolute()
    installed = here.parents[4] if here.parents[3].name == "ansible_collections" else here.parents[1] / ".collections"
    if str(installed) not in sys.path:
        sys.path.insert(0, str(installed))


if __name__ == "__main__":
    _make_importable()
    from ansible_collections.homelab.talos.lab.cli import main

    sys.exit(main())
