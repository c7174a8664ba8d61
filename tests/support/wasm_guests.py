# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Components for tests, from text and without a compiler."""

from __future__ import annotations

from wasmtime import wat2wasm

from ansible_collections.homelab.talos.tests.spin_apps.build import component_of

_TYPES = "wasi:http/types@0.2.0"
_STREAMS = "wasi:io/streams@0.2.0"
#: Where results of the host go in the memory of a guest; text of the guest is behind it.
_RESULT, _TEXT = 1024, 2048
_UNKNOWN = '(import "test:unknown/thing@1.0.0" (instance (export "run" (func))))'


def guest(
    before: str = "", body: str = "ok", imports: str = "", functions: str = "", *, unknown: bool = False
) -> bytes:
    """Return a component that runs *before* (text of WebAssembly) and answers status 200 with *body*.

    *imports* and *functions* are further parts of its core module; results of functions that it calls may go to the
    address 1024. An *unknown* one imports an interface that no host has.
    """
    text = f"""(module
  (import "{_TYPES}" "[constructor]fields" (func $fields (result i32)))
  (import "{_TYPES}" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
  (import "{_TYPES}" "[method]outgoing-response.body" (func $response-body (param i32 i32)))
  (import "{_TYPES}" "[method]outgoing-body.write" (func $body-write (param i32 i32)))
  (import "{_TYPES}" "[static]response-outparam.set"
    (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "{_STREAMS}" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
  {imports}
  (import "env" "memory" (memory 1))
  (data (i32.const {_TEXT}) "{_escaped(body)}")
  {functions}
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $answer i32)
    {before}
    (local.set $answer (call $response (call $fields)))
    (call $response-body (local.get $answer) (i32.const {_RESULT}))
    (call $set (local.get $out) (i32.const 0) (local.get $answer) (i32.const 0) (i64.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $body-write (i32.load (i32.const {_RESULT + 4})) (i32.const {_RESULT + 16}))
    (call $write (i32.load (i32.const {_RESULT + 20})) (i32.const {_TEXT}) (i32.const {len(body.encode())})
      (i32.const {_RESULT + 32}))))
"""
    return component_of(bytes(wat2wasm(text)), _UNKNOWN if unknown else "")


def _escaped(text: str) -> str:
    return "".join(f"\\{byte:02x}" for byte in text.encode())
