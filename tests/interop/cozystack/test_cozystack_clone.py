# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract against the history of the real CozyStack.

`matrix.csv` says what was found by hand in most tags of cozystack/cozystack up to v1.6.2 and in its branch main at
commit 3c780acd4; other tags are left out of it on purpose. The tests need a clone with all tags (git clone --bare
https://github.com/cozystack/cozystack), whose path is in HOMELAB_COZYSTACK_CLONE, and ask no network.
"""

from __future__ import annotations

import csv
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.cozystack import pin
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.contract import judge_ref, judge_refs, probed
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import Repository
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.layout import Layout
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.verdict import Judgement

CLONE = os.environ.get("HOMELAB_COZYSTACK_CLONE", "")
HERE = Path(__file__).parent
with (HERE / "matrix.csv").open(encoding="utf-8", newline="") as _stream:
    MATRIX = {row["tag"]: row for row in csv.DictReader(_stream)}
# Checks about the tree alone; whether extensions exist and which Talos lines are known is another matter.
OF_THE_BUILD = ("C1", "C2", "C3", "C4", "C5", "C6", "C7", "C11", "C12")
SECONDS_FOR_ALL = 15.0

if not CLONE:
    pytest.skip("HOMELAB_COZYSTACK_CLONE names no clone of cozystack/cozystack", allow_module_level=True)


@pytest.fixture(scope="module")
def repository() -> Iterator[Repository]:
    """The clone."""
    with Repository(CLONE) as opened:
        yield opened


@pytest.fixture(scope="module")
def judgements(repository: Repository) -> dict[str, Judgement]:
    """The judgement of every tag and of main."""
    refs = [*repository.refs(), "main"]
    return dict(zip(refs, judge_refs(repository, refs), strict=True))


def layout_of(judgement: Judgement) -> Layout:
    """Return the layout, which every tag has."""
    assert judgement.layout is not None, judgement.remarks
    return judgement.layout


def as_in_the_matrix(judgement: Judgement) -> dict[str, str]:
    """Return the columns of the matrix, as far as they are detected."""
    layout = layout_of(judgement)
    generator = layout.generator
    assert generator is not None
    base = layout.base_installer
    return {
        "layout_generation": layout.generation,
        "core_dir": layout.core,
        "common_envs": layout.includes[0].path if layout.includes else "",
        "talos_version": layout.talos_version,
        "profiles_committed": " ".join(layout.profiles),
        "PROFILES": " ".join(generator.profiles),
        "FIRMWARES": " ".join(generator.firmware),
        "EXTENSIONS": " ".join(generator.extensions),
        "ext_names_committed": " ".join(
            each.name if each.repository.startswith("ghcr.io/siderolabs/") else each.repository
            for each in layout.extensions
        ),
        "ext_ref_style": "digest" if all(each.digest for each in layout.extensions) else "tag",
        "ext_in_template": " ".join(generator.emitted),
        "ext_lookup": "image-digests" if generator.lookup == "image-digests" else f"skopeo-{generator.lookup}",
        "base_installer_committed": base.text,
        "base_installer_template": generator.base_installer,
        "base_installer_matches_version": "yes" if base.tag == layout.talos_version else "no",
        "asset_names": " ".join(
            f"{kind}={profile.output.file_name('ARCH') or 'INVALID'}" for kind, profile in layout.profiles.items()
        ),
        "arm64_build_prefix": layout.prefix,
        "arm64_make_without_patch": "needs-cluster" if judgement.check("C3").verdict == "unsupported" else "yes",
        "imager_invocation": layout.invocation,
        "parse_time_git_fetch": parse_time_fetch(layout),
        "parse_time_docker": parse_time_docker(layout),
    }


def parse_time_fetch(layout: Layout) -> str:
    """Return the variable whose emptiness makes the parsing fetch."""
    for makefile in layout.included.values():
        for execution in makefile.executions:
            if "git fetch" in execution.text:
                return execution.conditions[-1].removeprefix("ifeq ($(").partition(")")[0]
    return ""


def parse_time_docker(layout: Layout) -> str:
    """Return whether parsing runs docker: eager, lazy or no."""
    found = "no"
    for makefile in layout.included.values():
        for execution in makefile.executions:
            if "docker buildx ls" in execution.text and execution.assignment:
                found = "eager" if execution.assignment.operator == ":=" else "lazy"
    return found


def test_the_matrix_is_about_this_clone(repository: Repository) -> None:
    tags = repository.refs()
    moved = [tag for tag, row in MATRIX.items() if tag in tags and not tags[tag].startswith(row["commit"])]
    assert moved == []
    assert len(MATRIX.keys() & tags.keys()) == len(MATRIX) - 1


@pytest.mark.parametrize("tag", [tag for tag in MATRIX if tag != "main"])
def test_what_is_detected_is_in_the_matrix(judgements: dict[str, Judgement], tag: str) -> None:
    found = as_in_the_matrix(judgements[tag])
    assert found == {column: MATRIX[tag][column] for column in found}


@pytest.mark.parametrize("tag", [tag for tag in MATRIX if tag != "main"])
def test_the_verdict_on_the_build_is_that_of_the_matrix(judgements: dict[str, Judgement], tag: str) -> None:
    judgement = judgements[tag]
    verdicts = {name: judgement.check(name).verdict for name in OF_THE_BUILD}
    buildable = not {"unsupported", "unknown"} & set(verdicts.values())
    assert buildable == (MATRIX[tag]["arm64_make_without_patch"] == "yes"), verdicts


def test_main_is_as_in_the_matrix_while_it_is_that_commit(repository: Repository) -> None:
    judgement = judge_ref(repository, MATRIX["main"]["commit"])
    found = as_in_the_matrix(judgement)
    assert found == {column: MATRIX["main"][column] for column in found}
    assert judgement.overall == "supported"


def test_no_tag_needs_review(judgements: dict[str, Judgement]) -> None:
    """Those that the matrix leaves out are judged from content like all others."""
    counts = Counter(each.overall for each in judgements.values())
    assert {ref: each.remarks for ref, each in judgements.items() if each.overall == "needs review"} == {}
    assert set(counts) == {"supported", "supported with remarks", "unsupported"}


def test_the_pin_is_the_commit_of_its_tag_and_supported(repository: Repository) -> None:
    judgement = judge_ref(repository, pin.REF)
    assert (judgement.commit, layout_of(judgement).talos_version) == (pin.COMMIT, pin.TALOS_VERSION)
    assert judgement.overall == "supported"


@pytest.mark.parametrize(
    "ref", ["v0.0.1", "v0.3.1", "v0.21.1", "v0.29.0", "v0.35.0", "v0.39.5", "v0.41.9", "v1.6.2", "main"]
)
def test_make_prints_what_was_read(repository: Repository, ref: str) -> None:
    judgement = probed(repository, judge_ref(repository, ref))
    assert "probe" not in judgement.not_checked
    assert judgement.check("C11").verdict == "ok", judgement.remarks


def test_all_refs_take_less_than_the_limit(repository: Repository) -> None:
    refs = [*repository.refs(), "main"]
    begin = time.monotonic()
    with Repository(CLONE) as fresh:
        judged = list(judge_refs(fresh, refs))
    seconds = time.monotonic() - begin
    assert len(judged) == len(refs)
    assert seconds < SECONDS_FOR_ALL, f"{len(refs)} refs took {seconds:.1f} s"
