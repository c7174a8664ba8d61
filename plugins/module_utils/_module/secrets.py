# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets inside structured options: Ansible only knows options, not the keys within a machine configuration.

Private to this collection: it may change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import DocumentError, parse
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.masking import secret_values

# Shorter values would censor ordinary words of a result; no secret of Talos or Kubernetes is that short.
SHORTEST_SECRET = 8


def hide_secrets(module: AnsibleModule, documents: Iterable[Mapping[str, Any]]) -> None:
    """Make Ansible censor the secrets of machine configuration documents in whatever the module returns."""
    _hide(module, secret_values(dict(document) for document in documents))


def hide_only_secrets(module: AnsibleModule, definition: Mapping[str, Any] | None) -> None:
    """Take back the censoring of every word of a cluster definition and censor only the secrets in it."""
    if definition is None:
        return
    module.no_log_values.difference_update(_words(definition))
    hide_secrets(module, [definition])
    nodes = [node for node in definition.get("nodes") or [] if isinstance(node, Mapping)]
    _hide(module, (content for node in nodes for content in _file_contents(node)))
    cluster = definition.get("cluster")
    for owner in [cluster, *nodes] if isinstance(cluster, Mapping) else nodes:
        for patch in owner.get("patches") or []:
            if isinstance(patch, str):
                _hide_patch(module, patch)
            elif isinstance(patch, Mapping):
                hide_secrets(module, [patch])


def _hide(module: AnsibleModule, secrets: Iterable[str]) -> None:
    module.no_log_values.update(secret for secret in secrets if len(secret) >= SHORTEST_SECRET)


def _hide_patch(module: AnsibleModule, patch: str) -> None:
    """Hide the text of a patch as a whole (it is shown nowhere) and each secret in it."""
    _hide(module, [patch])
    try:
        hide_secrets(module, parse(patch, "patch"))
    except DocumentError:
        return


def _file_contents(node: Mapping[str, Any]) -> Iterator[str]:
    for service in node.get("extension_services") or []:
        for file in (service.get("config_files") or []) if isinstance(service, Mapping) else []:
            if isinstance(file, Mapping) and isinstance(file.get("content"), str):
                yield file["content"]


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _words(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _words(item)
    else:
        yield str(value)
