# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the component of a sample app in the current directory: ``build.py NAME``, from ``NAME.c`` or ``NAME.py``.

The compilers come from the package index, pinned in requirements.txt beside this file, into the cache of this user.
The same sources make the same bytes, so a component that was built from them before is taken from the cache.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from wasmtime import Engine, Module, wat2wasm

HERE = Path(__file__).resolve().parent
GUEST = HERE / "guest"
_CORE_MODULE = 1
#: Interface that a core module imports -> the file that declares it; in the order in which they build on each other.
_INTERFACES = {
    "wasi:io/streams@0.2.0": "wasi-io.wat",
    "wasi:http/types@0.2.0": "wasi-http.wat",
    "fermyon:spin/key-value@2.0.0": "spin-key-value.wat",
}
_DROP = "[resource-drop]"
_HANDLER = "wasi:http/incoming-handler@0.2.0"
_COMPILE_SECONDS = 600


def cache() -> Path:
    """Return the folder for compilers and components."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "homelab-talos" / "spin-apps"


def main(arguments: Sequence[str]) -> int:
    """Build the component and write it to ``NAME.wasm``; returns the exit status."""
    name = arguments[0]
    source = next(path for path in (Path(f"{name}.c"), Path(f"{name}.py")) if path.exists())
    kept = cache() / f"{name}-{_digest(source)}.wasm"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with (kept.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            build = _from_c if source.suffix == ".c" else _from_python
            partial = kept.with_name(f".{kept.name}.partial")
            partial.write_bytes(build(source, _tools()))
            partial.replace(kept)
    Path(f"{name}.wasm").write_bytes(kept.read_bytes())
    return 0


def _digest(source: Path) -> str:
    """Return what tells two states of all sources apart."""
    parts = [source, HERE / "requirements.txt", Path(__file__)]
    parts += sorted(path for path in GUEST.rglob("*") if path.is_file())
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part.read_bytes()).digest())
    return total.hexdigest()[:16]


def _tools() -> Path:
    """Return the folder with the compilers, installing them when they are missing."""
    pins = HERE / "requirements.txt"
    target = cache() / f"tools-{hashlib.sha256(pins.read_bytes()).hexdigest()[:16]}"
    if not target.exists():
        partial = target.with_name(f".{target.name}.partial")
        options = ["--quiet", "--no-deps", "--upgrade", "--disable-pip-version-check", "--target", str(partial)]
        _run([sys.executable, "-m", "pip", "install", *options, "-r", str(pins)])
        partial.rename(target)
    return target


def _run(command: Sequence[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_COMPILE_SECONDS,
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).partition("Stack backtrace")[0].strip()
        raise SystemExit(f"build.py: {' '.join(command)}: {said}")


def _from_c(source: Path, tools: Path) -> bytes:
    core = source.with_suffix(".core.wasm")
    options = ["--target=wasm32-freestanding", "-mcpu=mvp+bulk_memory", "-Os", "-nostdlib", "-fno-builtin"]
    options += [f"-Wl,{each}" for each in ("--no-entry", "--import-memory", "--strip-all", "-z,stack-size=65536")]
    environment = {"PYTHONPATH": str(tools), "ZIG_GLOBAL_CACHE_DIR": str(cache() / "zig")}
    command = [sys.executable, "-m", "ziglang", "cc", *options, "-o", str(core), str(source), str(GUEST / "http.c")]
    _run(command, environment)
    module = core.read_bytes()
    core.unlink()
    return component_of(module)


def _from_python(source: Path, tools: Path) -> bytes:
    target = source.with_suffix(".component.wasm")
    # On its own: the other packages beside it are no part of an app.
    sdk = tools / "sdk"
    if not sdk.exists():
        partial = tools / ".sdk.partial"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(tools / "spin_sdk", partial / "spin_sdk")
        partial.rename(sdk)
    command = [str(tools / "bin/componentize-py"), "-w", "spin-http", "componentize", source.stem]
    _run([*command, "-p", str(source.parent), "-p", str(sdk), "-o", str(target)], {"PYTHONPATH": str(tools)})
    component = target.read_bytes()
    target.unlink()
    return component


def component_of(module: bytes, further: str = "") -> bytes:
    """Return the component around a core module that exports the handler of HTTP requests.

    *further* is what else it declares (text of WebAssembly).
    """
    imports = [(each.module, each.name or "") for each in Module(Engine(), module).imports if each.module != "env"]
    used = [interface for interface in _INTERFACES if any(interface == each for each, _name in imports)]
    declared = "".join((GUEST / "interfaces" / _INTERFACES[each]).read_text(encoding="utf-8") for each in used)
    lowered = "\n".join(_lowered(number, *each) for number, each in enumerate(imports))
    instances = "\n".join(_instance(interface, imports) for interface in used)
    given = " ".join(f'(with "{each}" (instance $given:{each}))' for each in used)
    text = f"""(component
{declared}
{further}
{(GUEST / "memory.wat").read_text(encoding="utf-8")}
  (core instance $memory (instantiate $memory-module))
  (alias core export $memory "memory" (core memory $memory))
  (alias core export $memory "realloc" (core func $realloc))
{lowered}
{instances}
  (core module $app-module)
  (core instance $app (instantiate $app-module {given}
    (with "env" (instance (export "memory" (memory $memory))))))
  (alias core export $app "{_HANDLER}#handle" (core func $answer))
  (type $handle (func
    (param "request" (own $incoming-request)) (param "response-out" (own $response-outparam))))
  (func $handle (type $handle) (canon lift (core func $answer)))
  (instance $handler (export "handle" (func $handle)))
  (export "{_HANDLER}" (instance $handler)))
"""
    return _with_module(bytes(wat2wasm(text)), module)


def _lowered(number: int, interface: str, name: str) -> str:
    if name.startswith(_DROP):
        return f"  (core func $import{number} (canon resource.drop ${name.removeprefix(_DROP)}))"
    return (
        f'  (alias export ${interface} "{name}" (func $function{number}))\n'
        f"  (core func $import{number} (canon lower (func $function{number}) (memory $memory) (realloc $realloc)))"
    )


def _instance(interface: str, imports: Sequence[tuple[str, str]]) -> str:
    exports = " ".join(
        f'(export "{name}" (func $import{number}))'
        for number, (module, name) in enumerate(imports)
        if module == interface
    )
    return f"  (core instance $given:{interface} {exports})"


def _with_module(component: bytes, module: bytes) -> bytes:
    """Return the component with *module* in the place of its last core module, which the text leaves empty."""
    parts = list(_sections(component))
    last = max(index for index, (kind, _content) in enumerate(parts) if kind == _CORE_MODULE)
    parts[last] = (_CORE_MODULE, module)
    # What the tools wrote about names is of no use to anybody.
    return component[:8] + b"".join(bytes([kind]) + _length(len(content)) + content for kind, content in parts if kind)


def _sections(component: bytes) -> Iterator[tuple[int, bytes]]:
    position = 8
    while position < len(component):
        kind, position, size, shift = component[position], position + 1, 0, 0
        while True:
            byte = component[position]
            position += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        yield kind, component[position : position + size]
        position += size


def _length(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
