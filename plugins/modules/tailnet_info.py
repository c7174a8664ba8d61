#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tailnet_info
short_description: Devices and routes of a tailnet
version_added: 0.1.0
description:
  - Asks a coordination server for the devices of a tailnet, and for each route who advertises it, for whom it is
    approved, and who serves it.
author:
  - homelab.talos contributors (@homelab)
options:
  devices:
    description:
      - Ids, names or hostnames of the devices to return; empty means all. One that is not there, or is there twice, is
        an error.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - homelab.talos.tailnet
  - homelab.talos.attributes
  - homelab.talos.attributes.info
  - homelab.talos.attributes.actiongroup_tailnet
seealso:
  - module: homelab.talos.tailnet_routes
  - module: homelab.talos.gateway_health
"""

EXAMPLES = r"""
- name: Look at the gateway in the tailnet
  homelab.talos.tailnet_info:
    server: headscale
    url: https://headscale.example:8443
    token_file: ~/.headscale-api-key
    devices:
      - gw1
  register: tailnet
"""

RETURN = r"""
devices:
  description: The devices.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id, which stays the same.
      type: str
    name:
      description: Name in the tailnet's DNS.
      type: str
    hostname:
      description: What the device calls itself.
      type: str
    addresses:
      description: Addresses in the tailnet.
      type: list
      elements: str
    tags:
      description: Tags.
      type: list
      elements: str
    online:
      description: Whether it is connected to the server.
      type: bool
    last_seen:
      description: When it was, empty when that is not known.
      type: str
    key_expires:
      description: When it must log in again, empty for never.
      type: str
    authorized:
      description: Whether it may take part.
      type: bool
    ephemeral:
      description: Whether it is forgotten soon after it went.
      type: bool
    advertised:
      description: Routes that it advertises.
      type: list
      elements: str
    approved:
      description: Routes that it is approved for.
      type: list
      elements: str
    serving:
      description: Routes through which traffic goes; null when the server does not say.
      type: list
      elements: str
  sample:
    - {id: "7", name: gw1, hostname: gw1, online: true, advertised: [10.96.0.0/12], approved: [10.96.0.0/12]}
routes:
  description: The routes of all devices of the tailnet.
  returned: success
  type: list
  elements: dict
  contains:
    network:
      description: The route.
      type: str
    advertised_by:
      description: Names of the devices that advertise it.
      type: list
      elements: str
    approved_for:
      description: Names of the devices that are approved for it.
      type: list
      elements: str
    serving:
      description: Names of the devices that serve it; null when several can, and the server does not say which does.
      type: list
      elements: str
  sample:
    - {network: 10.96.0.0/12, advertised_by: [gw1], approved_for: [gw1], serving: [gw1]}
"""

from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.dependencies import TAILNET
from ansible_collections.homelab.talos.plugins.module_utils._module.tailnet_server import TAILNET_SERVER, server_of
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.model import device_called
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.route_table import route_table


def spec() -> ArgumentSpec:
    return TAILNET_SERVER.merged_with(
        ArgumentSpec({"devices": {"type": "list", "elements": "str", "default": []}}),
    )


def look(module: TalosModule) -> dict[str, Any]:
    devices = server_of(module.params).devices()
    names = module.params["devices"]
    chosen = [device_called(devices, name) for name in names] if names else devices
    return {
        "devices": [device.to_dict() for device in chosen],
        "routes": [route.to_dict() for route in route_table(devices)],
    }


def main() -> None:
    TalosModule(spec(), TAILNET).run(look)


if __name__ == "__main__":
    main()
