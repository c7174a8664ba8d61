#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_snapshot
short_description: Save a snapshot of etcd of a Talos cluster
version_added: 0.1.0
description:
  - Saves everything that the Kubernetes API holds, as one control plane knows it, to a file on the host that runs the
    module. The module M(homelab.talos.bootstrap) brings a cluster back from it.
  - The file is readable by its owner only, since it holds the secrets of the cluster. What was at O(path) is replaced
    when the new snapshot is whole, and stays otherwise.
  - Every run saves a snapshot, so every run reports a change.
author:
  - homelab.talos contributors (@homelab)
options:
  endpoint:
    description:
      - Address of the machine API of a control plane with a healthy etcd member, V(host) or V(host:port).
    type: str
    required: true
  name:
    description:
      - Name of that control plane. Defaults to O(endpoint).
    type: str
  path:
    description:
      - Where to save the snapshot. The directory is created when it is missing.
    type: path
    required: true
  transfer_timeout:
    description:
      - Limit in seconds for the whole snapshot to arrive.
    type: int
    default: 300
extends_documentation_fragment:
  - homelab.talos.connection
  - homelab.talos.attributes
  - homelab.talos.attributes.actiongroup_talos
  - homelab.talos.requirements
attributes:
  diff_mode:
    support: none
    details:
      - There is no text to compare.
"""

EXAMPLES = r"""
- name: Save what the cluster holds
  homelab.talos.etcd_snapshot:
    endpoint: 198.18.1.11
    talosconfig: "{{ talos_workspace }}/talosconfig"
    path: "{{ talos_workspace }}/etcd.snapshot"
"""

RETURN = r"""
path:
  description: Path of the snapshot.
  returned: success
  type: str
  sample: /home/operator/cluster/etcd.snapshot
size:
  description: Size of the snapshot in bytes; 0 in check mode.
  returned: success
  type: int
  sample: 2146336
sha256:
  description: SHA-256 of its content, which it ends with; empty in check mode.
  returned: success
  type: str
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
members:
  description: Members of etcd when the snapshot was taken.
  returned: success
  type: list
  elements: str
  sample: [cp1, cp2, cp3]
"""

import os
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.connection import CONNECTION, ENDPOINT, Connector
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.etcd_snapshot import take_snapshot
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.etcd_view import read_members


def spec() -> ArgumentSpec:
    return CONNECTION.merged_with(
        ENDPOINT,
        ArgumentSpec(
            {"path": {"type": "path", "required": True}, "transfer_timeout": {"type": "int", "default": 300}},
        ),
    )


async def ensure(module: TalosModule) -> dict[str, Any]:
    params = module.params
    path = Path(params["path"]).absolute()
    access = Connector(params).access(params["name"] or params["endpoint"], params["endpoint"], "never")
    async with access.secure() as client:
        members = await read_members(client)
    result = {
        "changed": True,
        "path": os.fspath(path),
        "size": 0,
        "sha256": "",
        "members": sorted(member.hostname for member in members),
    }
    if not module.check_mode:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        snapshot = await take_snapshot(access, path, params["transfer_timeout"])
        result.update(size=snapshot.size, sha256=snapshot.sha256)
    return result


def main() -> None:
    TalosModule(spec()).run(ensure)


if __name__ == "__main__":
    main()
