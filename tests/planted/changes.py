# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes to plain data: what a planted defect consists of."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

REMOVE = "~remove"


def words(pointer: str) -> list[str]:
    """Return the parts of a JSON pointer (RFC 6901)."""
    if not pointer.startswith("/"):
        raise ValueError(f"{pointer!r} is no JSON pointer: it must begin with /")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]


def changed(data: Any, changes: Mapping[str, Any]) -> Any:
    """Return a copy of ``data`` with the changes: JSON pointer -> new value, or :data:`REMOVE`.

    Mappings on the way are made when they are missing.
    """
    result = copy.deepcopy(data)
    for pointer, value in changes.items():
        *way, last = words(pointer)
        here = result
        for part in way:
            here = here[int(part)] if isinstance(here, list) else here.setdefault(part, {})
        key: Any = int(last) if isinstance(here, list) else last
        if value == REMOVE:
            del here[key]
        else:
            here[key] = copy.deepcopy(value)
    return result
