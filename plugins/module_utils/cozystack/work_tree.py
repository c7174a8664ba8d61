# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throw-away checkout of one commit that shares the objects of a clone and writes nothing into it.

``git worktree add`` would leave a record in the clone, for good when the build is killed. This one is a repository of
its own beside the result, with the clone's objects as alternates: removing its directory removes all of it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import Repository, git_environment
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.program_call import call, complaint

_SETTINGS = ("safe.directory=*", "core.fsmonitor=false", "core.hooksPath=/dev/null", "core.autocrlf=false")
LIMIT_SECONDS = 300.0


class WorkTree:
    """The checkout.

    :ivar path: its root.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def changed_files(self) -> list[str]:
        """Return the files that differ from the commit, untracked ones included, ignored ones not."""
        status = _git(self.path, "status", "--porcelain", "--untracked-files=all", "--no-renames", "-z")
        return sorted(entry[3:] for entry in status.split("\0") if entry)

    def executables(self, directory: str) -> dict[str, bool]:
        """Return path -> whether the commit has it executable, for the files below a directory."""
        listing = _git(self.path, "ls-files", "--stage", "-z", "--", directory)
        found = {}
        for entry in listing.split("\0"):
            mode, _separator, rest = entry.partition(" ")
            if mode in ("100644", "100755"):
                found[rest.split("\t", 1)[1]] = mode == "100755"
        return found


def check_out(repository: Repository, commit: str, path: Path) -> WorkTree:
    """Make a checkout of a commit in a new directory.

    :raises BuildError: git cannot do it, for example because the disk is full or objects are missing from the clone.
    """
    path.mkdir(parents=True)
    form = "sha256" if len(commit) == 64 else "sha1"
    _git(path, "init", "--quiet", "--template=", f"--object-format={form}")
    objects = _git(Path(repository.path), "rev-parse", "--git-path", "objects").strip()
    alternates = path / ".git/objects/info/alternates"
    alternates.parent.mkdir(parents=True, exist_ok=True)
    alternates.write_text(f"{(Path(repository.path) / objects).resolve()}\n", encoding="utf-8")
    _git(path, "update-ref", "--no-deref", "HEAD", commit)
    _git(path, "read-tree", commit)
    _git(path, "checkout-index", "--all", "--quiet")
    return WorkTree(path)


def _git(directory: Path, *arguments: str) -> str:
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    command = ["git", "--no-pager", *settings, "-C", str(directory), *arguments]
    try:
        done = call(command, LIMIT_SECONDS, git_environment())
    except subprocess.TimeoutExpired:
        cause = f"git {arguments[0]} took more than {LIMIT_SECONDS:g} s"
        raise BuildError(str(directory), cause, "check the file system it lies on") from None
    if done.returncode != 0:
        cause = f"git {arguments[0]}: {complaint(done)}"
        raise BuildError(str(directory), cause, "check free space, and the clone with git fsck")
    return done.stdout
