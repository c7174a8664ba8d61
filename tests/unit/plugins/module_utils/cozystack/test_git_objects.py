# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a repository whose objects are not all there, or not as expected; nothing is fetched, nothing is run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.errors import UpstreamError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import (
    MAXIMUM_FILE_SIZE,
    Repository,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.layout import detect
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.ref_choice import choose, in_order
from ansible_collections.homelab.talos.tests.support import cozystack_tree
from ansible_collections.homelab.talos.tests.support.cozystack_tree import SHAPES, tree

PROFILE = "packages/core/talos/images/talos/profiles/installer.yaml"


def git(directory: Path, *arguments: str) -> str:
    """Run git in a directory."""
    command = ["git", "-c", "safe.directory=*", "-C", str(directory), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    """A repository with one commit, checked out."""
    return cozystack_tree.create(tmp_path / "upstream", {"v1.6.2": tree(SHAPES["v1.6.2"])})


def test_a_partial_clone_is_read_as_far_as_it_goes_and_fetches_nothing(upstream: Path, tmp_path: Path) -> None:
    git(upstream, "config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--bare", "--filter=blob:none", f"file://{upstream}", str(clone))
    with Repository(clone) as repository:
        assert repository.entry("HEAD", PROFILE) is not None
        with pytest.raises(UpstreamError, match=r"is not in this clone; use a clone without --filter"):
            detect(repository, "v1.6.2")


def test_a_file_that_is_far_too_large_is_refused(tmp_path: Path) -> None:
    files = tree(SHAPES["v1.6.2"])
    files[PROFILE] += "#" * MAXIMUM_FILE_SIZE
    with Repository(cozystack_tree.create(tmp_path / "upstream", {"v9": files}, bare=True)) as repository:
        with pytest.raises(UpstreamError, match="bytes; check that ref by hand"):
            detect(repository, "v9")
        # The next answer is not mixed up with the rest of that one.
        assert repository.file(repository.commit("v9"), "packages/core/talos/Makefile") is not None


def test_links_are_not_followed(upstream: Path) -> None:
    path = upstream / PROFILE
    path.unlink()
    path.symlink_to("/etc/hostname")
    git(upstream, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qam", "Link")
    with Repository(upstream) as repository:
        assert repository.file(repository.commit("HEAD"), PROFILE) is None


def test_an_annotated_tag_is_its_commit(upstream: Path) -> None:
    git(upstream, "-c", "user.name=a", "-c", "user.email=a@example.org", "tag", "-m", "text", "v2.0.0")
    with Repository(upstream) as repository:
        assert repository.refs()["v2.0.0"] == repository.commit("v2.0.0") == repository.commit("v1.6.2")


def test_a_repository_with_long_object_ids(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256", "sha256")
    for path, text in tree(SHAPES["v1.6.2"]).items():
        (tmp_path / "sha256" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sha256" / path).write_text(text)
    git(tmp_path / "sha256", "add", "-A")
    git(tmp_path / "sha256", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "Text")
    with Repository(tmp_path / "sha256") as repository:
        layout = detect(repository, "HEAD")
        assert (len(layout.commit), layout.generation) == (64, "G12")
        assert repository.changed_files(dict(layout.files)) == []
        (tmp_path / "sha256" / PROFILE).write_text("edited\n")
        assert repository.changed_files(dict(layout.files)) == [PROFILE]


def test_a_branch_of_the_remote_is_suggested(upstream: Path, tmp_path: Path) -> None:
    git(upstream, "branch", "release-1.6")
    git(tmp_path, "clone", "-q", str(upstream), "clone")
    with Repository(tmp_path / "clone") as repository, pytest.raises(UpstreamError, match="write origin/release-1.6"):
        repository.commit("release-1.6")


def test_a_work_tree_of_its_own_is_a_repository(upstream: Path, tmp_path: Path) -> None:
    git(upstream, "worktree", "add", "-q", str(tmp_path / "second"), "v1.6.2")
    with Repository(tmp_path / "second") as repository:
        assert detect(repository, "HEAD").generation == "G12"


def test_refs_are_chosen_once_and_in_version_order(tmp_path: Path) -> None:
    good = tree(SHAPES["v1.6.2"])
    names = ["v1.10.0", "v1.9.0", "v1.9.0-rc.10", "v1.9.0-rc.2", "other"]
    with Repository(cozystack_tree.create(tmp_path, dict.fromkeys(names, good), bare=True)) as repository:
        assert choose(repository, ["v*", "v1.9.0"]) == ["v1.9.0-rc.2", "v1.9.0-rc.10", "v1.9.0", "v1.10.0"]
        assert choose(repository, ["newest", "*"])[0] == "v1.10.0"
        with pytest.raises(UpstreamError, match="has no ref 'v1.6.2'"):
            choose(repository, ["pinned"])
    assert in_order(["b", "v1.0.0", "a", "v0.31.0-rc1"]) == ["v0.31.0-rc1", "v1.0.0", "a", "b"]
