# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory with a Spin application, as a developer has it."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.homelab.talos.tests.support import wasm_files

MANIFEST = """
spin_manifest_version = 2

[application]
name = "nonce"
version = "1.2.3"
description = "answers a digest"
authors = ["One <one@example.org>", "Two"]

[variables]
greeting = { default = "hello" }
password = { required = true, secret = true }

[[trigger.http]]
route = "/..."
component = "nonce"

[component.nonce]
source = "target/nonce.wasm"
files = ["static/*", { source = "data", destination = "/var" }]
exclude_files = ["static/*.secret"]
allowed_outbound_hosts = ["https://{{ greeting }}.example.org"]
key_value_stores = ["default"]
environment = { MODE = "lab" }
[component.nonce.variables]
greeting = "{{ greeting }}, you"
[component.nonce.build]
command = "true"
"""


def write_app(directory: Path, manifest: str = MANIFEST, wasm: bytes | None = None) -> Path:
    """Write an application with one component, a small and a large static file and one that is excluded."""
    files = {
        "spin.toml": manifest.encode(),
        "target/nonce.wasm": wasm_files.component() if wasm is None else wasm,
        "static/small.txt": b"small",
        "static/large.txt": b"x" * 129,
        "static/not.secret": b"not for the image",
        "data/deep/more.txt": b"y" * 200,
    }
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return directory
