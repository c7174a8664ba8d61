# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets inside structured options: Ansible only knows options, not the keys within a machine configuration.

Private to this collection: it may change at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible.module_utils.basic import AnsibleModule

# Shorter values would censor ordinary words of a result; no secret of Talos or Kubernetes is that short.
SHORTEST_SECRET = 8

# Last part of the path of every secret in a machine configuration or secrets bundle, in lower case.
_SECRET_KEYS = frozenset(
    (
        "key",
        "secret",
        "token",
        "bootstraptoken",
        "secretboxencryptionsecret",
        "aescbcencryptionsecret",
        "password",
        "auth",
        "identitytoken",
        "environment",
        "content",
        "contents",
        "passphrase",
        "privatekey",
        "presharedkey",
    )
)


def hide_secrets(module: AnsibleModule, *values: Any) -> None:
    """Make Ansible censor every secret found in ``values`` in whatever the module returns or logs.

    :param values: parsed documents (dicts and lists) or single secret strings.
    """
    for value in values:
        for secret in _secrets_of(value, isinstance(value, str)):
            if len(secret) >= SHORTEST_SECRET:
                module.no_log_values.add(secret)


def hide_only_secrets(module: AnsibleModule, values: list[Any]) -> None:
    """Take back the censoring of every word in ``values`` and censor only the secrets in them."""
    for value in values:
        module.no_log_values.difference_update(_words_of(value))
    hide_secrets(module, *values)


def _words_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _words_of(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _words_of(item)
    else:
        yield str(value)


def _secrets_of(value: Any, secret: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _secrets_of(item, secret or str(key).lower() in _SECRET_KEYS)
            if key == "patches" and isinstance(item, (list, tuple)):
                # A patch may be the text of a configuration.
                yield from (patch for patch in item if isinstance(patch, str))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _secrets_of(item, secret)
    elif secret and isinstance(value, str):
        yield value
        # NAME=value of an extension service: the value alone is the secret.
        name, separator, content = value.partition("=")
        if separator and name.isidentifier():
            yield content
