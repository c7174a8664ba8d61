# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that tells the role which device a gateway is."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.homelab.talos.plugins.filter.expected_gateways import FilterModule
from ansible_collections.homelab.talos.tests.support import definitions

FILTER = FilterModule().filters()["expected_gateways"]


def test_gateways_with_name_routes_and_tags() -> None:
    gateway = definitions.node_data("gw1", extension_services=[], tailnet={"hostname": "door", "tags": ["tag:k8s"]})
    assert FILTER({"cluster": definitions.CLUSTER, "nodes": [definitions.node_data("cp1"), gateway]}) == [
        {"host": "gw1", "hostname": "door", "routes": ["10.96.0.0/12", "10.244.0.0/16"], "tags": ["tag:k8s"]}
    ]
    assert FILTER({"cluster": definitions.CLUSTER, "nodes": [definitions.node_data("gw1")]}) == []


def test_what_is_no_definition_is_one_line() -> None:
    with pytest.raises(AnsibleFilterError, match="expected_gateways"):
        FILTER({"nodes": []})
