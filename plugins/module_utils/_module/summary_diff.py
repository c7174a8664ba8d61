# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Differences of files that consist of secrets: what they say is shown, the key in them is not.

Private to this collection: it may change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.kept_file import PRIVATE, KeptFile
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.talos import pki, yaml_text
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.masking import (
    HIDDEN,
    HIDDEN_NEW,
    HIDDEN_OLD,
)


@dataclass(frozen=True)
class Summary:
    """What a file with one key says.

    :ivar facts: everything but the key.
    :ivar key: the key, which is only compared.
    """

    facts: Mapping[str, Any]
    key: bytes


UNREADABLE = "not readable"


def certificate_facts(crt: bytes) -> dict[str, Any]:
    """Return ``roles`` and ``not_after`` of a PEM certificate, also of one that cannot be read."""
    try:
        return {"roles": pki.certificate_roles(crt), "not_after": pki.validity(crt)[1].isoformat()}
    except pki.PkiError:
        return {"roles": [], "not_after": UNREADABLE}


def summary_diff(module: TalosModule, kept: KeptFile, before: Summary | None, after: Summary) -> dict[str, Any]:
    """Return the return value ``diff`` when the operator asked for differences, else nothing.

    :param kept: the file as it was.
    :param before: what it said, None when there was none.
    """
    if not module.wants_diff:
        return {}
    same_key = before is not None and before.key == after.key
    return {
        "diff": {
            "before": _text(before, HIDDEN if same_key else HIDDEN_OLD, kept.mode) if before else "",
            "after": _text(after, HIDDEN if same_key else HIDDEN_NEW, PRIVATE),
            "before_header": str(kept.path),
            "after_header": str(kept.path),
        }
    }


def _text(summary: Summary, key: str, mode: int) -> str:
    return yaml_text.dump({**summary.facts, "key": key, "mode": f"{mode:04o}"})
