#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: client_config
short_description: Keep a client configuration for the machine API
version_added: 0.1.0
description:
  - Writes the file C(talosctl) and the other modules of this collection connect with, from the secrets bundle of the
    cluster. No node is asked.
  - The client certificate is issued anew when less than a quarter of its lifetime is left, when it does not belong to
    the bundle, or when roles or lifetime differ. The bundle does not change.
  - A file that holds other contexts, or is no client configuration at all, is never overwritten.
author:
  - homelab.talos contributors (@homelab)
options:
  path:
    description:
      - Where the client configuration is kept, readable by its owner only.
    type: path
    required: true
  secrets_bundle:
    required: true
  cluster:
    description:
      - Name of the cluster, which becomes the name of the context.
    type: str
    required: true
  endpoints:
    description:
      - Addresses of the control planes to connect to.
    type: list
    elements: str
    required: true
  nodes:
    description:
      - Nodes that commands of C(talosctl) address by default.
    type: list
    elements: str
    default: []
  roles:
    description:
      - Roles of the client, such as V(os:admin), V(os:operator) or V(os:reader).
    type: list
    elements: str
    default:
      - os:admin
  lifetime:
    description:
      - Lifetime of the client certificate, such as V(24h), V(7d) or V(1h30m).
    type: str
    default: 24h
extends_documentation_fragment:
  - homelab.talos.secrets
  - homelab.talos.connection.offline
  - homelab.talos.attributes
  - homelab.talos.attributes.actiongroup_talos
  - homelab.talos.requirements
attributes:
  check_mode:
    details:
      - When the secrets bundle does not exist yet, a change is reported.
  diff_mode:
    details:
      - Compares what the file says; whether the key is another one is shown, the key is not.
"""

EXAMPLES = r"""
- name: Have a client configuration for a day
  homelab.talos.client_config:
    path: "{{ talos_workspace }}/talosconfig"
    secrets_bundle: "{{ talos_workspace }}/secrets.yaml"
    cluster: home
    endpoints:
      - 198.18.1.11

- name: Have a client configuration that can only read
  homelab.talos.client_config:
    path: "{{ talos_workspace }}/talosconfig.reader"
    secrets_bundle: "{{ talos_workspace }}/secrets.yaml"
    cluster: home
    endpoints:
      - 198.18.1.11
    roles:
      - os:reader
    lifetime: 7d
"""

RETURN = r"""
path:
  description: Absolute path of the client configuration.
  returned: success
  type: str
  sample: /home/op/clusters/home/talosconfig
context:
  description: Name of the context.
  returned: success
  type: str
  sample: home
roles:
  description: Roles of the client, sorted.
  returned: success
  type: list
  elements: str
  sample: ["os:admin"]
reissued:
  description: Whether a new certificate was issued, or would be in check mode.
  returned: success
  type: bool
  sample: true
reason:
  description: Why the file changed, empty when it did not.
  returned: success
  type: str
  sample: less than a quarter of the lifetime is left (until 2026-03-01T12:00:00+00:00)
not_after:
  description: End of the certificate's validity; in check mode that of the certificate that would be issued.
  returned: success
  type: str
  sample: "2026-03-02T12:00:00+00:00"
"""

import datetime
import os
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.bundle import (
    NO_BUNDLE_YET,
    bundle_spec,
    is_still_missing,
    read_bundle,
    throw_away_bundle,
)
from ansible_collections.homelab.talos.plugins.module_utils._module.connection import CONNECTION
from ansible_collections.homelab.talos.plugins.module_utils._module.kept_file import KeptFile
from ansible_collections.homelab.talos.plugins.module_utils._module.summary_diff import (
    Summary,
    certificate_facts,
    summary_diff,
)
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.talos import pki, secrets_bundle, yaml_text
from ansible_collections.homelab.talos.plugins.module_utils.talos.duration import parse_duration
from ansible_collections.homelab.talos.plugins.module_utils.talos.renewal import why_renew
from ansible_collections.homelab.talos.plugins.module_utils.talos.talosconfig import (
    Credentials,
    TalosContext,
    parse_talosconfig,
    render_talosconfig,
)

ABSENT = "the file did not exist"
OTHER_ADDRESSES = "endpoints, nodes or names differ"


def spec() -> ArgumentSpec:
    return CONNECTION.merged_with(
        bundle_spec(required=True),
        ArgumentSpec(
            {
                "path": {"type": "path", "required": True},
                "cluster": {"type": "str", "required": True},
                "endpoints": {"type": "list", "elements": "str", "required": True},
                "nodes": {"type": "list", "elements": "str", "default": []},
                "roles": {"type": "list", "elements": "str", "default": ["os:admin"]},
                "lifetime": {"type": "str", "default": "24h"},
            }
        ),
    )


def context_names(text: str, source: str) -> list[str]:
    """Return the names of all contexts in a client configuration."""
    documents = yaml_text.load_all(text, source)
    contexts = documents[0].get("contexts") if documents and isinstance(documents[0], dict) else None
    return sorted(contexts) if isinstance(contexts, dict) else []


def present(module: TalosModule, kept: KeptFile) -> TalosContext | None:
    """Return the context on disk, None when the file is missing or empty; refuse a file of somebody else."""
    if not kept.data:
        return None
    text = kept.data.decode("utf-8", "replace")
    names = context_names(text, str(kept.path))
    if len(names) > 1:
        module.fail(f"{kept.path}: holds the contexts {', '.join(names)}; choose a file of its own")
    return parse_talosconfig(text, str(kept.path))


def why_reissue(
    found: TalosContext | None,
    ca: bytes,
    roles: list[str],
    lifetime: datetime.timedelta,
    now: datetime.datetime,
) -> str:
    """Return why the certificate on disk cannot be kept, empty when it can."""
    if found is None:
        return ABSENT
    reason = why_renew(found.credentials.crt, found.credentials.key, ca, lifetime, now)
    if not reason and pki.certificate_roles(found.credentials.crt) != roles:
        reason = "other roles are asked for"
    return reason


def summary_of(context: TalosContext) -> Summary:
    facts = {
        "context": context.name,
        "endpoints": list(context.endpoints),
        "nodes": list(context.nodes),
        **certificate_facts(context.credentials.crt),
    }
    return Summary(facts, context.credentials.key)


def ensure(module: TalosModule) -> dict[str, Any]:
    params = module.params
    kept = KeptFile(params["path"])
    roles = sorted(set(params["roles"]))
    lifetime = parse_duration(params["lifetime"])
    missing = is_still_missing(params["secrets_bundle"], module.check_mode)
    bundle = throw_away_bundle() if missing else read_bundle(params["secrets_bundle"], params["vault_password_file"])
    ca = secrets_bundle.authority(bundle, "os").crt
    found = present(module, kept)
    reissue = NO_BUNDLE_YET if missing else why_reissue(found, ca, roles, lifetime, module.now())
    if found is None or reissue:
        pair = secrets_bundle.issue_client(bundle, roles, lifetime, clock=module.now)
        credentials = Credentials(ca=ca, crt=pair.crt, key=pair.key)
    else:
        credentials = Credentials(ca=ca, crt=found.credentials.crt, key=found.credentials.key)
    role = pki.ROLE_ADMIN if pki.ROLE_ADMIN in roles else "+".join(roles)
    text = render_talosconfig(params["cluster"], role, params["endpoints"], params["nodes"], credentials)
    changed = kept.keep(text.encode("utf-8"), module.check_mode)
    reason = reissue
    if changed and not reason:
        reason = OTHER_ADDRESSES if kept.is_private else "the file was readable by others"
    result = parse_talosconfig(text, str(kept.path))
    return {
        **summary_diff(module, kept, summary_of(found) if found else None, summary_of(result)),
        "changed": changed,
        "path": os.fspath(kept.path),
        "context": result.name,
        "roles": roles,
        "reissued": bool(reissue),
        "reason": reason,
        "not_after": pki.validity(credentials.crt)[1].isoformat(),
    }


def main() -> None:
    TalosModule(spec()).run(ensure)


if __name__ == "__main__":
    main()
