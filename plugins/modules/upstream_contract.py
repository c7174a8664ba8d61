#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: upstream_contract
short_description: Judge whether CozyStack commits can build Talos images for arm64
version_added: 0.1.0
description:
  - Finds out from the content of a commit (never from version numbers) where CozyStack builds its Talos images, how,
    and what goes into them, and judges everything that a build of arm64 images relies on, check by check.
  - Reads git objects of a clone. No checkout is made, nothing of the tree is run, and nothing is fetched.
  - What is unknown is never guessed; its verdict is V(needs review).
  - The verdict of an unsupported commit is a result, no failure. The module fails when a ref does not exist, when the
    repository cannot be read, and when the only ref that is asked for has a layout that is not known.
author:
  - homelab.talos contributors (@homelab)
options:
  repository:
    description:
      - Clone of CozyStack, bare or with a checkout. It is only read.
    type: path
    required: true
  refs:
    description:
      - What to judge. Tags, branches or commit ids; a glob such as V(v1.*) stands for the tags that fit it,
        V(newest) for the release with the highest version, and V(pinned) for the release that images are made of when
        no other is asked for. A pinned tag that is another commit than it was is an error.
    type: list
    elements: str
    default: [HEAD]
  kinds:
    description:
      - Kinds that must be buildable. By default all are judged, and those that old commits lack are only remarked.
    type: list
    elements: str
    choices: [initramfs, kernel, iso, installer, nocloud, metal]
    default: []
  extensions:
    description:
      - Extensions that are to be added, which must exist for that Talos version.
    type: list
    elements: str
    default: [spin, tailscale]
  image_digests:
    description:
      - Saved file C(image-digests) of C(ghcr.io/siderolabs/extensions:<Talos version>). Without it, a table says since
        which Talos version an extension exists.
      - Only for one ref.
    type: path
  cluster_talos_version:
    description:
      - Talos version that the nodes run. With it C14 judges whether they would go back to an older one.
    type: str
  platform_ref:
    description:
      - Ref of the CozyStack version that the platform runs. With it C14 and C15 compare Talos, drbd and zfs.
    type: str
  probe:
    description:
      - Let make print what it would run for each target, and compare that with what was read. It is given the few files
        of the build in a throw-away directory, an empty home, no credentials, and traps instead of programs that could
        leave the machine. A Makefile that holds anything unknown is never given to make.
    type: bool
    default: false
  every_check:
    description:
      - Return the checks that are V(ok), too, when several refs are judged.
    type: bool
    default: false
  allow_shallow:
    description:
      - Judge a shallow clone, whose tags and history are incomplete.
    type: bool
    default: false
  allow_dirty:
    description:
      - Judge the commit that is checked out although files that the build reads differ from it.
    type: bool
    default: false
  progress:
    description:
      - File that gets one line for each ref as soon as it is judged.
    type: path
extends_documentation_fragment:
  - homelab.talos.attributes
  - homelab.talos.attributes.info
  - homelab.talos.requirements.yaml
requirements:
  - GNU make, for O(probe=true)
seealso:
  - module: homelab.talos.image
"""

EXAMPLES = r"""
- name: Judge the newest release
  homelab.talos.upstream_contract:
    repository: ~/src/cozystack
    refs:
      - newest
  register: contract

- name: Judge every tag, and follow it in another terminal
  homelab.talos.upstream_contract:
    repository: ~/src/cozystack
    refs:
      - "*"
    progress: /tmp/contract.log
"""

RETURN = r"""
verdict:
  description: >-
    The worst verdict over all refs, V(supported), V(supported with remarks), V(needs review) or V(unsupported).
  returned: success
  type: str
  sample: supported
counts:
  description: Number of refs for each verdict.
  returned: success
  type: dict
  sample: {"supported": 1}
lines:
  description: One line for each ref and each remark.
  returned: success
  type: list
  elements: str
  sample: ["v1.6.2: supported"]
refs:
  description: The judgement for each ref, in the order asked for.
  returned: success
  type: list
  elements: dict
  contains:
    ref:
      description: What was asked for.
      type: str
    commit:
      description: Commit id.
      type: str
    verdict:
      description: Verdict over all checks.
      type: str
    generation:
      description: Layout generation, V(G00) to V(G13); empty when it is not known.
      type: str
    core:
      description: Directory of the Talos package.
      type: str
    invocation:
      description: How the imager is run.
      type: str
    talos_version:
      description: Talos version that is built.
      type: str
    targets:
      description: Kind to make target.
      type: dict
    files:
      description: Kind to the file that an arm64 build leaves in C(_out/assets).
      type: dict
    extensions:
      description: Committed extensions, in upstream's order.
      type: list
      elements: str
    base_installer:
      description: Committed base installer.
      type: str
    checks:
      description: >-
        The checks C1 to C15 with V(id), V(topic), V(verdict), V(file), V(line), V(expected), V(found), V(note) and
        V(remarks). When several refs are judged, those that are not V(ok) unless O(every_check=true).
      type: list
      elements: dict
    not_checked:
      description: Id of a check that was left out, and why.
      type: dict
    remarks:
      description: One line for everything that is not V(ok).
      type: list
      elements: str
    platform:
      description: How that version of the platform is installed, with V(artefacts), V(namespace_in_chart),
        V(installer_platforms) and V(join_cidr).
      type: dict
    notes:
      description: What to know when the images are used; no judgement.
      type: list
      elements: str
    proposal:
      description: Patch that pins this collection to that ref, with the verdict in front. Empty when it is pinned.
      type: str
  sample:
    - ref: v1.6.2
      verdict: supported
      generation: G12
      talos_version: v1.13.6
setbacks:
  description: Releases among those judged whose Talos is older than that of a lower release.
  returned: success
  type: list
  elements: str
  sample: []
"""

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.dependencies import YAML
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.cozystack import contract, pin_change
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.advice import notes
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.errors import UpstreamError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.extension_list import read_list
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import Repository
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.imager import KINDS
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.layout import Layout, detect
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.platform_facts import platform_facts
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.ref_choice import choose
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.setbacks import setbacks
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.verdict import OVERALL, Judgement, Wishes


def spec() -> ArgumentSpec:
    return ArgumentSpec(
        {
            "repository": {"type": "path", "required": True},
            "refs": {"type": "list", "elements": "str", "default": ["HEAD"]},
            "kinds": {"type": "list", "elements": "str", "choices": list(KINDS), "default": []},
            "extensions": {"type": "list", "elements": "str", "default": ["spin", "tailscale"]},
            "image_digests": {"type": "path"},
            "cluster_talos_version": {"type": "str"},
            "platform_ref": {"type": "str"},
            "probe": {"type": "bool", "default": False},
            "every_check": {"type": "bool", "default": False},
            "allow_shallow": {"type": "bool", "default": False},
            "allow_dirty": {"type": "bool", "default": False},
            "progress": {"type": "path"},
        }
    )


def wishes(module: TalosModule, repository: Repository, refs: list[str]) -> Wishes:
    """Return what the checks need to know beyond the tree."""
    params = module.params
    available = None
    if params["image_digests"]:
        if len(refs) != 1:
            module.fail(f"image_digests is the list of one Talos version: give one ref, not {len(refs)}")
        version = detect(repository, refs[0]).talos_version
        available = read_list(Path(params["image_digests"]), version).references
    return Wishes(
        kinds=tuple(params["kinds"]),
        extensions=tuple(params["extensions"]),
        available=available,
        cluster_talos=params["cluster_talos_version"] or "",
        platform=detect(repository, params["platform_ref"]) if params["platform_ref"] else None,
    )


def refuse_other_files(repository: Repository, layout: Layout) -> None:
    """Refuse the commit that is checked out when files of the build differ from it: which of both is meant?"""
    if repository.bare or repository.commit("HEAD") != layout.commit:
        return
    changed = repository.changed_files(dict(layout.files))
    if changed:
        cause = f"{', '.join(changed)} differ{'s' if len(changed) == 1 else ''} from commit {layout.commit[:12]}"
        raise UpstreamError(repository.path, cause, "commit or undo the change, or set allow_dirty")


@contextlib.contextmanager
def progress_file(path: str | None) -> Iterator[IO[str] | None]:
    """Open the file for progress, empty."""
    if not path:
        yield None
        return
    with Path(path).open("w", encoding="utf-8") as stream:
        yield stream


def judged(module: TalosModule, repository: Repository, refs: list[str]) -> list[Judgement]:
    """Judge all refs, one line of progress each."""
    wanted = wishes(module, repository, refs)
    judgements = []
    with progress_file(module.params["progress"]) as stream:
        for number, ref in enumerate(refs, 1):
            if len(refs) == 1:
                # Its error is the answer to the only question.
                detect(repository, ref)
            judgement = contract.judge_ref(repository, ref, wanted)
            if judgement.layout is not None and not module.params["allow_dirty"]:
                refuse_other_files(repository, judgement.layout)
            if module.params["probe"]:
                judgement = contract.probed(repository, judgement, wanted)
            judgements.append(judgement)
            if stream is not None:
                stream.write(f"[{number}/{len(refs)}] {ref}: {judgement.overall}\n")
                stream.flush()
    return judgements


def described(repository: Repository, judgement: Judgement, every_check: bool) -> dict[str, Any]:
    """Return one judgement as a return value."""
    result = judgement.to_dict()
    if not every_check:
        result["checks"] = [check for check in result["checks"] if check["verdict"] != "ok"]
    platform = platform_facts(repository, judgement.commit)
    result["platform"] = platform.to_dict()
    result["notes"] = notes(judgement.layout, platform)
    result["proposal"] = pin_change.proposal(pin_change.current(), judgement)
    return result


def lines(judgements: list[Judgement]) -> Iterator[str]:
    """Yield what is printed for people."""
    for each in judgements:
        layout = each.layout
        facts = f" ({layout.generation or 'generation unknown'}, Talos {layout.talos_version})" if layout else ""
        yield f"{each.ref}: {each.overall}{facts}"
        yield from (f"  {remark}" for remark in each.remarks)
    yield from map(str, setbacks(judgements))


def judge(module: TalosModule) -> dict[str, Any]:
    with Repository(module.params["repository"]) as repository:
        if repository.shallow and not module.params["allow_shallow"]:
            raise UpstreamError(
                repository.path, "the clone is shallow", "git fetch --unshallow --tags, or set allow_shallow"
            )
        refs = choose(repository, module.params["refs"])
        if not refs:
            module.fail("refs is empty: name a tag, a branch or a commit")
        judgements = judged(module, repository, refs)
        counts = Counter(each.overall for each in judgements)
        every = module.params["every_check"] or len(refs) == 1
        return {
            "verdict": next(name for name in reversed(OVERALL.values()) if counts[name]),
            "counts": dict(counts),
            "lines": list(lines(judgements)),
            "refs": [described(repository, each, every) for each in judgements],
            "setbacks": [str(each) for each in setbacks(judgements)],
        }


def main() -> None:
    TalosModule(spec(), YAML).run(judge)


if __name__ == "__main__":
    main()
