# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge one commit, or many, against the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from ansible_collections.homelab.talos.plugins.module_utils.cozystack import (
    contract_cluster,
    contract_extensions,
    contract_profiles,
    contract_tree,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.errors import (
    ProfilesPerArchitecture,
    UnknownLayout,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import Repository
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.layout import (
    CORE_DIRECTORIES,
    RECIPES,
    Layout,
    detect,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.make_probe import probe
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.verdict import (
    CHECKS,
    CheckVerdict,
    Judgement,
    Observation,
    Wishes,
    decide,
)

Check = Callable[[Layout, Wishes], Iterable[Observation]]

JUDGES: dict[str, Check] = {
    "C1": contract_tree.core_directory,
    "C2": contract_tree.includes,
    "C3": contract_tree.invocation,
    "C4": contract_tree.targets,
    "C5": contract_profiles.talos_version,
    "C6": contract_profiles.profile_content,
    "C7": contract_profiles.file_names,
    "C8": contract_extensions.committed_extensions,
    "C9": contract_extensions.added_extensions,
    "C10": contract_profiles.base_installer,
    "C11": contract_tree.command_line,
    "C12": contract_tree.nothing_else,
    "C13": contract_cluster.talos_line,
    "C14": contract_cluster.not_older,
    "C15": contract_cluster.storage_drivers,
}


def judge(layout: Layout, wishes: Wishes | None = None) -> Judgement:
    """Judge a layout; C14 and C15 are left out when nothing is known about a cluster."""
    wishes = wishes or Wishes()
    left_out = {}
    if not wishes.cluster_talos and wishes.platform is None:
        left_out["C14"] = "no Talos version of a cluster was given"
    if wishes.platform is None:
        left_out["C15"] = "no CozyStack version of a platform was given"
    checks = tuple(decide(name, check(layout, wishes)) for name, check in JUDGES.items() if name not in left_out)
    return Judgement(layout.ref, layout.commit, layout, checks, left_out)


def judge_ref(repository: Repository, ref: str, wishes: Wishes | None = None) -> Judgement:
    """Judge a ref; an unknown layout is a judgement, too.

    :raises UpstreamError: there is no such ref, or a file cannot be read.
    """
    try:
        return judge(detect(repository, ref), wishes)
    except UnknownLayout as error:
        verdict = "unsupported" if isinstance(error, ProfilesPerArchitecture) else "unknown"
        seen = Observation(verdict, "", 0, " or ".join(CORE_DIRECTORIES), error.cause, error.remedy)  # type: ignore[arg-type]
        without = {name: "the layout is not known" for name in CHECKS if name != "C1"}
        return Judgement(ref, repository.commit(ref), None, (CheckVerdict("C1", (seen,)),), without)


def probed(repository: Repository, judgement: Judgement, wishes: Wishes | None = None) -> Judgement:
    """Add to C11 what make itself says; left out unless everything that make would run is already known.

    Even ``make -n`` runs lines that a Makefile marks with ``+``, so an unknown Makefile is never given to make.
    :raises UpstreamError: make is missing, or does not end.
    """
    layout = judgement.layout
    decisive = {each.id: each.verdict for each in judgement.checks if each.id in ("C3", "C11", "C12")}
    # An invocation that is known and unsupported is as harmless to print as any other.
    unknown = "unknown" in decisive.values() or "unsupported" in (decisive.get("C11"), decisive.get("C12"))
    if layout is None or layout.invocation not in RECIPES or unknown:
        return replace(
            judgement, not_checked={**judgement.not_checked, "probe": "the Makefile is not known well enough"}
        )
    seen = tuple(probe(repository, layout, wishes.kinds if wishes else ()))
    checks = tuple(
        CheckVerdict(each.id, (*each.observations, *seen)) if each.id == "C11" else each for each in judgement.checks
    )
    return replace(judgement, checks=checks)


def judge_refs(repository: Repository, refs: Iterable[str], wishes: Wishes | None = None) -> Iterator[Judgement]:
    """Judge refs one after the other; files that they share are read once.

    :raises UpstreamError: there is no such ref, or a file cannot be read.
    """
    for ref in refs:
        yield judge_ref(repository, ref, wishes)
