# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules for the executor wagi answer as CGI programs do."""

from __future__ import annotations

import pytest
from wasmtime import wat2wasm

from ansible_collections.homelab.talos.lab.spin.host.exchange import Request
from ansible_collections.homelab.talos.lab.spin.host.refusal import Refusal
from ansible_collections.homelab.talos.lab.spin.host.wagi import cgi_environment
from ansible_collections.homelab.talos.tests.support.wasm_guests import guest
from ansible_collections.homelab.talos.tests.unit.lab.spin.conftest import MakeApp

WAGI = {"type": "wagi"}
ROOT = Request("GET", "/a?b=c", "app.test:80", client="10.0.0.1:99")


def program(output: str, more: str = "") -> bytes:
    """Return a module that writes *output* and then runs *more*."""
    escaped = "".join(f"\\{byte:02x}" for byte in output.encode())
    text = f"""(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "{escaped}")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const {len(output.encode())}))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    {more}))
"""
    return bytes(wat2wasm(text))


def test_what_a_program_writes_is_the_answer(make_app: MakeApp) -> None:
    output = "content-type: text/plain\nstatus: 418 I am a teapot\nx-more: yes\n\nshort and stout"
    answer = make_app(program(output), kind="module", executor=WAGI).answer(ROOT)
    assert (answer.status, answer.body) == (418, b"short and stout")
    assert list(answer.headers) == [("content-type", b"text/plain"), ("x-more", b"yes")]


def test_a_location_alone_is_a_redirection(make_app: MakeApp) -> None:
    answer = make_app(program("location: /there\n\n"), kind="module", executor=WAGI).answer(ROOT)
    assert answer.status == 302


@pytest.mark.parametrize(
    ("output", "more", "text"),
    [
        ("just text", "", "it wrote no headers"),
        ("x-more: yes\n\nbody", "", "it wrote neither content-type nor location"),
        ("no header\n\nbody", "", "it wrote 'no header' where a header belongs"),
        ("content-type: a/b\n\n", "unreachable", "wasm trap: wasm `unreachable` instruction executed"),
    ],
)
def test_what_is_no_answer_is_named(make_app: MakeApp, said: list[str], output: str, more: str, text: str) -> None:
    assert make_app(program(output, more), kind="module", executor=WAGI).answer(ROOT).status == 500
    assert text in "".join(said)


def test_module_and_component_are_told_apart(make_app: MakeApp) -> None:
    with pytest.raises(Refusal, match="component one: it is a core module: give its trigger the executor wagi"):
        make_app(program(""), kind="module")
    with pytest.raises(Refusal, match="component one: it is a component: the executor wagi wants a core module"):
        make_app(guest(), executor=WAGI)


def test_a_program_is_told_its_request() -> None:
    request = Request("POST", "/a/b?c=d", "app.test:8080", [("x-a", b"1"), ("authorization", b"secret")], b"body")
    told = cgi_environment(request)
    assert (told["REQUEST_METHOD"], told["QUERY_STRING"], told["CONTENT_LENGTH"]) == ("POST", "c=d", "4")
    assert (told["SERVER_NAME"], told["SERVER_PORT"], told["HTTP_X_A"]) == ("app.test", "8080", "1")
    assert "HTTP_AUTHORIZATION" not in told
