#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: spin_artifact
short_description: Build, pack and publish a Spin application
version_added: 0.1.0
description:
  - Takes a Spin application from a directory or from a git repository, builds its components with the commands of its
    manifest (C(spin.toml), version 2), packs them as the OCI artifact that C(spin registry push) makes, and pushes it.
  - The manifest, the components and the files are judged before anything is pushed. A component needs a handler that
    the Spin runtime of a cluster (Spin 3) can call. Nothing may hold machine code, since one artifact serves all
    architectures.
  - Idempotent by content. The same files give the same digest; an image that has it already is not pushed again.
  - Needs neither C(spin) nor a container engine on the controller; only the tools that the build commands call.
author:
  - homelab.talos contributors (@homelab)
options:
  path:
    description:
      - Directory of the application, or its manifest.
    type: path
  repository:
    description:
      - Address or path of a git repository that holds the application. Nothing of it is run but the build commands.
    type: str
  ref:
    description:
      - Branch, tag or commit of O(repository).
    type: str
    default: HEAD
  subdirectory:
    description:
      - Directory of the application within O(repository).
    type: str
    default: ""
  image:
    description:
      - Reference under which the artifact is pushed, with registry and tag, such as V(registry.lab:5000/nonce:1.0).
    type: str
    required: true
  build:
    description:
      - Which components are built. V(missing) builds those that are not there, V(never) takes what is there.
      - In check mode nothing is built; what is there is judged instead.
    type: str
    choices:
      - always
      - missing
      - never
    default: always
  build_shell:
    description:
      - Let a shell read the build commands. Without it a command that only a shell understands is refused.
    type: bool
    default: false
  build_timeout:
    description:
      - Limit for each build command, and for each call of git, in seconds. Then it is ended with all that it started.
    type: int
    default: 600
  build_environment:
    description:
      - Further environment variables for the build commands, which otherwise get little more than C(PATH) and C(HOME).
    type: dict
    default: {}
  annotations:
    description:
      - Annotations of the image beside those that the manifest gives. C(org.opencontainers.image.created) is only there
        when it is given here, because it would make each artifact another one.
    type: dict
    default: {}
extends_documentation_fragment:
  - homelab.talos.registry
  - homelab.talos.attributes
  - homelab.talos.requirements.registry
attributes:
  check_mode:
    details:
      - Builds and pushes nothing. When a component has to be built first, the digest is not known yet.
seealso:
  - module: homelab.talos.spin_app
"""

EXAMPLES = r"""
- name: Build and publish the application of a directory
  homelab.talos.spin_artifact:
    path: ~/src/nonce
    image: registry.lab:5000/nonce:1.0
    ca_file: ~/lab/registry-ca.crt
  register: nonce

- name: Publish an application from git
  homelab.talos.spin_artifact:
    repository: https://git.example.org/apps.git
    ref: v1.4.0
    subdirectory: visits
    image: registry.lab:5000/visits:1.4.0
    username: publisher
    password: "{{ registry_password }}"
"""

RETURN = r"""
image:
  description: Reference by digest, to be deployed; by tag while the digest is not known.
  returned: success
  type: str
  sample: registry.lab:5000/nonce@sha256:0f343b0931126a20f133d67c2b018a3b2a2d5a4c7b8d0e8d8a1b6f5a4e3c2d1b
reference:
  description: Reference as it was given.
  returned: success
  type: str
  sample: registry.lab:5000/nonce:1.0
digest:
  description: Digest of the artifact; empty in check mode when a component is not built yet.
  returned: success
  type: str
  sample: sha256:0f343b0931126a20f133d67c2b018a3b2a2d5a4c7b8d0e8d8a1b6f5a4e3c2d1b
application:
  description: Name and version from the manifest.
  returned: success
  type: dict
  sample: {name: nonce, version: "1.0"}
layers:
  description: Layers with V(media_type), V(digest) and V(size) in bytes.
  returned: success
  type: list
  elements: dict
  sample:
    - media_type: application/vnd.wasm.content.layer.v1+wasm
      digest: sha256:0f343b0931126a20f133d67c2b018a3b2a2d5a4c7b8d0e8d8a1b6f5a4e3c2d1b
      size: 10345
size:
  description: Size of the whole artifact in bytes.
  returned: success
  type: int
  sample: 12034
built:
  description: Components that were built, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [nonce]
commit:
  description: Commit that was taken from O(repository), empty without one.
  returned: success
  type: str
  sample: 8f14e45fceea167a5a36dedd4bea2543c5b1d0b4
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.dependencies import REQUESTS, YAML
from ansible_collections.homelab.talos.plugins.module_utils._module.registry_access import REGISTRY, registry_access
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.spin.artifact import Artifact, pack
from ansible_collections.homelab.talos.plugins.module_utils.spin.component_build import (
    BuildOptions,
    build_components,
    to_build,
)
from ansible_collections.homelab.talos.plugins.module_utils.spin.content import AppContent
from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import ContentInvalid, SpinError
from ansible_collections.homelab.talos.plugins.module_utils.spin.git_source import GitSource, check_out
from ansible_collections.homelab.talos.plugins.module_utils.spin.http_fetch import fetch
from ansible_collections.homelab.talos.plugins.module_utils.spin.manifest import Manifest, manifest_path
from ansible_collections.homelab.talos.plugins.module_utils.spin.manifest_reading import load_manifest
from ansible_collections.homelab.talos.plugins.module_utils.spin.reference import Reference, parse_reference
from ansible_collections.homelab.talos.plugins.module_utils.spin.registry import Registry
from ansible_collections.homelab.talos.plugins.module_utils.talos import yaml_text


@dataclass(frozen=True)
class Sources:
    """An application on disk; ``boundary`` is None when its components may lie anywhere."""

    directory: Path
    boundary: Path | None
    commit: str


def spec() -> ArgumentSpec:
    return REGISTRY.merged_with(
        ArgumentSpec(
            {
                "path": {"type": "path"},
                "repository": {"type": "str"},
                "ref": {"type": "str", "default": "HEAD"},
                "subdirectory": {"type": "str", "default": ""},
                "image": {"type": "str", "required": True},
                "build": {"type": "str", "choices": ["always", "missing", "never"], "default": "always"},
                "build_shell": {"type": "bool", "default": False},
                "build_timeout": {"type": "int", "default": 600},
                "build_environment": {"type": "dict", "default": {}},
                "annotations": {"type": "dict", "default": {}},
            },
            required_one_of=[("path", "repository")],
            mutually_exclusive=[("path", "repository")],
        )
    )


@contextmanager
def sources(module: TalosModule) -> Iterator[Sources]:
    """Give the application's directory; a checkout is removed at the end."""
    params = module.params
    if params["path"]:
        yield Sources(manifest_path(Path(params["path"])).parent, None, "")
        return
    with tempfile.TemporaryDirectory(prefix="spin-source-") as scratch:
        wanted = GitSource(params["repository"], params["ref"], params["subdirectory"])
        found = check_out(wanted, Path(scratch, "checkout"), float(params["build_timeout"]))
        try:
            yield Sources(found.directory, found.root, found.commit)
        except SpinError as error:
            # The checkout is gone when the operator reads this.
            place = error.path.replace(f"{found.root}/", f"{wanted.shown} at {wanted.ref}: ")
            raise type(error)(place, error.cause, error.remedy) from None


def texts(values: dict[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in values.items()}


def packed(module: TalosModule, manifest: Manifest, found: Sources) -> tuple[Artifact | None, list[str]]:
    """Build and pack; return the artifact, None when check mode kept it from being built, and what is built."""
    params = module.params
    options = BuildOptions(
        params["build"], params["build_shell"], float(params["build_timeout"]), texts(params["build_environment"])
    )
    if module.check_mode:
        built = [component.id for component in to_build(manifest, found.directory, options.policy)]
    else:
        built = build_components(manifest, found.directory, options)
    content = AppContent(manifest, found.directory, fetch, found.boundary)
    try:
        return pack(manifest, content, texts(params["annotations"])), built
    except ContentInvalid:
        if module.check_mode and built:
            # What is wrong may be mended by the build.
            return None, built
        raise


def layers_of(artifact: Artifact | None) -> list[dict[str, Any]]:
    layers = artifact.layers if artifact else ()
    return [{"media_type": each.media_type, "digest": each.digest, "size": len(each.data)} for each in layers]


def facts(digest: str, reference: Reference) -> str:
    return yaml_text.dump({"image": str(reference), "digest": digest}) if digest else ""


def ensure(module: TalosModule) -> dict[str, Any]:
    reference = parse_reference(module.params["image"])
    with sources(module) as found:
        manifest = load_manifest(found.directory)
        artifact, built = packed(module, manifest, found)
        digest = artifact.digest if artifact else ""
        with Registry(reference, registry_access(module.params)) as registry:
            before = registry.digest()
            changed = before != digest
            if artifact and changed and not module.check_mode:
                registry.push(artifact)
    result: dict[str, Any] = {
        "changed": changed or not artifact,
        "image": str(reference.at(digest)) if digest else str(reference),
        "reference": str(reference),
        "digest": digest,
        "application": {"name": manifest.application.name, "version": manifest.application.version},
        "layers": layers_of(artifact),
        "size": artifact.size if artifact else 0,
        "built": built,
        "commit": found.commit,
    }
    if module.wants_diff:
        header = str(reference)
        after = facts(digest or "not known before it is built", reference)
        result["diff"] = {
            "before": facts(before, reference),
            "after": after,
            "before_header": header,
            "after_header": header,
        }
    return result


def main() -> None:
    TalosModule(spec(), {**YAML, **REQUESTS}).run(ensure)


if __name__ == "__main__":
    main()
