# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Components run, are stopped at their limits, and are refused when they import what there is not."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.talos.lab.spin.host.component import Limits
from ansible_collections.homelab.talos.lab.spin.host.exchange import Request
from ansible_collections.homelab.talos.lab.spin.host.refusal import Refusal
from ansible_collections.homelab.talos.tests.support.wasm_guests import guest
from ansible_collections.homelab.talos.tests.unit.lab.spin.conftest import MakeApp

ROOT = Request("GET", "/", "app.test")
_GROW = "(drop (memory.grow (i32.const 64)))"
_NEEDS_MEMORY = "(if (i32.eq (i32.const -1) (memory.grow (i32.const 64))) (then unreachable))"


def test_a_component_answers(make_app: MakeApp) -> None:
    answer = make_app(guest(body="made by a guest")).answer(ROOT)
    assert (answer.status, answer.body) == (200, b"made by a guest")


def test_every_request_has_an_instance_of_its_own(make_app: MakeApp) -> None:
    counted = "(global.set $count (i32.add (global.get $count) (i32.const 1)))"
    second = "(if (i32.gt_u (global.get $count) (i32.const 1)) (then unreachable))"
    app = make_app(guest(before=counted + second, functions="(global $count (mut i32) (i32.const 0))"))
    assert [app.answer(ROOT).status for _request in range(3)] == [200, 200, 200]


def test_a_trap_is_an_answer_and_a_line_in_the_log(make_app: MakeApp, said: list[str]) -> None:
    app = make_app(guest(before="unreachable"))
    assert app.answer(Request("GET", "/a?b", "app.test")).status == 500
    assert said == ["component one: GET /a?b: wasm trap: wasm `unreachable` instruction executed\n"]


def test_a_guest_that_runs_too_long_is_stopped(make_app: MakeApp, said: list[str]) -> None:
    app = make_app(guest(before="(loop $on (br $on))"), limits=Limits(seconds=0.2))
    assert app.answer(ROOT).status == 500
    assert said == ["component one: GET /: it was stopped: the request lasted longer than 0.2 s\n"]


def test_a_guest_gets_no_more_memory_than_its_limit(make_app: MakeApp) -> None:
    content = guest(before=_NEEDS_MEMORY)
    assert make_app(content).answer(ROOT).status == 200
    assert make_app(content, limits=Limits(memory=2 * 1024 * 1024)).answer(ROOT).status == 500


def test_a_limit_below_what_a_component_begins_with_is_told_at_start(make_app: MakeApp) -> None:
    with pytest.raises(Refusal, match=r"^component one: it cannot be instantiated: .*memory"):
        make_app(guest(), limits=Limits(memory=64 * 1024))


def test_an_import_that_the_host_lacks_is_named_at_start(make_app: MakeApp) -> None:
    with pytest.raises(Refusal) as refused:
        make_app(guest(unknown=True))
    assert str(refused.value) == (
        "component one: it imports what the host does not provide: test:unknown/thing@1.0.0;"
        " build it for Spin 3 and without these interfaces"
    )


def test_a_tolerant_component_starts_with_imports_that_the_host_lacks(make_app: MakeApp) -> None:
    assert make_app(guest(unknown=True), tolerant=True).answer(ROOT).body == b"ok"


def test_health_is_answered_without_a_component(make_app: MakeApp) -> None:
    app = make_app(guest(before="unreachable"))
    answer = app.answer(Request("GET", "/.well-known/spin/health", "app.test"))
    assert (answer.status, answer.body) == (200, b"OK")
