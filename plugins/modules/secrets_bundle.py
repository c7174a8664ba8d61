#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secrets_bundle
short_description: Keep the secrets bundle of a Talos cluster
version_added: 0.1.0
description:
  - Generates the file that holds all secrets of a cluster (authorities, tokens, encryption keys) when it does not
    exist, or takes them from the machine configuration of a control plane.
  - The format is that of C(talosctl gen secrets).
  - An existing bundle is never replaced. A file that is no valid bundle is an error.
  - The file is readable by its owner only from the first byte on. With O(vault_password_file) it is encrypted with
    ansible-vault.
author:
  - homelab.talos contributors (@homelab)
options:
  path:
    description:
      - Where the bundle is kept. Missing directories are created for the owner only.
    type: path
    required: true
  state:
    description:
      - The bundle is only ever created; removing it would orphan the cluster, so do that by hand.
    type: str
    choices:
      - present
    default: present
  adopt_from:
    description:
      - Machine configuration of a control plane of the running cluster whose secrets shall be taken.
      - When the bundle exists already, it must be the bundle of that cluster.
    type: path
  vault_password_file:
    description:
      - File that holds the ansible-vault password with which the bundle is encrypted; an executable file is run and
        prints the password.
      - When the environment variable E(ANSIBLE_VAULT_PASSWORD_FILE) is set, that file is the default.
      - An existing plain bundle becomes encrypted.
    type: path
extends_documentation_fragment:
  - homelab.talos.connection.offline
  - homelab.talos.attributes
  - homelab.talos.attributes.actiongroup_talos
  - homelab.talos.requirements
attributes:
  diff_mode:
    support: none
    details:
      - Everything in the file is secret.
"""

EXAMPLES = r"""
- name: Have a secrets bundle
  homelab.talos.secrets_bundle:
    path: "{{ talos_workspace }}/secrets.yaml"

- name: Take over a cluster that was made with talosctl
  homelab.talos.secrets_bundle:
    path: "{{ talos_workspace }}/secrets.yaml"
    adopt_from: controlplane.yaml
"""

RETURN = r"""
path:
  description: Absolute path of the bundle.
  returned: success
  type: str
  sample: /home/op/clusters/home/secrets.yaml
cluster_id:
  description:
    - Discovery id of the cluster, which is no secret.
    - In check mode a bundle that would be generated has none.
  returned: success
  type: str
  sample: dBkFpVlTpkPEp8sj0cGd0yW2XrKRmPXZbE5fIvHLDKM=
created:
  description: Whether the bundle did not exist before.
  returned: success
  type: bool
  sample: true
encrypted:
  description: Whether the file is encrypted with ansible-vault.
  returned: success
  type: bool
  sample: false
actions:
  description: What was done, or would be done in check mode.
  returned: success
  type: list
  elements: str
  sample: ["generate /home/op/clusters/home/secrets.yaml"]
"""

import os
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.bundle import VAULT_OPTION, cluster_id, plain_text
from ansible_collections.homelab.talos.plugins.module_utils._module.connection import CONNECTION
from ansible_collections.homelab.talos.plugins.module_utils._module.errors import ModuleFailure
from ansible_collections.homelab.talos.plugins.module_utils._module.kept_file import KeptFile
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.talos import secrets_bundle, vault_text, yaml_text


def spec() -> ArgumentSpec:
    return CONNECTION.merged_with(
        ArgumentSpec(
            {
                "path": {"type": "path", "required": True},
                "state": {"type": "str", "choices": ["present"], "default": "present"},
                "adopt_from": {"type": "path"},
                "vault_password_file": VAULT_OPTION,
            }
        )
    )


def adopted(path: str) -> secrets_bundle.Bundle:
    """Return the secrets a control plane's configuration file holds."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ModuleFailure(f"{path}: is not text; give the machine configuration of a control plane") from None
    documents = yaml_text.load_all(text, path)
    return secrets_bundle.adopt_from_controlplane_config(documents, path)


def existing(module: TalosModule, kept: KeptFile) -> secrets_bundle.Bundle | None:
    """Return the bundle on disk, None when there is no file."""
    if kept.data is None:
        return None
    text = plain_text(kept.data, str(kept.path), module.params["vault_password_file"])
    return secrets_bundle.load(text, str(kept.path))


def file_content(bundle: secrets_bundle.Bundle, password_file: str | None) -> bytes:
    plain = secrets_bundle.dump(bundle).encode("utf-8")
    if not password_file:
        return plain
    return vault_text.encrypt(plain, vault_text.read_password(password_file))


def refuse_another_cluster(module: TalosModule, path: Path, found: Any, wanted: Any) -> None:
    if wanted is not None and found != wanted:
        module.fail(
            f"{path}: holds other secrets than {module.params['adopt_from']}; an existing bundle is never replaced:"
            " choose another path, or move the file away when no cluster uses it"
        )


def ensure(module: TalosModule) -> dict[str, Any]:
    password_file = module.params["vault_password_file"]
    kept = KeptFile(module.params["path"])
    wanted = adopted(module.params["adopt_from"]) if module.params["adopt_from"] else None
    found = existing(module, kept)
    actions = []
    data = kept.data
    if found is None:
        actions.append(f"{'adopt' if wanted else 'generate'} {kept.path}")
        found = wanted
        if found is None and not module.check_mode:
            found = secrets_bundle.generate()
        data = file_content(found, password_file) if found else b""
    else:
        refuse_another_cluster(module, kept.path, found, wanted)
        if password_file and not vault_text.is_encrypted(data or b""):
            actions.append(f"encrypt {kept.path}")
            data = file_content(found, password_file)
        if not kept.is_private:
            actions.append(f"restrict {kept.path} to its owner")
    changed = kept.keep(data or b"", module.check_mode)
    return {
        "changed": changed,
        "path": os.fspath(kept.path),
        "cluster_id": cluster_id(found) if found else "",
        "created": kept.data is None,
        "encrypted": vault_text.is_encrypted(data or b"") or bool(password_file),
        "actions": actions,
    }


def main() -> None:
    TalosModule(spec()).run(ensure)


if __name__ == "__main__":
    main()
