# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which words of a structured option are censored."""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.secrets import hide_only_secrets, hide_secrets


class FakeModule:
    """The part of an AnsibleModule that censors."""

    def __init__(self, *words: str) -> None:
        self.no_log_values = set(words)


DEFINITION: dict[str, Any] = {
    "cluster": {"name": "home", "patches": [{"cluster": {"token": "abcdef.0123456789abcdef"}}]},
    "nodes": [
        {
            "name": "gw1",
            "role": "gateway",
            "extension_services": [
                {
                    "name": "tailscale",
                    "environment": ["TS_AUTHKEY=tskey-0001-marker", "TS_HOSTNAME=gateway-of-home"],
                    "config_files": [{"content": "password of the file", "mount_path": "/etc/tailscale"}],
                }
            ],
            "patches": [
                "machine:\n    token: ghijkl.0123456789abcdef\n",
                "machine: [",
                {"machine": {"type": "worker"}},
            ],
        }
    ],
}


def hidden(definition: Any, *words: str) -> set[str]:
    module: Any = FakeModule(*words)
    hide_only_secrets(module, definition)
    return set(module.no_log_values)


def test_secrets_are_censored_and_ordinary_words_are_not() -> None:
    found = hidden(DEFINITION, "gateway", "home", "tailscale", "worker", "/etc/tailscale")
    assert {
        "tskey-0001-marker",
        "password of the file",
        "abcdef.0123456789abcdef",
        "ghijkl.0123456789abcdef",
    } <= found
    assert not {"gateway", "home", "tailscale", "worker", "/etc/tailscale"} & found


def test_a_patch_as_text_is_censored_as_a_whole() -> None:
    assert "machine:\n    token: ghijkl.0123456789abcdef\n" in hidden(DEFINITION)


def test_secrets_of_other_options_stay_censored() -> None:
    assert "another secret" in hidden(DEFINITION, "another secret")


def test_no_definition_changes_nothing() -> None:
    assert hidden(None, "word") == {"word"}


def test_a_definition_of_another_shape_is_no_crash() -> None:
    shapes: list[dict[str, Any]] = [
        *({}, {"nodes": None}, {"nodes": [1, {"patches": None}], "cluster": "x"}, {"cluster": {}})
    ]
    for definition in shapes:
        hidden(definition)


def test_short_values_are_left_alone() -> None:
    module: Any = FakeModule()
    hide_secrets(module, [{"machine": {"token": "short"}}])
    assert module.no_log_values == set()
