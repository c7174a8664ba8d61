# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is no app is refused with its name and what to do; what is one is described for the host."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.spin.runtime import bundle
from ansible_collections.homelab.talos.lab.spin.runtime.artifact import APPLICATION
from ansible_collections.homelab.talos.lab.spin.runtime.content import Content, ContentError
from ansible_collections.homelab.talos.tests.support.wasm_guests import guest

WASM = "application/vnd.wasm.content.layer.v1+wasm"


class Store:
    """The blobs of a node."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "sha256").mkdir(parents=True)
        self.content = Content(root)

    def add(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        (self.root / "sha256" / name).write_bytes(data)
        return f"sha256:{name}"

    def add_json(self, content: Any) -> str:
        return self.add(json.dumps(content).encode())

    def image(self, code: bytes, **component: Any) -> str:
        source = {"content_type": "application/wasm", "digest": self.add(code)}
        locked = {"spin_lock_version": 0, "components": [{"id": "one", "source": source, **component}], "triggers": []}
        layers = [
            {"mediaType": WASM, "digest": source["digest"]},
            {"mediaType": APPLICATION, "digest": self.add_json(locked)},
        ]
        return self.add_json({"layers": layers})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "blobs")


def describe(store: Store, digest: str) -> tuple[dict[str, Any], dict[str, Path]]:
    keep = store.root.parent / "keep"
    keep.mkdir(exist_ok=True)
    return bundle.describe("apps/one:1.0", digest, store.content, store.root.parent, keep)


def test_an_app_is_compiled_and_bound(store: Store) -> None:
    code = guest()
    described, mounts = describe(store, store.image(code))
    name = hashlib.sha256(code).hexdigest()
    assert described["code"] == {
        "one": {"path": f"/opt/spin/code/{name}.cwasm", "kind": "component", "tolerant": False}
    }
    assert mounts == {f"/opt/spin/code/{name}.cwasm": store.root.parent / f"{name}.cwasm"}


def test_compiled_code_is_used_again(store: Store) -> None:
    digest = store.image(guest())
    source = next(iter(describe(store, digest)[1].values()))
    source.write_bytes(b"kept")
    describe(store, digest)
    assert source.read_bytes() == b"kept"


def test_files_are_bound_where_the_component_sees_them(store: Store) -> None:
    inline, large = b"small", b"large" * 100
    files = [
        # As Spin writes it: without padding, and with the digest of a layer that was not pushed.
        {"path": "/a.txt", "inline": base64.b64encode(inline).decode().rstrip("="), "digest": f"sha256:{'0' * 64}"},
        {"path": "/b.txt", "digest": store.add(large)},
    ]
    described, mounts = describe(store, store.image(guest(), files=files))
    assert {path: mounts[place].read_bytes() for path, place in described["files"]["one"].items()} == {
        "/a.txt": inline,
        "/b.txt": large,
    }


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (b"\x7fELF\x02\x01\x01" + bytes(9), "is a native program (ELF), not WebAssembly: build for wasm32"),
        (b"#!/bin/sh\n", "is not WebAssembly: it begins with 23212f62696e2f73"),
        (b"\0asm\x0d\0\x01\0\x63", "it is not valid WebAssembly: "),
    ],
)
def test_what_is_not_webassembly_is_named(store: Store, code: bytes, text: str) -> None:
    described, mounts = describe(store, store.image(code))
    assert text in described["code"]["one"]["refusal"]
    assert mounts == {}


def test_an_image_that_is_no_app_is_named(store: Store) -> None:
    digest = store.add_json({"layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "x"}]})
    assert describe(store, digest)[0]["refusal"] == (
        "image apps/one:1.0 is no Spin app: it has application/vnd.oci.image.layer.v1.tar+gzip, but no layer"
        f" {APPLICATION}: push it as a Spin artifact"
    )


def test_a_layer_that_is_not_what_its_digest_says_is_named(store: Store) -> None:
    code = guest()
    digest, damaged = store.image(code), hashlib.sha256(code).hexdigest()
    (store.root / "sha256" / damaged).write_bytes(code + b"\0")
    described, _mounts = describe(store, digest)
    assert described["code"]["one"]["refusal"].startswith(f"layer sha256:{damaged} is damaged: its content has")


def test_a_layer_that_is_missing_is_named(store: Store) -> None:
    with pytest.raises(ContentError, match="layer sha256:00 is not on this node"):
        store.content.read("sha256:00")


def spec() -> dict[str, Any]:
    return {
        "annotations": {"io.kubernetes.cri.container-type": "container"},
        "process": {"args": ["/"], "env": ["SPIN_VARIABLE_A=b"]},
        "mounts": [{"destination": "/tmp", "type": "bind", "source": "/x", "options": ["rw"]}],
    }


def test_a_sandbox_stays_as_it_is() -> None:
    assert bundle.is_app(spec())
    assert not bundle.is_app({"annotations": {"io.kubernetes.cri.container-type": "sandbox"}})
    assert not bundle.is_app({})


def test_the_host_is_started_with_everything_read_only() -> None:
    rewritten = spec()
    bundle.rewrite(rewritten, Path("/run/x/app.json"), {"/opt/spin/code/a.cwasm": Path("/opt/spin/code/a.cwasm")})
    assert rewritten["process"]["args"][-1] == "/opt/spin/app/app.json"
    assert "SPIN_VARIABLE_A=b" in rewritten["process"]["env"]
    added = [mount for mount in rewritten["mounts"] if mount["destination"] != "/tmp"]
    assert {"/opt/spin/app/app.json", "/opt/spin/code/a.cwasm", "/opt/spin/python"} <= {m["destination"] for m in added}
    assert all("ro" in mount["options"] for mount in added)
    assert [mount["source"] for mount in rewritten["mounts"] if mount["destination"] == "/tmp"] == ["/x"]
