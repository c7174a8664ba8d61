# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Getting the sources of an application from git, at one commit, without running anything of the repository."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.program_call import call, complaint
from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import SourceError

# A server may lead to another transport than the one that was asked for; programs are none of them.
_PROTOCOLS = "file:git:http:https:ssh"
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
    "advice.detachedHead=false",
)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PASSWORD = re.compile(r"(?<=://)[^/@]+@")


@dataclass(frozen=True)
class GitSource:
    """Where the sources are.

    :ivar url: of the repository, or its path.
    :ivar ref: branch, tag or commit.
    :ivar subdirectory: of the application, empty for the root.
    """

    url: str
    ref: str = "HEAD"
    subdirectory: str = ""

    @property
    def shown(self) -> str:
        """The address without a password in it."""
        return _PASSWORD.sub("", self.url)


@dataclass(frozen=True)
class GitCheckout:
    """Sources on disk.

    :ivar root: of the checkout; ``directory`` of the application.
    """

    root: Path
    directory: Path
    commit: str


def check_out(source: GitSource, into: Path, limit: float = 300.0) -> GitCheckout:
    """Get one commit into a new directory.

    :param into: is made; nothing is written elsewhere.
    :param limit: for each call of git, in seconds.
    :raises SourceError: the repository, the ref or the directory is not there, or git fails.
    """
    for name, value in (("url", source.url), ("ref", source.ref)):
        if not value or value.startswith("-") or any(ord(character) < 32 for character in value):
            raise SourceError(f"repository {source.shown!r}", f"the {name} {value!r} is none", "correct it")
    into.mkdir(parents=True)
    _git(source, into, limit, "init", "--quiet", "--template=")
    _git(source, into, limit, "fetch", "--quiet", "--depth=1", "--no-tags", "--", source.url, source.ref)
    _git(source, into, limit, "checkout", "--quiet", "--detach", "FETCH_HEAD")
    commit = _git(source, into, limit, "rev-parse", "HEAD").strip()
    if _COMMIT.fullmatch(source.ref) and commit != source.ref:
        raise SourceError(f"repository {source.shown}", f"gave {commit} for {source.ref}", "do not use it")
    return GitCheckout(into, _directory(source, into), commit)


def _directory(source: GitSource, root: Path) -> Path:
    directory = (root / source.subdirectory).resolve()
    if not directory.is_relative_to(root.resolve()):
        cause = f"the subdirectory {source.subdirectory!r} leads out of it"
        raise SourceError(f"repository {source.shown}", cause, "name a directory within the repository")
    if not directory.is_dir():
        cause = f"has no directory {source.subdirectory!r} at {source.ref}"
        raise SourceError(f"repository {source.shown}", cause, "name the directory that holds spin.toml")
    return directory


def _said(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line with the cause; what git says after it is advice."""
    lines = done.stderr.splitlines()
    return next((line for line in lines if line.startswith(("fatal: ", "error: "))), complaint(done))


def _git(source: GitSource, root: Path, limit: float, *arguments: str) -> str:
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    environment = {
        # Nobody is there to answer a question of ssh.
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
        **os.environ,
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": _PROTOCOLS,
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_CEILING_DIRECTORIES": str(root.parent),
    }
    for inherited in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        environment.pop(inherited, None)
    where = f"repository {source.shown}"
    try:
        done = call(["git", "--no-pager", *settings, "-C", str(root), *arguments], limit, environment)
    except FileNotFoundError:
        raise SourceError(where, "there is no program git", "install git") from None
    except subprocess.TimeoutExpired:
        cause = f"git {arguments[0]} took more than {limit:g} s"
        raise SourceError(where, cause, "check that the repository can be reached from here") from None
    if done.returncode != 0:
        cause = _PASSWORD.sub("", f"git {arguments[0]} of {source.ref}: {_said(done)}")
        raise SourceError(where, cause, "check its address, the ref, and that you may read it")
    return done.stdout
