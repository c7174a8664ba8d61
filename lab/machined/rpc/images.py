# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of the container runtime: ImageList and ImagePull, and ImageService of Talos 1.13.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_images.go,
internal/app/images/images.go, internal/app/internal/ctrhelper/ctrhelper.go.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from typing import Any

from grpclib import GRPCError

from ansible_collections.homelab.talos.lab.machined import refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.installer_images import UnknownImage, image_of
from ansible_collections.homelab.talos.lab.machined.interfaces import Image, ImageError
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, message

MACHINE, SERVICE = "/machine.MachineService/", "/machine.ImageService/"
PODS = "NS_CRI"
_NAMESPACES = (PODS, "NS_SYSTEM")


class ImageCalls:
    """The calls of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def handlers(self) -> Handlers:
        """Return the handlers."""
        return {
            f"{MACHINE}ImageList": self._old_list,
            f"{MACHINE}ImagePull": self._old_pull,
            f"{SERVICE}List": self._list,
            f"{SERVICE}Pull": self._pull,
            f"{SERVICE}Remove": self._remove,
        }

    async def _old_list(self, call: Call) -> AsyncGenerator[Any, None]:
        for image in await self._images(_namespace(call.request.namespace, "namespace")):
            yield message("machine.ImageListResponse")(name=image.name, digest=image.digest, size=image.size)

    async def _old_pull(self, call: Call) -> Any:
        await self._pulled(_namespace(call.request.namespace, "namespace"), call.request.reference)
        reply = message("machine.ImagePullResponse")()
        reply.messages.add()
        return reply

    async def _list(self, call: Call) -> AsyncGenerator[Any, None]:
        reply = message("machine.ImageServiceListResponse")
        for image in await self._images(_instance(call.request.containerd)):
            yield reply(name=image.name, digest=image.digest, size=image.size, labels=dict(image.labels))

    async def _pull(self, call: Call) -> AsyncGenerator[Any, None]:
        image = await self._pulled(_instance(call.request.containerd), call.request.image_ref)
        yield message("machine.ImageServicePullResponse")(name=pinned(image))

    async def _remove(self, call: Call) -> Any:
        reference = call.request.image_ref
        if _instance(call.request.containerd) != PODS:
            raise refusals.not_found(f"image {reference} not found")
        try:
            await self._node.programs.images.remove(reference)
        except ImageError as error:
            if error.missing:
                raise refusals.not_found(f"image {reference} not found") from None
            raise refusals.internal(f"failed to remove image {reference}: {error}") from None
        return message("google.protobuf.Empty")()

    async def _images(self, namespace: str) -> list[Image]:
        """Return the images of pods; what Talos keeps for itself is no image in the lab."""
        if namespace != PODS:
            return []
        if not self._node.is_up("cri"):
            raise refusals.unavailable("error connecting to containerd: service cri is not running")
        try:
            return list(await self._node.programs.images.list())
        except ImageError as error:
            raise refusals.unknown(str(error)) from None

    async def _pulled(self, namespace: str, reference: str) -> Image:
        """Return an image, pulled unless the node has it already; installers are known without a registry."""
        known = _installer(reference)
        if known is not None:
            return known
        for again in (False, True):
            for image in await self._images(namespace):
                if image.name == reference:
                    return image
            if not again:
                await self._fetch(namespace, reference)
        raise refusals.not_found(f"error pulling image: {reference}: not found")

    async def _fetch(self, namespace: str, reference: str) -> None:
        if namespace != PODS:
            return
        try:
            await self._node.programs.images.pull(reference)
        except ImageError as error:
            raise _refusal(error) from None


def _installer(reference: str) -> Image | None:
    """Return what stands for an installer image that the lab knows, None for any other reference."""
    try:
        image_of(reference)
    except UnknownImage:
        return None
    return Image(reference, f"sha256:{hashlib.sha256(reference.encode()).hexdigest()}", 0)


def _refusal(error: ImageError) -> GRPCError:
    return refusals.not_found(f"error pulling image: {error}") if error.missing else refusals.unknown(str(error))


def _namespace(number: int, what: str) -> str:
    name = str(enum("common.ContainerdNamespace").Name(number))
    if name not in _NAMESPACES:
        raise refusals.invalid_argument(f"invalid {what} {name}")
    return name


def _instance(instance: Any) -> str:
    """Return the namespace that a request means."""
    name = _namespace(instance.namespace, "containerd namespace")
    if enum("common.ContainerDriver").Name(instance.driver) == "CONTAINERD" and name == PODS:
        raise refusals.invalid_argument("cannot use CRI namespace with containerd driver")
    return name


def pinned(image: Image) -> str:
    """Return a reference that names the digest, without the tag."""
    if "@" in image.name:
        return image.name
    path, slash, last = image.name.rpartition("/")
    return f"{path}{slash}{last.partition(':')[0]}@{image.digest}"


def handlers(node: Node) -> Handlers:
    """Return the handlers."""
    return ImageCalls(node).handlers()
