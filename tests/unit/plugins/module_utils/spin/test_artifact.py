# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The artifact: the layout that the runtime reads, and the same bytes every time."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.spin import artifact
from ansible_collections.homelab.talos.plugins.module_utils.spin.artifact import Artifact, pack
from ansible_collections.homelab.talos.plugins.module_utils.spin.content import AppContent
from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import ContentInvalid
from ansible_collections.homelab.talos.plugins.module_utils.spin.manifest_reading import load_manifest
from ansible_collections.homelab.talos.tests.support import wasm_files
from ansible_collections.homelab.talos.tests.support.spin_app import MANIFEST, write_app

ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00" + bytes(300)
MACH_O = b"\xcf\xfa\xed\xfe" + bytes(300)
PE = b"MZ" + bytes(58) + b"\x80\x00\x00\x00" + bytes(64) + b"PE\0\0" + bytes(200)


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def packed(directory: Path, **annotations: str) -> Artifact:
    manifest = load_manifest(directory)
    return pack(manifest, AppContent(manifest, directory, fetch=lambda url: url.encode()), annotations)


def refusal(directory: Path) -> str:
    with pytest.raises(ContentInvalid) as error:
        packed(directory)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return write_app(tmp_path)


def test_the_layout_is_that_of_spin(app: Path) -> None:
    wasm = (app / "target/nonce.wasm").read_bytes()
    made = packed(app)
    manifest = json.loads(made.manifest)
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert [layer["mediaType"].rpartition(".")[2] for layer in manifest["layers"]] == [
        "v1+wasm",
        "v1+data",
        "v1+data",
        "v1+config",
    ]
    assert manifest["layers"][0] == {
        "mediaType": "application/vnd.wasm.content.layer.v1+wasm",
        "digest": digest(wasm),
        "size": len(wasm),
    }
    assert manifest["layers"][-1]["mediaType"] == "application/vnd.fermyon.spin.application.v1+config"
    config = json.loads(made.config.data)
    assert manifest["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"
    assert (config["architecture"], config["os"]) == ("wasm", "Wasip1")
    assert config["config"]["Labels"] == {"com.fermyon.spin.lockedAppDigest": manifest["layers"][-1]["digest"]}
    assert manifest["annotations"] == {
        "org.opencontainers.image.authors": "One <one@example.org>, Two",
        "org.opencontainers.image.description": "answers a digest",
        "org.opencontainers.image.title": "nonce",
        "org.opencontainers.image.version": "1.2.3",
    }


def test_the_locked_application_says_what_the_manifest_says(app: Path) -> None:
    locked = packed(app).application
    assert locked["spin_lock_version"] == 0
    assert locked["metadata"] == {
        "name": "nonce",
        "version": "1.2.3",
        "description": "answers a digest",
        "authors": ["One <one@example.org>", "Two"],
        "triggers": {},
        "trigger": {"type": "http"},
    }
    assert locked["variables"] == {"greeting": {"default": "hello"}, "password": {"secret": True}}
    assert locked["triggers"] == [
        {
            "id": "nonce-http-trigger",
            "trigger_type": "http",
            "trigger_config": {"component": "nonce", "route": "/..."},
        }
    ]
    (component,) = locked["components"]
    assert component["id"] == "nonce"
    assert component["metadata"] == {
        "allowed_outbound_hosts": ["https://{{ greeting }}.example.org"],
        "key_value_stores": ["default"],
        "build": {"command": "true"},
    }
    assert component["env"] == {"MODE": "lab"}
    assert component["config"] == {"greeting": "{{ greeting }}, you"}
    assert component["source"] == {
        "content_type": "application/wasm",
        "digest": digest((app / "target/nonce.wasm").read_bytes()),
        # Spin reads base64 without padding only.
        "inline": base64.b64encode((app / "target/nonce.wasm").read_bytes()).decode().rstrip("="),
    }
    assert [(each["path"], "inline" in each) for each in component["files"]] == [
        ("static/large.txt", False),
        ("static/small.txt", True),
        ("var/deep/more.txt", False),
    ]
    assert component["files"][1]["inline"] == "c21hbGw"


def test_every_digest_in_the_application_is_a_layer_or_within(app: Path) -> None:
    made = packed(app)
    layers = {layer.digest for layer in made.layers}
    for component in made.application["components"]:
        for each in (component["source"], *component["files"]):
            assert each["digest"] in layers or "inline" in each


@pytest.mark.parametrize("size", [128, 129])
def test_files_up_to_128_bytes_are_within(app: Path, size: int) -> None:
    (app / "static/large.txt").write_bytes(b"z" * size)
    assert (digest(b"z" * size) in {layer.digest for layer in packed(app).layers}) == (size > 128)


def test_the_same_input_gives_the_same_digest(app: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = write_app(tmp_path_factory.mktemp("elsewhere"))
    assert packed(app).digest == packed(other).digest
    (other / "static/small.txt").write_bytes(b"other")
    assert packed(app).digest != packed(other).digest


def test_an_annotation_of_the_user_wins(app: Path) -> None:
    made = packed(app, **{"org.opencontainers.image.title": "mine", "org.opencontainers.image.created": "now"})
    assert made.annotations["org.opencontainers.image.title"] == "mine"
    assert json.loads(made.manifest)["annotations"]["org.opencontainers.image.created"] == "now"


def test_layers_with_the_same_content_are_one(app: Path) -> None:
    (app / "data/deep/more.txt").write_bytes(b"x" * 129)
    made = packed(app)
    assert len(made.layers) == 3
    assert len(made.application["components"][0]["files"]) == 3


def test_calls_within_the_application_are_a_requirement_of_the_host(app: Path) -> None:
    text = MANIFEST.replace("https://{{ greeting }}.example.org", "http://nonce.spin.internal")
    locked = packed(write_app(app, text)).application
    assert (locked["spin_lock_version"], locked["must_understand"]) == (1, ["component_host_requirements"])
    assert locked["components"][0]["host_requirements"] == {"local_service_chaining": "required"}


def tar(content: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        entry = tarfile.TarInfo("bin/tool")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (ELF, "ELF for amd64"),
        (ELF[:18] + b"\xb7\x00" + ELF[20:], "ELF for arm64"),
        (MACH_O, "Mach-O"),
        (PE, "PE"),
        (tar(ELF), "ELF for amd64 in bin/tool"),
        (gzip.compress(tar(MACH_O)), "Mach-O in bin/tool"),
        (b"!<arch>\n", "a library of object files"),
    ],
)
def test_machine_code_among_static_files_is_refused(app: Path, content: bytes, said: str) -> None:
    (app / "static/large.txt").write_bytes(content)
    text = refusal(app)
    assert f"static/large.txt: holds machine code ({said})" in text
    assert "take it out of component.nonce.files" in text


# It begins like a fat Mach-O file.
JAVA_CLASS = b"\xca\xfe\xba\xbe\x00\x00\x00\x41class"


@pytest.mark.parametrize("content", [b"MZ only", b"MZ" + bytes(100), JAVA_CLASS, b"\x1f\x8b", b"PK\x03\x04"])
def test_what_only_looks_like_it_is_allowed(app: Path, content: bytes) -> None:
    (app / "static/large.txt").write_bytes(content)
    assert packed(app)


@pytest.mark.parametrize(
    ("wasm", "said"),
    [
        (ELF, "holds machine code (ELF for amd64)"),
        (b"#!/bin/sh", "is no WebAssembly file; name the .wasm file that the build writes"),
        (b"\0asm\x09\x00\x00\x00", "is WebAssembly of a version that is not known here"),
        (wasm_files.component()[:-3], "is cut off"),
        (
            wasm_files.component(exports=["wasi:cli/run@0.2.0"]),
            "without a handler for HTTP (it exports wasi:cli/",
        ),
        (wasm_files.component(exports=[wasm_files.NEXT_HANDLER]), "wasi:http/handler@0.3, which needs Spin 4"),
        (wasm_files.core_module(), "is a core module without a handler for HTTP"),
        (wasm_files.component() + wasm_files.custom("aot", ELF), "ELF for amd64 in a custom section"),
    ],
)
def test_what_the_runtime_cannot_run_is_refused(app: Path, wasm: bytes, said: str) -> None:
    (app / "target/nonce.wasm").write_bytes(wasm)
    assert said in refusal(app)


@pytest.mark.parametrize(
    ("wasm", "executor"),
    [
        (wasm_files.component(exports=["wasi:http/incoming-handler@0.2.6"]), "http"),
        (wasm_files.component(exports=["wasi:http/incoming-handler@0.2.0-rc-2023-11-10"]), "http"),
        (wasm_files.component(exports=["fermyon:spin/inbound-http"]), "spin"),
        (wasm_files.core_module(["wasi:http/incoming-handler@0.2.0#handle"]), "http"),
        (wasm_files.core_module(), "wagi"),
    ],
)
def test_what_the_runtime_can_run_is_packed(app: Path, wasm: bytes, executor: str) -> None:
    text = MANIFEST.replace('route = "/..."', f'route = "/..."\nexecutor = {{ type = "{executor}" }}')
    assert packed(write_app(app, text, wasm))


def test_a_component_is_no_command(app: Path) -> None:
    text = MANIFEST.replace('route = "/..."', 'route = "/..."\nexecutor = { type = "wagi" }')
    assert "is a component, and its executor is wagi" in refusal(write_app(app, text))


def test_a_trigger_that_no_runtime_of_a_cluster_has(app: Path) -> None:
    text = MANIFEST.replace('[[trigger.http]]\nroute = "/..."', "[[trigger.cron]]")
    assert "called by a trigger of type 'cron', which runtimes of clusters do not have" in refusal(write_app(app, text))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ('["away.txt"]', "away.txt: does not exist"),
        ('["static"]', 'static: is a directory; write "static/**/*"'),
        ('["../outside.txt"]', "lies outside of the application's directory"),
        ('[{ source = "static/small.txt", destination = "/" }]', "its destination names none"),
        ('[{ source = "static", destination = "/../x" }]', "write a path without .."),
    ],
)
def test_files_that_cannot_be_mounted(app: Path, files: str, said: str) -> None:
    (app.parent / "outside.txt").write_text("secret of the machine")
    text = MANIFEST.replace('["static/*", { source = "data", destination = "/var" }]', files)
    assert said in refusal(write_app(app, text))


def test_a_link_does_not_lead_out(app: Path) -> None:
    (app.parent / "outside.txt").write_text("secret of the machine")
    (app / "static/link.txt").symlink_to(app.parent / "outside.txt")
    assert "lies outside of the application's directory" in refusal(app)


def test_a_missing_component(app: Path) -> None:
    (app / "target/nonce.wasm").unlink()
    assert "target/nonce.wasm: does not exist; build the component first, or correct the path" in refusal(app)


def test_a_source_elsewhere_is_checked_by_its_digest(app: Path) -> None:
    right = wasm_files.component(filling=b"from afar")

    def fetched(content: bytes) -> Artifact:
        source = f'source = {{ url = "https://example.org/a.wasm", digest = "{digest(right)}" }}'
        manifest = load_manifest(write_app(app, MANIFEST.replace('source = "target/nonce.wasm"', source)))
        return pack(manifest, AppContent(manifest, app, fetch=lambda url: content))

    assert fetched(right).layers[0].data == right
    with pytest.raises(ContentInvalid, match=r"https://example.org/a.wasm has the digest .*, announced is .*; check"):
        fetched(wasm_files.component())


def test_too_many_files_for_a_registry(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact, "MOST_CONTENT_LAYERS", 2)
    assert "needs 3 layers, registries take 2" in refusal(app)


def test_dependencies_are_not_passed_over(app: Path) -> None:
    text = MANIFEST + '[component.nonce.dependencies]\n"a:b/c" = "1.0"\n'
    assert "has dependencies, which are not composed here" in refusal(write_app(app, text))


@pytest.mark.parametrize("broken", [b"", b"\0asm", b"\0asm\x0d\x00\x01\x00\x0a" + b"\xff" * 11])
def test_broken_files_end_in_one_line(app: Path, broken: bytes) -> None:
    (app / "target/nonce.wasm").write_bytes(broken)
    assert refusal(app)


def test_annotations_and_names_may_be_any_text(app: Path) -> None:
    made = packed(write_app(app, MANIFEST.replace("answers a digest", "größer \\u0000")))
    content: Any = json.loads(made.manifest)
    assert content["annotations"]["org.opencontainers.image.description"] == "größer \0"
