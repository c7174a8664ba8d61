# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of system extensions that belongs to one Talos version.

Each release has an image ``ghcr.io/siderolabs/extensions:<version>`` whose file ``image-digests`` holds one reference
with digest per line. The digests are those of indexes over all architectures.
Source: siderolabs/extensions:Makefile, siderolabs/image-factory:internal/artifacts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.committed_profile import (
    ImageReference,
    image_reference,
)
from ansible_collections.homelab.talos.plugins.module_utils.findings.suggestion import closest

LIST_REPOSITORY = "ghcr.io/siderolabs/extensions"
LIST_FILE = "image-digests"
_LIMIT = 1 << 20


@dataclass(frozen=True)
class ExtensionList:
    """The extensions of one Talos version.

    :param source: the file or the image it was read from, for messages.
    :param talos_version: such as ``v1.13.6``.
    :param references: name of an extension to its pinned reference.
    """

    source: str
    talos_version: str
    references: Mapping[str, ImageReference]

    def reference(self, name: str) -> ImageReference:
        """Return the pinned reference of an extension.

        :raises BuildError: this Talos version has no such extension.
        """
        if name in self.references:
            return self.references[name]
        match = closest(name, self.references)
        remedy = f'did you mean "{match}"?' if match else "take it out of the variant, or build another Talos version"
        raise BuildError(self.source, f"extension {name} does not exist for Talos {self.talos_version}", remedy)


def list_image(talos_version: str) -> str:
    """Return the reference of the image that holds the list."""
    return f"{LIST_REPOSITORY}:{talos_version}"


def parse_list(text: str, source: str, talos_version: str) -> ExtensionList:
    """Read the content of ``image-digests``.

    :raises BuildError: a line is no reference with digest, or a name is there twice; names file and line.
    """
    found: dict[str, ImageReference] = {}
    for number, line in enumerate(text.splitlines(), 1):
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        where = f"{source}:{number}"
        reference = image_reference(content)
        if not reference.well_formed or not reference.digest:
            what = "has no digest" if reference.well_formed else "is no reference of an image"
            raise BuildError(where, f"{content} {what}", f"take the file {LIST_FILE} of {list_image(talos_version)}")
        if reference.name in found:
            raise BuildError(where, f"extension {reference.name} is listed twice", "keep one of the lines")
        found[reference.name] = reference
    if not found:
        raise BuildError(source, "lists no extension", f"take the file {LIST_FILE} of {list_image(talos_version)}")
    _require_version(found, source, talos_version)
    return ExtensionList(source, talos_version, found)


def read_list(path: Path, talos_version: str) -> ExtensionList:
    """Read a file ``image-digests`` that was saved before.

    :raises BuildError: it cannot be read, is no such list, or is that of another Talos version.
    """
    try:
        data = path.read_bytes()[:_LIMIT]
        return parse_list(data.decode("utf-8"), str(path), talos_version)
    except OSError as error:
        raise BuildError(str(path), error.strerror or "cannot be read", "name a file image-digests") from None
    except UnicodeDecodeError:
        raise BuildError(str(path), "is not text", "name a file image-digests") from None


def _require_version(found: Mapping[str, ImageReference], source: str, talos_version: str) -> None:
    """Refuse the list of another Talos version: modules of a kernel are tagged with the version they are built for."""
    for name in ("drbd", "zfs"):
        reference = found.get(name)
        if reference is not None and "-v" in reference.tag and not reference.tag.endswith(f"-{talos_version}"):
            raise BuildError(
                source,
                f"is not the list of Talos {talos_version}: {name} has the tag {reference.tag}",
                f"take the file {LIST_FILE} of {list_image(talos_version)}",
            )
