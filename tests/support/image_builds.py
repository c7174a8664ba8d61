# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of image builds share: an upstream repository, a list of extensions, the stand-in engine, snapshots.

``python -m ansible_collections.homelab.talos.tests.support.image_builds DIRECTORY`` makes ``DIRECTORY/cozystack``, a
clone with one tag per known shape of upstream, and ``DIRECTORY/image-digests-TAG``, the list that belongs to each.
"""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.built_file import seen_in
from ansible_collections.homelab.talos.plugins.module_utils.cozystack import image_build
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_request import BuildRequest
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_variants import ImageVariant
from ansible_collections.homelab.talos.tests.support import cozystack_tree
from ansible_collections.homelab.talos.tests.support.cozystack_tree import SHAPES, Shape

ENGINE = Path(__file__).resolve().parent / "stand_in_engine.sh"
NEWEST = "v1.6.2"
VARIANTS: dict[str, list[str]] = {
    "compute": ["drbd", "spin", "zfs"],
    "gateway": ["drbd", "spin", "tailscale", "zfs"],
}
# Extensions that upstream does not have; spin came with Talos 1.7.
ADDED = ("ghcr.io/siderolabs/spin:v0.25.1", "ghcr.io/siderolabs/tailscale:1.98.5")


def write_digests(path: Path, shape: Shape, added: tuple[str, ...] | None = None) -> Path:
    """Write the list of extensions of a shape's Talos version; return the path."""
    if added is None:
        added = ADDED[1:] if shape.talos.startswith("v1.6.") else ADDED
    path.write_text(cozystack_tree.image_digests(shape, *added), encoding="utf-8")
    return path


def arguments(
    repository: Path, work: Path, variant: str = "compute", ref: str = NEWEST, **others: Any
) -> dict[str, Any]:
    """Return options of the module image for a build with the stand-in engine."""
    digests = work / f"image-digests-{ref}"
    if not digests.exists():
        write_digests(digests, SHAPES[ref])
    options = {
        "repository": str(repository),
        "ref": ref,
        "name": variant,
        "extensions": VARIANTS[variant],
        "kinds": ["kernel", "initramfs"],
        "output": str(work / "images"),
        "image_digests": str(digests),
        "engine": str(ENGINE),
    }
    return {**options, **others}


def build_with_stand_in(
    repository: Path, work: Path, variant: str, ref: str, kinds: list[str], output: Path
) -> image_build.BuildResult:
    """Build one image with the library itself.

    :param work: where the list of extensions lies, or is put.
    """
    options = arguments(repository, work, variant, ref, kinds=kinds, output=str(output))
    request = BuildRequest(
        repository=repository,
        ref=ref,
        variant=ImageVariant.from_mapping({"name": variant, "extensions": VARIANTS[variant]}),
        kinds=tuple(kinds),
        output=output,
        image_digests=Path(options["image_digests"]),
        engine=str(ENGINE),
    )
    return image_build.build(request, datetime.datetime.now(datetime.UTC), seen_in)


def files_below(directory: Path) -> dict[str, tuple[int, int, int]]:
    """Return size, modification time in ns and mode of everything below a directory, git's own files included."""
    found = {}
    for path in sorted(directory.rglob("*")):
        status = os.lstat(path)
        found[str(path.relative_to(directory))] = (status.st_size, status.st_mtime_ns, status.st_mode)
    return found


def clone_state(repository: Path) -> dict[str, Any]:
    """Return everything by which a build could show in a clone: files with their times, status, refs, work trees."""
    files = files_below(repository)
    return {"files": files, **{word: _git(repository, *words) for word, words in _ASKED.items()}}


_ASKED = {
    "status": ("status", "--porcelain", "--ignored"),
    "refs": ("for-each-ref",),
    "worktrees": ("worktree", "list", "--porcelain"),
}


def _git(repository: Path, *words: str) -> str:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "-c", "safe.directory=*", "-C", str(repository), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def main() -> int:
    """Make clone and lists in the directory that the command line names."""
    if len(sys.argv) != 2:
        print("usage: image_builds DIRECTORY", file=sys.stderr)
        return 2
    directory = Path(sys.argv[1])
    cozystack_tree.create_all(directory / "cozystack")
    for tag, shape in SHAPES.items():
        write_digests(directory / f"image-digests-{tag}", shape)
    return 0


if __name__ == "__main__":
    sys.exit(main())
