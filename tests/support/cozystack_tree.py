# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small trees that build Talos images the way CozyStack did at one time or another, as real git repositories.

The trees are written for the tests: they hold the commands, names and variables that a builder meets, nothing else of
upstream's files. ``python -m ansible_collections.homelab.talos.tests.support.cozystack_tree DIRECTORY`` makes a
repository with one tag per shape of `SHAPES`, and the newest one on branch main.

Source: cozystack/cozystack:packages/core/talos/Makefile, hack/gen-profiles.sh and their history.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

# Path -> text; a path in EXECUTABLE has mode 755.
Tree = dict[str, str]
EXECUTABLE = ("hack/gen-profiles.sh",)

FOUR = ("initramfs", "kernel", "iso", "installer")
FIVE = (*FOUR, "nocloud")
SIX = (*FIVE, "metal")

_FROZEN = "amd-ucode amdgpu-firmware bnx2-bnx2x i915-ucode intel-ice-firmware intel-ucode qlogic-firmware drbd zfs"
_REDUCED = "amd-ucode bnx2-bnx2x intel-ice-firmware intel-ucode qlogic-firmware drbd zfs"
_RENAMED = "amd-ucode amdgpu bnx2-bnx2x intel-ice-firmware i915 intel-ucode qlogic-firmware drbd zfs"
FROZEN, REDUCED, RENAMED = (tuple(names.split()) for names in (_FROZEN, _REDUCED, _RENAMED))

_TAR_OUT = "--tar-to-stdout - | \\\n\t\ttar -C ../../../_out/assets -xzf-"
_POD = "kubectl exec -n cozy-builder deploy/builder-talos-imager --"
_INTO_POD = "kubectl exec -i -n cozy-builder deploy/builder-talos-imager -- imager"
_IMAGER = 'docker run --rm -i{mount} -v /dev:/dev --privileged "ghcr.io/siderolabs/imager:$(TALOS_VERSION)"'
_CAT = "cat images/talos/profiles/$(subst {prefix},,$@).yaml | \\\n\t\t"
_MKDIR = "mkdir -p ../../../_out/assets"

RECIPES: dict[str, tuple[str, ...]] = {
    "bind": (_CAT + _IMAGER.format(mount=" -v $${{PWD}}/../../../_out/assets:/out") + " -",),
    "tar": (_MKDIR, _CAT + _IMAGER.format(mount="") + " " + _TAR_OUT),
    "pod": (_MKDIR, _CAT + _INTO_POD + " " + _TAR_OUT),
    "pod-out": (
        _MKDIR,
        _CAT + _INTO_POD + " -",
        _POD + " tar -C /out -czf- . | \\\n\t\ttar -C ../../../_out/assets -xzf-",
        _POD + " rm -rf /out",
    ),
}


@dataclass(frozen=True)
class Shape:
    """What distinguishes one tree: where it builds, how, what, and what runs while make parses.

    ``envs`` is the directory of common-envs.mk ("" for none); ``version_variable`` the variable whose emptiness makes
    the parsing fetch; ``parse_docker`` is "", lazy or eager; ``drbd`` and ``zfs`` are versions.
    """

    generation: str
    talos: str
    core: str = "packages/core/installer"
    envs: str = "scripts"
    prefix: str = "talos-"
    recipe: str = "tar"
    kinds: tuple[str, ...] = SIX
    extensions: tuple[str, ...] = RENAMED
    digests: bool = True
    firmware_tag: str = "20250708"
    drbd: str = "9.2.14"
    zfs: str = "2.3.3"
    lookup: str = "digests"
    cases: bool = True
    push: str = "skopeo"
    tag_scheme: str = "settag"
    oci_export: bool = False
    version_variable: str = "COZYSTACK_VERSION"
    parse_docker: str = ""
    registry: str = "ghcr.io/cozystack/cozystack"
    base_installer: str = ""
    template_base: str = ""
    zfs_repository: str = "ghcr.io/siderolabs/zfs"
    nocloud: tuple[str, str] = ("nocloud", "image")
    listed: tuple[str, ...] | None = None


_OLD = Shape(
    "G03",
    "v1.7.6",
    kinds=FIVE,
    extensions=FROZEN,
    digests=False,
    firmware_tag="20240709",
    drbd="9.2.8",
    zfs="2.2.4",
    lookup="tags",
    cases=False,
    push="docker-load",
    version_variable="",
    registry="ghcr.io/aenix-io/cozystack",
)
_FIRST = replace(_OLD, talos="v1.6.4", envs="", kinds=FOUR, firmware_tag="20240115", drbd="9.2.6", zfs="2.1.14")
_NEW = Shape("G10", "v1.11.3", core="packages/core/talos", firmware_tag="20250917")
_ONE = replace(_NEW, generation="G11", envs="hack", prefix="build-talos-")

# Tag -> tree. The tags are those of upstream that have this shape, so that the facts about them can be looked up.
SHAPES: dict[str, Shape] = {
    "v0.0.1": replace(_FIRST, generation="G00", recipe="bind"),
    "v0.2.0": replace(_FIRST, generation="G01"),
    "v0.3.1": replace(_FIRST, generation="G02", kinds=FIVE, nocloud=("metal", "image")),
    "v0.4.0": replace(_OLD, talos="v1.7.1", nocloud=("metal", "nocloud")),
    "v0.5.0": replace(_OLD, talos="v1.7.1"),
    "v0.16.0": replace(_OLD, generation="G04", talos="v1.8.0", kinds=SIX, drbd="9.2.11"),
    "v0.21.1": replace(_OLD, generation="G04", talos="v1.8.4", kinds=SIX, version_variable="VERSION", drbd="9.2.11"),
    "v0.22.0": replace(
        _OLD,
        generation="G05",
        talos="v1.9.1",
        recipe="pod",
        kinds=SIX,
        push="skopeo",
        version_variable="VERSION",
        base_installer="ghcr.io/kvaps/talos/installer:v1.9.1-1-gac655f2d3-dirty",
        zfs_repository="ghcr.io/kvaps/talos/zfs",
    ),
    "v0.28.2": replace(
        _OLD, generation="G05", talos="v1.9.3", recipe="pod", kinds=SIX, push="skopeo", version_variable="VERSION"
    ),
    "v0.29.0": replace(
        _OLD, generation="G06", talos="v1.9.5", recipe="pod-out", kinds=SIX, push="skopeo", version_variable="VERSION"
    ),
    "v0.29.1": replace(
        _OLD,
        generation="G07",
        talos="v1.9.5",
        kinds=SIX,
        push="skopeo",
        version_variable="VERSION",
        registry="ghcr.io/cozystack/cozystack",
    ),
    "v0.31.0": replace(
        _OLD,
        generation="G07",
        talos="v1.10.1",
        kinds=SIX,
        push="skopeo",
        parse_docker="lazy",
        version_variable="COZYSTACK_VERSION",
        registry="ghcr.io/cozystack/cozystack",
    ),
    "v0.31.1": Shape(
        "G08",
        "v1.10.3",
        extensions=REDUCED,
        listed=FROZEN,
        digests=False,
        lookup="tags",
        parse_docker="lazy",
        template_base="v1.10.3",
    ),
    "v0.35.0": Shape(
        "G08", "v1.10.5", extensions=REDUCED, listed=FROZEN, digests=False, lookup="tags", parse_docker="eager"
    ),
    "v0.35.2": Shape("G09", "v1.10.6", extensions=(*RENAMED, "lldpd"), parse_docker="eager"),
    "v0.37.5": Shape("G09", "v1.10.6"),
    "v0.38.0": Shape("G09", "v1.11.3", firmware_tag="20250917"),
    "v0.40.2": _NEW,
    "v0.41.11": replace(_NEW, talos="v1.11.6", firmware_tag="20251125", drbd="9.2.16"),
    "v1.0.0-alpha.1": _ONE,
    "v1.2.4": replace(_ONE, talos="v1.12.7", firmware_tag="20260410", drbd="9.2.16", zfs="2.4.1"),
    "v1.3.0": replace(_ONE, talos="v1.12.6", firmware_tag="20260309", drbd="9.2.16", zfs="2.4.1"),
    "v1.4.0": replace(_ONE, talos="v1.13.0", firmware_tag="20260410", drbd="9.3.1", zfs="2.4.1"),
    "v1.6.2": replace(
        _ONE,
        generation="G12",
        talos="v1.13.6",
        firmware_tag="20260622",
        drbd="9.3.2",
        zfs="2.4.3",
        tag_scheme="IMAGE_TAG",
    ),
    "v1.7.0-alpha.1": replace(
        _ONE,
        generation="G13",
        talos="v1.13.6",
        firmware_tag="20260622",
        drbd="9.3.2",
        zfs="2.4.3",
        tag_scheme="IMAGE_TAG",
        oci_export=True,
    ),
}
NEWEST = "v1.7.0-alpha.1"


def digest(text: str) -> str:
    """Return a digest that only the text decides."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def extension_reference(shape: Shape, name: str) -> str:
    """Return the reference of an extension as that tree commits it."""
    versions = {"drbd": f"{shape.drbd}-{shape.talos}", "zfs": f"{shape.zfs}-{shape.talos}", "lldpd": "1.0.20"}
    tag = versions.get(name, shape.firmware_tag)
    if name in ("amdgpu", "i915"):
        tag += f"-{shape.talos}"
    repository = shape.zfs_repository if name == "zfs" else f"ghcr.io/siderolabs/{name}"
    reference = f"{repository}:{tag}"
    return f"{reference}@{digest(reference)}" if shape.digests else reference


def image_digests(shape: Shape, *further: str) -> str:
    """Return the text of the list of extensions of that Talos: one reference with digest per line."""
    references = [extension_reference(replace(shape, digests=True), name) for name in shape.extensions]
    references += [f"{reference}@{digest(reference)}" for reference in further]
    return "\n".join(sorted(references)) + "\n"


def profile(shape: Shape, kind: str) -> str:
    """Return the committed profile of a kind."""
    platform, output = {"nocloud": shape.nocloud, "metal": ("metal", "image")}.get(kind, ("metal", kind))
    disk = kind in ("nocloud", "metal")
    lines = [
        "# written by hack/gen-profiles.sh",
        "arch: amd64",
        f"platform: {platform}",
        "secureboot: false",
        f"version: {shape.talos}",
        "input:",
        "  kernel:",
        "    path: /usr/install/amd64/vmlinuz",
        "  initramfs:",
        "    path: /usr/install/amd64/initramfs.xz",
        "  baseInstaller:",
        f"    imageRef: {shape.base_installer or f'ghcr.io/siderolabs/installer:{shape.talos}'}",
        "  systemExtensions:",
        *(f"    - imageRef: {extension_reference(shape, name)}" for name in shape.extensions),
        "output:",
        f"  kind: {output}",
        "  imageOptions: { diskSize: 1306525696, diskFormat: raw }" if disk else "  imageOptions: {}",
        f"  outFormat: {'.xz' if disk else 'raw'}",
    ]
    return "\n".join(lines) + "\n"


def makefile(shape: Shape) -> str:
    """Return CORE/Makefile."""
    lines = ["TALOS_VERSION=$(shell awk '/^version:/ {print $$2}' images/talos/profiles/installer.yaml)"]
    if shape.envs:
        lines += ["", f"include ../../../{shape.envs}/common-envs.mk"]
    else:
        lines += [f"REGISTRY := {shape.registry}", "TAG := v0.0.1"]
    lines += ["", "update:", "\thack/gen-profiles.sh", "", *_push(shape), ""]
    if shape.prefix == "build-talos-":
        for kind in shape.kinds:
            file = _amd64_file(kind)
            lines += [f"talos-{kind}:", f"\ttest -f ../../../_out/assets/{file} || $(MAKE) build-talos-{kind}", ""]
    lines += [" ".join(shape.prefix + kind for kind in shape.kinds) + ":"]
    lines += ["\t" + line.format(prefix=shape.prefix) for line in RECIPES[shape.recipe]]
    return "\n".join(lines) + "\n"


def _amd64_file(kind: str) -> str:
    names = {
        "kernel": "kernel-amd64",
        "initramfs": "initramfs-metal-amd64.xz",
        "installer": "installer-amd64.tar",
        "iso": "metal-amd64.iso",
    }
    return names.get(kind, f"{kind}-amd64.raw.xz")


def _push(shape: Shape) -> list[str]:
    tar = "../../../_out/assets/installer-amd64.tar"
    lines = ["image-talos:", f"\ttest -f {tar} || make talos-installer"]
    if shape.push == "docker-load":
        return [*lines, f"\tdocker load -i {tar}", "\tdocker push $(REGISTRY)/talos:$(TAG)"]
    tag = "$(IMAGE_TAG)" if shape.tag_scheme == "IMAGE_TAG" else "$(call settag,$(TALOS_VERSION))"
    if shape.oci_export:
        oci = "oci-archive:$(OCI_EXPORT_DIR)/talos.oci.tar"
        target = f"$(if $(OCI_EXPORT_DIR),{oci},docker://$(REGISTRY)/talos:{tag})"
    else:
        target = f"docker://$(REGISTRY)/talos:{tag}"
    return [*lines, f"\tskopeo copy docker-archive:{tar} {target}"]


def common_envs(shape: Shape) -> str:
    """Return common-envs.mk with what it runs while make parses."""
    lines = [f"REGISTRY := {shape.registry}", "PUSH := 1", "LOAD := 0"]
    if shape.tag_scheme == "IMAGE_TAG":
        lines += ["IMAGE_TAG ?= dev", "PUBLISH_VERSIONED ?= 0"]
    else:
        lines += [
            "TAG = $(shell git describe --tags --exact-match 2>/dev/null || echo latest)",
            "define settag",
            "$(if $(filter $(TAG),latest),latest,$(1))",
            "endef",
        ]
    if name := shape.version_variable:
        lines += [
            f"{name} = $(shell git describe --tags)",
            f"ifeq ($({name}),)",
            "    $(shell git remote add upstream https://upstream.invalid/cozystack.git || true)",
            "    $(shell git fetch upstream --tags)",
            "endif",
        ]
    if shape.parse_docker:
        lines += ["BUILDER ?= $(shell docker buildx inspect)"]
    if shape.parse_docker == "lazy":
        lines += ["PLATFORM ?= $(shell docker buildx ls)"]
    if shape.parse_docker == "eager":
        lines += ["ifeq ($(origin PLATFORM), undefined)", "PLATFORM := $(shell docker buildx ls)", "endif"]
    return "\n".join(lines) + "\n"


def generator(shape: Shape) -> str:
    """Return the generator script: lists, lookup and template."""
    listed = shape.listed or shape.extensions
    firmware = [name for name in listed if name not in ("drbd", "zfs", "lldpd")]
    base = f"ghcr.io/siderolabs/installer:{shape.template_base or '${TALOS_VERSION}'}"
    lookup = "crane export ghcr.io/siderolabs/extensions:$1 | tar x -O image-digests"
    if shape.lookup == "tags":
        lookup = "skopeo list-tags docker://ghcr.io/siderolabs/$name"
    lines = [
        "#!/bin/sh",
        "set -eu",
        f'PROFILES="{" ".join(shape.kinds)}"',
        f'FIRMWARES="{" ".join(firmware)}"',
        f'EXTENSIONS="{" ".join(name for name in shape.extensions if name not in firmware)}"',
        lookup,
        "for profile in $PROFILES; do",
        *(['case "$profile" in metal) kind=image ;; *) kind="$profile" ;; esac'] if shape.cases else []),
        "cat > images/talos/profiles/$profile.yaml <<EOT",
        "version: ${TALOS_VERSION}",
        "input:",
        "  baseInstaller:",
        f'    imageRef: "{base}"',
        "  systemExtensions:",
        *(f"    - imageRef: {_template_reference(shape, name)}" for name in shape.extensions),
        "output:",
        "  kind: ${kind}" if shape.cases else "  kind: ${profile}",
        "EOT",
        "done",
    ]
    return "\n".join(lines) + "\n"


def _template_reference(shape: Shape, name: str) -> str:
    variable = name.upper().replace("-", "_")
    return f"${{{variable}_IMAGE}}" if shape.digests else f"ghcr.io/siderolabs/{name}:${{{variable}_VERSION}}"


def tree(shape: Shape) -> Tree:
    """Return the files of a tree."""
    files = {
        "Makefile": f"assets:\n\tmake -C {shape.core} assets\n",
        f"{shape.core}/Makefile": makefile(shape),
        f"{shape.core}/hack/gen-profiles.sh": generator(shape),
    }
    if shape.envs:
        files[f"{shape.envs}/common-envs.mk"] = common_envs(shape)
    if shape.core == "packages/core/talos":
        # It stays when the Talos package leaves it.
        files["packages/core/installer/Makefile"] = "NAME=installer\n"
    for kind in shape.kinds:
        files[f"{shape.core}/images/talos/profiles/{kind}.yaml"] = profile(shape, kind)
    return files


def _git(directory: Path, *arguments: str, text: bytes = b"") -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "fixture",
        "GIT_AUTHOR_EMAIL": "fixture@example.org",
        "GIT_COMMITTER_NAME": "fixture",
        "GIT_COMMITTER_EMAIL": "fixture@example.org",
    }
    command = ["git", "-c", "safe.directory=*", "-C", str(directory), *arguments]
    return subprocess.run(command, input=text, env=environment, capture_output=True, check=True).stdout.decode()


def create(directory: Path, trees: Mapping[str, Tree], *, bare: bool = False) -> Path:
    """Create a repository: a commit and a tag per tree in their order, branch main at the last; return the directory.

    Without ``bare`` the last tree is checked out.
    """
    directory.mkdir(parents=True, exist_ok=True)
    _git(directory, "init", "--quiet", "--initial-branch=main", *(["--bare"] if bare else []))
    _git(directory, "fast-import", "--quiet", text=b"".join(_stream(trees.items())))
    if not bare:
        _git(directory, "reset", "--quiet", "--hard", "main")
    return directory


def create_all(directory: Path, *, bare: bool = False) -> Path:
    """Create the repository with one tag per shape."""
    return create(directory, {tag: tree(shape) for tag, shape in SHAPES.items()}, bare=bare)


def _stream(trees: Iterable[tuple[str, Tree]]) -> Iterable[bytes]:
    for number, (tag, files) in enumerate(trees):
        who = f"fixture <fixture@example.org> {1700000000 + number * 86400} +0000"
        yield f"commit refs/heads/main\nmark :{number + 1}\ncommitter {who}\n".encode()
        yield _data(f"Release {tag}\n") + b"deleteall\n"
        for path, text in files.items():
            mode = "100755" if path.endswith(EXECUTABLE) else "100644"
            yield f"M {mode} inline {path}\n".encode() + _data(text)
        yield f"reset refs/tags/{tag}\nfrom :{number + 1}\n\n".encode()


def _data(text: str) -> bytes:
    content = text.encode()
    return b"data %d\n" % len(content) + content + b"\n"


def main() -> int:
    """Create the repository that the command line names."""
    if len(sys.argv) != 2:
        print("usage: cozystack_tree DIRECTORY", file=sys.stderr)
        return 2
    create_all(Path(sys.argv[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
