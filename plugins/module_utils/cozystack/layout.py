# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where and how a CozyStack commit builds its Talos images, found from content alone.

``detect(repository, ref)`` reads about a dozen files from git objects and returns a `Layout`. Nothing of the tree is
executed, and no version number of CozyStack is compared: lines change in the middle and are not in order of time.

What a builder needs from a `Layout`: ``core`` (for ``make -C``), ``targets`` (kind -> target), ``asset_files("arm64")``
(kind -> file below ``ASSETS_DIRECTORY``), ``profiles`` (kind -> committed profile with ``file.text`` and ``document``),
``profile_path(kind)``, ``talos_version``, ``extensions`` (references in upstream's order), ``MAKE_VARIABLES`` (the
command line under which parsing the Makefile has no side effect) and ``generation``. Whether all that may be relied
upon is judged in `contract`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.committed_profile import (
    CommittedProfile,
    ImageReference,
    read_profile,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.errors import (
    ProfilesPerArchitecture,
    UnknownLayout,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import Repository, SourceFile
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.imager import KINDS
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.makefile_text import (
    Makefile,
    Rule,
    read_makefile,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.profile_generator import (
    ProfileGenerator,
    read_generator,
)

# Where the Talos package has lived, newest first. A directory counts when it holds the profile below.
CORE_DIRECTORIES = ("packages/core/talos", "packages/core/installer")
PROFILES_DIRECTORY = "images/talos/profiles"
GENERATOR = "hack/gen-profiles.sh"
# Below the root of the checkout; fixed in upstream's recipes.
ASSETS_DIRECTORY = "_out/assets"

# For make's command line. The versions keep make from running git (and from fetching) while it parses, PLATFORM and
# BUILDER from running docker; the shell notices an imager that fails in the middle of a pipe.
MAKE_VARIABLES: dict[str, str] = {
    "COZYSTACK_VERSION": "0",
    "VERSION": "0",
    "TAG": "local",
    "PLATFORM": "linux/arm64",
    "BUILDER": "",
    "SHELL": "/bin/bash",
    ".SHELLFLAGS": "-o pipefail -c",
}

# Target prefixes, newest first: since the former exists, the latter only looks whether an amd64 file is there.
TARGET_PREFIXES = ("build-talos-", "talos-")

_IMAGER = '"ghcr.io/siderolabs/imager:$(TALOS_VERSION)"'
_EXEC = "kubectl exec -n cozy-builder deploy/builder-talos-imager"
_EXEC_INPUT = "kubectl exec -i -n cozy-builder deploy/builder-talos-imager -- imager"
_MAKE_DIRECTORY = "mkdir -p ../../../_out/assets"
_UNPACK = "tar -C ../../../_out/assets -xzf-"
_PROFILE = "cat images/talos/profiles/$(subst {prefix},,$@).yaml |"

# Invocation class -> the recipe, blanks normalised; {prefix} is what it strips from the target's name.
RECIPES: dict[str, tuple[str, ...]] = {
    "docker-tar-to-stdout": (
        _MAKE_DIRECTORY,
        f"{_PROFILE} docker run --rm -i -v /dev:/dev --privileged {_IMAGER} --tar-to-stdout - | {_UNPACK}",
    ),
    "docker-bind-out": (
        f"{_PROFILE} docker run --rm -i -v $${{PWD}}/../../../_out/assets:/out -v /dev:/dev --privileged {_IMAGER} -",
    ),
    "kubectl-exec-tar-to-stdout": (
        _MAKE_DIRECTORY,
        f"{_PROFILE} {_EXEC_INPUT} --tar-to-stdout - | {_UNPACK}",
    ),
    "kubectl-exec-out-dir": (
        _MAKE_DIRECTORY,
        f"{_PROFILE} {_EXEC_INPUT} -",
        f"{_EXEC} -- tar -C /out -czf- . | {_UNPACK}",
        f"{_EXEC} -- rm -rf /out",
    ),
}
UNKNOWN = "unknown"


@dataclass(frozen=True)
class BuildFeatures:
    """What tells the generations of the build apart, except how images are published; ``kinds`` counts targets."""

    core: str
    invocation: str
    prefix: str
    include: str
    kinds: int


# Where the shared variables have lived, newest first.
INCLUDES = ("hack/common-envs.mk", "scripts/common-envs.mk")

_TALOS, _INSTALLER = CORE_DIRECTORIES
_HACK, _SCRIPTS = INCLUDES
_TAR = "docker-tar-to-stdout"

# Features -> generations that share them; what tells those apart follows in _PUBLISHING.
_GENERATIONS: dict[BuildFeatures, tuple[str, ...]] = {
    BuildFeatures(_INSTALLER, "docker-bind-out", "talos-", "", 4): ("G00",),
    BuildFeatures(_INSTALLER, _TAR, "talos-", "", 4): ("G01",),
    BuildFeatures(_INSTALLER, _TAR, "talos-", "", 5): ("G02",),
    BuildFeatures(_INSTALLER, _TAR, "talos-", _SCRIPTS, 5): ("G03",),
    BuildFeatures(_INSTALLER, _TAR, "talos-", _SCRIPTS, 6): ("G04", "G07", "G08", "G09"),
    BuildFeatures(_INSTALLER, "kubectl-exec-tar-to-stdout", "talos-", _SCRIPTS, 6): ("G05",),
    BuildFeatures(_INSTALLER, "kubectl-exec-out-dir", "talos-", _SCRIPTS, 6): ("G06",),
    BuildFeatures(_TALOS, _TAR, "talos-", _SCRIPTS, 6): ("G10",),
    BuildFeatures(_TALOS, _TAR, "build-talos-", _HACK, 6): ("G11", "G12", "G13"),
}

# Generation -> (how the installer is pushed, generator's lookup, generator chooses by case, IMAGE_TAG, OCI export).
_PUBLISHING: dict[str, tuple[str, str, bool, bool, bool]] = {
    "G00": ("docker-load", "list-tags", False, False, False),
    "G01": ("docker-load", "list-tags", False, False, False),
    "G02": ("docker-load", "list-tags", False, False, False),
    "G03": ("docker-load", "list-tags", False, False, False),
    "G04": ("docker-load", "list-tags", False, False, False),
    "G05": ("skopeo", "list-tags", False, False, False),
    "G06": ("skopeo", "list-tags", False, False, False),
    "G07": ("skopeo", "list-tags", False, False, False),
    "G08": ("skopeo", "list-tags", True, False, False),
    "G09": ("skopeo", "image-digests", True, False, False),
    "G10": ("skopeo", "image-digests", True, False, False),
    "G11": ("skopeo", "image-digests", True, False, False),
    "G12": ("skopeo", "image-digests", True, True, False),
    "G13": ("skopeo", "image-digests", True, True, True),
}


@dataclass(frozen=True)
class Include:
    """An include of CORE/Makefile: ``path`` below the root (unexpanded words as they are), None file when missing."""

    line: int
    path: str
    file: SourceFile | None


@dataclass(frozen=True)
class Layout:
    """The build of Talos images at one commit.

    :param ref: the name that was asked for; ``commit`` what it stands for.
    :param core: directory of the Talos package, such as ``packages/core/talos``.
    :param makefile_file: CORE/Makefile; ``makefile`` the same, read.
    :param includes: files it includes, in order; ``included`` those that exist, read, by path.
    :param prefix: what precedes a kind in the targets that really build: ``build-talos-`` or ``talos-``.
    :param targets: kind -> target that builds it, for the kinds that have one.
    :param invocation: class of the recipe, a key of `RECIPES` or ``unknown``.
    :param profiles: kind -> committed profile, for the kinds that have one, in the order of `KINDS`.
    :param other_profiles: further files in the directory of profiles, sorted.
    :param generator: upstream's generator, None when there is none.
    :param features: what the generation was told by.
    :param generations: generations with these features of the build; empty when the combination is not known.
    :param generation: G00 to G13; empty when it is not known, or publishes in a way that is not known.
    :param files: path -> object id of every file that was read.
    """

    ref: str
    commit: str
    core: str
    makefile_file: SourceFile
    makefile: Makefile
    includes: tuple[Include, ...]
    included: Mapping[str, Makefile]
    prefix: str
    targets: Mapping[str, str]
    invocation: str
    profiles: Mapping[str, CommittedProfile]
    other_profiles: tuple[str, ...]
    generator: ProfileGenerator | None
    features: BuildFeatures
    generations: tuple[str, ...] = ()
    generation: str = ""
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def installer_profile(self) -> CommittedProfile:
        """The profile from which make takes the Talos version."""
        return self.profiles["installer"]

    @property
    def talos_version(self) -> str:
        """Talos version that make will use, such as ``v1.13.6``; may be malformed or empty."""
        return self.installer_profile.make_version

    @property
    def extensions(self) -> tuple[ImageReference, ...]:
        """System extensions (firmware included) of the committed profiles, in upstream's order."""
        return self.installer_profile.extensions

    @property
    def base_installer(self) -> ImageReference:
        """Base installer of the committed profiles."""
        return self.installer_profile.base_installer

    def profile_path(self, kind: str) -> str:
        """Return the path of a kind's profile below the root of the checkout."""
        return f"{self.core}/{PROFILES_DIRECTORY}/{kind}.yaml"

    def asset_files(self, arch: str) -> dict[str, str]:
        """Return kind -> file in ``ASSETS_DIRECTORY`` for the buildable kinds, from generated profiles.

        Committed profiles can name other files (`CommittedProfile.output`).
        """
        return {kind: KINDS[kind].file_name(arch) for kind in self.targets if kind in self.profiles}


def detect(repository: Repository, ref: str) -> Layout:
    """Find out how the commit behind ``ref`` builds Talos images.

    :raises UpstreamError: there is no such ref, or a file cannot be read.
    :raises UnknownLayout: no known directory holds an installer profile and a Makefile.
    """
    commit = repository.commit(ref)
    core = _core(repository, ref, commit)
    makefile_file = repository.file(commit, f"{core}/Makefile")
    if makefile_file is None:
        raise UnknownLayout(f"{repository.path} at {ref}", f"{core} has no Makefile", "look at that ref by hand")
    makefile = read_makefile(makefile_file.text)
    includes = tuple(_includes(repository, commit, core, makefile))
    profiles = _profiles(repository, commit, core)
    prefix = _prefix(makefile)
    targets = {kind: prefix + kind for kind in KINDS if makefile.rule(prefix + kind) is not None}
    generator_file = repository.file(commit, f"{core}/{GENERATOR}")
    generator = read_generator(generator_file) if generator_file else None
    features = BuildFeatures(
        core, _invocation(makefile, prefix, targets), prefix, includes[0].path if includes else "", len(targets)
    )
    read = [
        makefile_file,
        *(profile.file for profile in profiles.values()),
        *([generator_file] if generator_file else []),
    ]
    read += [include.file for include in includes if include.file is not None]
    generations = _generations(features)
    expected = {f"{kind}.yaml" for kind in profiles}
    names = repository.names(commit, f"{core}/{PROFILES_DIRECTORY}")
    return Layout(
        ref=ref,
        commit=commit,
        core=core,
        makefile_file=makefile_file,
        makefile=makefile,
        includes=includes,
        included={include.path: read_makefile(include.file.text) for include in includes if include.file is not None},
        prefix=prefix,
        targets=targets,
        invocation=features.invocation,
        profiles=profiles,
        other_profiles=tuple(name for name in names if name not in expected),
        generator=generator,
        features=features,
        generations=generations,
        generation=_generation(generations, makefile_file.text, generator),
        files={file.path: file.object_id for file in read},
    )


def known_recipe(invocation: str, prefix: str) -> tuple[str, ...]:
    """Return the recipe of an invocation class for targets with that prefix."""
    return tuple(line.replace("{prefix}", prefix) for line in RECIPES[invocation])


def _core(repository: Repository, ref: str, commit: str) -> str:
    for core in CORE_DIRECTORIES:
        if repository.file(commit, f"{core}/{PROFILES_DIRECTORY}/installer.yaml") is not None:
            return core
    where, remedy = f"{repository.path} at {ref}", "the layout is unknown: choose another ref, or extend the detection"
    for core in CORE_DIRECTORIES:
        names = repository.names(commit, f"{core}/{PROFILES_DIRECTORY}")
        if any(re.fullmatch(r"installer-(?:amd64|arm64)\.yaml", name) for name in names):
            cause = f"{core}/{PROFILES_DIRECTORY} has profiles per architecture ({names[0]} ...), not installer.yaml"
            raise ProfilesPerArchitecture(where, cause, remedy)
    raise UnknownLayout(where, f"no {PROFILES_DIRECTORY}/installer.yaml in {' or '.join(CORE_DIRECTORIES)}", remedy)


def _includes(repository: Repository, commit: str, core: str, makefile: Makefile) -> list[Include]:
    found = []
    for line, word in makefile.includes:
        path = _below_root(core, word)
        found.append(Include(line, path or word, repository.file(commit, path) if path else None))
    return found


def _below_root(directory: str, word: str) -> str:
    """Return a path relative to ``directory`` as one below the root, empty when it is absolute, outside or expanded."""
    if word.startswith("/") or any(character in word for character in "$*?[~"):
        return ""
    parts: list[str] = []
    for part in PurePosixPath(directory, word).parts:
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            return ""
    return "/".join(parts)


def _profiles(repository: Repository, commit: str, core: str) -> dict[str, CommittedProfile]:
    profiles = {}
    for kind in KINDS:
        file = repository.file(commit, f"{core}/{PROFILES_DIRECTORY}/{kind}.yaml")
        if file is not None:
            profiles[kind] = read_profile(kind, file)
    return profiles


def _prefix(makefile: Makefile) -> str:
    targets = {target for rule in makefile.rules for target in rule.targets}
    for prefix in TARGET_PREFIXES:
        if any(prefix + kind in targets for kind in KINDS):
            return prefix
    return ""


def _invocation(makefile: Makefile, prefix: str, targets: Mapping[str, str]) -> str:
    """Return the class that all build targets share."""
    classes = {classify(makefile.rule(target), prefix) for target in targets.values()}
    return classes.pop() if len(classes) == 1 else UNKNOWN


def classify(rule: Rule | None, prefix: str) -> str:
    """Return the invocation class of a rule's recipe, ``unknown`` when it is none of the known recipes."""
    for name in RECIPES:
        if rule is not None and rule.recipe == known_recipe(name, prefix):
            return name
    return UNKNOWN


def _generations(features: BuildFeatures) -> tuple[str, ...]:
    """Return the generations that have these features; one that is not known by itself tells nothing apart."""
    found: list[str] = []
    for known, names in _GENERATIONS.items():
        if (
            features.core == known.core
            and features.prefix in (known.prefix, "")
            and features.kinds == known.kinds
            and (features.invocation == known.invocation or features.invocation == UNKNOWN)
            and (features.include == known.include or features.include not in ("", *INCLUDES))
        ):
            found += names
    return tuple(found)


def _generation(generations: tuple[str, ...], makefile: str, generator: ProfileGenerator | None) -> str:
    if generator is None:
        return ""
    push = "skopeo" if "skopeo copy" in makefile else "docker-load" if "docker load" in makefile else UNKNOWN
    publishing = (push, generator.lookup, generator.cases, "$(IMAGE_TAG)" in makefile, "OCI_EXPORT_DIR" in makefile)
    return next((name for name in generations if _PUBLISHING[name] == publishing), "")
