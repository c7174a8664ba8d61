# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where two machine configurations differ: paths only, never values, which may be secret."""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import (
    V1ALPHA1,
    MachineConfig,
    document_id,
    document_label,
)


def differing_paths(old: MachineConfig, new: MachineConfig) -> list[str]:
    """Return the sorted paths at which two configurations differ, empty when they mean the same.

    Order of documents, comments and layout do not count; order of lists does. Paths of the v1alpha1 document start
    with ``machine`` or ``cluster``, others with kind and name, such as ``LinkConfig/eth0: mtu``.
    """
    before = {document_id(document): document for document in old.documents}
    after = {document_id(document): document for document in new.documents}
    paths = []
    for identity in before.keys() | after.keys():
        document = after.get(identity) or before.get(identity) or {}
        prefix = "" if identity == V1ALPHA1 else f"{document_label(document)}: "
        if identity not in before or identity not in after:
            paths.append(prefix.rstrip(": ") or "v1alpha1")
            continue
        paths.extend(prefix + path for path in _differences(before[identity], after[identity], ""))
    return sorted(paths)


def _differences(old: Any, new: Any, path: str) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for key in [*old, *(key for key in new if key not in old)]:
            here = f"{path}.{key}" if path else str(key)
            if key in old and key in new:
                found.extend(_differences(old[key], new[key], here))
            else:
                found.append(here)
        return found
    # 1 == True in Python, not in YAML.
    return [] if type(old) is type(new) and old == new else [path]
