# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What CozyStack's history has taught: one test for each change that once broke a downstream build.

The numbers are those of the list of cases in docs/reference/upstream-contract.md. Trees are fixtures; the same cases in
the real history are compared in tests/interop/cozystack.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.advice import notes
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.committed_profile import image_reference
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.contract import judge, judge_ref, probed
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import Repository
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.layout import (
    ASSETS_DIRECTORY,
    MAKE_VARIABLES,
    Layout,
    detect,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.platform_facts import (
    PlatformFacts,
    platform_facts,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.setbacks import setbacks
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.verdict import Judgement, Wishes
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.versions import kubernetes_skew
from ansible_collections.homelab.talos.tests.support import cozystack_tree
from ansible_collections.homelab.talos.tests.support.cozystack_tree import NEWEST, SHAPES, Shape, Tree, tree

CORE = "packages/core/talos"
INSTALLER = "packages/core/installer"


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """A repository with one tag per shape."""
    with Repository(cozystack_tree.create_all(tmp_path_factory.mktemp("upstream"), bare=True)) as repository:
        yield repository


def judged(tmp_path: Path, files: Tree, wishes: Wishes | None = None) -> Judgement:
    """Judge one tree."""
    with Repository(cozystack_tree.create(tmp_path / "upstream", {"v9": files}, bare=True)) as repository:
        return judge_ref(repository, "v9", wishes)


def profiles_edited(shape: Shape, old: str, new: str) -> Tree:
    """Return a tree whose profiles differ in one place each."""
    files = tree(shape)
    for path in [path for path in files if "/profiles/" in path]:
        assert old in files[path]
        files[path] = files[path].replace(old, new)
    return files


def layout_of(judgement: Judgement) -> Layout:
    """Return the layout."""
    assert judgement.layout is not None
    return judgement.layout


def verdict(judgement: Judgement, check: str) -> str:
    """Return the verdict of a check."""
    return judgement.check(check).verdict


def remark(judgement: Judgement, check: str) -> str:
    """Return what a check objects to, all of it."""
    return "\n".join(line for line in judgement.remarks if line.startswith(f"{check} "))


def run_make(directory: Path, programs: Path, tag_tree: Shape, target: str, *further: str) -> int:
    """Run real make on a tree with nothing but the given programs and the basic ones; return its exit status."""
    for name in ("sh", "bash", "awk", "cat", "mkdir", "tar", "gzip", "uname"):
        if not (programs / name).exists():
            (programs / name).symlink_to(str(shutil.which(name)))
    variables = [f"{name}={value}" for name, value in MAKE_VARIABLES.items()]
    command = [str(shutil.which("make")), "-C", str(directory / tag_tree.core), target, *(further or variables)]
    environment = {"PATH": str(programs), "HOME": str(directory)}
    return subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False).returncode


def program(directory: Path, name: str, text: str) -> None:
    """Write a stand-in program."""
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(f"#!/bin/sh\n{text}\n")
    (directory / name).chmod(0o755)


def written(directory: Path, shape: Shape) -> Path:
    """Write a tree to a directory."""
    for path, text in tree(shape).items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)
    return directory


def test_k01_the_talos_package_moved(upstream: Repository) -> None:
    before, after = judge_ref(upstream, "v0.38.0"), judge_ref(upstream, "v0.40.2")
    assert (verdict(before, "C1"), layout_of(before).core) == ("changed-but-handled", INSTALLER)
    assert (verdict(after, "C1"), layout_of(after).core) == ("ok", CORE)


def test_k02_common_envs_moved(upstream: Repository, tmp_path: Path) -> None:
    assert verdict(judge_ref(upstream, "v0.41.11"), "C2") == "changed-but-handled"
    assert verdict(judge_ref(upstream, "v1.0.0-alpha.1"), "C2") == "ok"
    half = tree(replace(SHAPES["v0.41.11"]))
    half["hack/common-envs.mk"] = half.pop("scripts/common-envs.mk")
    assert verdict(judged(tmp_path, half), "C2") == "unsupported"


def test_k03_plain_targets_became_guards(upstream: Repository, tmp_path: Path) -> None:
    layout = detect(upstream, "v1.0.0-alpha.1")
    assert layout.targets["kernel"] == "build-talos-kernel"
    shape, work = SHAPES["v1.0.0-alpha.1"], tmp_path / "work"
    stale = written(work, shape) / ASSETS_DIRECTORY
    stale.mkdir(parents=True)
    (stale / "kernel-amd64").touch()
    program(tmp_path / "bin", "docker", "exit 9")
    # Why the guard must not be called: it is content with a stale amd64 file.
    assert run_make(work, tmp_path / "bin", shape, "talos-kernel") == 0
    assert run_make(work, tmp_path / "bin", shape, layout.targets["kernel"]) != 0


def test_k04_the_imager_needs_a_cluster(upstream: Repository) -> None:
    judgement = judge_ref(upstream, "v0.28.2")
    assert judgement.overall == verdict(judgement, "C3") == "unsupported"
    assert "needs a cluster" in remark(judgement, "C3")


def test_k05_the_imager_shares_one_directory_in_a_cluster(upstream: Repository) -> None:
    judgement = judge_ref(upstream, "v0.29.0")
    assert judgement.overall == "unsupported"
    assert "kubectl-exec-out-dir" in remark(judgement, "C3")


def test_k06_the_imager_came_back_to_docker(upstream: Repository) -> None:
    judgement = judge_ref(upstream, "v0.29.1")
    assert (verdict(judgement, "C3"), judgement.overall) == ("ok", "supported with remarks")


def test_k07_firmware_was_renamed(upstream: Repository) -> None:
    frozen = remark(judge_ref(upstream, "v0.29.1"), "C8")
    assert "amdgpu-firmware:20240709, expected an extension of that Talos version; frozen" in frozen
    assert "i915-ucode" in frozen
    assert "frozen" not in remark(judge_ref(upstream, "v0.16.0"), "C8")
    assert remark(judge_ref(upstream, "v0.37.5"), "C8") == ""


def test_k08_the_generator_lists_what_it_does_not_emit(upstream: Repository) -> None:
    judgement = judge_ref(upstream, "v0.35.0")
    assert "differences: amdgpu-firmware i915-ucode" in remark(judgement, "C8")
    assert [each.name for each in layout_of(judgement).extensions] == list(cozystack_tree.REDUCED)


def test_k09_the_template_pins_the_base_installer(upstream: Repository, tmp_path: Path) -> None:
    assert verdict(judge_ref(upstream, "v0.31.1"), "C10") == "changed-but-handled"
    assert verdict(judge_ref(upstream, "v0.35.0"), "C10") == "ok"
    generated = profiles_edited(SHAPES["v0.35.0"], "installer:v1.10.5", "installer:v1.10.3")
    assert verdict(judged(tmp_path, generated), "C10") == "unsupported"


def test_k10_references_became_digests(upstream: Repository) -> None:
    assert "tags, expected references with digest" in remark(judge_ref(upstream, "v0.35.0"), "C8")
    layout = detect(upstream, "v0.37.5")
    assert all(each.digest for each in layout.extensions)
    assert layout.generator is not None
    assert layout.generator.lookup == "image-digests"


def test_k11_an_extension_that_waits_for_its_configuration(upstream: Repository) -> None:
    assert "the boot of a node does not finish" in remark(judge_ref(upstream, "v0.35.2"), "C8")
    assert remark(judge_ref(upstream, "v0.37.5"), "C8") == ""


def test_k12_forked_installer_and_driver(upstream: Repository) -> None:
    judgement = judge_ref(upstream, "v0.22.0")
    assert (verdict(judgement, "C8"), verdict(judgement, "C10")) == ("unsupported", "unsupported")
    assert "ghcr.io/kvaps/talos/zfs" in remark(judgement, "C8")
    assert "-dirty" in remark(judgement, "C10")


def test_k13_a_kind_that_the_imager_refuses(upstream: Repository) -> None:
    judgement = judge_ref(upstream, "v0.4.0")
    assert verdict(judgement, "C7") == "changed-but-handled"
    assert "a kind that the imager refuses" in remark(judgement, "C7")
    assert layout_of(judgement).asset_files("arm64")["nocloud"] == "nocloud-arm64.raw.xz"


def test_k14_two_kinds_with_one_file_name(upstream: Repository) -> None:
    judgement = judge_ref(upstream, "v0.3.1")
    assert verdict(judgement, "C7") == "changed-but-handled"
    assert "found metal-arm64.raw.xz" in remark(judgement, "C7")


def test_k15_the_top_makefile_names_a_missing_directory(tmp_path: Path) -> None:
    files = tree(SHAPES["v0.5.0"])
    files["Makefile"] = "assets:\n\tmake -C packages/core/talos assets\n"
    assert layout_of(judged(tmp_path, files)).core == INSTALLER


def test_k16_firmware_images_older_than_the_layout_of_talos(upstream: Repository) -> None:
    judgement = judge_ref(upstream, "v0.31.0")
    assert layout_of(judgement).talos_version == "v1.10.1"
    assert "left out" in remark(judgement, "C8")


def test_k17_the_registry_was_renamed(upstream: Repository) -> None:
    none = PlatformFacts("", False, ())
    assert any("ghcr.io/aenix-io" in note for note in notes(detect(upstream, "v0.5.0"), none))
    assert not any("aenix-io" in note for note in notes(detect(upstream, "v0.29.1"), none))


def test_k18_variables_are_given_on_the_command_line(tmp_path: Path) -> None:
    """The environment does not win over := and =; make's command line does."""
    shape, work = SHAPES["v0.21.1"], tmp_path / "work"
    written(work, shape)
    program(tmp_path / "bin", "git", f": > {tmp_path}/ran")
    program(tmp_path / "bin", "docker", "exit 9")
    run_make(work, tmp_path / "bin", shape, "talos-kernel", "REGISTRY=mine")
    assert (tmp_path / "ran").exists()
    (tmp_path / "ran").unlink()
    run_make(work, tmp_path / "bin", shape, "talos-kernel")
    assert not (tmp_path / "ran").exists()


def test_k19_tags_of_published_images_changed(upstream: Repository) -> None:
    none = PlatformFacts("", False, ())
    assert any("take images by digest" in note for note in notes(detect(upstream, "v1.6.2"), none))
    assert not any("take images by digest" in note for note in notes(detect(upstream, "v1.4.0"), none))
    assert judge_ref(upstream, "v1.6.2").overall == "supported"


def test_k20_another_digest_under_the_same_tag(upstream: Repository) -> None:
    shape = SHAPES["v1.6.2"]
    texts = cozystack_tree.image_digests(shape, "ghcr.io/siderolabs/spin:v1", "ghcr.io/siderolabs/tailscale:1")
    listed = {each.name: each for each in map(image_reference, texts.splitlines())}
    assert verdict(judge_ref(upstream, "v1.6.2", Wishes(available=listed)), "C8") == "ok"
    listed["drbd"] = replace(listed["drbd"], digest=cozystack_tree.digest("built again"))
    moved = judge_ref(upstream, "v1.6.2", Wishes(available=listed))
    assert verdict(moved, "C8") == "changed-but-handled"
    assert "built again under the same tag" in remark(moved, "C8")


def test_k21_the_base_of_matchbox_does_not_matter(upstream: Repository) -> None:
    layout = detect(upstream, NEWEST)
    assert not [path for path in layout.files if "matchbox" in path]
    assert not [target for target in layout.targets.values() if "matchbox" in target]


def test_k22_and_k23_make_asks_git_nothing(upstream: Repository, tmp_path: Path) -> None:
    """Given versions, parsing neither describes (tags of submodules) nor fetches."""
    for tag in ("v0.21.1", "v1.6.2"):
        judgement = probed(upstream, judge_ref(upstream, tag))
        assert "probe" not in judgement.not_checked
        assert verdict(judgement, "C11") == "ok", judgement.remarks
    files = tree(SHAPES["v1.6.2"])
    files["hack/common-envs.mk"] = files["hack/common-envs.mk"].replace("ifeq ($(COZYSTACK_VERSION),)", "ifeq (a,a)")
    assert verdict(judged(tmp_path, files), "C11") == "unknown"


def test_k24_make_asks_docker_nothing(upstream: Repository, tmp_path: Path) -> None:
    for tag in ("v0.31.0", "v0.35.0"):
        judgement = probed(upstream, judge_ref(upstream, tag))
        assert verdict(judgement, "C11") == "ok", judgement.remarks
    files = tree(SHAPES["v0.35.0"])
    path = "scripts/common-envs.mk"
    files[path] = files[path].replace("ifeq ($(origin PLATFORM), undefined)", "ifeq (a,a)")
    assert verdict(judged(tmp_path, files), "C11") == "unknown"


def test_k25_update_is_no_target_of_ours(upstream: Repository) -> None:
    for tag in SHAPES:
        layout = detect(upstream, tag)
        assert "update" not in layout.targets.values()
        assert all("update" not in layout.makefile.prerequisites(target) for target in layout.targets.values())
        assert layout.talos_version == SHAPES[tag].talos


def test_k26_an_extension_that_the_talos_version_has_not(upstream: Repository) -> None:
    judgement = judge_ref(upstream, "v0.2.0")
    assert verdict(judgement, "C9") == "unsupported"
    assert "found Talos v1.6.4, expected a Talos version with spin" in remark(judgement, "C9")
    assert verdict(judge_ref(upstream, "v0.2.0", Wishes(extensions=())), "C9") == "ok"
    assert verdict(judge_ref(upstream, "v0.5.0"), "C9") == "ok"
    early = Wishes(extensions=("lldpd",))
    assert verdict(judge_ref(upstream, "v0.21.1", early), "C9") == "unsupported"


def test_k27_an_empty_tag(tmp_path: Path) -> None:
    shape = SHAPES["v0.31.1"]
    files = profiles_edited(shape, cozystack_tree.extension_reference(shape, "drbd"), '"ghcr.io/siderolabs/drbd:"')
    judgement = judged(tmp_path, files)
    assert verdict(judgement, "C8") == "unsupported"
    assert "tag or digest is not whole" in remark(judgement, "C8")


def test_k28_another_architecture_with_the_same_kernel(tmp_path: Path) -> None:
    judgement = judged(tmp_path, profiles_edited(SHAPES[NEWEST], "arch: amd64", "arch: arm64"))
    assert verdict(judgement, "C6") == "unknown"
    judgement = judged(tmp_path / "paths", profiles_edited(SHAPES[NEWEST], "amd64/vmlinuz", "arm64/vmlinuz"))
    assert verdict(judgement, "C6") == "unknown"


def test_k29_an_imager_that_fails_after_its_output(tmp_path: Path) -> None:
    shape, work = SHAPES["v1.6.2"], tmp_path / "work"
    written(work, shape)
    archive = "cat >/dev/null; d=$(mktemp -d); tar -C $d -czf - .; exit 3"
    program(tmp_path / "bin", "docker", f"PATH={os.environ['PATH']}; {archive}")
    assert run_make(work, tmp_path / "bin", shape, "build-talos-kernel", "COZYSTACK_VERSION=0", "TAG=a") == 0
    assert run_make(work, tmp_path / "bin", shape, "build-talos-kernel") != 0


def test_k30_no_target_of_ours_needs_yq(upstream: Repository) -> None:
    for tag in SHAPES:
        layout = detect(upstream, tag)
        for target in layout.targets.values():
            rule = layout.makefile.rule(target)
            assert rule is not None
            assert not [line for line in rule.recipe if "yq" in line]
            assert layout.makefile.prerequisites(target) == ()


def test_k31_an_older_talos_in_a_newer_release(upstream: Repository) -> None:
    judgements = [judge_ref(upstream, tag) for tag in ("v1.2.4", "v1.3.0", "v1.4.0")]
    assert [each.ref for each in setbacks(judgements)] == ["v1.3.0"]
    platform = detect(upstream, "v1.2.4")
    assert verdict(judge_ref(upstream, "v1.3.0", Wishes(platform=platform)), "C14") == "changed-but-handled"
    assert verdict(judge_ref(upstream, "v1.4.0", Wishes(platform=platform)), "C14") == "ok"


def test_k32_storage_drivers_of_another_line(upstream: Repository) -> None:
    platform = detect(upstream, "v1.3.0")
    judgement = judge_ref(upstream, "v1.4.0", Wishes(platform=platform))
    assert verdict(judgement, "C15") == "changed-but-handled"
    assert "found drbd 9.3, expected drbd 9.2" in remark(judgement, "C15")
    assert verdict(judge_ref(upstream, "v1.2.4", Wishes(platform=platform)), "C15") == "ok"


def test_k33_kubernetes_must_fit_the_talos_line(upstream: Repository) -> None:
    assert verdict(judge_ref(upstream, "v0.38.0"), "C13") == "changed-but-handled"
    assert verdict(judge_ref(upstream, "v1.4.0"), "C13") == "ok"
    assert kubernetes_skew(detect(upstream, "v1.4.0").talos_version, "v1.37.0")
    assert not kubernetes_skew(detect(upstream, "v1.4.0").talos_version, "v1.36.3")


def test_k34_kexec_is_used_again(upstream: Repository) -> None:
    none = PlatformFacts("", False, ())
    assert any("kexec_load_disabled=1" in note for note in notes(detect(upstream, "v1.6.2"), none))
    assert not any("kexec" in note for note in notes(detect(upstream, "v1.4.0"), none))


def test_k35_the_kernel_became_a_compressed_efi_image(upstream: Repository) -> None:
    none = PlatformFacts("", False, ())
    assert any("EFI image with zstd" in note for note in notes(detect(upstream, "v0.16.0"), none))
    assert not any("zstd" in note for note in notes(detect(upstream, "v0.5.0"), none))


def test_k36_export_as_oci_layout(upstream: Repository) -> None:
    judgement = judge_ref(upstream, NEWEST)
    assert (layout_of(judgement).generation, judgement.overall) == ("G13", "supported")


def test_k37_profiles_and_targets_per_architecture(tmp_path: Path) -> None:
    files = {path.replace(".yaml", "-amd64.yaml"): text for path, text in tree(SHAPES["v0.31.1"]).items()}
    judgement = judged(tmp_path, files)
    assert (judgement.overall, judgement.layout) == ("unsupported", None)
    assert "profiles per architecture" in remark(judgement, "C1")


def test_k38_kernel_arguments_and_a_seventh_profile(tmp_path: Path) -> None:
    files = profiles_edited(SHAPES[NEWEST], "input:\n", "customization:\n  extraKernelArgs:\n    - a=b\ninput:\n")
    files[f"{CORE}/images/talos/profiles/openstack.yaml"] = "arch: amd64\n"
    judgement = judged(tmp_path, files)
    assert (verdict(judgement, "C4"), verdict(judgement, "C6")) == ("changed-but-handled", "changed-but-handled")
    assert "found customization" in remark(judgement, "C6")
    assert "openstack.yaml" in remark(judgement, "C4")


def test_k39_imager_and_base_installer_by_tag(upstream: Repository, tmp_path: Path) -> None:
    none = PlatformFacts("", False, ())
    assert any("given by tag" in note for note in notes(detect(upstream, NEWEST), none))
    pinned = f"installer:v1.13.6@{cozystack_tree.digest('installer')}"
    judgement = judged(tmp_path, profiles_edited(SHAPES[NEWEST], "installer:v1.13.6", pinned))
    assert verdict(judgement, "C10") == "ok"
    assert not any("given by tag" in note for note in notes(judgement.layout, none))


def installed(tmp_path: Path, name: str, files: Tree) -> PlatformFacts:
    """Return how a tree is installed."""
    files = {**tree(SHAPES[NEWEST]), **{f"{INSTALLER}/{path}": text for path, text in files.items()}}
    with Repository(cozystack_tree.create(tmp_path / name, {"v9": files}, bare=True)) as repository:
        return platform_facts(repository, repository.commit("v9"))


def test_k40_release_artefacts_changed(tmp_path: Path) -> None:
    old = installed(tmp_path, "old", {"templates/cozystack.yaml": "kind: Deployment\n"})
    new = installed(tmp_path, "new", {"templates/cozystack-operator.yaml": "kind: Deployment\n"})
    assert old.artefacts == "cozystack-installer.yaml"
    assert new.artefacts.startswith("cozystack-crds.yaml")
    assert installed(tmp_path, "none", {}).artefacts == "unknown"


def test_k41_the_namespace_left_the_chart(tmp_path: Path) -> None:
    operator = "templates/cozystack-operator.yaml"
    assert installed(tmp_path, "in", {operator: "---\nkind: Namespace\n"}).namespace_in_chart
    switched = {
        operator: "",
        "templates/namespace.yaml": "{{ if .Values.bareNamespace }}\nkind: Namespace\n{{ end }}\n",
    }
    assert not installed(tmp_path, "out", switched).namespace_in_chart


def test_k42_the_installer_image_is_amd64_only(tmp_path: Path) -> None:
    recipe = "image-cozystack:\n\tdocker buildx build \\\n\t\t--platform {} .\n"
    both = installed(tmp_path, "both", {"Makefile": recipe.format("linux/amd64,linux/arm64")})
    one = installed(tmp_path, "one", {"Makefile": recipe.format("linux/amd64")})
    assert both.installer_platforms == ("linux/amd64", "linux/arm64")
    assert not any("amd64 only" in note for note in notes(None, both))
    assert any("amd64 only" in note for note in notes(None, one))


def test_k43_the_join_network_lies_in_the_tailnet(tmp_path: Path) -> None:
    files = tree(SHAPES[NEWEST])
    for name, cidr, told in (("a", "100.64.0.0/16", True), ("b", "10.200.0.0/16", False), ("c", "999.1.1.1/16", False)):
        values = {"packages/core/platform/values.yaml": f'networking:\n  joinCIDR: "{cidr}"\n'}
        with Repository(cozystack_tree.create(tmp_path / name, {"v9": {**files, **values}}, bare=True)) as repository:
            facts = platform_facts(repository, repository.commit("v9"))
        assert any("tailnet's addresses" in note for note in notes(None, facts)) is told


def test_every_fixture_has_the_verdict_of_its_history(upstream: Repository) -> None:
    """Where nothing is unsupported, a build can go ahead; the clusters of early 2025 and forks cannot be served."""
    found = {tag: judge(detect(upstream, tag), Wishes(extensions=())).overall for tag in SHAPES}
    assert {tag for tag, overall in found.items() if overall == "unsupported"} == {"v0.22.0", "v0.28.2", "v0.29.0"}
    assert "needs review" not in found.values()
