# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What image is asked for, and everything that is known about it before anything is built; nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.cozystack import build_plan, contract
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.contract_profiles import VERSION
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.extension_list import ExtensionList, read_list
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import Repository
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_definition import define_image
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_variants import ImageVariant
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.imager import KINDS
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.layout import Layout, detect
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.oci_registry import RegistryReader
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.profiles import ImageDefinition
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.verdict import Wishes


@dataclass(frozen=True)
class BuildRequest:
    """What is asked for.

    :param repository: clone of CozyStack, bare or with a checkout.
    :param ref: tag, branch or commit.
    :param kinds: keys of ``KINDS``; empty for the profiles only.
    :param output: root of the built images.
    :param image_digests: saved list of extensions; with it no registry is asked.
    :param talos_version: another version than upstream's, empty for that one.
    :param engine: ``docker``, ``podman``, a path, or empty.
    :param run_options: further options of the engine's ``run``.
    :param mirrors: host of a registry -> base URL that is asked instead.
    :param limit: for each kind, in seconds.
    :param allow_unreviewed: whether a ref with parts that are not known here may be built.
    """

    repository: Path
    ref: str
    variant: ImageVariant
    kinds: tuple[str, ...]
    output: Path
    image_digests: Path | None = None
    talos_version: str = ""
    engine: str = ""
    run_options: tuple[str, ...] = ()
    mirrors: Mapping[str, str] = field(default_factory=dict)
    limit: float = 3600.0
    allow_unreviewed: bool = False


@dataclass(frozen=True)
class Prepared:
    """A request with everything that is known before anything is built."""

    request: BuildRequest
    layout: Layout
    definition: ImageDefinition
    imager_digest: str
    verdict: str
    remarks: tuple[str, ...]

    @property
    def imager(self) -> str:
        """The imager with its digest, as far as that is known."""
        return f"{self.definition.imager}@{self.imager_digest}" if self.imager_digest else self.definition.imager

    @property
    def inputs(self) -> dict[str, dict[str, Any]]:
        """Kind -> what its file depends on."""
        return {
            kind: build_plan.inputs_of(kind, self.definition, self.layout, self.imager) for kind in self.request.kinds
        }

    @property
    def file_names(self) -> dict[str, str]:
        """Kind -> file name."""
        return {kind: KINDS[kind].file_name(self.definition.architecture) for kind in self.request.kinds}


def prepare(repository: Repository, request: BuildRequest) -> Prepared:
    """Find out what is to be built; nothing is written.

    :raises BuildError: it cannot be built.
    :raises UpstreamError: the repository or the ref cannot be used.
    """
    if repository.shallow:
        raise BuildError(repository.path, "the clone is shallow", "git fetch --unshallow --tags")
    _require_sound(request)
    layout = detect(repository, request.ref)
    kinds = _known_kinds(request.kinds, layout)
    verdict = _require_supported(layout, kinds, repository, request.allow_unreviewed)
    _require_clean(layout, repository)
    version = request.talos_version or layout.talos_version
    # It becomes part of make's command line, and of what a shell runs there.
    if not VERSION.fullmatch(version):
        raise BuildError(f"{version!r}", "is no version of Talos", "write it like v1.13.6")
    remarks: list[str] = []
    registry = RegistryReader(request.mirrors)
    listed = _extension_list(request, version, registry)
    committed = layout.extensions if version == layout.talos_version else ()
    definition, more = define_image(request.variant, version, committed, listed)
    remarks += more
    digest = ""
    if request.image_digests is None:
        digest = _imager_digest(definition, registry)
        _require_architecture(definition, registry)
    else:
        remarks.append("no registry was asked: the imager is taken by its tag, architectures are not looked up")
    return Prepared(replace(request, kinds=kinds), layout, definition, digest, verdict, tuple(remarks))


def _require_sound(request: BuildRequest) -> None:
    if not request.limit > 0:
        raise BuildError("build_timeout", f"{request.limit:g} is no limit in seconds", "give a number above 0")
    if request.output.exists() and not request.output.is_dir():
        raise BuildError(str(request.output), "is a file", "name a directory for all built images")


def _require_supported(layout: Layout, kinds: Sequence[str], repository: Repository, allow_unreviewed: bool) -> str:
    """Return the verdict about a layout.

    :raises BuildError: it is not supported, or has parts that nobody has looked at.
    """
    # Which extensions there are is asked of the list of that Talos version.
    judgement = contract.judge(layout, Wishes(kinds=tuple(kinds), extensions=()))
    overall = judgement.overall
    if overall == "unsupported" or (overall == "needs review" and not allow_unreviewed):
        worst = "unsupported" if overall == "unsupported" else "unknown"
        seen = next(check.decisive for check in judgement.checks if check.verdict == worst)
        remedy = (
            "choose another ref" if worst == "unsupported" else "review it and set allow_unreviewed, or another ref"
        )
        raise BuildError(f"{repository.path} at {layout.ref}", f"{overall}: {seen}", remedy)
    return overall


def _require_clean(layout: Layout, repository: Repository) -> None:
    if repository.bare or repository.commit("HEAD") != layout.commit:
        return
    changed = repository.changed_files(dict(layout.files))
    if changed:
        raise BuildError(
            repository.path,
            f"{changed[0]} has changes that are not committed, and images are built from commits",
            "commit them, or take them back with git checkout",
        )


def _known_kinds(kinds: Sequence[str], layout: Layout) -> tuple[str, ...]:
    buildable = layout.asset_files("arm64")
    for kind in kinds:
        if kind not in buildable:
            raise BuildError(
                f"kind {kind}", f"is not built by {layout.core} at {layout.ref}", f"it builds {', '.join(buildable)}"
            )
    return tuple(kind for kind in KINDS if kind in kinds)


def _extension_list(request: BuildRequest, version: str, registry: RegistryReader) -> ExtensionList:
    if request.image_digests is not None:
        return read_list(request.image_digests, version)
    return registry.extension_list(version)


def _imager_digest(definition: ImageDefinition, registry: RegistryReader) -> str:
    repository, _separator, tag = definition.imager.rpartition(":")
    _content, digest = registry.manifest(repository, tag)
    return digest


def _require_architecture(definition: ImageDefinition, registry: RegistryReader) -> None:
    for reference in definition.extensions:
        found = registry.architectures(reference.repository, reference.digest)
        if found and definition.architecture not in found:
            raise BuildError(
                reference.text,
                f"exists for {', '.join(found)} and not for {definition.architecture}",
                f"take {reference.name} out of the variant",
            )
