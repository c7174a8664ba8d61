# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of every module that talks to the machine API."""

    DOCUMENTATION = r"""
options:
  talosconfig:
    description:
      - Client configuration that holds the credentials.
      - When not given, the file named by the environment variable E(TALOSCONFIG) or Talos' own default is used.
    type: path
  context:
    description:
      - Context of the client configuration to use instead of its current one.
    type: str
  timeout:
    description:
      - Limit for each single call to a node, in seconds.
    type: float
    default: 10.0
"""

    # For modules that talk to no node but belong to the action group, whose defaults they must accept.
    OFFLINE = r"""
options:
  talosconfig:
    description:
      - Not used. Accepted because it can be set for the whole action group.
    type: path
  context:
    description:
      - Not used. Accepted because it can be set for the whole action group.
    type: str
  timeout:
    description:
      - Not used. Accepted because it can be set for the whole action group.
    type: float
    default: 10.0
"""

    # The node to talk to, for modules that handle one node.
    ENDPOINT = r"""
options:
  endpoint:
    description:
      - Address of the node's machine API, V(host) or V(host:port). The default port is 50000.
    type: str
    required: true
  name:
    description:
      - Name of the node in messages and results. Defaults to O(endpoint).
    type: str
"""

    # For modules that can do their work on a node without configuration.
    MAINTENANCE = r"""
options:
  maintenance:
    description:
      - Whether the node may be talked to without authentication, as a node in maintenance mode requires.
      - V(never) only ever connects with mutual TLS.
      - V(allowed) connects with mutual TLS first. Only when the node refuses that and then reports stage
        C(maintenance) itself, the unauthenticated connection is used; the result says so.
      - V(only) connects without authentication and fails when the node is not in maintenance mode.
    type: str
    choices:
      - never
      - allowed
      - only
    default: never
  fingerprint:
    description:
      - SHA-256 fingerprint of the public key a node in maintenance mode shows on its console. When given, any
        other node is refused.
    type: str
"""
