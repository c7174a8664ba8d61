# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layout of a tree is found from its content, for every generation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.errors import UnknownLayout, UpstreamError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import Repository
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.layout import detect
from ansible_collections.homelab.talos.tests.support import cozystack_tree
from ansible_collections.homelab.talos.tests.support.cozystack_tree import SHAPES, Tree, tree


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """A bare repository with one tag per shape."""
    with Repository(cozystack_tree.create_all(tmp_path_factory.mktemp("upstream"), bare=True)) as repository:
        yield repository


def planted(tmp_path: Path, files: Tree) -> Repository:
    """A repository with one commit."""
    return Repository(cozystack_tree.create(tmp_path / "upstream", {"v9.9.9": files}, bare=True))


@pytest.mark.parametrize("tag", SHAPES)
def test_every_shape_has_its_generation(upstream: Repository, tag: str) -> None:
    shape, layout = SHAPES[tag], detect(upstream, tag)
    assert layout.generation == shape.generation
    assert layout.core == shape.core
    assert layout.talos_version == shape.talos
    assert [reference.name for reference in layout.extensions] == list(shape.extensions)
    assert [reference.text for reference in layout.extensions] == [
        cozystack_tree.extension_reference(shape, name) for name in shape.extensions
    ]
    assert layout.targets == {kind: shape.prefix + kind for kind in shape.kinds}
    assert list(layout.profiles) == list(shape.kinds)


def test_the_files_for_arm64_do_not_depend_on_what_upstream_committed(upstream: Repository) -> None:
    expected = {
        "initramfs": "initramfs-metal-arm64.xz",
        "kernel": "kernel-arm64",
        "iso": "metal-arm64.iso",
        "installer": "installer-arm64.tar",
        "nocloud": "nocloud-arm64.raw.xz",
    }
    committed_as_metal = detect(upstream, "v0.3.1")
    assert committed_as_metal.asset_files("arm64") == expected
    assert committed_as_metal.profiles["nocloud"].output.file_name("arm64") == "metal-arm64.raw.xz"
    assert detect(upstream, "v0.4.0").profiles["nocloud"].output.file_name("arm64") == ""
    assert detect(upstream, "main").asset_files("arm64") == {**expected, "metal": "metal-arm64.raw.xz"}


def test_commit_branch_and_tag_name_the_same_layout(upstream: Repository) -> None:
    by_tag = detect(upstream, cozystack_tree.NEWEST)
    assert replace(detect(upstream, "main"), ref=by_tag.ref) == by_tag
    assert replace(detect(upstream, by_tag.commit), ref=by_tag.ref) == by_tag


def test_no_known_directory_is_an_error(tmp_path: Path) -> None:
    with planted(tmp_path, {"packages/talos/Makefile": "all:\n"}) as repository, pytest.raises(UnknownLayout) as caught:
        detect(repository, "v9.9.9")
    assert "no images/talos/profiles/installer.yaml in packages/core/talos or packages/core/installer" in str(
        caught.value
    )


def test_profiles_per_architecture_are_named_in_the_error(tmp_path: Path) -> None:
    files = {path.replace(".yaml", "-amd64.yaml"): text for path, text in tree(SHAPES["v0.31.1"]).items()}
    with planted(tmp_path, files) as repository, pytest.raises(UnknownLayout, match="profiles per architecture"):
        detect(repository, "v9.9.9")


def test_an_unknown_combination_has_no_generation(tmp_path: Path) -> None:
    moved = replace(SHAPES["v1.6.2"], core="packages/core/installer")
    with planted(tmp_path, tree(moved)) as repository:
        layout = detect(repository, "v9.9.9")
    assert (layout.generation, layout.generations) == ("", ())


def test_an_unknown_recipe_is_unknown(tmp_path: Path) -> None:
    files = tree(SHAPES["v1.6.2"])
    path = "packages/core/talos/Makefile"
    files[path] = files[path].replace("--tar-to-stdout ", "")
    with planted(tmp_path, files) as repository:
        assert detect(repository, "v9.9.9").invocation == "unknown"


@pytest.mark.parametrize("ref", ["v9.9.9", "", "v1.6.2:Makefile", "one\ntwo", "-h"])
def test_a_ref_that_is_none_is_an_error(upstream: Repository, ref: str) -> None:
    with pytest.raises(UpstreamError, match="has no ref") as caught:
        detect(upstream, ref)
    assert "\n" not in str(caught.value)


def test_a_directory_inside_another_repository_is_no_repository(tmp_path: Path) -> None:
    cozystack_tree.create_all(tmp_path)
    with pytest.raises(UpstreamError, match="is not a git repository"):
        Repository(tmp_path / "packages")


def test_a_path_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UpstreamError, match="is not a directory"):
        Repository(tmp_path / "absent")
