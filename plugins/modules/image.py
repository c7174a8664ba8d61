#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image
short_description: Build one Talos image through CozyStack's Makefile
version_added: 0.1.0
description:
  - Builds the files of one variant (a set of system extensions, for one architecture) at one commit of CozyStack, with
    CozyStack's own Makefile and Talos' own imager.
  - Works in a throw-away checkout that shares the objects of the clone. The clone itself is only read.
  - The profiles of the imager are written from data, read back and judged before anything is built. Architecture, path
    of the kernel and path of the initramfs always agree.
  - Idempotent by content. A file whose inputs (Talos version, extensions with digests, imager, recipe) and bytes are
    those of the last build is not built again.
  - The image is replaced as a whole when all of its files are there. A build that fails or is stopped leaves the image
    as it was, and a log.
  - What make evaluates comes from upstream, so it runs with an empty home, no credentials and a handful of environment
    variables, and may use the container engine for nothing but running containers.
author:
  - homelab.talos contributors (@homelab)
options:
  repository:
    description:
      - Clone of CozyStack, bare or with a checkout, with all of its history. It is only read.
    type: path
    required: true
  ref:
    description:
      - Tag, branch or commit that is built.
    type: str
    required: true
  name:
    description:
      - Name of the variant; lower-case letters, digits and dashes.
    type: str
    required: true
  extensions:
    description:
      - System extensions in the image, exactly these. Those that upstream has keep upstream's order and digests.
    type: list
    elements: str
    default: []
  architecture:
    description:
      - What the image is for. The machine that builds may be another one.
    type: str
    choices: [amd64, arm64]
    default: arm64
  board:
    description:
      - Single-board computer whose overlay is put into installer and disk image, such as V(rpi_generic).
    type: str
  board_image:
    description:
      - Image that holds the overlay, when it is not the one that is known for the board.
    type: str
  kernel_args:
    description:
      - Further arguments of the kernel, in the kinds that have a command line (iso, installer, metal, nocloud).
    type: list
    elements: str
    default: []
  roles:
    description:
      - Roles of hosts that boot the image, for the manifest. Default is the name of the variant.
    type: list
    elements: str
    default: []
  kinds:
    description:
      - Files that the image shall have; with an empty list the profiles only.
    type: list
    elements: str
    choices: [initramfs, kernel, iso, installer, nocloud, metal]
    default: [initramfs, kernel, iso, installer, nocloud, metal]
  output:
    description:
      - Directory of all built images; this one is put into C(<architecture>/<name>) below it.
    type: path
    required: true
  image_digests:
    description:
      - Saved file C(image-digests) of C(ghcr.io/siderolabs/extensions:<Talos version>). With it no registry is asked.
    type: path
  talos_version:
    description:
      - Another Talos version than the one that upstream pins; all extensions are then those of its list.
    type: str
  registry_mirrors:
    description:
      - Host of a registry (C(ghcr.io)) to the base URL that is asked for lists and manifests instead, such as
        C(http://192.168.1.5:5000). The pulls of the imager itself are not affected.
    type: dict
    default: {}
  engine:
    description:
      - Container engine, C(docker), C(podman) or a path. Default is the first of these that answers.
    type: str
  run_options:
    description:
      - Further options of the engine's C(run), such as a mount with certificates for the imager's own pulls.
    type: list
    elements: str
    default: []
  allow_unreviewed:
    description:
      - Whether a ref may be built that has parts this collection does not know yet (verdict C(needs review)). What is
        known not to work is refused in any case.
    type: bool
    default: false
  build_timeout:
    description:
      - Limit for each kind, and for another build of the same image to end, in seconds.
    type: int
    default: 3600
extends_documentation_fragment:
  - homelab.talos.attributes
  - homelab.talos.requirements.yaml
attributes:
  check_mode:
    details:
      - Tells for each file whether it would be built, and why. Needs neither an engine nor make.
requirements:
  - GNU make 3.82 or newer, tar, gzip, awk and bash on the machine that builds
  - docker or podman on the machine that builds
  - zstandard
  - pycdlib
notes:
  - A build with an empty cache takes minutes. Run it with C(async) to be able to go on, and follow the file RV(log).
"""

EXAMPLES = r"""
- name: Build the image of compute nodes
  homelab.talos.image:
    repository: ~/src/cozystack
    ref: v1.6.2
    name: compute
    extensions: [drbd, spin, zfs]
    output: ~/images

- name: See what would be built for gateways, without network
  homelab.talos.image:
    repository: ~/src/cozystack
    ref: v1.6.2
    name: gateway
    extensions: [drbd, spin, tailscale, zfs]
    image_digests: ~/src/image-digests-v1.13.6
    output: ~/images
  check_mode: true

- name: Write the profiles only
  homelab.talos.image:
    repository: ~/src/cozystack
    ref: v1.6.2
    name: compute
    extensions: [drbd, spin, zfs]
    kinds: []
    output: ~/images
"""

RETURN = r"""
state:
  description:
    - V(built) when files were built now, V(cached) when all of them are from an earlier build.
    - In check mode V(missing) or V(stale) when something would be built.
  returned: success
  type: str
  sample: built
key:
  description: Name of the image among the built ones.
  returned: success
  type: str
  sample: arm64/compute
tag:
  description: Tag for its installer in a registry.
  returned: success
  type: str
  sample: v1.13.6-compute-arm64
directory:
  description: Directory of the image.
  returned: success
  type: str
  sample: /home/op/images/arm64/compute
files:
  description: One entry per file, as it was found.
  returned: success
  type: list
  elements: dict
  sample: [{kind: kernel, name: kernel-arm64, state: missing, why: it has not been built}]
  contains:
    kind:
      description: What it is.
      type: str
    name:
      description: File name.
      type: str
    state:
      description: V(cached), V(missing) or V(stale).
      type: str
    why:
      description: Why it is, or is not, built.
      type: str
manifest:
  description:
    - The manifest of the image, as in C(manifest.json); empty in check mode when there is none yet.
  returned: success
  type: dict
  sample: {format: 1, key: arm64/compute, talos_version: v1.13.6, architecture: arm64}
log:
  description: File that takes what the build prints, while it prints it.
  returned: success
  type: str
  sample: /home/op/images/log/compute-arm64.log
actions:
  description: What was done, or would be done in check mode.
  returned: success
  type: list
  elements: str
  sample: ["build kernel-arm64: it has not been built"]
remarks:
  description: What is worth knowing and no error.
  returned: success
  type: list
  elements: str
  sample: ["no registry was asked: the imager is taken by its tag, architectures are not looked up"]
"""

import os
import signal
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.built_file import seen_in
from ansible_collections.homelab.talos.plugins.module_utils._module.dependencies import IMAGE_ASSETS, YAML
from ansible_collections.homelab.talos.plugins.module_utils._module.errors import ModuleFailure
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.cozystack import build_plan, image_build
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_manifest import read_manifest
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_request import BuildRequest
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_variants import ImageVariant
from ansible_collections.homelab.talos.plugins.module_utils.talos import yaml_text

KINDS = ["initramfs", "kernel", "iso", "installer", "nocloud", "metal"]


def spec() -> ArgumentSpec:
    return ArgumentSpec(
        {
            "repository": {"type": "path", "required": True},
            "ref": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "extensions": {"type": "list", "elements": "str", "default": []},
            "architecture": {"type": "str", "choices": ["amd64", "arm64"], "default": "arm64"},
            "board": {"type": "str"},
            "board_image": {"type": "str"},
            "kernel_args": {"type": "list", "elements": "str", "default": []},
            "roles": {"type": "list", "elements": "str", "default": []},
            "kinds": {"type": "list", "elements": "str", "choices": KINDS, "default": KINDS},
            "output": {"type": "path", "required": True},
            "image_digests": {"type": "path"},
            "talos_version": {"type": "str"},
            "registry_mirrors": {"type": "dict", "default": {}},
            "engine": {"type": "str"},
            "run_options": {"type": "list", "elements": "str", "default": []},
            "allow_unreviewed": {"type": "bool", "default": False},
            "build_timeout": {"type": "int", "default": 3600},
        }
    )


def request_of(params: dict[str, Any]) -> BuildRequest:
    """Return what the options ask for."""
    variant = ImageVariant.from_mapping({key: params[key] for key in ImageVariant.KEYS})
    return BuildRequest(
        repository=Path(params["repository"]),
        ref=params["ref"],
        variant=variant,
        kinds=tuple(params["kinds"]),
        output=Path(params["output"]).absolute(),
        image_digests=Path(params["image_digests"]) if params["image_digests"] else None,
        talos_version=params["talos_version"] or "",
        engine=params["engine"] or "",
        run_options=tuple(params["run_options"]),
        mirrors=params["registry_mirrors"],
        allow_unreviewed=params["allow_unreviewed"],
        limit=float(params["build_timeout"]),
    )


def state_of(result: image_build.BuildResult, check_mode: bool) -> str:
    """Return ``built``, ``cached``, ``missing`` or ``stale``."""
    states = {file.state for file in result.planned} - {build_plan.CACHED}
    if not states:
        return "cached" if result.manifest is not None else build_plan.MISSING
    if not check_mode:
        return "built"
    return build_plan.STALE if build_plan.STALE in states else build_plan.MISSING


def actions_of(result: image_build.BuildResult) -> list[str]:
    """Return what is done, one line each."""
    actions = [f"build {file.name}: {file.why}" for file in result.planned if file.state != build_plan.CACHED]
    return actions or (["write profiles and manifest"] if result.changed else [])


def facts(manifest: Any) -> str:
    """Return what of a manifest a difference is about."""
    if manifest is None:
        return ""
    return yaml_text.dump(
        {
            "commit": manifest.upstream.get("commit", ""),
            "talos_version": manifest.talos_version,
            "extensions": [each["reference"] for each in manifest.extensions],
            "files": {file.name: file.sha256 for file in manifest.files},
        }
    )


def stopped(_number: int, _frame: Any) -> None:
    raise ModuleFailure("the build was stopped; nothing was changed, run it again")


def ensure(module: TalosModule) -> dict[str, Any]:
    request = request_of(module.params)
    before = read_manifest(request.output / request.variant.image.key) if request.output.is_dir() else None
    if module.check_mode:
        result = image_build.check(request)
    else:
        signal.signal(signal.SIGTERM, stopped)
        result = image_build.build(request, module.now(), seen_in)
    name = request.variant.image
    values: dict[str, Any] = {
        "changed": result.changed,
        "state": state_of(result, module.check_mode),
        "key": name.key,
        "tag": name.tag(result.talos_version),
        "directory": os.fspath(result.directory),
        "files": [vars(file) for file in result.planned],
        "manifest": result.manifest.to_mapping() if result.manifest else {},
        "log": os.fspath(result.log),
        "actions": actions_of(result),
        "remarks": list(result.remarks),
    }
    if module.wants_diff:
        values["diff"] = {
            "before": facts(before),
            "after": facts(result.manifest) if not module.check_mode else "\n".join([*values["actions"], ""]),
            "before_header": name.key,
            "after_header": name.key,
        }
    return values


def main() -> None:
    TalosModule(spec(), {**YAML, **IMAGE_ASSETS}).run(ensure)


if __name__ == "__main__":
    main()
