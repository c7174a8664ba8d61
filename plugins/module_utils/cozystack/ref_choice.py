# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which refs of a repository are meant, and in which order they follow each other."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence

from ansible_collections.homelab.talos.plugins.module_utils.cozystack import pin
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.errors import UpstreamError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import Repository
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.versions import (
    UnknownVersion,
    Version,
    parse_version,
)

NEWEST = "newest"
PINNED = "pinned"
_GLOB = frozenset("*?[")
_NUMBER = re.compile(r"(\d+)")


def choose(repository: Repository, wanted: Sequence[str]) -> list[str]:
    """Return the refs that are meant, each once: names as given, globs by tag in version order.

    ``newest`` is the release with the highest version, ``pinned`` the one that this collection builds from.
    :raises UpstreamError: a name or a glob fits nothing, or the pinned tag is another commit than it was.
    """
    tags = list(repository.refs())
    chosen: list[str] = []
    for name in wanted:
        if name == NEWEST:
            chosen.append(newest_release(repository.path, tags))
        elif name == PINNED:
            chosen.append(pinned(repository))
        elif _GLOB & set(name):
            found = [tag for tag in in_order(tags) if fnmatch.fnmatchcase(tag, name)]
            if not found:
                raise UpstreamError(repository.path, f"has no tag that fits {name!r}", "look at git tag in the clone")
            chosen += found
        else:
            repository.commit(name)
            chosen.append(name)
    return list(dict.fromkeys(chosen))


def pinned(repository: Repository) -> str:
    """Return the pinned tag.

    :raises UpstreamError: the clone does not have it, or upstream moved it.
    """
    commit = repository.commit(pin.REF)
    if commit != pin.COMMIT:
        cause = f"tag {pin.REF} is commit {commit[:12]}, pinned is {pin.COMMIT[:12]}"
        raise UpstreamError(repository.path, cause, "find out why it was moved before anything is built from it")
    return pin.REF


def newest_release(path: str, tags: Iterable[str]) -> str:
    """Return the tag of the highest release, pre-releases left out.

    :raises UpstreamError: no tag is one.
    """
    releases = {version: tag for tag in tags if (version := release(tag)) is not None and version.release}
    if not releases:
        raise UpstreamError(path, "has no tag of a release", "git fetch --tags")
    return releases[max(releases)]


def release(tag: str) -> Version | None:
    """Return the version of a tag such as v1.6.2 or v1.6.0-rc.1, None for any other tag."""
    if not tag.startswith("v"):
        return None
    try:
        return parse_version(tag)
    except UnknownVersion:
        return None


def in_order(tags: Iterable[str]) -> list[str]:
    """Return tags in version order; those that are no version come last, by name."""
    return sorted(tags, key=_key)


def _key(tag: str) -> tuple[bool, tuple[int, int, int, bool], list[tuple[int, str]]]:
    version = release(tag)
    # Numbers inside a pre-release (rc.10, alpha.2) are compared as such.
    parts = [(int(part), "") if part.isdigit() else (-1, part) for part in _NUMBER.split(tag)]
    if version is None:
        return True, (0, 0, 0, False), parts
    return False, (version.major, version.minor, version.patch, version.release), parts
