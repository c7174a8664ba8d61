#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeconfig
short_description: Keep the administrator's kubeconfig of a Talos cluster
version_added: 0.1.0
description:
  - Writes a kubeconfig with the permissions of C(system:masters).
  - With O(source=bundle) it is made from the secrets bundle without asking a node, with O(source=node) a control plane
    issues it.
  - The client certificate is issued anew when less than a quarter of its lifetime is left, when it does not belong to
    the cluster, or when another lifetime is asked for. The bundle does not change.
  - A file that holds other contexts, or is no kubeconfig at all, is never overwritten.
author:
  - homelab.talos contributors (@homelab)
options:
  path:
    description:
      - Where the kubeconfig is kept, readable by its owner only.
    type: path
    required: true
  source:
    description:
      - Who issues the client certificate.
    type: str
    choices:
      - bundle
      - node
    default: bundle
  cluster:
    description:
      - Name of the cluster. Required with O(source=bundle).
    type: str
  server:
    description:
      - URL of the Kubernetes API, such as V(https://198.18.1.11:6443). Required with O(source=bundle).
    type: str
  lifetime:
    description:
      - Lifetime of the client certificate with O(source=bundle), such as V(24h), V(7d) or V(1h30m).
      - With O(source=node) the cluster decides.
    type: str
    default: 24h
  endpoint:
    description:
      - Address of a control plane's machine API, V(host) or V(host:port). Required with O(source=node).
    type: str
  name:
    description:
      - Name of the node in messages. Defaults to O(endpoint).
    type: str
extends_documentation_fragment:
  - homelab.talos.secrets
  - homelab.talos.connection
  - homelab.talos.attributes
  - homelab.talos.attributes.actiongroup_talos
  - homelab.talos.requirements
attributes:
  check_mode:
    details:
      - With O(source=bundle), when the secrets bundle does not exist yet, a change is reported.
  diff_mode:
    details:
      - Compares what the file says; whether the key is another one is shown, the key is not.
"""

EXAMPLES = r"""
- name: Have a kubeconfig for a day
  homelab.talos.kubeconfig:
    path: "{{ talos_workspace }}/kubeconfig"
    secrets_bundle: "{{ talos_workspace }}/secrets.yaml"
    cluster: home
    server: https://198.18.1.11:6443

- name: Have a kubeconfig issued by the cluster
  homelab.talos.kubeconfig:
    path: "{{ talos_workspace }}/kubeconfig"
    source: node
    endpoint: 198.18.1.11
    talosconfig: "{{ talos_workspace }}/talosconfig"
"""

RETURN = r"""
path:
  description: Absolute path of the kubeconfig.
  returned: success
  type: str
  sample: /home/op/clusters/home/kubeconfig
context:
  description: Name of the context.
  returned: success
  type: str
  sample: admin@home
server:
  description: URL of the Kubernetes API.
  returned: success
  type: str
  sample: https://198.18.1.11:6443
reissued:
  description: Whether a new certificate was issued, or would be in check mode.
  returned: success
  type: bool
  sample: true
reason:
  description: Why the file changed, empty when it did not.
  returned: success
  type: str
  sample: the file did not exist
not_after:
  description: End of the certificate's validity; in check mode that of the certificate that would be issued.
  returned: success
  type: str
  sample: "2026-03-02T12:00:00+00:00"
"""

import datetime
import os
from dataclasses import dataclass
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.bundle import (
    NO_BUNDLE_YET,
    bundle_spec,
    is_still_missing,
    read_bundle,
    throw_away_bundle,
)
from ansible_collections.homelab.talos.plugins.module_utils._module.connection import CONNECTION, Connector
from ansible_collections.homelab.talos.plugins.module_utils._module.kept_file import KeptFile
from ansible_collections.homelab.talos.plugins.module_utils._module.summary_diff import (
    Summary,
    certificate_facts,
    summary_diff,
)
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.kubeconfig_text import (
    Kubeconfig,
    parse_kubeconfig,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos import pki, secrets_bundle
from ansible_collections.homelab.talos.plugins.module_utils.talos.duration import parse_duration
from ansible_collections.homelab.talos.plugins.module_utils.talos.kubeconfig import render_kubeconfig
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.node_kubeconfig import fetch_kubeconfig
from ansible_collections.homelab.talos.plugins.module_utils.talos.renewal import why_renew

ABSENT = "the file did not exist"
OTHER_NAMES = "cluster or server differ"


@dataclass(frozen=True)
class Wanted:
    """The kubeconfig that shall be on disk, and why its certificate is new (empty: it is the present one)."""

    text: str
    reason: str
    not_after: datetime.datetime


def spec() -> ArgumentSpec:
    return CONNECTION.merged_with(
        bundle_spec(required=False),
        ArgumentSpec(
            {
                "path": {"type": "path", "required": True},
                "source": {"type": "str", "choices": ["bundle", "node"], "default": "bundle"},
                "cluster": {"type": "str"},
                "server": {"type": "str"},
                "lifetime": {"type": "str", "default": "24h"},
                "endpoint": {"type": "str"},
                "name": {"type": "str"},
            },
            required_if=[
                ("source", "bundle", ("secrets_bundle", "cluster", "server")),
                ("source", "node", ("endpoint",)),
            ],
        ),
    )


def present(module: TalosModule, kept: KeptFile) -> Kubeconfig | None:
    """Return the kubeconfig on disk, None when the file is missing or empty; refuse a file of somebody else."""
    if not kept.data:
        return None
    found = parse_kubeconfig(kept.data.decode("utf-8", "replace"), str(kept.path))
    if len(found.contexts) > 1:
        module.fail(f"{kept.path}: holds the contexts {', '.join(found.contexts)}; choose a file of its own")
    return found


def from_bundle(module: TalosModule, found: Kubeconfig | None) -> Wanted:
    """Return the kubeconfig made from the bundle, with the present certificate as long as it can be kept."""
    params = module.params
    lifetime = parse_duration(params["lifetime"])
    missing = is_still_missing(params["secrets_bundle"], module.check_mode)
    bundle = throw_away_bundle() if missing else read_bundle(params["secrets_bundle"], params["vault_password_file"])
    ca = secrets_bundle.authority(bundle, "k8s").crt
    reason = NO_BUNDLE_YET if missing else ABSENT
    if found and not missing:
        reason = why_renew(found.crt, found.key, ca, lifetime, module.now())
    if found and not reason:
        text = render_kubeconfig(params["cluster"], params["server"], ca, found.crt, found.key)
        return Wanted(text, "", pki.validity(found.crt)[1])
    admin = secrets_bundle.issue_kubernetes_admin(bundle, lifetime, clock=module.now)
    text = render_kubeconfig(params["cluster"], params["server"], ca, admin.crt, admin.key)
    return Wanted(text, reason, pki.validity(admin.crt)[1])


async def from_node(module: TalosModule, found: Kubeconfig | None, present_text: str) -> Wanted:
    """Return what the control plane issues, or the present file when it is as good."""
    params = module.params
    name = params["name"] or params["endpoint"]
    async with Connector(params).secure(params["endpoint"]) as client:
        text = await fetch_kubeconfig(client, name)
    issued = parse_kubeconfig(text, name)
    not_before, not_after = pki.validity(issued.crt)
    reason = why_renew(found.crt, found.key, issued.ca, not_after - not_before, module.now()) if found else ABSENT
    if found and not reason:
        if (found.context, found.server, found.ca) == (issued.context, issued.server, issued.ca):
            return Wanted(present_text, "", pki.validity(found.crt)[1])
        reason = OTHER_NAMES
    return Wanted(text, reason, not_after)


def summary_of(config: Kubeconfig) -> Summary:
    facts = {
        "context": config.context,
        "cluster": config.cluster,
        "server": config.server,
        **certificate_facts(config.crt),
    }
    return Summary(facts, config.key)


async def ensure(module: TalosModule) -> dict[str, Any]:
    kept = KeptFile(module.params["path"])
    found = present(module, kept)
    if module.params["source"] == "bundle":
        wanted = from_bundle(module, found)
    else:
        wanted = await from_node(module, found, (kept.data or b"").decode("utf-8", "replace"))
    changed = kept.keep(wanted.text.encode("utf-8"), module.check_mode)
    result = parse_kubeconfig(wanted.text, str(kept.path))
    reason = wanted.reason
    if changed and not reason:
        reason = OTHER_NAMES if kept.is_private else "the file was readable by others"
    return {
        **summary_diff(module, kept, summary_of(found) if found else None, summary_of(result)),
        "changed": changed,
        "path": os.fspath(kept.path),
        "context": result.context,
        "server": result.server,
        "reissued": bool(wanted.reason),
        "reason": reason,
        "not_after": wanted.not_after.isoformat(),
    }


def main() -> None:
    TalosModule(spec()).run(ensure)


if __name__ == "__main__":
    main()
