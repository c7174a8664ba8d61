#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_info
short_description: Look into built Talos images and judge them
version_added: 0.1.0
description:
  - Reads a file of an image, or the directory that a build leaves, and says what is inside. Nothing is changed and
    nothing of an image is executed.
  - Architecture comes from headers, not from names. Kernels are PE images (EFI zboot on arm64, whose payload is looked
    into), initramfs archives are read to their end, ISO and disk images are looked into down to the boot loader and the
    unified kernel image on their EFI file system, installers down to the boot files in their layers.
  - System extensions come from C(extensions.yaml) in the initramfs, wherever it lies.
  - In a directory every file is compared with C(checksums.sha256), C(manifest.json) and the profiles.
  - Files are read as streams. A compressed disk image is unpacked into a temporary file with holes (E(TMPDIR)).
author:
  - homelab.talos contributors (@homelab)
options:
  path:
    description:
      - The file or directory.
    type: path
    required: true
  kind:
    description:
      - What a single file is, when its name does not say so.
    type: str
    choices: [kernel, initramfs, uki, iso, installer, image]
  architecture:
    description:
      - What everything must be for. Default is what the manifest says and, without one, what each name says.
    type: str
    choices: [amd64, arm64]
  extensions:
    description:
      - System extensions that must be inside, exactly these, as V(name) or V(name:version). Default is what the
        manifest says. Without both, extensions are not judged.
    type: list
    elements: str
  verify:
    description:
      - Fail when a finding is an error. RV(assets) and RV(findings) are returned as well then.
    type: bool
    default: false
extends_documentation_fragment:
  - homelab.talos.attributes
  - homelab.talos.attributes.info
requirements:
  - PyYAML
  - zstandard (for what is compressed with zstd, as Talos does since 1.8)
  - pycdlib (for ISO images)
"""

EXAMPLES = r"""
- name: Require that an image is whole, for arm64, and has what the gateway needs
  homelab.talos.image_info:
    path: "{{ image_directory }}/arm64/gateway"
    architecture: arm64
    extensions: [drbd, spin, tailscale, zfs]
    verify: true

- name: See what is in a disk image from somewhere else
  homelab.talos.image_info:
    path: metal-arm64.raw.xz
  register: image
"""

RETURN = r"""
valid:
  description: Whether no finding is an error.
  returned: when everything could be read
  type: bool
  sample: true
assets:
  description: What was seen of each file that is part of an image.
  returned: when everything could be read
  type: list
  elements: dict
  contains:
    path:
      description: Path below O(path), or the name of the file.
      type: str
    name:
      description: Name of the file.
      type: str
    kind:
      description: V(kernel), V(initramfs), V(uki), V(iso), V(installer), V(image) or V(unknown).
      type: str
    architecture:
      description: V(amd64), V(arm64), V(unknown) with the machine word, or empty when the file does not say.
      type: str
    form:
      description: What its headers say besides.
      type: str
    extensions:
      description: System extensions inside, with RV(ignore:name) and RV(ignore:version); null when none can be seen.
      type: list
      elements: dict
    inner:
      description: What is inside it, in the same form.
      type: list
      elements: dict
    problems:
      description: Why it is not what it should be.
      type: list
      elements: str
  sample:
    - path: initramfs-metal-arm64.xz
      name: initramfs-metal-arm64.xz
      kind: initramfs
      architecture: arm64
      form: cpio (zstd, zstd)
      extensions:
        - name: drbd
          version: 9.3.2-v1.13.9
      inner: []
      problems: []
findings:
  description: What is wrong, with V(id), V(severity), V(message), V(host), V(path), V(fix) and V(layer).
  returned: when everything could be read
  type: list
  elements: dict
  sample: []
manifest:
  description: The manifest of a directory; empty when it has none that can be read.
  returned: when O(path) is a directory that could be read
  type: dict
  sample: {}
"""

from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.dependencies import YAML
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding, errors, sort_findings
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.asset import KINDS, inspect, parse_name
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.tree import read_tree
from ansible_collections.homelab.talos.plugins.module_utils.rules.image_files import ImageExpectation, judge_file
from ansible_collections.homelab.talos.plugins.module_utils.rules.image_tree import judge_tree


def spec() -> ArgumentSpec:
    return ArgumentSpec(
        {
            "path": {"type": "path", "required": True},
            "kind": {"type": "str", "choices": list(KINDS)},
            "architecture": {"type": "str", "choices": ["amd64", "arm64"]},
            "extensions": {"type": "list", "elements": "str"},
            "verify": {"type": "bool", "default": False},
        }
    )


def expectation(module: TalosModule) -> ImageExpectation:
    """Return what the image must be."""
    listed = module.params["extensions"]
    wanted = None
    if listed is not None:
        wanted = {}
        for text in listed:
            name, _colon, version = text.partition(":")
            if not name or name in wanted:
                module.fail(
                    f"extensions: {text!r} is {'there twice' if name else 'no name of an extension'}; correct it"
                )
            wanted[name] = version
    return ImageExpectation(module.params["architecture"] or "", wanted)


def look_at_file(module: TalosModule, path: Path) -> tuple[dict[str, Any], list[Finding]]:
    """Return the results about one file and what is wrong with it."""
    kind = module.params["kind"] or parse_name(path.name).kind
    if kind == "unknown":
        module.fail(f"{path}: its name does not say what it is; give kind, one of {', '.join(KINDS)}")
    facts = inspect(path, kind)
    findings = list(judge_file(facts, path.name, parse_name(path.name).architecture, expectation(module)))
    return {"assets": [{"path": path.name, **facts.to_dict()}]}, findings


def look_at_directory(module: TalosModule, path: Path) -> tuple[dict[str, Any], list[Finding]]:
    """Return the results about a directory and what is wrong with it."""
    if module.params["kind"]:
        module.fail(f"{path}: is a directory, and kind is for a single file; leave kind out")
    tree = read_tree(path)
    if not tree.assets and tree.manifest is None:
        module.fail(f"{path}: holds no file of an image and no manifest; give the directory that a build left")
    assets = [{"path": name, **facts.to_dict()} for name, facts in tree.assets.items()]
    return {"assets": assets, "manifest": dict(tree.manifest or {})}, judge_tree(tree, expectation(module))


def work(module: TalosModule) -> dict[str, Any]:
    path = Path(module.params["path"])
    if not path.exists():
        if path.is_symlink():
            module.fail(f"{path}: is a symbolic link that leads nowhere; correct it")
        module.fail(f"{path}: does not exist; build the image, or correct the path")
    # A pipe would be waited for without end.
    if not (path.is_dir() or path.is_file() or path.is_block_device()):
        module.fail(f"{path}: is neither a file nor a directory; give the path of an image")
    result, found = (look_at_directory if path.is_dir() else look_at_file)(module, path)
    findings = sort_findings(found)
    wrong = errors(findings)
    result |= {"valid": not wrong, "findings": [finding.to_dict() for finding in findings]}
    if module.params["verify"] and wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        module.fail(f"{path}: {wrong[0].path}: {wrong[0].message}{more}; {wrong[0].fix}", **result)
    return result


def main() -> None:
    TalosModule(spec(), YAML).run(work)


if __name__ == "__main__":
    main()
