# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""image: files of one variant, built by real make with a stand-in for the imager; nothing twice, nothing half."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.cozystack import container_engine
from ansible_collections.homelab.talos.plugins.modules import image, image_info
from ansible_collections.homelab.talos.tests.support import cozystack_tree
from ansible_collections.homelab.talos.tests.support.cozystack_tree import SHAPES, create, tree
from ansible_collections.homelab.talos.tests.support.image_builds import (
    ADDED,
    ENGINE,
    NEWEST,
    VARIANTS,
    arguments,
    clone_state,
    files_below,
    write_digests,
)

OLD, CLUSTER = "v0.3.1", "v0.28.2"
# What the imager calls the files for arm64.
NAMES = {"kernel": "kernel-arm64", "initramfs": "initramfs-metal-arm64.xz"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with a checkout of the newest tag."""
    trees = {tag: tree(SHAPES[tag]) for tag in (OLD, "v0.38.0", CLUSTER, NEWEST)}
    return create(tmp_path_factory.mktemp("upstream") / "cozystack", trees)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A file with a line per run of the imager."""
    return tmp_path / "record"


def recorded(record: Path) -> list[str]:
    """Return the kinds that the imager was run for."""
    return [line.split()[0] for line in record.read_text().splitlines()] if record.exists() else []


def labels(record: Path, fault: str = "") -> list[str]:
    options = ["--label", f"stand-in.record={record}"]
    return [*options, "--label", f"stand-in.fault={fault}"] if fault else options


def test_exactly_the_asked_files_with_checksums_and_manifest(run_module: Any, clone: Path, tmp_path: Path) -> None:
    before = clone_state(clone)
    result = run_module(image, **arguments(clone, tmp_path))
    directory = tmp_path / "images/arm64/compute"
    assert (result["changed"], result["state"], result["directory"]) == (True, "built", str(directory))
    profiles = {f"profiles/{kind}.yaml" for kind in cozystack_tree.SIX}
    found = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    assert found == {"kernel-arm64", "initramfs-metal-arm64.xz", "manifest.json", "checksums.sha256", *profiles}
    listed = dict(line.split("  ")[::-1] for line in (directory / "checksums.sha256").read_text().splitlines())
    assert set(listed) == found - {"checksums.sha256"}
    for name, checksum in listed.items():
        assert hashlib.sha256((directory / name).read_bytes()).hexdigest() == checksum, name
    assert json.loads((directory / "manifest.json").read_text()) == result["manifest"]
    assert clone_state(clone) == before
    assert list((tmp_path / "images/.work").iterdir()) == [tmp_path / "images/.work/compute-arm64.lock"]


def test_the_manifest_says_where_everything_comes_from(run_module: Any, clone: Path, tmp_path: Path) -> None:
    manifest = run_module(image, **arguments(clone, tmp_path, "gateway"))["manifest"]
    commit = subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", str(clone), "rev-parse", f"{NEWEST}^{{commit}}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert manifest["upstream"] == {
        "commit": commit,
        "ref": NEWEST,
        "core": "packages/core/talos",
        "generation": "G12",
        "contract": "supported",
    }
    assert (manifest["key"], manifest["tag"]) == ("arm64/gateway", "v1.13.6-gateway-arm64")
    assert (manifest["talos_version"], manifest["architecture"]) == ("v1.13.6", "arm64")
    assert [each["name"] for each in manifest["extensions"]] == ["drbd", "zfs", "spin", "tailscale"]
    assert all(each["digest"].startswith("sha256:") for each in manifest["extensions"])
    kernel = manifest["files"][1]
    assert (kernel["kind"], kernel["architecture"], kernel["form"]) == ("kernel", "arm64", "EFI zboot (zstd)")
    assert manifest["engine"]["version"] == "0.0.0-stand-in"
    assert manifest["engine"]["machine"] == os.uname().machine
    assert set(manifest["tools"]) == {"git", "make", "tar"}
    assert all(manifest["tools"].values())


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_profiles_list_exactly_the_extensions_of_the_variant(
    run_module: Any, clone: Path, tmp_path: Path, variant: str
) -> None:
    result = run_module(image, **arguments(clone, tmp_path, variant, kinds=[]))
    assert result["changed"]
    profiles = sorted((tmp_path / f"images/arm64/{variant}/profiles").iterdir())
    assert [path.stem for path in profiles] == sorted(cozystack_tree.SIX)
    for path in profiles:
        references = [line.split()[2] for line in path.read_text().splitlines() if line.startswith("    - imageRef")]
        names = [reference.rpartition("/")[2].partition(":")[0] for reference in references]
        assert sorted(names) == VARIANTS[variant]
        assert "amd64" not in path.read_text()
    assert run_module(image, **arguments(clone, tmp_path, variant, kinds=[]))["changed"] is False


def test_a_second_run_builds_nothing(run_module: Any, clone: Path, tmp_path: Path, record: Path) -> None:
    options = arguments(clone, tmp_path, run_options=labels(record))
    first = run_module(image, **options)
    files = files_below(tmp_path / "images/arm64")
    second = run_module(image, **options)
    assert (second["changed"], second["state"], second["actions"]) == (False, "cached", [])
    assert second["manifest"] == first["manifest"]
    assert files_below(tmp_path / "images/arm64") == files
    assert recorded(record) == ["initramfs", "kernel"]


def test_one_changed_input_builds_only_what_depends_on_it(
    run_module: Any, clone: Path, tmp_path: Path, record: Path
) -> None:
    run_module(image, **arguments(clone, tmp_path, run_options=labels(record)))
    kernel = tmp_path / "images/arm64/compute/kernel-arm64"
    before = kernel.stat().st_ino
    record.unlink()
    more = [*VARIANTS["compute"], "tailscale"]
    result = run_module(image, **arguments(clone, tmp_path, extensions=more, run_options=labels(record)))
    assert recorded(record) == ["initramfs"], "a kernel holds no extensions"
    assert kernel.stat().st_ino == before
    assert [file["state"] for file in result["files"]] == ["stale", "cached"]
    assert result["actions"][0].startswith("build initramfs-metal-arm64.xz: extensions changed (+tailscale:1.98.5@"), (
        result["actions"]
    )


def test_another_commit_with_the_same_content_changes_the_manifest_only(
    run_module: Any, tmp_path: Path, record: Path
) -> None:
    shape = SHAPES[NEWEST]
    other = {**tree(shape), "README": "another text\n"}
    clone = create(tmp_path / "clone", {NEWEST: tree(shape), "v1.6.3": other})
    digests = write_digests(tmp_path / "digests", shape)
    options = arguments(clone, tmp_path, image_digests=str(digests), run_options=labels(record))
    first = run_module(image, **options)
    second = run_module(image, **{**options, "ref": "v1.6.3"})
    assert recorded(record) == ["initramfs", "kernel"]
    assert (second["changed"], second["state"]) == (True, "cached")
    assert second["manifest"]["content"] == first["manifest"]["content"]
    assert second["manifest"]["built"] == first["manifest"]["built"]
    assert second["manifest"]["upstream"]["commit"] != first["manifest"]["upstream"]["commit"]


@pytest.mark.parametrize("damage", ["flip", "remove", "cut"])
def test_a_damaged_file_is_built_again(run_module: Any, clone: Path, tmp_path: Path, record: Path, damage: str) -> None:
    options = arguments(clone, tmp_path, run_options=labels(record))
    good = run_module(image, **options)["manifest"]["content"]
    kernel = tmp_path / "images/arm64/compute/kernel-arm64"
    content = bytearray(kernel.read_bytes())
    if damage == "flip":
        content[-1] ^= 1
        kernel.write_bytes(content)
    elif damage == "cut":
        kernel.write_bytes(content[:-1])
    else:
        kernel.unlink()
    record.unlink()
    result = run_module(image, **options)
    assert recorded(record) == ["kernel"]
    assert result["manifest"]["content"] == good


def test_image_info_finds_nothing_wrong_with_all_six_files(run_module: Any, clone: Path, tmp_path: Path) -> None:
    built = run_module(image, **arguments(clone, tmp_path, "gateway", kinds=list(cozystack_tree.SIX)))
    judged = run_module(image_info, path=built["directory"])
    assert judged["exit_status"] == 0, judged
    assert judged["findings"] == []
    assert {file["architecture"] for file in built["manifest"]["files"]} == {"arm64"}


def test_two_variants_do_not_overwrite_each_other(run_module: Any, clone: Path, tmp_path: Path) -> None:
    first = run_module(image, **arguments(clone, tmp_path, "compute"))
    files = files_below(tmp_path / "images/arm64/compute")
    second = run_module(image, **arguments(clone, tmp_path, "gateway"))
    assert files_below(tmp_path / "images/arm64/compute") == files
    assert {first["key"], second["key"]} == {"arm64/compute", "arm64/gateway"}
    kernels = [result["manifest"]["files"][1]["sha256"] for result in (first, second)]
    initials = [result["manifest"]["files"][0]["sha256"] for result in (first, second)]
    assert kernels[0] == kernels[1]
    assert initials[0] != initials[1]


def test_check_mode_tells_what_and_why_and_writes_nothing(
    run_module: Any, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = arguments(clone, tmp_path)
    before = clone_state(clone)
    monkeypatch.setattr(container_engine, "find_engine", lambda *_: pytest.fail("no engine is needed"))
    result = run_module(image, check_mode=True, **options)
    assert (result["changed"], result["state"], result["manifest"]) == (True, "missing", {})
    assert result["actions"] == [
        "build initramfs-metal-arm64.xz: it has not been built",
        "build kernel-arm64: it has not been built",
    ]
    assert not (tmp_path / "images").exists()
    assert clone_state(clone) == before


def test_check_mode_of_a_stale_and_of_a_cached_image(run_module: Any, clone: Path, tmp_path: Path) -> None:
    run_module(image, **arguments(clone, tmp_path))
    files = files_below(tmp_path / "images")
    fresh = run_module(image, check_mode=True, **arguments(clone, tmp_path))
    assert (fresh["changed"], fresh["state"]) == (False, "cached")
    assert fresh["files"][0]["why"].startswith("built 20")
    stale = run_module(image, check_mode=True, diff=True, **arguments(clone, tmp_path, extensions=["zfs"]))
    assert (stale["changed"], stale["state"]) == (True, "stale")
    assert [file["state"] for file in stale["files"]] == ["stale", "cached"]
    assert "extensions changed (-drbd" in stale["diff"]["after"]
    assert files_below(tmp_path / "images") == files


def test_another_talos_version_takes_all_extensions_from_its_list(run_module: Any, clone: Path, tmp_path: Path) -> None:
    digests = write_digests(tmp_path / "digests", SHAPES["v1.2.4"])
    options = arguments(clone, tmp_path, talos_version="v1.12.7", image_digests=str(digests))
    manifest = run_module(image, **options)["manifest"]
    assert manifest["talos_version"] == "v1.12.7"
    assert manifest["imager"] == "ghcr.io/siderolabs/imager:v1.12.7"
    versions = {each["name"]: each["version"] for each in manifest["extensions"]}
    assert versions["zfs"] == "2.4.1-v1.12.7"


# Name of a fault -> options that differ, words of the message.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no such ref": ({"ref": "v9.9.9", "image_digests": "/dev/null"}, r"has no ref 'v9.9.9'"),
    "no such clone": ({"repository": "/nonexistent/clone"}, "/nonexistent/clone: is not a directory"),
    "needs a cluster": ({"ref": CLUSTER}, "unsupported: .*needs a cluster with the pod .*; choose another ref"),
    "extension unknown": ({"extensions": ["zfs", "nonesuch"]}, "extension nonesuch does not exist for Talos v1.13.6"),
    "extension twice": ({"extensions": ["zfs", "zfs"]}, "extension zfs is listed twice"),
    "extension of another architecture": ({"extensions": ["intel-ucode"]}, "intel-ucode holds nothing for arm64"),
    "no such list": ({"image_digests": "/nonexistent/list"}, "/nonexistent/list: No such file"),
    "name": ({"name": "Compute Node"}, "cannot be part of a file name"),
    "board": ({"board": "rpi_genric"}, 'board rpi_genric: .*did you mean "rpi_generic"'),
    "no such engine": ({"engine": "/nonexistent/docker"}, "missing on this machine: /nonexistent/docker"),
    "kind of a newer layout": ({"ref": OLD, "kinds": ["metal"]}, "kind metal: is not built by packages/core/installer"),
    "mirror without scheme": (
        {"registry_mirrors": {"ghcr.io": "banana"}},
        "ghcr.io: 'banana' is no base",
    ),
    "mirror in a file": (
        {"registry_mirrors": {"ghcr.io": "file:///etc"}},
        "'file:///etc' is no base URL",
    ),
    "mirror that is a number": ({"registry_mirrors": {"ghcr.io": 5}}, "registry_mirrors ghcr.io: 5 is no base URL"),
    "version of Talos": ({"talos_version": 'v1.13.6"; id #'}, "is no version of Talos; write it like v1.13.6"),
    "limit": ({"build_timeout": 0}, "build_timeout: 0 is no limit in seconds; give a number above 0"),
    "output that is a file": ({"output": str(ENGINE)}, "stand_in_engine.sh: is a file; name a directory"),
    "output that cannot be written": ({"output": "/proc/images"}, "/proc/images"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_before_anything_changes(
    run_module: Any, clone: Path, tmp_path: Path, record: Path, name: str
) -> None:
    others, words = REFUSED[name]
    if others.get("ref") in SHAPES:
        write_digests(tmp_path / f"image-digests-{others['ref']}", SHAPES[others["ref"]])
    options = {**arguments(clone, tmp_path, run_options=labels(record)), **others}
    if others.get("ref") in SHAPES:
        options["image_digests"] = str(tmp_path / f"image-digests-{others['ref']}")
    before = clone_state(clone)
    result = run_module(image, **options)
    assert result["exit_status"] == 1
    assert re.search(words, result["msg"]), result["msg"]
    assert not (tmp_path / "images").exists()
    assert recorded(record) == []
    assert clone_state(clone) == before


def test_spin_before_talos_1_7_is_refused_by_name(run_module: Any, clone: Path, tmp_path: Path) -> None:
    digests = write_digests(tmp_path / "digests", SHAPES[OLD])
    result = run_module(image, **arguments(clone, tmp_path, ref=OLD, image_digests=str(digests)))
    assert result["exit_status"] == 1
    assert "extension spin does not exist for Talos v1.6.4" in result["msg"]


def test_a_digest_that_is_missing_is_refused_with_its_line(run_module: Any, clone: Path, tmp_path: Path) -> None:
    digests = write_digests(tmp_path / "digests", SHAPES[NEWEST])
    lines = digests.read_text().splitlines()
    number = next(place for place, line in enumerate(lines, 1) if "/spin:" in line)
    lines[number - 1] = lines[number - 1].partition("@")[0]
    digests.write_text("\n".join(lines))
    result = run_module(image, **arguments(clone, tmp_path, image_digests=str(digests)))
    assert f"{digests}:{number}: ghcr.io/siderolabs/spin:v0.25.1 has no digest" in result["msg"]


def test_the_list_of_another_talos_version_is_refused(run_module: Any, clone: Path, tmp_path: Path) -> None:
    digests = write_digests(tmp_path / "digests", SHAPES["v0.38.0"])
    result = run_module(image, **arguments(clone, tmp_path, image_digests=str(digests)))
    assert "is not the list of Talos v1.13.6" in result["msg"]


def test_a_shallow_clone_is_refused(run_module: Any, clone: Path, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    subprocess.run(
        ["git", "-c", "safe.directory=*", "clone", "-q", "--depth=1", "-b", NEWEST, f"file://{clone}", str(shallow)],
        env={**os.environ, "HOME": "/nonexistent", "GIT_CONFIG_COUNT": "1", **_SAFE},
        check=True,
        capture_output=True,
    )
    result = run_module(image, **arguments(shallow, tmp_path))
    assert result["msg"].endswith("the clone is shallow; git fetch --unshallow --tags")
    assert not (tmp_path / "images").exists()


_SAFE = {"GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}


def test_a_dirty_checkout_is_refused_when_it_is_what_would_be_built(
    run_module: Any, clone: Path, tmp_path: Path
) -> None:
    dirty = tmp_path / "dirty"
    shutil.copytree(clone, dirty, symlinks=True)
    profile = dirty / "packages/core/talos/images/talos/profiles/iso.yaml"
    profile.write_text(profile.read_text() + "# mine\n")
    result = run_module(image, **{**arguments(dirty, tmp_path), "ref": "HEAD"})
    assert "profiles/iso.yaml has changes that are not committed" in result["msg"]
    assert not (tmp_path / "images").exists()
    other = run_module(image, **arguments(dirty, tmp_path, ref="v0.38.0", kinds=[]))
    assert other["exit_status"] == 0


def test_an_unknown_layout_is_refused(run_module: Any, tmp_path: Path) -> None:
    files = {path: text for path, text in tree(SHAPES[NEWEST]).items() if not path.endswith("installer.yaml")}
    clone = create(tmp_path / "clone", {NEWEST: files})
    result = run_module(image, **arguments(clone, tmp_path))
    assert "no images/talos/profiles/installer.yaml" in result["msg"]


def test_output_that_a_commit_leads_elsewhere_is_refused(run_module: Any, tmp_path: Path) -> None:
    clone = create(tmp_path / "clone", {NEWEST: tree(SHAPES[NEWEST])})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (clone / "_out").symlink_to(elsewhere)
    who = ["-c", "user.name=fixture", "-c", "user.email=fixture@example.org"]
    for words in (["add", "--force", "_out"], [*who, "commit", "--quiet", "-m", "link"], ["tag", "--force", NEWEST]):
        subprocess.run(["git", "-C", str(clone), *words], check=True, capture_output=True)
    result = run_module(image, **arguments(clone, tmp_path))
    assert result["exit_status"] == 1
    assert f"arm64/compute initramfs: _out is no directory at {NEWEST}; choose another ref" in result["msg"]
    assert list(elsewhere.iterdir()) == []


def test_what_nobody_has_reviewed_is_built_only_when_told_to(run_module: Any, tmp_path: Path) -> None:
    files = tree(SHAPES[NEWEST])
    core = SHAPES[NEWEST].core
    for path in [path for path in files if path.startswith(f"{core}/images/talos/profiles/")]:
        files[path] += "novelty: true\n"
    clone = create(tmp_path / "clone", {NEWEST: files})
    result = run_module(image, **arguments(clone, tmp_path))
    assert re.search(r"needs review: .*novelty.*; review it and set allow_unreviewed", result["msg"]), result["msg"]
    assert not (tmp_path / "images").exists()
    told = run_module(image, **arguments(clone, tmp_path, allow_unreviewed=True))
    assert told["manifest"]["upstream"]["contract"] == "needs review"


def test_all_missing_tools_are_named_at_once(
    run_module: Any, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for tool in ("git", "cat", "bash", "gzip", "mkdir"):
        (few / tool).symlink_to(str(shutil.which(tool)))
    monkeypatch.setenv("PATH", str(few))
    result = run_module(image, **{**arguments(clone, tmp_path), "engine": None})
    assert result["msg"] == ("compute: missing on this machine: awk, make, tar, docker or podman; install them"), (
        result["msg"]
    )
    assert not (tmp_path / "images").exists()


def test_an_engine_that_does_not_run_is_named_with_what_it_said(run_module: Any, clone: Path, tmp_path: Path) -> None:
    engine = tmp_path / "docker"
    engine.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    engine.chmod(0o755)
    result = run_module(image, **arguments(clone, tmp_path, engine=str(engine)))
    assert f"container engine: does not run ({engine}: Cannot connect to the Docker daemon)" in result["msg"]
    assert not (tmp_path / "images/arm64").exists()


# Fault of the stand-in -> words of the message.
FAILURES = {
    "kernel:exit": "arm64/compute kernel: make failed with exit status 2: .*error pulling .*unexpected end of file",
    "kernel:full": "No space left on device.*; the disk is full: free space below .*images/log",
    "kernel:cut": "make failed with exit status 2",
    "kernel:nothing": "the imager wrote nothing, expected kernel-arm64",
    "kernel:extra": "the imager wrote kernel-arm64, left-behind, expected kernel-arm64",
    "kernel:link": "arm64/compute kernel: kernel-arm64 is no regular file; see ",
    "kernel:amd64-kernel": "kernel-arm64: kernel is for amd64, not for arm64; build the image again",
}


@pytest.mark.parametrize("fault", FAILURES)
def test_a_failing_imager_leaves_the_image_as_it_was(
    run_module: Any, clone: Path, tmp_path: Path, record: Path, fault: str
) -> None:
    options = arguments(clone, tmp_path)
    run_module(image, **options)
    kernel = tmp_path / "images/arm64/compute/kernel-arm64"
    kernel.write_bytes(b"damaged")
    files = files_below(tmp_path / "images/arm64")
    result = run_module(image, **{**options, "run_options": labels(record, fault)})
    assert result["exit_status"] == 1
    assert re.search(FAILURES[fault], result["msg"]), result["msg"]
    assert files_below(tmp_path / "images/arm64") == files
    assert [path.name for path in (tmp_path / "images/.work").iterdir()] == ["compute-arm64.lock"]
    assert run_module(image, **options)["state"] == "built"


def test_a_build_that_takes_too_long_is_ended(run_module: Any, clone: Path, tmp_path: Path, record: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    # In the first of its steps: another one would have to be over within the limit on every machine.
    options = arguments(clone, tmp_path, build_timeout=1, run_options=labels(record, f"initramfs:wait={gate}"))
    result = run_module(image, **options)
    assert "arm64/compute initramfs: make took more than 1 s" in result["msg"]
    assert not (tmp_path / "images/arm64").exists()


def started(options: dict[str, Any]) -> subprocess.Popen[str]:
    """Start the module as a process of its own, as Ansible does."""
    program = "import sys; from ansible_collections.homelab.talos.plugins.modules import image; image.main()"
    root = Path(image.__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(root / ".collections")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": options}))
    process.stdin.close()
    process.stdin = None
    return process


def wait_until(condition: Any, what: str, limit: float = 60.0) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, f"waited {limit:g} s for {what}"
        time.sleep(0.05)  # sleep: the poll of a wait with a limit


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_build_leaves_no_half_output(
    run_module: Any, clone: Path, tmp_path: Path, record: Path, number: signal.Signals
) -> None:
    gate, log = tmp_path / "gate", tmp_path / "images/log/compute-arm64.log"
    gate.touch()
    process = started(arguments(clone, tmp_path, run_options=labels(record, f"kernel:wait={gate}")))
    wait_until(lambda: log.exists() and "== kernel: kernel-arm64" in log.read_text(), "the build of the kernel")
    assert "== initramfs: " in log.read_text(), "progress can be followed"
    process.send_signal(number)
    output, _errors = process.communicate(timeout=60)
    gate.unlink()
    if number == signal.SIGTERM:
        assert "the build was stopped; nothing was changed" in json.loads(output)["msg"]
    assert not (tmp_path / "images/arm64").exists()
    result = run_module(image, **arguments(clone, tmp_path))
    assert result["state"] == "built"
    assert [path.name for path in (tmp_path / "images/.work").iterdir()] == ["compute-arm64.lock"]


def test_two_builds_of_one_image_take_turns(clone: Path, tmp_path: Path, record: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    first = started(arguments(clone, tmp_path, run_options=labels(record, f"initramfs:wait={gate}")))
    log = tmp_path / "images/log/compute-arm64.log"
    wait_until(lambda: log.exists() and "stand-in" in log.read_text(), "the first build")
    second = started(arguments(clone, tmp_path, run_options=labels(record)))
    threading.Timer(1.0, gate.unlink).start()
    results = [json.loads(process.communicate(timeout=120)[0]) for process in (first, second)]
    assert [result["state"] for result in results] == ["built", "cached"], results
    assert recorded(record) == ["initramfs", "kernel"]


def test_two_images_are_built_at_once_and_do_not_mix(clone: Path, tmp_path: Path) -> None:
    processes = {variant: started(arguments(clone, tmp_path, variant)) for variant in VARIANTS}
    for variant, process in processes.items():
        result = json.loads(process.communicate(timeout=120)[0])
        assert result["state"] == "built", result
        assert sorted(each["name"] for each in result["manifest"]["extensions"]) == VARIANTS[variant]


def test_make_sees_no_credentials_and_only_run_of_the_engine(run_module: Any, tmp_path: Path, record: Path) -> None:
    shape = SHAPES[NEWEST]
    files = tree(shape)
    spy = tmp_path / "spy"
    core = f"{shape.core}/Makefile"
    files[core] += f"SPY := $(shell env > {spy}; docker push x 2> {spy}.push; echo $$? >> {spy}.push)\n"
    clone = create(tmp_path / "clone", {NEWEST: files})
    secrets = {"AWS_SECRET_ACCESS_KEY": "hush", "TS_AUTHKEY": "hush", "MAKEFLAGS": "-k", "DOCKER_AUTH_CONFIG": "hush"}
    with pytest.MonkeyPatch.context() as patch:
        for key, value in secrets.items():
            patch.setenv(key, value)
        options = arguments(clone, tmp_path, run_options=labels(record))
        refused = run_module(image, **options)
        assert "needs review" in refused["msg"]
        assert not spy.exists(), "nothing of a tree runs before it is judged"
        result = run_module(image, **options, allow_unreviewed=True)
    assert result["state"] == "built", result
    names = {line.partition("=")[0] for line in spy.read_text().splitlines()}
    assert "hush" not in spy.read_text()
    assert not names & {"AWS_SECRET_ACCESS_KEY", "TS_AUTHKEY", "SSH_AUTH_SOCK", "KUBECONFIG"}
    assert "refused, the build of an image needs nothing but run" in Path(f"{spy}.push").read_text()
    assert Path(f"{spy}.push").read_text().endswith("64\n")


def test_the_board_changes_names_profiles_and_nothing_else(run_module: Any, clone: Path, tmp_path: Path) -> None:
    result = run_module(image, **arguments(clone, tmp_path, board="rpi_generic", kinds=[]))
    assert result["key"] == "arm64/compute-rpi-generic"
    profiles = tmp_path / "images/arm64/compute-rpi-generic/profiles"
    assert "overlay:" in (profiles / "metal.yaml").read_text()
    assert "overlay:" not in (profiles / "iso.yaml").read_text()
    assert any("not pinned by digest" in remark for remark in result["remarks"])


def test_the_list_may_lack_what_upstream_pins(run_module: Any, clone: Path, tmp_path: Path) -> None:
    digests = tmp_path / "digests"
    digests.write_text("".join(f"{each}@{cozystack_tree.digest(each)}\n" for each in ADDED))
    manifest = run_module(image, **arguments(clone, tmp_path, image_digests=str(digests)))["manifest"]
    assert [each["name"] for each in manifest["extensions"]] == ["drbd", "zfs", "spin"]
