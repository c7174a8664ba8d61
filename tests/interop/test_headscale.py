# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of headscale against the real program: what the stand-in of the unit tests says must be what it says.

The server listens on a loopback address. Its device is made through its own debugging API: nobody connects, so nothing
is advertised. What a connected device advertises and serves is for scenarios with a real one.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.lab.engine.ensure import ensure_engine, print_progress
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.connect import Settings, connect
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.errors import TailnetError
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.model import KeyWish, device_called
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.server import CoordinationServer
from ansible_collections.homelab.talos.plugins.module_utils.talos import pki

ROUTES = ("10.96.0.0/12", "10.244.0.0/16")
LIMIT_SECONDS = 30.0
POLICY = {"tagOwners": {"tag:k8s": ["lab@"]}, "acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port of the loopback address that nobody has now."""
    with socket.socket(socket.AF_INET, kind) as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def configuration(directory: Path, port: int) -> dict[str, Any]:
    """Return the configuration of a server that asks nobody."""
    return {
        "server_url": f"https://127.0.0.1:{port}",
        "listen_addr": f"127.0.0.1:{port}",
        "metrics_listen_addr": f"127.0.0.1:{free_port()}",
        "grpc_listen_addr": f"127.0.0.1:{free_port()}",
        "noise": {"private_key_path": str(directory / "noise.key")},
        "prefixes": {"v4": "100.96.0.0/16", "allocation": "sequential"},
        "derp": {
            "server": {
                "enabled": True,
                "region_id": 999,
                "region_code": "here",
                "region_name": "here",
                "stun_listen_addr": f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}",
                "private_key_path": str(directory / "derp.key"),
                "automatically_add_embedded_derp_region": True,
            },
            "urls": [],
            "paths": [],
            "auto_update_enabled": False,
        },
        "disable_check_updates": True,
        "database": {"type": "sqlite", "sqlite": {"path": str(directory / "db.sqlite")}},
        "tls_cert_path": str(directory / "server.crt"),
        "tls_key_path": str(directory / "server.key"),
        "policy": {"mode": "file", "path": str(directory / "policy.json")},
        "dns": {"magic_dns": True, "base_domain": "tailnet.test", "override_local_dns": False},
        "unix_socket": str(directory / "headscale.sock"),
        "unix_socket_permission": "0700",
        "logtail": {"enabled": False},
    }


@dataclass
class Server:
    """A running headscale."""

    program: str
    directory: Path
    port: int
    token: str = ""

    @property
    def url(self) -> str:
        """Its URL."""
        return f"https://127.0.0.1:{self.port}"

    def ask(self, *words: str) -> Any:
        """Return what its own command line says."""
        command = [self.program, *words, "--config", str(self.directory / "config.yaml"), "--output", "json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
        assert done.returncode == 0, (done.stderr or done.stdout).strip()
        return json.loads(done.stdout)

    def add_device(self, name: str) -> None:
        """Register a device."""
        key = f"hskey-authreq-{secrets.token_urlsafe(18)}"
        self.ask("debug", "create-node", "--user", "lab", "--name", name, "--key", key)
        self.ask("auth", "register", "--user", "lab", "--auth-id", key)


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server is ready."""
    ends = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert process.poll() is None, log.read_text()[-2000:]
        assert time.monotonic() < ends, f"headscale does not answer: {log.read_text()[-2000:]}"
        # sleep: the poll of a wait with a limit
        time.sleep(0.1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a running server with a user and an API key."""
    directory = tmp_path_factory.mktemp("headscale")
    program = str(ensure_engine(print_progress, optional=("headscale",)).path("headscale"))
    authority = pki.create_ca("ecdsa", "interop")
    leaf = pki.issue(authority, ("server",), "headscale", sans=("127.0.0.1",))
    for name, data in (("ca.crt", authority.crt), ("server.crt", leaf.crt), ("server.key", leaf.key)):
        (directory / name).write_bytes(data)
    made = Server(program, directory, free_port())
    (directory / "policy.json").write_text(json.dumps(POLICY))
    (directory / "config.yaml").write_text(yaml.safe_dump(configuration(directory, made.port)))
    log = directory / "log"
    with log.open("wb") as output:
        command = [program, "serve", "--config", str(directory / "config.yaml")]
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        until(lambda: answers(made), process, log)
        made.ask("users", "create", "lab")
        made.token = str(made.ask("apikeys", "create", "--expiration", "1h"))
        made.add_device("gw1")
        yield made
    finally:
        process.terminate()
        process.wait(LIMIT_SECONDS)


def answers(server: Server) -> bool:
    """Return whether the server answers its own command line."""
    with contextlib.suppress(AssertionError, ValueError, subprocess.TimeoutExpired):
        server.ask("health")
        return True
    return False


@pytest.fixture
def client(server: Server) -> CoordinationServer:
    """Return the client that is tried."""
    return connect(Settings("headscale", server.url, server.token, ca_file=str(server.directory / "ca.crt")))


def test_a_device_that_never_connected(client: CoordinationServer) -> None:
    device = device_called(client.devices(), "gw1")
    assert (device.online, device.advertised, device.approved, device.serving) == (False, (), (), ())
    assert device.key_expires is None
    assert device.addresses[0].startswith("100.96.")


def test_routes_are_approved_and_withdrawn(client: CoordinationServer, server: Server) -> None:
    device = device_called(client.devices(), "gw1")
    client.approve_routes(device.id, list(ROUTES))
    assert set(device_called(client.devices(), "gw1").approved) == set(ROUTES)
    (listed,) = [node for node in server.ask("nodes", "list-routes") if str(node["id"]) == device.id]
    assert set(listed["approved_routes"]) == set(ROUTES)
    client.approve_routes(device.id, [])
    assert device_called(client.devices(), "gw1").approved == ()


def test_a_key_is_made_recognised_and_revoked(client: CoordinationServer) -> None:
    made = client.create_key(KeyWish(("tag:k8s",), 600))
    assert made.secret.startswith("hskey-auth-")
    assert (made.tags, made.reusable, made.ephemeral) == (("tag:k8s",), False, False)
    (known,) = [key for key in client.auth_keys() if client.is_about(key, made.secret)]
    assert known.id == made.id
    assert made.created is not None
    assert known.unusable(made.created) == ""
    client.revoke_key(made.id)
    (revoked,) = [key for key in client.auth_keys() if key.id == made.id]
    assert revoked.expires is not None
    assert revoked.unusable(revoked.expires)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda client: client.approve_routes("404", []), "refuses POST|answers POST|has no"),
        (lambda client: client.create_key(KeyWish(("k8s",), 600)), "refuses POST|answers POST"),
    ],
)
def test_what_the_server_refuses_is_one_line(client: CoordinationServer, call: Any, words: str) -> None:
    with pytest.raises(TailnetError, match=words) as caught:
        call(client)
    assert "\n" not in str(caught.value)


def test_a_wrong_token_and_a_wrong_authority(server: Server, tmp_path: Path) -> None:
    ca_file = str(server.directory / "ca.crt")
    with pytest.raises(TailnetError, match="refuses the token"):
        connect(Settings("headscale", server.url, "hskey-api-wrong", ca_file=ca_file)).devices()
    (tmp_path / "other.crt").write_bytes(pki.create_ca("ecdsa", "other").crt)
    with pytest.raises(TailnetError, match="certificate of the server is not trusted"):
        connect(Settings("headscale", server.url, server.token, ca_file=str(tmp_path / "other.crt"))).devices()
