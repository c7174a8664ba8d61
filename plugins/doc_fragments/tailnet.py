# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The coordination server of a tailnet; in step with module_utils/_module/tailnet_server.py."""

    DOCUMENTATION = r"""
options:
  server:
    description:
      - Kind of the coordination server. V(tailscale) speaks Tailscale's API v2, V(headscale) the API v1 of headscale.
    type: str
    choices: [tailscale, headscale]
    required: true
  url:
    description:
      - URL of the server, without a path. Only https.
      - Required for O(server=headscale). For O(server=tailscale) the default is V(https://api.tailscale.com).
    type: str
  token:
    description:
      - Token of the API. Tailscale calls it API access token, headscale API key.
    type: str
  token_file:
    description:
      - File that holds the token.
    type: path
  oauth_client_id:
    description:
      - Id of an OAuth client, which gets a token for an hour instead. Only for O(server=tailscale).
    type: str
  oauth_client_secret:
    description:
      - Secret of that client.
    type: str
  oauth_scopes:
    description:
      - Scopes that the token shall have, such as V(devices:routes) and V(auth_keys).
      - Empty means all that the client has.
    type: list
    elements: str
    default: []
  ca_file:
    description:
      - Certificates in PEM of the authority that signed the server's certificate. Default are those of the system.
    type: path
  tailnet:
    description:
      - Name of the tailnet; V(-) is the one that the token belongs to. Only for O(server=tailscale).
    type: str
    default: "-"
  timeout:
    description:
      - Limit for each single call, in seconds.
    type: float
    default: 10.0
requirements:
  - requests
notes:
  - A call that meets a server which is busy or starting is repeated up to three times, with growing pauses.
"""
