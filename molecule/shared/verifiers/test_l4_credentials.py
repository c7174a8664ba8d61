# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""L4: machine API, Kubernetes API and etcd let in whom they should, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.layer("L4")


def test_every_api_answers_each_credential_as_it_must(credentials: Any, expected: Any) -> None:
    wrong = {
        f"{endpoint}, {credential}": (answer, expected.credentials[endpoint][credential])
        for endpoint, answers in credentials.answers.items()
        for credential, answer in answers.items()
        if answer not in expected.credentials[endpoint][credential]
    }
    assert wrong == {}
    assert {name: set(answers) for name, answers in credentials.answers.items()} == {
        name: set(answers) for name, answers in expected.credentials.items()
    }


def test_every_refusal_is_logged_once(credentials: Any) -> None:
    wrong = {
        f"{endpoint}, {credential}": number
        for endpoint, entries in credentials.entries.items()
        for credential, number in entries.items()
        if number != 1
    }
    assert wrong == {}


def test_no_log_entry_of_a_refusal_shows_a_secret(credentials: Any) -> None:
    assert credentials.secrets == []


def test_refused_credentials_changed_nothing(credentials: Any) -> None:
    assert {endpoint for endpoint, written in credentials.written.items() if written} == set()


def test_the_administrator_of_each_api_may_do_what_the_others_may_not(credentials: Any, expected: Any) -> None:
    assert {endpoint for endpoint, granted in credentials.granted.items() if granted} == set(expected.credentials)
