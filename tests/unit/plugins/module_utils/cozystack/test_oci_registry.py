# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading from a registry, against one on the loopback interface."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.extension_list import LIST_FILE
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.oci_registry import RegistryReader
from ansible_collections.homelab.talos.tests.support.cozystack_tree import SHAPES, image_digests
from ansible_collections.homelab.talos.tests.support.image_builds import ADDED
from ansible_collections.homelab.talos.tests.support.stand_in_registry import StandInRegistry, serve

LIST = image_digests(SHAPES["v1.6.2"], *ADDED)


@pytest.fixture(params=[True, False], ids=["token", "open"])
def registry(request: pytest.FixtureRequest) -> Iterator[StandInRegistry]:
    stand_in = StandInRegistry(needs_token=request.param)
    stand_in.add_image("siderolabs/extensions", "v1.13.6", {LIST_FILE: LIST.encode()}, ["amd64"])
    with serve(stand_in) as running:
        yield running


def reader(registry: StandInRegistry) -> RegistryReader:
    return RegistryReader({"ghcr.io": registry.base_url}, timeout=10)


def test_the_list_of_a_talos_version_is_read(registry: StandInRegistry) -> None:
    listed = reader(registry).extension_list("v1.13.6")
    assert listed.reference("spin").tag == "v0.25.1"
    assert set(listed.references) >= {"drbd", "zfs", "spin", "tailscale"}


def test_architectures_and_digest_of_an_index(registry: StandInRegistry) -> None:
    digest = registry.add_image("siderolabs/spin", "v0.25.1", {}, ["amd64", "arm64"])
    asked = reader(registry)
    assert asked.architectures("ghcr.io/siderolabs/spin", digest) == ["amd64", "arm64"]
    assert asked.manifest("ghcr.io/siderolabs/spin", "v0.25.1")[1] == digest


def test_an_image_that_is_not_there_is_named(registry: StandInRegistry) -> None:
    with pytest.raises(BuildError, match="ghcr.io/siderolabs/extensions manifests/v9.9.9: there is no such image"):
        reader(registry).extension_list("v9.9.9")


def test_a_blob_with_another_content_is_refused(registry: StandInRegistry) -> None:
    registry.replace_blob("siderolabs/extensions", b"something else")
    with pytest.raises(BuildError, match="the registry sent sha256:.*do not use that registry"):
        reader(registry).extension_list("v1.13.6")


def test_a_list_image_without_the_list_is_refused(registry: StandInRegistry) -> None:
    registry.add_image("siderolabs/extensions", "v1.12.0", {"descriptions.yaml": b"{}"}, ["amd64"])
    with pytest.raises(BuildError, match="extensions:v1.12.0: holds no file image-digests"):
        reader(registry).extension_list("v1.12.0")


def test_a_registry_that_cannot_be_reached_is_named_with_what_to_do() -> None:
    nobody = RegistryReader({"ghcr.io": "http://127.0.0.1:9"}, timeout=2)
    with pytest.raises(BuildError, match="http://127.0.0.1:9 cannot be reached: .*; give a saved image-digests file"):
        nobody.extension_list("v1.13.6")


ANSWERS = {
    "no-http": b"220 mail.example.org ESMTP\r\n",
    "list": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    "cut-off": b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{}",
    "layers-of-numbers": b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"layers": [5]}'.replace(b"14", b"15"),
    "no-digest": b'HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{"manifests": [{}]}',
    "deep": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"[" * 100_000,
}


@pytest.mark.parametrize("name", ANSWERS)
def test_whatever_a_registry_sends_ends_in_one_line(name: str) -> None:
    """A server for one connection that sends something no registry should."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer_once, args=(server, ANSWERS[name]), daemon=True)
        thread.start()
        asked = RegistryReader({"ghcr.io": f"http://127.0.0.1:{server.getsockname()[1]}"}, timeout=30)
        with pytest.raises(BuildError, match=r"ghcr\.io/siderolabs/extensions.*; ") as error:
            asked.extension_list("v1.13.6")
        thread.join(10)
    assert "\n" not in str(error.value)


def _answer_once(server: socket.socket, answer: bytes) -> None:
    connection, _address = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(answer)
