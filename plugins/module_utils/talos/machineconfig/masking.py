# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hiding of secrets in machine configurations, so that they can be shown, compared and logged.

A value is a secret when its key says so (``token``, ``password``, ``privateKey`` ...), when it is a private key in PEM
(plain or base64), when it is an environment variable of such a name, or when it lies at one of the places listed here.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import documents

HIDDEN = "<hidden>"
HIDDEN_OLD = "<hidden, old>"
HIDDEN_NEW = "<hidden, new>"

Path = tuple[str, ...]

_SECRET_KEY = re.compile(
    r"(?:password|passphrase|passwd|token|secret|private_?key|api_?key|auth_?key|encryptionsecret)$", re.IGNORECASE
)
_SECRET_VARIABLE = re.compile(r"(?:key|token|secret|pass|password|passwd|passphrase|credentials?|auth)$", re.IGNORECASE)
_SECRET_ARGUMENT = re.compile(r"auth-?key|token|password|secret", re.IGNORECASE)
_JOIN_TOKEN = re.compile(r"jointoken=", re.IGNORECASE)
_SECRET_MANIFEST = re.compile(r"^\s*kind:\s*[\"']?Secret\b", re.MULTILINE)

# (kind, path); ``*`` stands for any key or list index, ``**`` for anything below. The v1alpha1 document has no kind.
_PLACES: Sequence[tuple[str, Path]] = (
    ("", ("machine", "registries", "config", "*", "auth", "auth")),
    ("", ("machine", "systemDiskEncryption", "*", "keys", "*", "static", "**")),
    ("RegistryAuthConfig", ("auth",)),
    ("ExtensionServiceConfig", ("configFiles", "*", "content")),
    ("KubeEtcdEncryptionConfig", ("**",)),
    ("DiscoveryIdentityConfig", ("clusterSecret",)),
)
_ENVIRONMENTS = ("environment", "env", "variables")


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


def mask_text(text: str, secrets: Iterable[str]) -> str:
    """Return ``text`` with every occurrence of a secret replaced by ``<hidden>``; the longest are replaced first."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if secret:
            text = text.replace(secret, HIDDEN)
    return text


def mask_yaml(text: str, source: str = "machine configuration") -> str:
    """Return the text of a configuration with its secrets hidden.

    :raises documents.DocumentError: the text is no machine configuration.
    """
    return documents.dump(mask(documents.parse(text, source)))


def secret_values(configuration: Iterable[documents.Document]) -> set[str]:
    """Return the secrets of the documents as text, for :func:`mask_text`; of base64 values also the decoded form."""
    values: set[str] = set()
    for document in configuration:
        for path, value in _leaves(document, ()):
            if _is_secret(str(document.get("kind", "")), path, value):
                values.update(_forms(_secret_part(path, value)))
    return values


def bundle_secret_values(bundle: Mapping[str, Any]) -> set[str]:
    """Return the secrets of a secrets bundle as text, for :func:`mask_text`; certificates are no secrets."""
    values: set[str] = set()
    for path, value in _leaves(bundle, ()):
        if isinstance(value, str) and path[-1] not in ("crt", "id"):
            values.update(_forms(value))
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
    if not _is_secret(kind, path, value):
        return value
    shown = HIDDEN if value == other else changed
    name, separator, _rest = value.partition("=") if _is_variable(path) else ("", "", "")
    return f"{name}={shown}" if separator else shown


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


def _is_secret(kind: str, path: Path, value: Any) -> bool:
    if not isinstance(value, str) or not value or path[-1] in ("kind", "apiVersion", "name"):
        return False
    if _is_variable(path):
        name, separator, rest = value.partition("=")
        return bool(separator and rest) and bool(_SECRET_VARIABLE.search(name) or _SECRET_ARGUMENT.search(rest))
    if len(path) > 1 and path[-2] in _ENVIRONMENTS:
        return bool(_SECRET_VARIABLE.search(path[-1]))
    if _SECRET_KEY.search(path[-1]) or _is_private_key(value) or _JOIN_TOKEN.search(value):
        return True
    if path[-1] == "contents" and _SECRET_MANIFEST.search(value):
        return True
    return any(place_kind == kind and _matches(place, path) for place_kind, place in _PLACES)


def _is_variable(path: Path) -> bool:
    """Return whether the path is an item ``NAME=value`` of a list of environment variables."""
    return len(path) > 1 and path[-2] in _ENVIRONMENTS and path[-1].isdigit()


def _secret_part(path: Path, value: str) -> str:
    return value.partition("=")[2] if _is_variable(path) else value


def _matches(place: Path, path: Path) -> bool:
    for index, word in enumerate(place):
        if word == "**":
            return len(path) > index
        if index >= len(path) or word not in ("*", path[index]):
            return False
    return len(place) == len(path)


def _is_private_key(value: str) -> bool:
    return any("PRIVATE KEY" in form for form in _forms(value))


def _forms(value: str) -> Iterator[str]:
    """Yield the value and, when it is base64 of text, the text."""
    yield value
    if len(value) >= 16 and len(value) % 4 == 0:
        try:
            yield base64.b64decode(value, validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            return
