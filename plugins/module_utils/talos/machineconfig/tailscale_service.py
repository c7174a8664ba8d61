# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of the tailscale extension's service, derived from cluster and node.

Source: siderolabs/extensions:network/tailscale/tailscale.yaml, tailscale/tailscale:cmd/containerboot/settings.go.
"""

from __future__ import annotations

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import Cluster, Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.tailnet import (
    CLIENT_SECRET_PREFIX,
    OWN_NETWORK,
    Tailnet,
)

# On EPHEMERAL: kept over reboots and upgrades, lost on reset.
STATE_DIRECTORY = "/var/lib/tailscale"


def advertised_routes(cluster: Cluster, node: Node) -> tuple[str, ...]:
    """Return the networks that a node advertises, in the order of its declaration; empty without a tailnet."""
    named = {"services": cluster.service_subnets, "pods": cluster.pod_subnets, OWN_NETWORK: (node.subnet,)}
    words = node.tailnet.advertise if node.tailnet is not None else ()
    return tuple(dict.fromkeys(network for word in words for network in named.get(word, (word,))))


def tailscale_environment(cluster: Cluster, node: Node, tailnet: Tailnet) -> list[str]:
    """Return the environment of the service, in an order that never changes.

    The state is kept, so the key is used once; name resolution of the node stays as it is.
    """
    key = [] if tailnet.auth_key is None else [f"TS_AUTHKEY={tailnet.auth_key}"]
    return [
        *key,
        "TS_AUTH_ONCE=true",
        f"TS_STATE_DIR={STATE_DIRECTORY}",
        "TS_USERSPACE=false",
        "TS_ACCEPT_DNS=false",
        f"TS_HOSTNAME={tailnet_hostname(node)}",
        f"TS_ROUTES={','.join(advertised_routes(cluster, node))}",
        f"TS_EXTRA_ARGS={' '.join(_arguments(tailnet))}",
        *tailnet.environment,
    ]


def tailnet_hostname(node: Node) -> str:
    """Return what the node calls itself in the tailnet."""
    declared = node.tailnet.hostname if node.tailnet is not None else ""
    return declared or node.name.partition(".")[0]


def _arguments(tailnet: Tailnet) -> list[str]:
    arguments = [f"--login-server={tailnet.login_server}"] if tailnet.login_server else []
    # A key brings its tags; headscale refuses a device that names some besides.
    if tailnet.tags and (tailnet.auth_key or "").startswith(CLIENT_SECRET_PREFIX):
        arguments.append(f"--advertise-tags={','.join(tailnet.tags)}")
    arguments.append(f"--accept-routes={str(tailnet.accept_routes).lower()}")
    arguments.append(f"--snat-subnet-routes={str(tailnet.snat).lower()}")
    return arguments
