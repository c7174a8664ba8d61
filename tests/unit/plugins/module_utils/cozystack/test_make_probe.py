# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What make prints is compared with what was read; a Makefile that is not known is never given to make."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.cozystack import layout as layouts
from ansible_collections.homelab.talos.plugins.module_utils.cozystack import make_probe
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.contract import judge_ref, probed
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.errors import UpstreamError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import Repository
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.layout import detect
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.verdict import Wishes
from ansible_collections.homelab.talos.tests.support import cozystack_tree
from ansible_collections.homelab.talos.tests.support.cozystack_tree import SHAPES, tree

MAKEFILE = "packages/core/talos/Makefile"
TAG = "v1.6.2"


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """A repository with one tag per shape."""
    with Repository(cozystack_tree.create_all(tmp_path_factory.mktemp("upstream"), bare=True)) as repository:
        yield repository


@pytest.mark.parametrize("tag", ["v0.0.1", "v0.5.0", "v0.21.1", "v0.29.0", "v0.35.0", "v0.40.2", TAG])
def test_make_prints_the_known_recipe_and_runs_nothing(upstream: Repository, tag: str) -> None:
    seen = list(make_probe.probe(upstream, detect(upstream, tag)))
    assert [each.verdict for each in seen] == ["ok"] * len(SHAPES[tag].kinds)


def test_only_the_kinds_asked_for_are_probed(upstream: Repository) -> None:
    judgement = probed(upstream, judge_ref(upstream, TAG), Wishes(kinds=("kernel",)))
    assert sum(each.found == "the known recipe" for each in judgement.check("C11").observations) == 1


def test_a_program_that_runs_while_make_parses_is_seen(upstream: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without our versions the Makefile asks git; the trap is called, and git is not."""
    less = {name: value for name, value in layouts.MAKE_VARIABLES.items() if name != "COZYSTACK_VERSION"}
    monkeypatch.setattr(make_probe, "MAKE_VARIABLES", less)
    first = next(make_probe.probe(upstream, detect(upstream, TAG)))
    assert first.verdict == "unknown"
    assert "git describe --tags; git remote add upstream" in first.found


def test_another_recipe_is_seen(upstream: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_probe, "known_recipe", lambda invocation, prefix: ("something else",))
    seen = list(make_probe.probe(upstream, detect(upstream, TAG), ("iso",)))
    assert [(each.verdict, each.expected) for each in seen] == [("unknown", "something else")]
    assert seen[0].found == "build-talos-iso: mkdir -p ../../../_out/assets"


def planted(tmp_path: Path, old: str, new: str, path: str = MAKEFILE) -> Repository:
    """Return a repository whose newest shape has a defect."""
    files = tree(SHAPES[TAG])
    assert old in files[path]
    files[path] = files[path].replace(old, new, 1)
    return Repository(cozystack_tree.create(tmp_path / "upstream", {TAG: files}, bare=True))


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (MAKEFILE, "\tmkdir -p", "\t+touch {witness}\n\tmkdir -p"),
        (MAKEFILE, "\tmkdir -p", "\t$(MAKE) -v; touch {witness}\n\tmkdir -p"),
        (MAKEFILE, "\nupdate:", "\nX := $(shell touch {witness})\nupdate:"),
        (MAKEFILE, "\nupdate:", "\nX != touch {witness}\nupdate:"),
        (MAKEFILE, "build-talos-metal:", "build-talos-metal: witness\n\nwitness:\n\t+touch {witness}\n\nspare:"),
        ("hack/common-envs.mk", "PUSH := 1", "PUSH := 1\n$(eval $(shell touch {witness}))"),
    ],
)
def test_a_makefile_that_is_not_known_is_never_given_to_make(path: str, old: str, new: str, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    with planted(tmp_path, old, new.format(witness=witness), path) as repository:
        judgement = probed(repository, judge_ref(repository, TAG))
    assert judgement.not_checked["probe"] == "the Makefile is not known well enough"
    assert judgement.overall == "needs review"
    assert not witness.exists()


def test_make_gets_no_credentials(upstream: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    environment = make_probe._environment(tmp_path / "programs", tmp_path / "home")
    assert set(environment) == {"PATH", "HOME", "LC_ALL", "TMPDIR"}
    assert environment["PATH"] == str(tmp_path / "programs")
    assert os.environ["HOME"] not in environment.values()


def test_without_make(upstream: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_probe.shutil, "which", lambda name: None)
    with pytest.raises(UpstreamError, match="there is no program make; install GNU make"):
        list(make_probe.probe(upstream, detect(upstream, TAG)))
