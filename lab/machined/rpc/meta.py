# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MetaWrite and MetaDelete.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_meta.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.talos.lab.machined import refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.resources import runtime
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message

PREFIX = "/machine.MachineService/Meta"


# Source: siderolabs/talos:internal/pkg/meta/internal/adv/talos/talos.go (DataLength, SetTagBytes)
DATA_BYTES = 256 * 1024 - 40
FRAME_BYTES, VALUE_HEAD_BYTES = 20, 8


def fits(values: Mapping[int, str], key: int, value: bytes) -> bool:
    """Return whether META holds *value* besides what it has; counted as Talos does."""
    used = FRAME_BYTES + sum(len(each.encode()) + VALUE_HEAD_BYTES for each in values.values())
    return used + len(value) - len(values.get(key, "").encode()) <= DATA_BYTES


def _check(key: int) -> None:
    if key > 255:
        raise refusals.invalid_argument("key must be a uint8")


def handlers(node: Node) -> Handlers:
    """Return the handlers."""

    async def write(call: Call) -> Any:
        _check(call.request.key)
        if not fits(node.partitions.meta(), call.request.key, call.request.value):
            raise refusals.resource_exhausted("meta write failed")
        node.partitions.set_meta(call.request.key, call.request.value.decode(errors="replace"))
        runtime.publish_meta(node)
        reply = message("machine.MetaWriteResponse")()
        reply.messages.add()
        return reply

    async def delete(call: Call) -> Any:
        _check(call.request.key)
        try:
            node.partitions.set_meta(call.request.key, None)
        except KeyError:
            raise refusals.not_found("meta key not found") from None
        runtime.publish_meta(node)
        reply = message("machine.MetaDeleteResponse")()
        reply.messages.add()
        return reply

    return {f"{PREFIX}Write": write, f"{PREFIX}Delete": delete}
