# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hiding of secrets in machine configurations, so that they can be shown, compared and logged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import documents
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.secret_parts import (
    Path,
    as_text,
    forms,
    secret_spans,
)

HIDDEN = "<hidden>"
HIDDEN_OLD = "<hidden, old>"
HIDDEN_NEW = "<hidden, new>"

# Lines of manifests and PEM files that others have too; to hide them would censor what is no secret.
_ORDINARY_LINE = re.compile(
    r"-+|\W*(?:apiVersion|kind|type|name|namespace):.*|[\w.-]+:|-----(?:BEGIN|END) [A-Z ]+-----"
)


def mask(configuration: Iterable[documents.Document]) -> list[documents.Document]:
    """Return a copy of the documents with every secret replaced by ``<hidden>``."""
    return [_replace(document, document, HIDDEN) for document in configuration]


def mask_pair(
    before: Iterable[documents.Document], after: Iterable[documents.Document]
) -> tuple[list[documents.Document], list[documents.Document]]:
    """Return both configurations masked such that a difference shows which secrets changed, but not their values.

    Secrets that are equal on both sides become ``<hidden>``, others ``<hidden, old>`` and ``<hidden, new>``.
    """
    old, new = list(before), list(after)
    others_of_old = {documents.document_id(document): document for document in new}
    others_of_new = {documents.document_id(document): document for document in old}
    return (
        [_replace(item, others_of_old.get(documents.document_id(item), {}), HIDDEN_OLD) for item in old],
        [_replace(item, others_of_new.get(documents.document_id(item), {}), HIDDEN_NEW) for item in new],
    )


def secret_values(configuration: Iterable[documents.Document]) -> set[str]:
    """Return the secrets of the documents as text, to be censored wherever they appear.

    Of base64 values also the decoded form, of several lines also each line without its indentation: a difference shows
    them with another one.
    """
    values: set[str] = set()
    for document in configuration:
        for path, value in _leaves(document, ()):
            for secret in _secrets(str(document.get("kind", "")), path, value):
                for form in forms(secret):
                    values.update((form, *_telling_lines(form)))
    return values


def _replace(value: Any, other: Any, changed: str) -> Any:
    return _walk(value, other, str(value.get("kind", "")), (), changed)


def _walk(value: Any, other: Any, kind: str, path: Path, changed: str) -> Any:
    if isinstance(value, Mapping):
        known = other if isinstance(other, Mapping) else {}
        return {key: _walk(item, known.get(key), kind, path + (str(key),), changed) for key, item in value.items()}
    if isinstance(value, list):
        known_items = other if isinstance(other, list) else []
        return [
            _walk(item, _partner(item, index, known_items), kind, path + (str(index),), changed)
            for index, item in enumerate(value)
        ]
    spans = secret_spans(kind, path, value)
    if not spans:
        return value
    same = _secrets(kind, path, value) == _secrets(kind, path, other)
    return _covered(as_text(value), spans, HIDDEN if same else changed)


def _covered(text: str, spans: list[tuple[int, int]], cover: str) -> str:
    shown, place = "", 0
    for start, end in spans:
        shown += text[place:start] + cover
        place = end
    return shown + text[place:]


def _secrets(kind: str, path: Path, value: Any) -> list[str]:
    return [as_text(value)[start:end] for start, end in secret_spans(kind, path, value)]


def _telling_lines(text: str) -> Iterator[str]:
    lines = [line.strip() for line in text.splitlines()]
    return (line for line in lines if len(lines) > 1 and not _ORDINARY_LINE.fullmatch(line))


def _partner(item: Any, index: int, others: list[Any]) -> Any:
    """Return the other list's item for the same thing: an equal one, else one of that name, else by position."""
    if item in others:
        return item
    if isinstance(item, str) and "=" in item:
        name = item.partition("=")[0]
        return next((other for other in others if isinstance(other, str) and other.partition("=")[0] == name), None)
    return others[index] if index < len(others) else None


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, path + (str(key),))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, path + (str(index),))
    else:
        yield path, value
