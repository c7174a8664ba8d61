# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pytest plugin of the scenarios: the connection talos://, the fixtures, and the guard over the hosts.

A scenario's ``conftest.py`` names it in ``pytest_plugins``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.plugin_utils.testinfra_classes import AnsibleRunner
from ansible_collections.homelab.talos.plugins.plugin_utils.testinfra_talos import register
from ansible_collections.homelab.talos.tests.testinfra.expected import Expected, host_problems
from ansible_collections.homelab.talos.tests.testinfra.lab_handle import LabHandle
from ansible_collections.homelab.talos.tests.testinfra.not_run import not_run

# Others import from the first: registered later, its assertions could not be rewritten any more.
pytest_plugins = [
    "ansible_collections.homelab.talos.tests.testinfra.kubernetes_api",
    "ansible_collections.homelab.talos.tests.testinfra.credentials",
    "ansible_collections.homelab.talos.tests.testinfra.faults",
    "ansible_collections.homelab.talos.tests.testinfra.layers",
    "ansible_collections.homelab.talos.tests.testinfra.skips",
    "ansible_collections.homelab.talos.tests.testinfra.talosctl_program",
    "ansible_collections.homelab.talos.tests.testinfra.traffic",
]

EXPECTED = pytest.StashKey[Expected]()


def pytest_configure(config: pytest.Config) -> None:
    """Register the connection before hosts are asked for, and read what is expected."""
    register()
    scenario = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
    config.stash[EXPECTED] = Expected.load(
        scenario.parent / "shared/verifiers/expected.yml", scenario / "tests/expected.yml"
    )


def inventory_hosts(config: pytest.Config) -> list[str]:
    """Return the hosts of the scenario's inventory."""
    return list(AnsibleRunner.get_runner(config.getoption("ansible_inventory")).get_hosts("all"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse to be green on fewer hosts than there are; not when hosts were chosen on the command line."""
    if config.getoption("hosts") is not None:
        return
    parameters = [getattr(item, "callspec").params for item in items if hasattr(item, "callspec")]  # noqa: B009
    tested = {params["_testinfra_host"].backend.get_hostname() for params in parameters if "_testinfra_host" in params}
    problems = host_problems(tested, inventory_hosts(config), config.stash[EXPECTED])
    if problems:
        raise pytest.UsageError("; ".join(problems))


@pytest.fixture(scope="session")
def expected(pytestconfig: pytest.Config) -> Expected:
    """What the scenario must look like."""
    return pytestconfig.stash[EXPECTED]


@pytest.fixture
def me(host: Any, expected: Expected) -> Any:
    """What is expected of the host under test."""
    return expected.nodes[host.backend.get_hostname()]


@pytest.fixture(scope="session")
def node(pytestconfig: pytest.Config) -> Callable[[str], Any]:
    """Return a function from the name of a node to its testinfra host, for tests about several nodes."""
    import testinfra

    inventory = pytestconfig.getoption("ansible_inventory")

    def get(name: str) -> Any:
        return testinfra.get_host(f"talos://{name}", ansible_inventory=inventory)

    return get


@pytest.fixture(scope="session")
def lab(expected: Expected) -> LabHandle:
    """The provider of the nodes."""
    return LabHandle.load(os.environ.get("HOMELAB_LAB_HANDLE"))


@pytest.fixture(scope="session")
def require(lab: LabHandle, expected: Expected) -> Callable[[str], None]:
    """Return a function that ends the test as not run, or failed when the scenario needs it, without a capability."""

    def check(capability: str) -> None:
        if capability in lab.capabilities:
            return
        if capability in expected.requires:
            pytest.fail(f"the scenario requires the capability {capability}, which the provider does not have")
        not_run(f"the provider does not have the capability {capability}")

    return check
