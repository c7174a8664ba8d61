#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: service
short_description: Start, stop or restart a service of a Talos node
version_added: 0.1.0
description:
  - Starts, stops or restarts one service of Talos on one node, and waits until it runs or has ended.
  - Talos allows this for the services of extensions (C(ext-...)); C(kubelet) can be started and restarted, but not
    stopped. Everything else is refused, also in check mode.
author:
  - homelab.talos contributors (@homelab)
options:
  service:
    description:
      - Name of the service, such as V(kubelet) or V(ext-tailscale).
    type: str
    required: true
  state:
    description:
      - What the service shall be.
      - A service that waits for something or prepares itself counts as V(started).
      - V(restarted) restarts each time; a service that does not run is started.
    type: str
    choices:
      - started
      - stopped
      - restarted
    default: started
  wait:
    description:
      - Whether to wait until the service runs and is healthy, or has ended.
extends_documentation_fragment:
  - homelab.talos.connection
  - homelab.talos.connection.endpoint
  - homelab.talos.wait
  - homelab.talos.attributes
  - homelab.talos.attributes.actiongroup_talos
  - homelab.talos.requirements
attributes:
  idempotent:
    support: partial
    description: Running it twice in a row changes nothing the second time.
    details:
      - O(state=restarted) restarts each time.
"""

EXAMPLES = r"""
- name: Restart the kubelet of a node
  homelab.talos.service:
    endpoint: 198.18.1.12
    name: w1
    talosconfig: "{{ talos_workspace }}/talosconfig"
    service: kubelet
    state: restarted

- name: Stop an extension that waits for its configuration
  homelab.talos.service:
    endpoint: 198.18.1.13
    name: gw1
    talosconfig: "{{ talos_workspace }}/talosconfig"
    service: ext-tailscale
    state: stopped
"""

RETURN = r"""
state_before:
  description: State of the service at the start.
  returned: success
  type: str
  sample: Running
state_after:
  description: State of the service at the end; in check mode that at the start.
  returned: success
  type: str
  sample: Running
message:
  description: The newest event of the service.
  returned: success
  type: str
  sample: Health check successful
"""

from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.connection import CONNECTION, ENDPOINT, Connector
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils._module.wait import WAIT
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.service import (
    RESTARTED,
    STARTED,
    STOPPED,
    ServiceState,
    check_allowed,
    operation_for,
    read_service,
    send,
    wait_until,
)


def spec() -> ArgumentSpec:
    return CONNECTION.merged_with(
        ENDPOINT,
        WAIT,
        ArgumentSpec(
            {
                "service": {"type": "str", "required": True},
                "state": {"type": "str", "choices": [STARTED, STOPPED, RESTARTED], "default": STARTED},
            }
        ),
    )


def difference(module: TalosModule, before: ServiceState, operation: str) -> dict[str, Any]:
    """Return the return value ``diff``: a restarted service is the same one, with another start."""
    if not module.wants_diff:
        return {}
    header = f"service {before.name}"
    words = {"": str(before.state), "Stop": "stopped", "Start": "started", "Restart": "restarted"}
    now = {"before": f"{before.state}\n", "after": f"{words[operation]}\n"}
    return {"diff": {**now, "before_header": header, "after_header": header}}


async def service(module: TalosModule) -> dict[str, Any]:
    params = module.params
    access = Connector(params).access(params["name"] or params["endpoint"], params["endpoint"], "never")
    before = after = await read_service(access, params["service"])
    operation = operation_for(params["state"], before)
    if operation:
        check_allowed(access, before.name, operation)
        if not module.check_mode:
            await send(access, before.name, operation)
            after = await read_service(access, before.name)
            if params["wait"]:
                after = await wait_until(access, params["state"], before, params["wait_timeout"])
    return {
        "changed": bool(operation),
        "state_before": before.state,
        "state_after": after.state,
        "message": after.message,
        **difference(module, before, operation),
    }


def main() -> None:
    TalosModule(spec()).run(service)


if __name__ == "__main__":
    main()
