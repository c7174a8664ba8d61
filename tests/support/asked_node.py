# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running node, asked over its machine API for what the testinfra connection does not need."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, method
from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.plugins.plugin_utils.talos_api import MACHINE, TalosApi

_LIMIT_SECONDS = 60.0


class AskedNode(TalosApi):
    """The node at *address*; *talosconfig* is read with each call."""

    def __init__(self, address: str, talosconfig: Path) -> None:
        super().__init__(address, address, talosconfig=str(talosconfig), timeout=_LIMIT_SECONDS)

    def unary(self, name: str, **fields: Any) -> Any:
        """Call a method of MachineService and return the first element of its reply."""
        return self._unary(name, fields).messages[0]

    def pieces(self, path: str, only: int = 0) -> list[int]:
        """Read a file and return the sizes of the messages it comes in; give it up after *only* of them."""
        request = method(f"{MACHINE}/Read").request_class(path=path)

        async def collect(client: Client) -> list[int]:
            sizes: list[int] = []
            stream: Any = client.stream(f"{MACHINE}/Read", request)
            async with aclosing(stream):
                async for data in stream:
                    sizes.append(len(data.bytes))
                    if len(sizes) == only:
                        break
            return sizes

        return self._with_client(collect)

    def images(self) -> list[Any]:
        """Return the images of pods, as ImageService lists them."""
        path = "machine.ImageService/List"
        request = method(path).request_class()
        request.containerd.driver = enum("common.ContainerDriver").Value("CRI")
        request.containerd.namespace = enum("common.ContainerdNamespace").Value("NS_CRI")

        async def collect(client: Client) -> list[Any]:
            return [image async for image in client.stream(path, request)]

        return self._with_client(collect)
