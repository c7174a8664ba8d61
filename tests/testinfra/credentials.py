# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pytest plugin: six credentials against the three APIs of a control plane, and what the refusals left behind."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos import secrets_bundle
from ansible_collections.homelab.talos.tests.testinfra.credential_endpoints import (
    Administrator,
    Attempt,
    Endpoint,
    Etcd,
    KubernetesApi,
    MachineApi,
)
from ansible_collections.homelab.talos.tests.testinfra.credential_kinds import NAMES, own, present
from ansible_collections.homelab.talos.tests.testinfra.expected import Expected
from ansible_collections.homelab.talos.tests.testinfra.kubernetes_api import wait_until

LOG_SECONDS = 15.0
GRANTED = ("writes", "201 Created", "200 OK")
PEM = "-----BEGIN"


@dataclass
class Matrix:
    """What came of every attempt; all keys are names of endpoints, then of credentials.

    :param answers: what the endpoint answered.
    :param entries: how many entries its log has of each refusal.
    :param written: endpoint -> whether a write was there after all refusals.
    :param granted: endpoint -> whether its own administrator could write.
    :param secrets: entries of refusals that show a certificate, a key or a secret.
    """

    answers: dict[str, dict[str, str]] = field(default_factory=dict)
    entries: dict[str, dict[str, int]] = field(default_factory=dict)
    written: dict[str, bool] = field(default_factory=dict)
    granted: dict[str, bool] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)


def endpoints(bundle: Mapping[str, Any], address: str) -> dict[str, Endpoint]:
    """Return the three APIs of the control plane at *address*."""
    authority = secrets_bundle.authority(bundle, "os").crt
    administrator = Administrator(address, authority, own(bundle, MachineApi.subject))
    return {
        "machine API": MachineApi(administrator, authority),
        "Kubernetes API": KubernetesApi(administrator, own(bundle, KubernetesApi.subject)),
        "etcd": Etcd(administrator, own(bundle, Etcd.subject)),
    }


def try_endpoint(matrix: Matrix, name: str, endpoint: Endpoint, bundle: Mapping[str, Any]) -> None:
    """Try every credential, then the endpoint's own administrator, and write down what happened."""
    before = len(endpoint.log())
    attempts: dict[str, Attempt] = {}
    for credential in NAMES:
        attempts[credential] = endpoint.attempt(present(bundle, endpoint.subject, credential))
        if attempts[credential].answer in GRANTED:
            endpoint.clean()
    matrix.answers[name] = {credential: attempt.answer for credential, attempt in attempts.items()}
    matrix.written[name] = endpoint.written()
    refused = {key: attempt.mark for key, attempt in attempts.items() if attempt.answer not in GRANTED}
    found = _entries(endpoint, before, refused)
    matrix.entries[name] = {credential: len(lines) for credential, lines in found.items()}
    matrix.secrets += [line for lines in found.values() for line in lines if _shows_secret(line, bundle)]
    endpoint.attempt(own(bundle, endpoint.subject))
    matrix.granted[name] = endpoint.written()
    endpoint.clean()


def _entries(endpoint: Endpoint, before: int, marks: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the log entries of each refusal; waits until each has one."""
    found: dict[str, list[str]] = {}

    def look() -> tuple[bool, str]:
        lines = endpoint.log()[before:]
        found.update({key: [line for line in lines if re.search(mark, line)] for key, mark in marks.items()})
        missing = [key for key, entries in found.items() if not entries]
        return not missing, f"none for {', '.join(missing)}"

    with contextlib.suppress(AssertionError):  # the verifier says which are missing
        wait_until("a log entry of every refusal", look, LOG_SECONDS)
    return found


def _shows_secret(line: str, bundle: Mapping[str, Any]) -> bool:
    return PEM in line or any(secret in line for secret in _texts(bundle) if len(secret) > 8)


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for each in value.values() for text in _texts(each)]
    return [str(value)]


@pytest.fixture(scope="session")
def credentials(expected: Expected) -> Matrix:
    """Every credential against every API of the first control plane, tried once for all verifiers."""
    path = Path(os.environ["KUBECONFIG"]).parent / "secrets.yaml"
    bundle = secrets_bundle.load(path.read_text(encoding="utf-8"), str(path))
    first = next(node for node in expected.nodes.values() if node.machine_type == "controlplane")
    matrix = Matrix()
    for name, endpoint in endpoints(bundle, first.address).items():
        try_endpoint(matrix, name, endpoint, bundle)
    return matrix
