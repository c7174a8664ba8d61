# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an exception to the arguments of ``fail_json``: the only place that does so.

Every exception class of this collection's library carries a message made for an operator: one line with host or
path, cause and remedy. Anything else is a defect and is not handled here.

Private to this collection: it may change at any time.
"""

from __future__ import annotations

import re
from typing import Any

_OWN_PACKAGE = "ansible_collections.homelab.talos.plugins.module_utils."

# Attributes of the library's errors that are useful as data of their own.
_DETAILS = ("node", "method", "code", "cause", "remedy", "path", "awaited", "last")


class ModuleFailure(Exception):
    """A module refuses to go on.

    :ivar details: further return values.
    """

    def __init__(self, message: str, **details: Any) -> None:
        self.details = details
        super().__init__(message)


def is_expected(error: BaseException) -> bool:
    """Return whether the error belongs to this collection or says why a file could not be used."""
    return type(error).__module__.startswith(_OWN_PACKAGE) or (isinstance(error, OSError) and bool(error.filename))


def failure(error: BaseException) -> dict[str, Any]:
    """Return the arguments of ``fail_json`` for an expected error."""
    if isinstance(error, ModuleFailure):
        return {"msg": one_line(error), **error.details}
    if isinstance(error, OSError) and not type(error).__module__.startswith(_OWN_PACKAGE):
        return {
            "msg": f"{error.filename}: {error.strerror}; check the path and its permissions",
            "path": error.filename,
        }
    details = {name: str(getattr(error, name)) for name in _DETAILS if getattr(error, name, None)}
    return {"msg": one_line(error), **details}


def named(details: dict[str, Any], name: str | None) -> dict[str, Any]:
    """Put the node's name in front of the message unless it names the node already."""
    if not name or re.search(rf"(?<![\w./-]){re.escape(name)}(?![\w/-]|\.\w)", details["msg"]):
        return details
    return {**details, "msg": f"{name}: {details['msg']}"}


def one_line(error: BaseException) -> str:
    """Return the text of an error without line breaks."""
    return " ".join(str(error).split())
