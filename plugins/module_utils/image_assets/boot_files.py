# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel, initramfs and unified kernel image, read from a stream wherever they lie."""

from __future__ import annotations

from ansible_collections.homelab.talos.plugins.module_utils.image_assets import zboot
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.errors import UnreadableAsset
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.facts import AssetFacts
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.initramfs import read_initramfs
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.kernel import KernelHeader, read_kernel_header
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.pe_sections import (
    HEADER_BYTES,
    Section,
    sections,
)
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.streams import BLOCK_BYTES, Pushback, Reader


def kernel(source: Reader, name: str) -> AssetFacts:
    """Return what is seen of a kernel; the payload of a zboot image must be a kernel, too."""
    return _kernel(Pushback(source).exactly(BLOCK_BYTES), name)


def _kernel(begin: bytes, name: str) -> AssetFacts:
    header = read_kernel_header(begin)
    if not header.architecture:
        return AssetFacts(name, "kernel", problems=(header.form,))
    problems: tuple[str, ...] = ()
    if header.form.startswith("EFI zboot"):
        problems = _payload_problems(begin, header, name)
    return AssetFacts(name, "kernel", header.architecture, header.form, problems=problems)


def _payload_problems(begin: bytes, header: KernelHeader, name: str) -> tuple[str, ...]:
    try:
        inner = zboot.payload_begin(begin, name)
    except UnreadableAsset as error:
        return (str(error),)
    if header.architecture == "arm64" and not zboot.is_arm64(inner):
        return ("its header says arm64, and the kernel inside the zboot image is not for arm64",)
    return ()


def initramfs(source: Reader, name: str) -> AssetFacts:
    """Return what is seen of an initramfs, which is read to its end."""
    try:
        content = read_initramfs(source, name)
    except UnreadableAsset as error:
        return AssetFacts(name, "initramfs", problems=(str(error),))
    problems = content.problems if content.architecture else ("no /init in it that is a program", *content.problems)
    form = "cpio (" + ", ".join(content.compressions) + ")"
    return AssetFacts(name, "initramfs", content.architecture, form, content.extensions, problems=problems)


def uki(source: Reader, name: str) -> AssetFacts:
    """Return what is seen of a unified kernel image: its kernel and its initramfs are looked into."""
    stream = Pushback(source)
    begin = stream.peek(HEADER_BYTES)
    header = read_kernel_header(begin)
    try:
        found = sections(begin, name)
    except UnreadableAsset as error:
        return AssetFacts(name, "uki", problems=(str(error),))
    inner: list[AssetFacts] = []
    position = 0
    for section, read in sorted(((found[key], key) for key in (".linux", ".initrd") if key in found), key=_offset):
        _skip(stream, section.offset - position)
        part = _Part(stream, section.size)
        inner.append(kernel(part, f"{name}: .linux") if read == ".linux" else initramfs(part, f"{name}: .initrd"))
        _skip(part, section.size)
        position = section.offset + section.size
    missing = [f"no section {key}" for key in (".linux", ".initrd") if key not in found]
    extensions = next((part.extensions for part in inner if part.kind == "initramfs"), None)
    return AssetFacts(name, "uki", header.architecture, "PE", extensions, tuple(inner), tuple(missing))


def boot_loader(source: Reader, name: str) -> AssetFacts:
    """Return what is seen of an EFI program."""
    header = read_kernel_header(Pushback(source).exactly(HEADER_BYTES))
    problems = () if header.architecture else (header.form,)
    return AssetFacts(name, "boot loader", header.architecture, header.form, problems=problems)


class _Part:
    """The next bytes of a stream, as a stream of their own."""

    def __init__(self, stream: Pushback, size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        return data


def _skip(stream: Reader, size: int) -> None:
    while size > 0 and (block := stream.read(min(size, BLOCK_BYTES))):
        size -= len(block)


def _offset(item: tuple[Section, str]) -> int:
    return item[0].offset
