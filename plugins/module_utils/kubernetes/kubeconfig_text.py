# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a kubeconfig without the Kubernetes package: the parts of its current context."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.errors import KubeconfigInvalid
from ansible_collections.homelab.talos.plugins.module_utils.talos import yaml_text

_REMEDY = "create it anew with homelab.talos.kubeconfig"


@dataclass(frozen=True)
class Kubeconfig:
    """The current context of a kubeconfig.

    :ivar contexts: names of all contexts in the file.
    :ivar server: URL of the API server.
    :ivar ca: PEM authority of the server.
    :ivar crt: PEM client certificate, ``key`` its PEM key.
    """

    context: str
    contexts: tuple[str, ...]
    cluster: str
    server: str
    ca: bytes = field(repr=False)
    crt: bytes = field(repr=False)
    key: bytes = field(repr=False)


def parse_kubeconfig(text: str, source: str) -> Kubeconfig:
    """Return the current context of a kubeconfig with embedded certificates.

    :param source: path or other origin, for the error.
    :raises KubeconfigInvalid: broken YAML, no current context, or no embedded certificate.
    """
    document = _document(text, source)
    contexts = _by_name(document.get("contexts"))
    current = document.get("current-context")
    if current not in contexts:
        raise _invalid(source, f"has no context {current!r}")
    context = _mapping(contexts[current].get("context"))
    cluster = str(context.get("cluster", ""))
    server = _mapping(_by_name(document.get("clusters")).get(cluster, {}).get("cluster"))
    user = _mapping(_by_name(document.get("users")).get(str(context.get("user", "")), {}).get("user"))
    return Kubeconfig(
        context=str(current),
        contexts=tuple(contexts),
        cluster=cluster,
        server=str(server.get("server", "")),
        ca=_pem(server, "certificate-authority-data", source),
        crt=_pem(user, "client-certificate-data", source),
        key=_pem(user, "client-key-data", source),
    )


def _document(text: str, source: str) -> Mapping[str, Any]:
    try:
        documents = yaml_text.load_all(text, source)
    except yaml_text.YamlError as error:
        raise _invalid(f"{source}:{error.line}", error.cause) from None
    if len(documents) != 1 or not isinstance(documents[0], Mapping) or documents[0].get("kind") != "Config":
        raise _invalid(source, "is no kubeconfig")
    return documents[0]


def _by_name(items: Any) -> dict[str, Mapping[str, Any]]:
    if not isinstance(items, Sequence):
        return {}
    return {str(item.get("name")): item for item in items if isinstance(item, Mapping)}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _pem(mapping: Mapping[str, Any], key: str, source: str) -> bytes:
    try:
        return base64.b64decode(str(mapping[key]), validate=True)
    except (KeyError, binascii.Error):
        raise _invalid(source, f"has no readable {key} in its current context") from None


def _invalid(source: str, cause: str) -> KubeconfigInvalid:
    return KubeconfigInvalid(source, "reading the kubeconfig", cause, _REMEDY)
