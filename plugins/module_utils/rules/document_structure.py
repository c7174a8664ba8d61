# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Structure: documents have an identity, occur once, and hold only known keys of the right type."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding
from ansible_collections.homelab.talos.plugins.module_utils.findings.suggestion import closest, did_you_mean
from ansible_collections.homelab.talos.plugins.module_utils.rules import document_kinds, document_network
from ansible_collections.homelab.talos.plugins.module_utils.rules.document_subject import Subject
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import documents, schema

_MANY = 12
# These kinds have rules of their own, with Talos' sentences about what is missing.
_WITH_OWN_RULES = frozenset(document_kinds.KINDS) | frozenset(document_network.KINDS)


def check(subject: Subject) -> Iterator[Finding]:
    """Yield findings ``config.empty``, ``config.identity``, ``config.duplicate-document``, ``config.unknown-kind``,
    ``config.unknown-key``, ``config.too-new``, ``config.required``, ``config.type``, ``config.value`` and
    ``config.controlplane-only``.
    """
    if not subject.config.documents:
        yield subject.finding("empty", "config not found", fix="the file holds no document; write one")
    seen: set[documents.DocumentId] = set()
    for document in subject.config.documents:
        identity = documents.document_id(document)
        if "kind" in document or "apiVersion" in document:
            fault = _identity_fault(document)
            if fault:
                yield subject.finding("identity", fault, fix="add it to the document", document=document)
                continue
        if identity in seen:
            yield _duplicate(subject, document, identity)
        seen.add(identity)
        for found in schema.check(document, subject.line):
            if found.reason != "missing" or document["kind"] not in _WITH_OWN_RULES:
                yield _finding(subject, document, found)
    yield from _controlplane_only(subject)


def _identity_fault(document: documents.Document) -> str:
    if not document.get("kind"):
        return "missing kind"
    return "" if document.get("apiVersion") else "missing apiVersion"


def _duplicate(subject: Subject, document: documents.Document, identity: documents.DocumentId) -> Finding:
    if identity == documents.V1ALPHA1:
        message = "duplicate v1alpha1.Config"
    else:
        message = f"duplicate document v1alpha1/{documents.document_label(document)} is not allowed"
    return subject.finding("duplicate-document", message, fix="merge both into one", document=document)


def _finding(subject: Subject, document: documents.Document, fault: schema.Fault) -> Finding:
    word = fault.path[-1] if fault.path else ""
    if fault.reason == "unknown-kind":
        kind = str(document["kind"])
        message = f'"{kind}" "{document.get("apiVersion")}": not registered'
        match = closest(kind, fault.known)
        fix = f'did you mean "{match}"?' if match else "see the reference of configuration documents"
        return subject.finding("unknown-kind", message, fault.path, fix, document=document)
    if fault.reason == "unknown-key":
        return subject.finding(
            "unknown-key", f'unknown key "{word}"', fault.path, _suggestion(document, word, fault), document=document
        )
    if fault.reason in ("kind-too-new", "key-too-new"):
        what = f"document kind {document['kind']}" if fault.reason == "kind-too-new" else f'key "{word}"'
        message = f"{what} does not exist in Talos {subject.line[0]}.{subject.line[1]}"
        return subject.finding("too-new", message, fault.path, f"it needs {fault.expected}", document=document)
    if fault.reason == "missing":
        return subject.finding("required", f"{word} must be specified", fault.path, "add it", document=document)
    if fault.reason == "value":
        return subject.finding("value", f"value is not {fault.expected}", fault.path, "correct it", document=document)
    return subject.finding("type", f"expected {fault.expected}", fault.path, "correct the value", document=document)


def _suggestion(document: documents.Document, word: str, fault: schema.Fault) -> str:
    match = closest(word, fault.known)
    if not match and "kind" not in document:
        places = _places().get(word, ())
        if places:
            return f"it belongs under {' or '.join(places[:2])}"
    return did_you_mean(word, fault.known if match or len(fault.known) <= _MANY else ()) or "remove it"


@functools.cache
def _places() -> Mapping[str, tuple[str, ...]]:
    """Return for each key of the v1alpha1 document the paths of the mappings that know it."""
    places: dict[str, list[str]] = {}
    pending = [("", schema.V1ALPHA1_TYPE)]
    while pending:
        path, name = pending.pop(0)
        for word, key in schema.types().get(name, {}).items():
            if path:
                places.setdefault(word, []).append(path)
            pending.append((f"{path}.{word}".lstrip("."), key.type.strip("[]{}")))
    return {word: tuple(paths) for word, paths in places.items()}


def _controlplane_only(subject: Subject) -> Iterator[Finding]:
    if subject.config.is_controlplane or not subject.config.v1alpha1:
        return
    kinds = sorted({str(document.get("kind")) for document in subject.config.documents} & schema.CONTROLPLANE_KINDS)
    if kinds:
        yield subject.finding(
            "controlplane-only",
            f"the following document kinds are only allowed on control plane machines: [{' '.join(kinds)}]",
            fix="remove them from the workers",
        )
