# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Label queries of the COSI API.

Source: cosi-project/runtime:pkg/resource/label_query.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def matches(terms: Iterable[Any], labels: Mapping[str, str]) -> bool:
    """Return whether *labels* satisfy every term (``cosi.resource.LabelTerm``)."""
    return all(_holds(term, labels) != term.invert for term in terms)


def _holds(term: Any, labels: Mapping[str, str]) -> bool:
    operation = term.DESCRIPTOR.fields_by_name["op"].enum_type.values_by_number[term.op].name
    if operation == "NOT_EXISTS":
        return term.key not in labels
    if term.key not in labels:
        return False
    own, wanted = labels[term.key], list(term.value)
    if operation == "EXISTS":
        return True
    if operation in ("EQUAL", "IN"):
        return own in wanted
    return bool(wanted) and _is_less(operation, own, wanted[0])


def _is_less(operation: str, own: str, other: str) -> bool:
    if operation.endswith("_NUMERIC"):
        try:
            left, right = int(own), int(other)
        except ValueError:
            return False
        return left <= right if operation.startswith("LTE") else left < right
    return own <= other if operation.startswith("LTE") else own < other
