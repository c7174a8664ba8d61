# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""L4: Spin apps are executed on the nodes that have the runtime, answer from everywhere, and fail as they should."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

pytestmark = pytest.mark.layer("L4")


def digest_of(nonce: str) -> str:
    """Return what the app ``nonce`` must answer."""
    return f"{hashlib.sha256(nonce.encode()).hexdigest()}\n"


def with_runtime(expected: Any) -> dict[str, bool]:
    """Return node -> whether its image holds the extension."""
    return {name: "spin" in expected.extensions[each.role] for name, each in expected.nodes.items()}


def test_the_runtime_handler_is_where_the_extension_is(spin: Any, expected: Any) -> None:
    assert spin["handlers"] == with_runtime(expected)


def test_every_app_runs_where_the_runtime_is(spin: Any, expected: Any) -> None:
    able = with_runtime(expected)
    assert {name: len(nodes) for name, nodes in spin["places"].items()} == {"nonce": 2, "visits": 1, "fault": 1}
    assert {node for nodes in spin["places"].values() for node in nodes if not able[node]} == set()


def test_every_node_and_pod_is_answered_with_the_digest_of_its_nonce(spin: Any, expected: Any) -> None:
    sources = [f"{kind} {name}" for name in expected.nodes for kind in ("node", "pod on")]
    wanted = {source: digest_of(source.replace(" ", "-")) for source in sources}
    assert spin["nonces"] == {source: {"address": body, "name": body} for source, body in wanted.items()}


def test_the_controller_is_answered_at_every_node(spin: Any, expected: Any) -> None:
    assert spin["node_ports"] == {name: [200, digest_of(name)] for name in expected.nodes}


def test_the_controller_is_answered_through_the_api(spin: Any) -> None:
    assert spin["api"] == [200, digest_of("api")]


def test_a_trap_ends_one_request_and_is_in_the_log(spin: Any) -> None:
    trap = spin["trap"]
    assert (trap["status"], trap["after"]) == (500, [200, "ok\n"])
    assert "GET /trap: wasm trap: wasm `unreachable` instruction executed" in trap["log"]
    assert trap["restarts"][0] == trap["restarts"][1]


def test_an_instance_gets_no_more_memory_than_its_limit(spin: Any) -> None:
    # 16 MiB are 256 pages; an instance begins with 17.
    assert spin["leak"] == [200, "took 239 pages\n"]


def test_a_pod_needs_a_runtime_class_that_exists(spin: Any) -> None:
    assert spin["no_class"].startswith("403 ")
    assert 'RuntimeClass \\"no-such-class\\" not found' in spin["no_class"]


def test_a_handler_that_no_node_has_makes_no_sandbox(spin: Any) -> None:
    assert 'no runtime for "spinn" is configured' in spin["wrong_handler"]


def test_a_node_without_the_extension_makes_no_sandbox(spin: Any) -> None:
    assert 'no runtime for "spin" is configured' in spin["no_extension"]


def held_back(ended: Any) -> str:
    """Return the message of a container that ended with an error and is held back; its log has it, too."""
    assert (ended["reason"], ended["code"]) == ("CrashLoopBackOff", 1)
    assert ended["message"] in ended["log"]
    return str(ended["message"])


def test_a_native_program_in_an_artifact_is_named(spin: Any) -> None:
    message = held_back(spin["ended"]["native"])
    assert message.startswith("component one: layer sha256:")
    assert message.endswith(" is a native program (ELF), not WebAssembly: build for wasm32")


def test_an_import_that_the_host_lacks_is_named(spin: Any) -> None:
    message = held_back(spin["ended"]["lacking"])
    assert message.startswith("component one: it imports what the host does not provide: test:unknown/thing@1.0.0;")


def test_an_image_that_is_no_app_is_named(spin: Any) -> None:
    message = held_back(spin["ended"]["bare"])
    assert message.startswith("image apps.lab.test/bare@sha256:")
    assert " is no Spin app: " in message


def test_a_variable_without_value_is_named(spin: Any) -> None:
    message = held_back(spin["ended"]["unset"])
    assert message.startswith("variable password has no value: set SPIN_VARIABLE_PASSWORD in the environment")


def test_an_app_that_burns_is_stopped_and_others_answer(spin: Any) -> None:
    burn = spin["burn"]
    assert burn["beside"] == [[200, digest_of(str(number))] for number in range(20)]
    assert (burn["during"], burn["status"]) == (True, 500)
    assert "GET /burn: it was stopped: the request lasted longer than 30 s" in burn["log"]


def test_the_count_goes_on_after_its_app_has_ended(spin: Any) -> None:
    assert spin["counts"]["restart"]["after"] == spin["counts"]["restart"]["before"] + 1


def test_the_count_goes_on_at_another_node(spin: Any) -> None:
    first, second = spin["counts"]["move"]["places"]
    assert first != second
    assert spin["counts"]["move"]["after"] == spin["counts"]["move"]["before"] + 1


def test_the_count_goes_on_after_its_node_was_without_power(spin: Any) -> None:
    assert spin["counts"]["power"]["after"] == spin["counts"]["power"]["before"] + 1
