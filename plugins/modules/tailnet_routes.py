#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tailnet_routes
short_description: Approve the routes of a device of a tailnet
version_added: 0.1.0
description:
  - Makes a coordination server approve routes that a device advertises, or withdraws the approval.
  - An approval is for a route that is advertised. With O(wait=true) the module waits for that, and changes nothing when
    it does not happen.
  - A route that another device advertises and is approved for is refused unless O(failover=true).
author:
  - homelab.talos contributors (@homelab)
options:
  device:
    description:
      - Id, name or hostname of the device. One that is not there, or is there twice, is an error.
    type: str
    required: true
  routes:
    description:
      - Networks such as V(10.96.0.0/12).
    type: list
    elements: str
    required: true
  state:
    description:
      - Whether the routes shall be approved.
    type: str
    choices: [present, absent]
    default: present
  exclusive:
    description:
      - Withdraw the approval of every other route of the device. Only for O(state=present).
    type: bool
    default: false
  failover:
    description:
      - Whether other devices may be approved for the same networks, so that one serves and the others stand by.
    type: bool
    default: false
  wait_timeout:
    description:
      - Limit in seconds for the waiting.
    type: int
    default: 120
  wait:
    description:
      - Whether to wait until the device is there and advertises the routes. If not, it has to do so now.
extends_documentation_fragment:
  - homelab.talos.wait
  - homelab.talos.tailnet
  - homelab.talos.attributes
  - homelab.talos.attributes.actiongroup_tailnet
seealso:
  - module: homelab.talos.tailnet_info
"""

EXAMPLES = r"""
- name: Approve exactly the networks of the cluster
  homelab.talos.tailnet_routes:
    server: tailscale
    oauth_client_id: "{{ tailscale_client_id }}"
    oauth_client_secret: "{{ tailscale_client_secret }}"
    device: gw1
    routes:
      - 10.96.0.0/12
      - 10.244.0.0/16
    exclusive: true

- name: Withdraw a route
  homelab.talos.tailnet_routes:
    server: headscale
    url: https://headscale.example:8443
    token_file: ~/.headscale-api-key
    device: gw1
    routes:
      - 192.168.7.0/24
    state: absent
"""

RETURN = r"""
device:
  description: Id and name of the device, and whether it is online.
  returned: success
  type: dict
  sample: {id: "7", name: gw1, online: true}
advertised:
  description: Routes that the device advertises.
  returned: success
  type: list
  elements: str
  sample: [10.96.0.0/12, 10.244.0.0/16]
approved_before:
  description: Routes that it was approved for.
  returned: success
  type: list
  elements: str
  sample: []
approved:
  description: Routes that it is approved for now; in check mode, that it would be.
  returned: success
  type: list
  elements: str
  sample: [10.96.0.0/12, 10.244.0.0/16]
"""

from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.dependencies import TAILNET
from ansible_collections.homelab.talos.plugins.module_utils._module.tailnet_server import TAILNET_SERVER, server_of
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils._module.wait import WAIT
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.model import Device, device_called, devices_called
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.networks import in_order
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.route_table import refuse_rivals, wanted_routes
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.server import CoordinationServer
from ansible_collections.homelab.talos.plugins.module_utils.talos.waiting import Observed, wait_for


def spec() -> ArgumentSpec:
    return TAILNET_SERVER.merged_with(
        WAIT,
        ArgumentSpec(
            {
                "device": {"type": "str", "required": True},
                "routes": {"type": "list", "elements": "str", "required": True},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                "exclusive": {"type": "bool", "default": False},
                "failover": {"type": "bool", "default": False},
                "wait_timeout": {"type": "int", "default": 120},
            }
        ),
    )


async def advertising(
    module: TalosModule, server: CoordinationServer, routes: tuple[str, ...]
) -> tuple[list[Device], Device]:
    """Return all devices and the one that is meant, as soon as it advertises the routes.

    In check mode it need not: what would make it do so has not been done either.
    """
    name = module.params["device"]

    async def look() -> Observed[tuple[list[Device], Device]]:
        devices = server.devices()
        if not devices_called(devices, name):
            return Observed(False, f"no device {name}", (devices, Device("", "", "")))
        device = device_called(devices, name)
        missing = [route for route in routes if route not in device.advertised]
        seen = f"{device.name} advertises {', '.join(device.advertised) or 'nothing'}"
        return Observed(not missing or module.check_mode, seen, (devices, device))

    limit = module.params["wait_timeout"] if module.params["wait"] and not module.check_mode else 0
    if not limit:
        # Its own error says more than a wait of no time.
        device_called(server.devices(), name)
    return await wait_for(f"device {name} to advertise {', '.join(routes)}", look, limit)


async def ensure(module: TalosModule) -> dict[str, Any]:
    params = module.params
    routes, server = wanted_routes(params["routes"]), server_of(params)
    if params["state"] == "absent":
        devices = server.devices()
        device = device_called(devices, params["device"])
        after = tuple(route for route in device.approved if route not in routes)
    else:
        devices, device = await advertising(module, server, routes)
        if not params["failover"]:
            refuse_rivals(devices, device, routes)
        after = routes if params["exclusive"] else in_order((*device.approved, *routes))
    changed = set(after) != set(device.approved)
    if changed and not module.check_mode:
        server.approve_routes(device.id, after)
    return {
        "changed": changed,
        "device": {"id": device.id, "name": device.name, "online": device.online},
        "advertised": list(device.advertised),
        "approved_before": list(device.approved),
        "approved": list(after),
        **difference(module, device, after),
    }


def difference(module: TalosModule, device: Device, after: tuple[str, ...]) -> dict[str, Any]:
    """Return the return value ``diff``: one line for each approved route."""
    if not module.wants_diff:
        return {}
    header = f"approved routes of {device.name}"
    texts = ["".join(f"{route}\n" for route in routes) for routes in (device.approved, after)]
    return {"diff": {"before": texts[0], "after": texts[1], "before_header": header, "after_header": header}}


def main() -> None:
    TalosModule(spec(), TAILNET).run(ensure)


if __name__ == "__main__":
    main()
