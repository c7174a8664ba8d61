# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which parts of a value in a machine configuration are secret.

A value is a secret as a whole when its key says so (``token``, ``password``, ``privateKey`` ...), when it is a private
key in PEM (plain or base64), when it is an environment variable of such a name, when it is a manifest with a Secret in
it, or when it lies at one of the places listed here. Of other values the password in a URL, and what is assigned to a
token or password as in ``token=...``, is secret.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos import yaml_text

Path = tuple[str, ...]
Span = tuple[int, int]

_SECRET_KEY = re.compile(
    r"(?:password|passphrase|passwd|token|secret|private[_-]?key|api[_-]?key|auth[_-]?key|encryptionsecret)$"
    r"|shared.*key",
    re.IGNORECASE,
)
_SECRET_VARIABLE = re.compile(r"(?:key|token|secret|pass|password|passwd|passphrase|credentials?|auth)$", re.IGNORECASE)
_SECRET_ARGUMENT = re.compile(r"auth-?key|token|password|secret", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"(?:password|passphrase|passwd|token|secret|api[_-]?key|auth[_-]?key)=(?P<part>\"[^\"\n]*\"|'[^'\n]*'|\S+)",
    re.IGNORECASE,
)
# Of "user:password@" the password; without a colon only what is too long for a user name.
_IN_URL = re.compile(r"://(?:[^\s/?#:@]*:(?P<part>[^\s/?#]+)|(?P<long>[^\s/?#:@]{16,}))@")
_SECRET_WORDS = re.compile(r"kind[\"']?\s*:\s*[\"']?Secret\b")
_SECRET_KINDS = ("Secret", "SecretList")

# (kind, path); ``*`` stands for any key or list index, ``**`` for anything below. The v1alpha1 document has no kind.
_PLACES: Sequence[tuple[str, Path]] = (
    ("", ("machine", "registries", "config", "*", "auth", "auth")),
    ("", ("machine", "systemDiskEncryption", "*", "keys", "*", "static", "**")),
    ("", ("machine", "files", "*", "content")),
    ("", ("cluster", "extraManifestHeaders", "*")),
    ("RegistryAuthConfig", ("auth",)),
    ("EtcFileConfig", ("contents",)),
    ("ExtensionServiceConfig", ("configFiles", "*", "content")),
    ("KubeEtcdEncryptionConfig", ("**",)),
    ("DiscoveryIdentityConfig", ("clusterSecret",)),
)
_ENVIRONMENTS = ("environment", "env", "variables")
_NEVER = ("kind", "apiVersion", "name")


def as_text(value: Any) -> str:
    """Return a scalar as the text in which secrets are looked for; empty when it cannot hold one."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    return str(value)


def secret_spans(kind: str, path: Path, value: Any) -> list[Span]:
    """Return where in the text of a scalar the secrets are, as (start, end).

    :param kind: kind of the document, empty for v1alpha1.
    :param path: keys and list indexes that lead to the value.
    """
    text = as_text(value)
    if not text or path[-1] in _NEVER:
        return []
    if _is_variable(path):
        name, separator, rest = text.partition("=")
        if separator and rest and (_SECRET_VARIABLE.search(name) or _SECRET_ARGUMENT.search(rest)):
            return [(len(name) + 1, len(text))]
        return _inner(text)
    if _is_whole(kind, path, text):
        return [(0, len(text))]
    return _inner(text)


def forms(value: str) -> Iterator[str]:
    """Yield the value and, when it is base64 of text, the text."""
    yield value
    if len(value) >= 16 and len(value) % 4 == 0:
        try:
            yield base64.b64decode(value, validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            return


def _inner(text: str) -> list[Span]:
    spans: list[Span] = []
    found = [match for pattern in (_IN_URL, _ASSIGNED) for match in pattern.finditer(text)]
    for start, end in sorted(match.span(match.lastgroup or 0) for match in found):
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def _is_whole(kind: str, path: Path, text: str) -> bool:
    if len(path) > 1 and path[-2] in _ENVIRONMENTS and _SECRET_VARIABLE.search(path[-1]):
        return True
    if _SECRET_KEY.search(path[-1]) or any("PRIVATE KEY" in form for form in forms(text)):
        return True
    if path[-1] == "contents" and _holds_secret_manifest(text):
        return True
    return any(place_kind == kind and _matches(place, path) for place_kind, place in _PLACES)


def _is_variable(path: Path) -> bool:
    """Return whether the path is an item ``NAME=value`` of a list of environment variables."""
    return len(path) > 1 and path[-2] in _ENVIRONMENTS and path[-1].isdigit()


def _holds_secret_manifest(text: str) -> bool:
    """Return whether a Secret is among the manifests, however it is written; unreadable text may well hold one."""
    if _SECRET_WORDS.search(text):
        return True
    try:
        return any(_is_secret_manifest(item) for item in yaml_text.load_all(text, "contents"))
    except yaml_text.YamlError:
        return "Secret" in text


def _is_secret_manifest(value: Any) -> bool:
    if isinstance(value, Mapping):
        return value.get("kind") in _SECRET_KINDS or any(_is_secret_manifest(item) for item in value.values())
    return isinstance(value, list) and any(_is_secret_manifest(item) for item in value)


def _matches(place: Path, path: Path) -> bool:
    for index, word in enumerate(place):
        if word == "**":
            return len(path) > index
        if index >= len(path) or word not in ("*", path[index]):
            return False
    return len(place) == len(path)
