# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read commits, trees and files of a git repository from its object store.

One long-lived ``git cat-file --batch`` answers all questions; no checkout is made and nothing of the repository is run:
hooks, filters, credential helpers and the user's own git configuration are out of reach, and objects that a partial
clone lacks are not fetched. Trees and files are kept by object id, so that many commits cost little more than one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.errors import FileTooLarge, UpstreamError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.program_call import call

MAXIMUM_FILE_SIZE = 1 << 20
_SETTINGS = ("safe.directory=*", "core.fsmonitor=false", "core.hooksPath=/dev/null")


@dataclass(frozen=True)
class TreeEntry:
    """An entry of a directory: ``mode`` is git's (0o100644, 0o100755, 0o120000, 0o40000, 0o160000)."""

    mode: int
    object_id: str

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file (no link, no submodule)."""
        return stat.S_ISREG(self.mode)


@dataclass(frozen=True)
class SourceFile:
    """A file of a commit: path below the root, text, object id and whether it is executable."""

    path: str
    text: str
    object_id: str
    executable: bool


def git_environment(ceiling: str = "/") -> dict[str, str]:
    """Return the environment for git: no configuration of user or system, no prompt, no transport.

    :param ceiling: directory above which git looks for no repository.
    """
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_CEILING_DIRECTORIES": ceiling,
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        # Older git knows no GIT_NO_LAZY_FETCH; without an allowed transport its fetch is refused.
        "GIT_ALLOW_PROTOCOL": "",
    }


def _git(*arguments: str) -> list[str]:
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    return ["git", "--no-pager", *settings, *arguments]


class Repository:
    """A repository, bare or with a checkout, opened for reading; use it as a context manager.

    :param path: root of the checkout, or the bare repository.
    :raises UpstreamError: there is no repository at that path (one further up does not count), or no git.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.realpath(path)
        if not os.path.isdir(self.path):
            raise UpstreamError(str(path), "is not a directory", "give a clone of cozystack/cozystack")
        self.git_directory, self.bare, self.shallow = self._describe()
        self._process: subprocess.Popen[bytes] | None = None
        self._trees: dict[str, dict[str, TreeEntry]] = {}
        self._texts: dict[str, str] = {}

    def __enter__(self) -> Repository:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the reading process."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            # What was written to a process that has ended is lost, and closing says so.
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        process.wait(10)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        try:
            # A directory inside another repository is not that repository.
            return call(_git("-C", self.path, *arguments), 60, git_environment(os.path.dirname(self.path)))
        except FileNotFoundError as error:
            raise UpstreamError(self.path, "there is no program git", "install git") from error
        except subprocess.TimeoutExpired as error:
            raise UpstreamError(
                self.path, f"git {arguments[0]} took more than 60 s", "check the file system it lies on"
            ) from error

    def _describe(self) -> tuple[str, bool, bool]:
        result = self._run("rev-parse", "--absolute-git-dir", "--is-bare-repository", "--is-shallow-repository")
        lines = result.stdout.splitlines()
        if result.returncode != 0 or len(lines) != 3:
            cause = (result.stderr.strip().splitlines() or ["is not a git repository"])[0]
            if "not a git repository" in cause:
                cause = "is not a git repository"
            raise UpstreamError(self.path, cause, "give the root of a clone, or a bare repository")
        return lines[0], lines[1] == "true", lines[2] == "true"

    def _object(self, name: str) -> tuple[str, str, bytes] | None:
        """Return object id, kind and content of what git calls ``name``, None when there is none."""
        if self._process is None:
            self._process = subprocess.Popen(
                _git(f"--git-dir={self.git_directory}", "cat-file", "--batch"),
                env=git_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        reader, writer = self._process.stdout, self._process.stdin
        if reader is None or writer is None:
            raise UpstreamError(self.path, "git cat-file has no pipes", "report this")
        try:
            writer.write(name.encode() + b"\n")
            writer.flush()
            header = reader.readline().decode(errors="replace").rstrip("\n")
        except BrokenPipeError:
            header = ""
        if not header:
            raise self._ended_at(name)
        words = header.rsplit(" ", 2)
        if len(words) != 3 or not words[2].isdigit():
            return None
        content = reader.read(int(words[2]) + 1)
        if len(content) != int(words[2]) + 1:
            raise UpstreamError(self.path, f"object {words[0]} is cut off", "run git fsck in the repository")
        return words[0], words[1], content[:-1]

    def _ended_at(self, name: str) -> UpstreamError:
        """Return why git ended: in a partial clone it may not fetch what is missing, elsewhere the clone is damaged."""
        self.close()
        if self._run("config", "--get-regexp", r"^(remote\..*\.promisor|extensions\.partialclone)$").returncode == 0:
            return UpstreamError(self.path, f"object {name} is not in this clone", "use a clone without --filter")
        return UpstreamError(self.path, f"git cat-file ended at {name}", "run git fsck in the repository")

    def commit(self, ref: str) -> str:
        """Return the commit id (hexadecimal) of a tag, branch, id or another name that git understands.

        :raises UpstreamError: there is no such commit.
        """
        if ref and not any(character in ref for character in "\0\n\r"):
            found = self._object(f"{ref}^{{commit}}")
            if found is not None:
                return found[0]
        remedy = "give a tag, a branch or a commit id that the clone has"
        if self.shallow:
            remedy = "the clone is shallow: git fetch --unshallow --tags"
        elif ref and "\n" not in ref and self._object(f"refs/remotes/origin/{ref}^{{commit}}") is not None:
            remedy = f"write origin/{ref}"
        raise UpstreamError(self.path, f"has no ref {ref!r}", remedy)

    def refs(self, *prefixes: str) -> dict[str, str]:
        """Return short name -> commit id of all refs below ``refs/tags`` or other prefixes, oldest first."""
        wanted = prefixes or ("refs/tags",)
        form = "%(objectname) %(*objectname) %(refname:lstrip=2)"
        result = self._run("for-each-ref", "--sort=creatordate", f"--format={form}", *wanted)
        if result.returncode != 0:
            raise UpstreamError(self.path, " ".join(result.stderr.split()), "run git fsck in the repository")
        names = {}
        for line in result.stdout.splitlines():
            direct, peeled, name = line.split(" ", 2)
            names[name] = peeled or direct
        return names

    def tree(self, object_id: str) -> dict[str, TreeEntry]:
        """Return the entries of a tree, or of a commit's root, by name; an unreadable one has none."""
        if object_id not in self._trees:
            found = self._object(f"{object_id}^{{tree}}")
            self._trees[object_id] = dict(_entries(found[2], len(found[0]) // 2)) if found else {}
        return self._trees[object_id]

    def entry(self, commit: str, path: str) -> TreeEntry | None:
        """Return the entry of a path in a commit, None when there is none (links are not followed)."""
        entry: TreeEntry | None = None
        directory = commit
        for name in path.split("/"):
            if entry is not None:
                if not entry.is_directory:
                    return None
                directory = entry.object_id
            entry = self.tree(directory).get(name)
            if entry is None:
                return None
        return entry

    def names(self, commit: str, directory: str) -> list[str]:
        """Return the names in a directory of a commit, sorted; empty when there is no such directory."""
        entry = self.entry(commit, directory)
        return sorted(self.tree(entry.object_id)) if entry is not None and entry.is_directory else []

    def file(self, commit: str, path: str) -> SourceFile | None:
        """Return a regular file of a commit, None when there is none.

        :raises FileTooLarge: it is larger than 1 MiB.
        :raises UpstreamError: its content is missing from the clone.
        """
        entry = self.entry(commit, path)
        if entry is None or not entry.is_file:
            return None
        if entry.object_id not in self._texts:
            found = self._object(entry.object_id)
            if found is None:
                raise UpstreamError(
                    self.path, f"{path} of commit {commit[:12]} is not in this clone", "use a clone without --filter"
                )
            if len(found[2]) > MAXIMUM_FILE_SIZE:
                raise FileTooLarge(
                    self.path, f"{path} of commit {commit[:12]} has {len(found[2])} bytes", "check that ref by hand"
                )
            self._texts[entry.object_id] = found[2].decode(errors="replace")
        return SourceFile(path, self._texts[entry.object_id], entry.object_id, bool(entry.mode & 0o111))

    def changed_files(self, files: dict[str, str]) -> list[str]:
        """Return which of ``files`` (path -> object id) differ in the checkout; none in a bare repository.

        Contents are hashed here: ``git status`` would run the filters that the repository's configuration names.
        """
        if self.bare:
            return []
        return sorted(path for path, wanted in files.items() if _blob_id(Path(self.path, path), len(wanted)) != wanted)


def _entries(content: bytes, width: int) -> Iterator[tuple[str, TreeEntry]]:
    position = 0
    while position < len(content):
        space = content.index(b" ", position)
        end = content.index(b"\0", space)
        mode = int(content[position:space], 8)
        identity = content[end + 1 : end + 1 + width]
        yield content[space + 1 : end].decode(errors="replace"), TreeEntry(mode, identity.hex())
        position = end + 1 + width


def _blob_id(path: Path, digits: int) -> str:
    """Return the object id that git would give a file (``digits`` 40: SHA-1, 64: SHA-256), empty without the file."""
    try:
        content = path.read_bytes()
    except OSError:
        return ""
    algorithm = hashlib.sha256() if digits == 64 else hashlib.sha1(usedforsecurity=False)
    algorithm.update(b"blob %d\0" % len(content) + content)
    return algorithm.hexdigest()
