#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tailnet_key
short_description: A key with which a device joins a tailnet
version_added: 0.1.0
description:
  - Keeps a file with a key for joining a tailnet, made by its coordination server. The key is for one use and has tags,
    so what joins with it belongs to nobody and need not log in again.
  - A server tells a key once, when it makes it. So only a key in a file can be recognised as one that is there already;
    the file is kept as long as its key can be used.
author:
  - homelab.talos contributors (@homelab)
options:
  state:
    description:
      - V(present) keeps a usable key in O(path), and makes a new one when there is none, or none that can be used.
      - V(usable) only judges the key in O(path) or O(key), and fails when no gateway should join with it. A key is fine
        when O(device) has joined.
      - V(absent) revokes the key in O(path), and removes the file.
    type: str
    choices: [present, usable, absent]
    default: present
  path:
    description:
      - File of the key, written 0600. Its directory is made 0700 when it is missing.
    type: path
  key:
    description:
      - The key itself, for O(state=usable).
    type: str
  tags:
    description:
      - Tags of what joins with the key, such as V(tag:k8s). Required for O(state=present).
    type: list
    elements: str
    default: []
  lifetime:
    description:
      - Seconds in which a device has to join. The device itself stays.
    type: int
    default: 3600
  reusable:
    description:
      - Make a key with which any number of devices can join. Whoever reads it is one of them.
    type: bool
    default: false
  ephemeral:
    description:
      - Make a key for devices that are forgotten soon after they went. Not for a gateway.
    type: bool
    default: false
  description:
    description:
      - What the key is for. headscale does not keep it.
    type: str
    default: ""
  device:
    description:
      - Id, name or hostname of the device that shall join. No key is made while it is in the tailnet and need not log
        in again.
      - A device that lost its state, by a reset, cannot be told from one that is away; remove it from the tailnet
        first.
    type: str
extends_documentation_fragment:
  - homelab.talos.tailnet
  - homelab.talos.attributes
  - homelab.talos.attributes.actiongroup_tailnet
seealso:
  - module: homelab.talos.tailnet_routes
"""

EXAMPLES = r"""
- name: Have a key for the gateway, unless it has joined
  homelab.talos.tailnet_key:
    server: headscale
    url: https://headscale.example:8443
    token_file: ~/.headscale-api-key
    path: "{{ talos_workspace }}/tailnet/gw1.key"
    tags:
      - tag:k8s
    device: gw1

- name: Refuse a key with which no gateway should join
  homelab.talos.tailnet_key:
    server: tailscale
    token_file: ~/.tailscale-api-token
    state: usable
    key: "{{ lookup('ansible.builtin.env', 'TS_AUTHKEY') }}"
"""

RETURN = r"""
path:
  description: The file.
  returned: success
  type: str
  sample: /home/op/tailnet/gw1.key
id:
  description: Id of the key; empty when there is none, as in check mode for a new one.
  returned: success
  type: str
  sample: "17"
tags:
  description: Tags of the key.
  returned: success
  type: list
  elements: str
  sample: ["tag:k8s"]
expires:
  description: Until when a device can join with it.
  returned: success
  type: str
  sample: "2026-07-01T13:00:00Z"
joined:
  description: Whether O(device) is in the tailnet, so that it needs no key.
  returned: success
  type: bool
  sample: false
reason:
  description: Why a new key was needed; empty when none was.
  returned: success
  type: str
  sample: there is no key yet
findings:
  description: What was found about the key when O(state=usable), each as C(homelab.talos.cluster_health) returns it.
  returned: when O(state=usable)
  type: list
  elements: dict
  sample: []
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.dependencies import TAILNET
from ansible_collections.homelab.talos.plugins.module_utils._module.kept_file import KeptFile
from ansible_collections.homelab.talos.plugins.module_utils._module.tailnet_server import TAILNET_SERVER, server_of
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.findings.model import errors
from ansible_collections.homelab.talos.plugins.module_utils.rules import tailnet as rules
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.model import (
    AuthKey,
    KeyWish,
    device_called,
    devices_called,
)
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.server import CoordinationServer

_TAG = re.compile(r"tag:[a-zA-Z][a-zA-Z0-9-]*")
_LONGEST = 90 * 24 * 3600


@dataclass
class State:
    """What there is: the file, the key in it, and whether the device has joined."""

    kept: KeptFile
    secret: str
    known: AuthKey | None
    joined: bool


def spec() -> ArgumentSpec:
    return TAILNET_SERVER.merged_with(
        ArgumentSpec(
            {
                "state": {"type": "str", "choices": ["present", "usable", "absent"], "default": "present"},
                "path": {"type": "path"},
                "key": {"type": "str", "no_log": True},
                "tags": {"type": "list", "elements": "str", "default": []},
                "lifetime": {"type": "int", "default": 3600},
                "reusable": {"type": "bool", "default": False},
                "ephemeral": {"type": "bool", "default": False},
                "description": {"type": "str", "default": ""},
                "device": {"type": "str"},
            },
            required_if=[("state", "present", ("path",)), ("state", "absent", ("path",))],
            mutually_exclusive=[("path", "key")],
        ),
    )


def wish_of(module: TalosModule) -> KeyWish:
    """Return what a new key shall be, or refuse it."""
    params = module.params
    if not params["tags"]:
        module.fail(
            "tags: a key without a tag is for a user, and what joins must log in again; give a tag like tag:k8s"
        )
    for tag in params["tags"]:
        if not _TAG.fullmatch(tag):
            module.fail(f"tags: {tag!r} is no tag; write it like tag:k8s")
    if not 60 <= params["lifetime"] <= _LONGEST:
        module.fail(f"lifetime: {params['lifetime']} s is out of range; use 60 to {_LONGEST}")
    return KeyWish(
        tuple(params["tags"]), params["lifetime"], params["reusable"], params["ephemeral"], params["description"]
    )


def state_of(module: TalosModule, server: CoordinationServer) -> State:
    kept = KeptFile(module.params["path"])
    secret = (kept.data or b"").decode("utf-8", "replace").strip()
    known = known_key(server, secret) if secret else None
    return State(kept, secret, known, has_joined(module, server))


def has_joined(module: TalosModule, server: CoordinationServer) -> bool:
    """Return whether the device is in the tailnet and need not log in again."""
    name = module.params["device"]
    if not name:
        return False
    devices = server.devices()
    return bool(devices_called(devices, name)) and not device_called(devices, name).is_expired(module.now())


def known_key(server: CoordinationServer, secret: str) -> AuthKey | None:
    return next((key for key in server.auth_keys() if server.is_about(key, secret)), None)


def why_new(module: TalosModule, state: State, wish: KeyWish) -> str:
    """Return why the kept key will not do, empty when it does or none is needed."""
    if state.joined:
        return ""
    if not state.secret:
        return "there is no key yet"
    known = state.known
    if known is None:
        return "the server does not know the key in the file"
    if known.unusable(module.now()):
        return f"no device can join with key {known.id}: {known.unusable(module.now())}"
    if differs(known, wish):
        return f"key {known.id} {differs(known, wish)}"
    return ""


def differs(key: AuthKey, wish: KeyWish) -> str:
    """Return how a key is not what it shall be, empty when it is."""
    if set(key.tags) != set(wish.tags):
        return f"has {', '.join(key.tags) or 'no tag'} instead of {', '.join(wish.tags)}"
    for name in ("reusable", "ephemeral"):
        if getattr(key, name) != getattr(wish, name):
            return f"is {'' if getattr(key, name) else 'not '}{name}"
    return ""


def make(module: TalosModule, server: CoordinationServer, wish: KeyWish) -> AuthKey:
    """Return a new key; one that is not what was asked for is revoked at once."""
    made = server.create_key(wish)
    wrong = differs(made, wish)
    if wrong:
        server.revoke_key(made.id)
        module.fail(f"{server.name}: the new key {wrong}; it was revoked. Check what the token may do")
    return made


def present(module: TalosModule, server: CoordinationServer) -> dict[str, Any]:
    wish = wish_of(module)
    state = state_of(module, server)
    reason = why_new(module, state, wish)
    key = state.known
    if reason:
        key = None if module.check_mode else make(module, server, wish)
        if key is not None:
            state.kept.keep(f"{key.secret}\n".encode(), check_mode=False)
    changed = bool(reason)
    if not reason and state.kept.data is not None:
        changed = state.kept.keep(state.kept.data, module.check_mode)
    return result_of(module, state, key, changed, reason)


def absent(module: TalosModule, server: CoordinationServer) -> dict[str, Any]:
    state = state_of(module, server)
    if state.kept.data is not None and not module.check_mode:
        if state.known is not None and not state.known.unusable(module.now()):
            server.revoke_key(state.known.id)
        Path(state.kept.path).unlink()
    return result_of(module, state, None, state.kept.data is not None, "")


def usable(module: TalosModule, server: CoordinationServer) -> dict[str, Any]:
    secret = (module.params["key"] or "").strip()
    if module.params["path"]:
        secret = (KeptFile(module.params["path"]).data or b"").decode("utf-8", "replace").strip()
    if not secret:
        module.fail("there is no key to judge; give key or path")
    joined = has_joined(module, server)
    known = known_key(server, secret)
    if known is None and not joined:
        module.fail(f"{server.name}: does not know the key; make one there, or with state=present")
    findings = [] if known is None or joined else rules.check_key(known, module.now())
    facts = {
        "path": module.params["path"] or "",
        "id": known.id if known else "",
        "tags": list(known.tags) if known else [],
        "expires": known.to_dict()["expires"] if known else "",
        "joined": joined,
        "reason": "",
        "findings": [finding.to_dict() for finding in findings],
    }
    refused = errors(findings)
    if refused:
        module.fail(f"{server.name}: {refused[0].message}; {refused[0].fix}", **facts)
    return facts


def result_of(module: TalosModule, state: State, key: AuthKey | None, changed: bool, reason: str) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "changed": changed,
        "path": str(state.kept.path),
        "id": key.id if key else "",
        "tags": list(key.tags) if key else [],
        "expires": key.to_dict()["expires"] if key else "",
        "joined": state.joined,
        "reason": reason,
    }
    if module.wants_diff:
        before = f"key {state.known.id}\n" if state.known else ("a key\n" if state.secret else "")
        unchanged = before if module.params["state"] == "present" or not changed else ""
        after = f"key {key.id if key else '(new)'}\n" if reason else unchanged
        facts["diff"] = {
            "before": before,
            "after": after,
            "before_header": facts["path"],
            "after_header": facts["path"],
        }
    return facts


def ensure(module: TalosModule) -> dict[str, Any]:
    work = {"present": present, "usable": usable, "absent": absent}[module.params["state"]]
    return work(module, server_of(module.params, module.now))


def main() -> None:
    TalosModule(spec(), TAILNET).run(ensure)


if __name__ == "__main__":
    main()
