# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of a tailnet. Source: tailscale/tailscale:net/tsaddr/tsaddr.go."""

from __future__ import annotations

import ipaddress

# A node of the tailnet drops what comes from here by any other way. The prefixes of a headscale lie within these.
TAILNET = ipaddress.ip_network("100.64.0.0/10")
TAILNET_IPV6 = ipaddress.ip_network("fd7a:115c:a1e0::/48")
TAILNET_RANGES = (TAILNET, TAILNET_IPV6)
