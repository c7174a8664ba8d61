# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References of images: ``registry/repository[:tag][@digest]``.

Source: distribution/reference:reference.go
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import ReferenceInvalid

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST_REPOSITORY = 255
_EXAMPLE = "write it like registry.lab:5000/apps/nonce:1.0"


@dataclass(frozen=True)
class Reference:
    """The name of an image.

    :ivar registry: host and port.
    :ivar tag: empty when there is none; ``digest`` likewise.
    """

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def name(self) -> str:
        """Registry and repository."""
        return f"{self.registry}/{self.repository}"

    @property
    def version(self) -> str:
        """What its manifest is asked for by: the digest, else the tag."""
        return self.digest or self.tag

    def at(self, digest: str) -> Reference:
        """Return the reference by a digest, without a tag."""
        return Reference(self.registry, self.repository, "", digest)


def parse_reference(text: str) -> Reference:
    """Return the reference that a text names; it names its registry, and a tag or a digest.

    :raises ReferenceInvalid: it does not.
    """
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise ReferenceInvalid(
            f"image {text!r}", f"has the digest {digest!r}", "write sha256: and 64 hexadecimal digits"
        )
    registry, slash, path = rest.partition("/")
    if not slash or not _names_host(registry):
        raise ReferenceInvalid(f"image {text!r}", "names no registry", _EXAMPLE)
    repository, colon, tag = path.partition(":")
    if not _REPOSITORY.fullmatch(repository) or len(repository) > _LONGEST_REPOSITORY:
        raise ReferenceInvalid(f"image {text!r}", f"has the repository {repository!r}", _EXAMPLE)
    if colon and not _TAG.fullmatch(tag):
        raise ReferenceInvalid(f"image {text!r}", f"has the tag {tag!r}", _EXAMPLE)
    if not tag and not digest:
        raise ReferenceInvalid(f"image {text!r}", "has neither tag nor digest", _EXAMPLE)
    return Reference(registry, repository, tag, digest)


def _names_host(registry: str) -> bool:
    if not _HOST.fullmatch(registry):
        return False
    return "." in registry or ":" in registry or registry == "localhost"
