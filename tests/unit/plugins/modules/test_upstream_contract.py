# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""upstream_contract: verdicts for one ref and for many, and everything it refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.cozystack import pin_change
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import MAXIMUM_FILE_SIZE
from ansible_collections.homelab.talos.plugins.modules import upstream_contract
from ansible_collections.homelab.talos.tests.support import cozystack_tree
from ansible_collections.homelab.talos.tests.support.cozystack_tree import NEWEST, SHAPES


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A bare repository with one tag per shape."""
    return str(cozystack_tree.create_all(tmp_path_factory.mktemp("upstream"), bare=True))


def test_one_ref_comes_with_every_check(run_module: Any, bare: str) -> None:
    result = run_module(upstream_contract, repository=bare, refs=["v1.6.2"])
    assert (result["changed"], result["verdict"], result["counts"]) == (False, "supported", {"supported": 1})
    (only,) = result["refs"]
    assert [check["id"] for check in only["checks"]] == [f"C{number}" for number in range(1, 14)]
    assert only["not_checked"].keys() == {"C14", "C15"}
    assert only["files"]["installer"] == "installer-arm64.tar"
    assert result["lines"] == ["v1.6.2: supported (G12, Talos v1.13.6)"]


def test_many_refs_come_with_what_is_remarkable(run_module: Any, bare: str, tmp_path: Path) -> None:
    progress = tmp_path / "progress"
    result = run_module(upstream_contract, repository=bare, refs=["*", "main"], progress=str(progress))
    assert len(result["refs"]) == len(SHAPES) + 1
    assert sum(result["counts"].values()) == len(SHAPES) + 1
    assert result["verdict"] == "unsupported"
    verdicts = {each["ref"]: each["verdict"] for each in result["refs"]}
    assert verdicts["v0.29.0"] == "unsupported"
    assert verdicts["v0.29.1"] == "supported with remarks"
    assert verdicts["main"] == "supported"
    assert all(check["verdict"] != "ok" for each in result["refs"] for check in each["checks"])
    assert progress.read_text().splitlines()[-1] == f"[{len(SHAPES) + 1}/{len(SHAPES) + 1}] main: supported"
    assert result["setbacks"] == [
        "v1.3.0 has Talos v1.12.6, v1.2.4 has v1.12.7: an upgrade of the platform would take nodes back"
    ]


def test_newest_is_the_highest_release(run_module: Any, bare: str) -> None:
    result = run_module(upstream_contract, repository=bare, refs=["newest"])
    assert [each["ref"] for each in result["refs"]] == ["v1.6.2"]


def test_the_list_of_extensions_decides(run_module: Any, bare: str, tmp_path: Path) -> None:
    path = tmp_path / "image-digests"
    path.write_text(cozystack_tree.image_digests(SHAPES["v1.6.2"], "ghcr.io/siderolabs/spin:v0.25.1"))
    result = run_module(upstream_contract, repository=bare, refs=["v1.6.2"], image_digests=str(path))
    assert result["verdict"] == "unsupported"
    assert result["lines"][1].startswith("  C9 unsupported")
    assert "has no tailscale" in result["lines"][1]
    path.write_text("not a reference\n")
    failed = run_module(upstream_contract, repository=bare, refs=["v1.6.2"], image_digests=str(path))
    assert failed["msg"].startswith(f"{path}:1: ")
    failed = run_module(upstream_contract, repository=bare, refs=["v*"], image_digests=str(path))
    assert "give one ref" in failed["msg"]


def test_cluster_and_platform_add_their_checks(run_module: Any, bare: str) -> None:
    result = run_module(
        upstream_contract, repository=bare, refs=["v1.3.0"], cluster_talos_version="v1.12.7", platform_ref="v1.6.2"
    )
    checks = {check["id"]: check for check in result["refs"][0]["checks"]}
    assert checks["C14"]["verdict"] == checks["C15"]["verdict"] == "changed-but-handled"
    assert checks["C14"]["expected"] == "v1.12.7 or newer"


def test_make_itself_is_asked_when_wanted(run_module: Any, bare: str) -> None:
    result = run_module(upstream_contract, repository=bare, refs=["v1.6.2", "v0.0.1", "v0.29.0"], probe=True)
    assert [each["not_checked"].get("probe") for each in result["refs"]] == [None, None, None]
    (newest,) = run_module(upstream_contract, repository=bare, refs=["v1.6.2"], probe=True)["refs"]
    (c11,) = (check for check in newest["checks"] if check["id"] == "C11")
    assert c11["verdict"] == "ok"


def test_the_pin_is_proposed_with_the_verdict(run_module: Any, bare: str, tmp_path: Path) -> None:
    result = run_module(upstream_contract, repository=bare, refs=[NEWEST])
    proposal = result["refs"][0]["proposal"]
    assert proposal.splitlines()[1] == "verdict: supported"
    (tmp_path / pin_change.PATH).parent.mkdir(parents=True)
    (tmp_path / pin_change.PATH).write_text(pin_change.current().text)
    subprocess.run(["git", "apply", "-"], input=proposal, text=True, cwd=tmp_path, check=True)
    assert f'REF = "{NEWEST}"' in (tmp_path / pin_change.PATH).read_text()


def refused(run_module: Any, **arguments: Any) -> str:
    """Run the module, expect one line of error and return it."""
    result = run_module(upstream_contract, **arguments)
    assert result["failed"]
    assert result["exit_status"] == 1
    return str(result["msg"])


def test_a_ref_that_does_not_exist(run_module: Any, bare: str) -> None:
    assert "has no ref 'v9.9.9'; give a tag" in refused(run_module, repository=bare, refs=["v9.9.9"])
    assert "has no tag that fits 'v9.*'" in refused(run_module, repository=bare, refs=["v9.*"])


def test_not_a_repository(run_module: Any, tmp_path: Path) -> None:
    assert "is not a git repository; give the root of a clone" in refused(run_module, repository=str(tmp_path))
    assert "is not a directory" in refused(run_module, repository=str(tmp_path / "absent"))


def test_a_repository_without_releases(run_module: Any, tmp_path: Path) -> None:
    cozystack_tree.create(tmp_path, {"one": cozystack_tree.tree(SHAPES[NEWEST])}, bare=True)
    assert "has no tag of a release" in refused(run_module, repository=str(tmp_path), refs=["newest"])
    assert "refs is empty" in refused(run_module, repository=str(tmp_path), refs=[])


def test_a_shallow_clone(run_module: Any, bare: str, tmp_path: Path) -> None:
    clone = str(tmp_path / "clone")
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{bare}", clone], check=True, capture_output=True)
    assert "the clone is shallow; git fetch --unshallow" in refused(run_module, repository=clone)
    allowed = run_module(upstream_contract, repository=clone, allow_shallow=True)
    assert allowed["verdict"] == "supported"


def test_a_dirty_checkout(run_module: Any, tmp_path: Path) -> None:
    cozystack_tree.create_all(tmp_path)
    makefile = tmp_path / "packages/core/talos/Makefile"
    makefile.write_text(makefile.read_text() + "# edited\n")
    (tmp_path / "untracked").write_text("not our business\n")
    message = refused(run_module, repository=str(tmp_path))
    assert "packages/core/talos/Makefile differs from commit" in message
    assert "commit or undo the change" in message
    # Another commit than the one that is checked out is not touched by it.
    assert run_module(upstream_contract, repository=str(tmp_path), refs=["v1.4.0"])["verdict"] == "supported"
    assert run_module(upstream_contract, repository=str(tmp_path), allow_dirty=True)["verdict"] == "supported"


def test_an_unknown_layout(run_module: Any, tmp_path: Path) -> None:
    trees = {"v1.0.0": cozystack_tree.tree(SHAPES["v1.6.2"]), "v2.0.0": {"packages/talos/Makefile": "all:\n"}}
    cozystack_tree.create(tmp_path, trees, bare=True)
    message = refused(run_module, repository=str(tmp_path), refs=["v2.0.0"])
    assert "no images/talos/profiles/installer.yaml in packages/core/talos or packages/core/installer" in message
    both = run_module(upstream_contract, repository=str(tmp_path), refs=["v*"])
    assert {each["ref"]: each["verdict"] for each in both["refs"]} == {"v1.0.0": "supported", "v2.0.0": "needs review"}


def test_one_file_that_is_too_large_is_a_verdict_about_its_ref_alone(run_module: Any, tmp_path: Path) -> None:
    good = cozystack_tree.tree(cozystack_tree.SHAPES["v1.6.2"])
    profile = next(path for path in good if path.endswith("/iso.yaml"))
    large = "#" * MAXIMUM_FILE_SIZE + "\n"
    trees = {
        "v1.0.0": {**good, profile: large + good[profile]},
        "v1.0.1": {**good, "packages/core/installer/templates/crds.yaml": large},
        "v1.0.2": good,
    }
    clone = cozystack_tree.create(tmp_path / "clone", trees, bare=True)
    result = run_module(upstream_contract, repository=str(clone), refs=["v1.0.*"])
    verdicts = {each["ref"]: each["verdict"] for each in result["refs"]}
    assert verdicts == {"v1.0.0": "needs review", "v1.0.1": "supported", "v1.0.2": "supported"}
    assert "iso.yaml of commit" in result["refs"][0]["remarks"][0]


def test_without_git(run_module: Any, bare: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "there is no program git; install git" in refused(run_module, repository=bare)


def test_nothing_of_the_repository_is_run(run_module: Any, tmp_path: Path) -> None:
    """Hooks, filters, monitors and helpers that a repository's configuration names stay silent."""
    witness = tmp_path / "witness"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {witness}\ncat\n")
    program.chmod(0o755)
    upstream = cozystack_tree.create_all(tmp_path / "upstream")
    for name in (
        "core.fsmonitor",
        "core.pager",
        "filter.x.clean",
        "filter.x.smudge",
        "credential.helper",
        "core.askPass",
    ):
        subprocess.run(["git", "-C", str(upstream), "config", name, str(program)], check=True)
    (upstream / ".git/info/attributes").write_text("* filter=x\n")
    shutil.copy(program, upstream / ".git/hooks/post-checkout")
    result = run_module(upstream_contract, repository=str(upstream), refs=["HEAD", "*"], probe=True)
    assert result["counts"]
    assert not witness.exists()


def test_results_are_plain_data(run_module: Any, bare: str) -> None:
    result = run_module(upstream_contract, repository=bare, refs=["v0.38.0"])
    assert json.loads(json.dumps(result)) == result
