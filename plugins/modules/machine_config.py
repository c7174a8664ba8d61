#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: machine_config
short_description: Render, judge and apply the machine configuration of a Talos node
version_added: 0.1.0
description:
  - With O(state=rendered) the configuration of a node is made from the inventory and the secrets bundle and written to
    a file. Equal inputs give equal bytes.
  - With O(state=validated) a configuration is judged without asking a node.
  - With O(state=applied) a node gets a configuration, but only when it has another one. What the node holds afterwards
    is read back and compared.
  - In every state the configuration is judged first, and errors end the module before anything is changed.
author:
  - homelab.talos contributors (@homelab)
options:
  state:
    description:
      - What shall be true afterwards.
    type: str
    choices:
      - rendered
      - validated
      - applied
    required: true
  name:
    description:
      - Name of the node; with O(definition) the node to render.
    type: str
  src:
    description:
      - File that holds the configuration, instead of O(definition).
    type: path
  content:
    description:
      - The configuration as text, instead of O(definition).
    type: str
  path:
    description:
      - Where the rendered configuration is kept, readable by its owner only. Required with O(state=rendered).
    type: path
  talos_version:
    description:
      - Version of Talos that is to read the configuration, such as V(v1.13.9).
      - Defaults to that of O(definition), or to the one this collection was made for.
    type: str
  accept_findings:
    description:
      - Ids of findings that do not end the module although they are errors.
    type: list
    elements: str
    default: []
  allow_unconfigured_extension:
    description:
      - Names of extensions of O(definition) that may lack the configuration their services wait for. Only for tests of
        the time after which Talos gives up; a node of that kind reboots every 70 minutes.
    type: list
    elements: str
    default: []
  endpoint:
    description:
      - Address of the node's machine API, V(host) or V(host:port). Required with O(state=applied).
    type: str
  erase:
    description:
      - Whether the node may erase a disk. A node in maintenance mode installs Talos to a disk when the configuration
        has C(machine.install) or a document C(UnattendedInstallConfig); unless this is true, that is refused before
        anything is sent, also in check mode.
    type: bool
    default: false
  mode:
    description:
      - How a changed configuration takes effect on a node that has one already.
      - With V(auto) the node decides whether it has to reboot.
      - With V(try) the node takes the configuration back after O(try_timeout) unless another one is applied.
      - A node in maintenance mode installs or boots with the configuration, whatever the mode.
    type: str
    choices:
      - auto
      - no-reboot
      - reboot
      - staged
      - try
    default: auto
  try_timeout:
    description:
      - Seconds after which a configuration applied with O(mode=try) is taken back.
    type: int
    default: 60
  wait:
    description:
      - Whether to wait until the node has reached one of O(wait_stages) with the configuration. A configuration that
        takes effect at the next boot is not waited for.
  wait_stages:
    description:
      - Stages that end the waiting. A control plane stays in C(booting) until its cluster is bootstrapped.
    type: list
    elements: str
    default:
      - booting
      - running
extends_documentation_fragment:
  - homelab.talos.definition
  - homelab.talos.secrets
  - homelab.talos.connection
  - homelab.talos.connection.maintenance
  - homelab.talos.wait
  - homelab.talos.attributes
  - homelab.talos.attributes.actiongroup_talos
  - homelab.talos.requirements
attributes:
  check_mode:
    details:
      - With O(state=rendered) secrets made for this moment take the place of a secrets bundle that does not exist yet.
      - With O(state=applied) the node itself does a dry run, so that it can refuse. When O(src) does not exist yet,
        since nothing was rendered in check mode, a change is reported and no node is asked.
"""

EXAMPLES = r"""
- name: Render the configuration of each node
  homelab.talos.machine_config:
    state: rendered
    definition: "{{ groups | homelab.talos.cluster_definition(hostvars) }}"
    name: "{{ inventory_hostname }}"
    secrets_bundle: "{{ talos_workspace }}/secrets.yaml"
    path: "{{ talos_workspace }}/nodes/{{ inventory_hostname }}.yaml"

- name: Judge a configuration that was written by hand
  homelab.talos.machine_config:
    state: validated
    src: controlplane.yaml

- name: Apply a configuration, also to a node that has none yet
  homelab.talos.machine_config:
    state: applied
    name: "{{ inventory_hostname }}"
    endpoint: "{{ talos_address }}"
    talosconfig: "{{ talos_workspace }}/talosconfig"
    maintenance: allowed
    erase: true  # the disk of a node in maintenance mode
    src: "{{ talos_workspace }}/nodes/{{ inventory_hostname }}.yaml"
"""

RETURN = r"""
findings:
  description: What the rules noticed; errors are only among them when they were accepted or the module failed.
  returned: always, unless the configuration cannot be read
  type: list
  elements: dict
  contains:
    id:
      description: Stable id of the rule.
      type: str
    severity:
      description: V(error), V(warning) or V(info).
      type: str
    message:
      description: What is wrong.
      type: str
    host:
      description: Name of the node, empty for the cluster as a whole.
      type: str
    path:
      description: Where in the configuration.
      type: str
    fix:
      description: What to do.
      type: str
    layer:
      description: Layer of the rule.
      type: str
  sample:
    - id: config.unknown-key
      severity: error
      message: unknown key
      host: cp1
      path: machine.instal
      fix: did you mean install?
      layer: config
config:
  description: The configuration with its secrets masked.
  returned: success, with O(state=rendered)
  type: str
  sample: "version: v1alpha1\n..."
path:
  description: Absolute path of the rendered configuration.
  returned: success, with O(state=rendered)
  type: str
  sample: /home/op/clusters/home/nodes/cp1.yaml
differences:
  description: Paths at which the node has another configuration; V(all) stands for a node without configuration.
  returned: success, with O(state=applied)
  type: list
  elements: str
  sample: ["machine.sysctls.vm.max_map_count", "LinkConfig/eth0: mtu"]
via:
  description: How the node was reached, V(mtls) or V(maintenance); V(none) when it was not asked.
  returned: success, with O(state=applied)
  type: str
  sample: mtls
mode:
  description: The mode the node chose; V(none) when nothing was sent.
  returned: success, with O(state=applied)
  type: str
  sample: no-reboot
mode_details:
  description: What the node said about it.
  returned: success, with O(state=applied)
  type: str
  sample: Applied configuration without a reboot
warnings_from_node:
  description: Warnings of the node about the configuration.
  returned: success, with O(state=applied)
  type: list
  elements: str
  sample: []
stage:
  description: The node's stage at the end.
  returned: success, with O(state=applied)
  type: str
  sample: running
seconds:
  description: How long it took, waiting included, in seconds.
  returned: success, with O(state=applied)
  type: float
  sample: 41.2
"""

import os
import time
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.bundle import (
    bundle_spec,
    is_still_missing,
)
from ansible_collections.homelab.talos.plugins.module_utils._module.connection import (
    CONNECTION,
    MAINTENANCE,
    Connector,
)
from ansible_collections.homelab.talos.plugins.module_utils._module.definition import DEFINITION_OPTION
from ansible_collections.homelab.talos.plugins.module_utils._module.judgement import judge
from ansible_collections.homelab.talos.plugins.module_utils._module.kept_file import KeptFile
from ansible_collections.homelab.talos.plugins.module_utils._module.masked_diff import masked_diff, masked_text
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils._module.wait import WAIT
from ansible_collections.homelab.talos.plugins.module_utils._module.wanted_config import WantedConfig, wanted_config
from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding, errors
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.apply import MODES
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.converge_config import (
    ALL,
    Plan,
    Wait,
    converge_config,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import (
    DocumentError,
    MachineConfig,
)


def spec() -> ArgumentSpec:
    return CONNECTION.merged_with(
        MAINTENANCE,
        bundle_spec(required=False),
        WAIT,
        ArgumentSpec(
            {
                "state": {"type": "str", "choices": ["rendered", "validated", "applied"], "required": True},
                "definition": DEFINITION_OPTION,
                "name": {"type": "str"},
                "src": {"type": "path"},
                "content": {"type": "str", "no_log": True},
                "path": {"type": "path"},
                "talos_version": {"type": "str"},
                "accept_findings": {"type": "list", "elements": "str", "default": []},
                "allow_unconfigured_extension": {"type": "list", "elements": "str", "default": []},
                "endpoint": {"type": "str"},
                "erase": {"type": "bool", "default": False},
                "mode": {"type": "str", "choices": list(MODES), "default": "auto"},
                "try_timeout": {"type": "int", "default": 60},
                "wait_stages": {"type": "list", "elements": "str", "default": ["booting", "running"]},
            },
            required_if=[
                ("state", "rendered", ("definition", "secrets_bundle", "path")),
                ("state", "applied", ("endpoint",)),
            ],
            required_one_of=[("definition", "src", "content")],
            required_by={"definition": ("name",)},
            mutually_exclusive=[("definition", "src", "content")],
        ),
    )


def judged(module: TalosModule, wanted: WantedConfig) -> list[Finding]:
    """Return the findings about the configuration; end the module when there are errors nobody accepted."""
    params = module.params
    findings = judge(wanted, params["name"] or "", params["talos_version"], params["allow_unconfigured_extension"])
    accepted = set(module.params["accept_findings"])
    wrong = [finding for finding in errors(findings) if finding.id not in accepted]
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        module.fail(f"{wrong[0]}{more}", findings=as_dicts(findings))
    return findings


def as_dicts(findings: list[Finding]) -> list[dict[str, str]]:
    return [finding.to_dict() for finding in findings]


def rendered(module: TalosModule, wanted: WantedConfig) -> dict[str, Any]:
    kept = KeptFile(module.params["path"])
    before = present_text(kept)
    result = {
        "changed": kept.keep(wanted.text.encode("utf-8"), module.check_mode),
        "path": os.fspath(kept.path),
        "config": masked_text(wanted.config),
    }
    return {**result, **masked_diff(module, before, wanted.config, os.fspath(kept.path))}


def present_text(kept: KeptFile) -> MachineConfig | None:
    """Return the configuration on disk for the difference, None when there is none or it is broken."""
    try:
        return MachineConfig.from_text((kept.data or b"").decode("utf-8", "replace"), str(kept.path))
    except DocumentError:
        return None


async def applied(module: TalosModule, wanted: WantedConfig) -> dict[str, Any]:
    params = module.params
    started = time.monotonic()
    access = Connector(params).access(params["name"] or params["endpoint"], params["endpoint"], params["maintenance"])
    wait = Wait(tuple(params["wait_stages"]), params["wait_timeout"]) if params["wait"] else None
    plan = Plan(
        wanted.config,
        wanted.text,
        params["mode"],
        params["try_timeout"],
        module.check_mode,
        wait,
        may_erase=params["erase"],
    )
    outcome = await converge_config(access, plan)
    if outcome.before is not None:
        module.hide(outcome.before.documents)
    result = {
        "changed": outcome.changed,
        "differences": outcome.differences,
        "via": outcome.via,
        "mode": outcome.mode,
        "mode_details": outcome.details,
        "warnings_from_node": list(outcome.warnings),
        "stage": outcome.stage,
        "seconds": round(time.monotonic() - started, 1),
    }
    return {**result, **masked_diff(module, outcome.before, wanted.config, f"configuration of {access.name}")}


def not_rendered_yet(module: TalosModule) -> bool:
    """Return whether check mode is why there is no file to apply."""
    if not module.check_mode or module.params["state"] != "applied":
        return False
    return bool(module.params["src"]) and not os.path.exists(module.params["src"])


def would_be_applied(path: str) -> dict[str, Any]:
    return {
        "changed": True,
        "differences": [ALL],
        "via": "none",
        "mode": "none",
        "mode_details": f"{path} does not exist yet; it would be rendered and applied, the node was not asked",
        "warnings_from_node": [],
        "stage": "",
        "seconds": 0.0,
        "findings": [],
    }


def needs_throw_away_secrets(module: TalosModule) -> bool:
    """Return whether secrets made for this moment will do: nobody keeps the configuration, and no bundle is at hand."""
    params = module.params
    if params["state"] == "rendered":
        return is_still_missing(params["secrets_bundle"], module.check_mode)
    return params["state"] == "validated" and not params["secrets_bundle"]


async def ensure(module: TalosModule) -> dict[str, Any]:
    state = module.params["state"]
    if not_rendered_yet(module):
        return would_be_applied(module.params["src"])
    wanted = wanted_config(module.params, needs_throw_away_secrets(module))
    module.hide(wanted.config.documents)
    findings = judged(module, wanted)
    result: dict[str, Any] = {}
    if state == "rendered":
        result = rendered(module, wanted)
    elif state == "applied":
        result = await applied(module, wanted)
    return {**result, "findings": as_dicts(findings)}


def main() -> None:
    TalosModule(spec()).run(ensure)


if __name__ == "__main__":
    main()
