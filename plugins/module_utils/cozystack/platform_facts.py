# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a CozyStack commit is installed, for those who install the platform after the images are built.

None of this touches the build of images. Source: cozystack/cozystack:packages/core/installer/ and its history.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.errors import FileTooLarge
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import Repository
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.makefile_text import read_makefile

INSTALLER = "packages/core/installer"
TEMPLATES = f"{INSTALLER}/templates"
VALUES = "packages/core/platform/values.yaml"
_JOIN = re.compile(r"^\s+joinCIDR:\s*\"?(?P<cidr>[0-9a-fA-F.:]+/\d+)", re.MULTILINE)
_NAMESPACE = re.compile(r"^kind:\s*Namespace\s*$", re.MULTILINE)
_PLATFORMS = re.compile(r"--platform[ =](?P<list>[\w/,]+)")


@dataclass(frozen=True)
class PlatformFacts:
    """How the platform is installed.

    :param artefacts: release files to apply: ``cozystack-installer.yaml`` alone, or CRDs and operator from a chart.
    :param namespace_in_chart: whether the chart itself makes the namespace, so that Helm must not.
    :param installer_platforms: architectures that the installer's image was built for; empty: that of the builder.
    :param join_cidr: default of the network that joins nodes and pods, empty when it is not in the values.
    """

    artefacts: str
    namespace_in_chart: bool
    installer_platforms: tuple[str, ...]
    join_cidr: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**asdict(self), "installer_platforms": list(self.installer_platforms)}


def platform_facts(repository: Repository, commit: str) -> PlatformFacts:
    """Read how the commit is installed.

    :raises UpstreamError: a file cannot be read.
    """
    names = repository.names(commit, TEMPLATES)
    artefacts = "unknown"
    if "cozystack-operator.yaml" in names:
        artefacts = "cozystack-crds.yaml, cozystack-operator-*.yaml"
    elif "cozystack.yaml" in names:
        artefacts = "cozystack-installer.yaml"
    texts = [text for name in names if (text := _text(repository, commit, f"{TEMPLATES}/{name}"))]
    # A namespace that only a switch renders is not made by Helm.
    always = any(_NAMESPACE.search(text) and ".Values.bareNamespace" not in text for text in texts)
    join = _JOIN.search(_text(repository, commit, VALUES))
    return PlatformFacts(artefacts, always, _installer_platforms(repository, commit), join["cidr"] if join else "")


def _text(repository: Repository, commit: str, path: str) -> str:
    """Return the text of a file, nothing without it; one that is too large is none of those that are looked for."""
    try:
        file = repository.file(commit, path)
    except FileTooLarge:
        return ""
    return file.text if file is not None else ""


def _installer_platforms(repository: Repository, commit: str) -> tuple[str, ...]:
    makefile = read_makefile(_text(repository, commit, f"{INSTALLER}/Makefile"))
    for target in ("image-installer", "image-cozystack", "image-operator"):
        rule = makefile.rule(target)
        match = _PLATFORMS.search(" ".join(rule.recipe)) if rule else None
        if match:
            return tuple(match["list"].split(","))
    return ()
