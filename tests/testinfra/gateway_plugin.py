# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pytest plugin: a pod behind the gateway, and what is found out about the gateway from outside."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest

from ansible_collections.homelab.talos.tests.testinfra.expected import Expected
from ansible_collections.homelab.talos.tests.testinfra.gateway_checks import Wanted, failing
from ansible_collections.homelab.talos.tests.testinfra.gateway_facts import GatewayFacts, Question, look
from ansible_collections.homelab.talos.tests.testinfra.kubernetes_api import core_api
from ansible_collections.homelab.talos.tests.testinfra.lab_handle import LabHandle
from ansible_collections.homelab.talos.tests.testinfra.lab_tailnet import LabTailnet
from ansible_collections.homelab.talos.tests.testinfra.traffic import Probes, target_name

SETTLE_SECONDS = 60.0


@pytest.fixture(scope="session")
def tailnet(lab: LabHandle, expected: Expected) -> LabTailnet:
    """The machines of the lab's tailnet."""
    return LabTailnet(lab, expected.tailnet["server"])


@pytest.fixture(scope="session")
def gateway_look(
    lab: LabHandle, tailnet: LabTailnet, expected: Expected
) -> Iterator[tuple[Wanted, Callable[[], GatewayFacts]]]:
    """What is declared, and a function that finds out how it is; a pod behind the gateway lives meanwhile."""
    declared = expected.tailnet
    question = Question(declared["gateway"], declared["client"], declared["stranger"])
    node = declared["target"]
    probes = Probes(core_api(os.environ.get("KUBECONFIG", "")), f"gateway-{uuid.uuid4().hex[:8]}", [node])
    try:
        target = probes.prepare()[node]
        wanted = Wanted(
            question=question,
            services=expected.cluster["services"],
            pods=expected.network["pods"],
            tag=declared["tag"],
            pod=target_name(node),
            service=target.service,
            client_address=lab.services[question.client]["address"],
            gateway_address=expected.nodes[question.gateway].address,
            server_address=lab.services[declared["server"]]["address"],
        )
        name = f"{target.name}.{probes.namespace}.svc.{expected.cluster['domain']}"
        yield wanted, lambda: look(tailnet, question, target, name)
    finally:
        probes.remove()


@pytest.fixture(scope="session")
def gateway_wanted(gateway_look: Any) -> Wanted:
    """What is declared of the gateway."""
    wanted: Wanted = gateway_look[0]
    return wanted


@pytest.fixture(scope="session")
def gateway_facts(gateway_look: Any) -> GatewayFacts:
    """How the gateway is found; the first packets of a tunnel go by way of the relay, so that it is given some time."""
    wanted, find = gateway_look
    return settled(find, wanted, {})


def settled(find: Callable[[], GatewayFacts], wanted: Wanted, failures: Collection[str]) -> GatewayFacts:
    """Look until exactly the checks in *failures* fail, at the latest until the limit; return what was found last."""
    end = time.monotonic() + SETTLE_SECONDS
    while True:
        found = find()
        if set(failing(found, wanted)) == set(failures) or time.monotonic() >= end:
            return found
