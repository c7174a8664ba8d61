# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks of the machine configuration, with Talos' defaults, and the addresses that derive from them."""

from __future__ import annotations

import ipaddress

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

DEFAULT_DOMAIN = "cluster.local"


def service_subnets(config: MachineConfig) -> list[str]:
    """Return ``cluster.network.serviceSubnets`` or Talos' default."""
    return config.value("cluster", "network", "serviceSubnets", default=None) or ["10.96.0.0/12"]


def pod_subnets(config: MachineConfig) -> list[str]:
    """Return ``cluster.network.podSubnets`` or Talos' default."""
    return config.value("cluster", "network", "podSubnets", default=None) or ["10.244.0.0/16"]


def dns_domain(config: MachineConfig) -> str:
    """Return ``cluster.network.dnsDomain`` or Talos' default."""
    return str(config.value("cluster", "network", "dnsDomain", default=DEFAULT_DOMAIN))


def dns_service_addresses(config: MachineConfig) -> list[str]:
    """Return the addresses of the DNS service: the tenth of each service subnet.

    Source: siderolabs/talos:pkg/machinery/config/types/v1alpha1/v1alpha1_network_config_provider.go.
    """
    return [str(ipaddress.ip_network(subnet)[10]) for subnet in service_subnets(config)]
