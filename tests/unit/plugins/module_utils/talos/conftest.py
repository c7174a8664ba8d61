# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes of a Talos API on loopback: configured, in maintenance mode, of another cluster."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message
from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.plugins.module_utils.talos.parallel import run
from ansible_collections.homelab.talos.tests.support.certificates import Authority
from ansible_collections.homelab.talos.tests.support.talos_api import Answer, ApiServer, server_context, serving

VERSION = "machine.MachineService/Version"


async def answer_version(stream: Any) -> None:
    """Answer Version like a node without routing metadata."""
    await stream.recv_message()
    reply = message("machine.VersionResponse")()
    reply.messages.add().version.tag = "v1.13.9"
    await stream.send_message(reply)


@pytest.fixture(scope="session")
def authority() -> Authority:
    """The CA of the cluster's Talos API."""
    return Authority()


@pytest.fixture(scope="session")
def stranger() -> Authority:
    """The CA of another cluster."""
    return Authority()


@pytest.fixture
def node(authority: Authority) -> Iterator[Callable[..., ApiServer]]:
    """Return a function that starts a configured node with the given answers."""
    with contextlib.ExitStack() as stack:

        def start(
            answers: dict[str, Answer] | None = None,
            certificate: tuple[bytes, bytes] | None = None,
            maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        ) -> ApiServer:
            context = server_context(certificate or authority.server(), authority.pem, maximum)
            return stack.enter_context(serving(context, {VERSION: answer_version, **(answers or {})}))

        yield start


@pytest.fixture
def maintenance_certificate() -> tuple[bytes, bytes]:
    """Certificate and key a node makes for itself at a boot without configuration."""
    return Authority().server(common_name=None)


@pytest.fixture
def maintenance_node(maintenance_certificate: tuple[bytes, bytes]) -> Iterator[ApiServer]:
    """A node in maintenance mode."""
    with serving(server_context(maintenance_certificate, None), {VERSION: answer_version}) as server:
        yield server


def ask_version(endpoint: str, timeout: float = 5.0, **options: Any) -> str:
    """Connect with `options` of Client, ask for the version and return its tag."""

    async def ask() -> str:
        async with Client(endpoint, timeout=timeout, **options) as client:
            reply = await client.unary(VERSION)
            tag: str = reply.messages[0].version.tag
            return tag

    return run(ask())
