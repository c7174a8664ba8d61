# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The coordination server of a tailnet: headscale, with its own relay (DERP), for labs without the Internet.

Source: juanfont/headscale:config-example.yaml, cmd/headscale/cli.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.last_line import last_line
from ansible_collections.homelab.talos.lab.machined.interfaces import Command, Runtime
from ansible_collections.homelab.talos.lab.programs.files import write_file
from ansible_collections.homelab.talos.lab.services.description import ServiceDescription
from ansible_collections.homelab.talos.lab.services.kind import CERTIFICATE, KEY, Place
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.addresses import TAILNET

#: The part of the tailnet range that nodes get addresses from; CozyStack's join network is at its beginning.
DEFAULT_PREFIX = "100.96.0.0/16"
DEFAULT_USER = "lab"
BASE_DOMAIN = "tailnet.test"
_OPTIONS = {"prefix", "user", "policy", "nameservers", "split_dns"}
_PROGRAM = "/opt/engine/headscale"
_CONFIG, _POLICY, _STATE = "/etc/headscale/config.yaml", "/etc/headscale/policy.json", "/var/lib/headscale"
_API_KEY_LIFETIME, _CLIENT_KEY_LIFETIME = "90d", "24h"


class Headscale:
    """A coordination server.

    Options: ``prefix`` (addresses of the tailnet, a part of 100.64.0.0/10), ``user`` (owner of what joins without
    tags), ``policy`` (as headscale takes it), ``nameservers`` (addresses), ``split_dns`` (domain -> addresses).
    """

    programs: Sequence[str] = ("headscale", "containerboot", "tailscaled", "tailscale")
    after: Sequence[str] = ()

    def check(self, service: ServiceDescription, services: Sequence[ServiceDescription]) -> None:
        """Refuse unknown options and a prefix outside of the tailnet's range."""
        for key in sorted(set(service.options) - _OPTIONS):
            known = ", ".join(sorted(_OPTIONS))
            raise LabError(f"service {service.name}: option {key!r} is not known", f"headscale has {known}")
        prefix = str(service.options.get("prefix", DEFAULT_PREFIX))
        try:
            inside = ipaddress.IPv4Network(prefix).subnet_of(TAILNET)  # type: ignore[arg-type]
        except ValueError as error:
            raise LabError(f"service {service.name}: prefix {prefix}: {error}", f"give a part of {TAILNET}") from None
        if not inside:
            raise LabError(f"service {service.name}: prefix {prefix} is not in {TAILNET}", "choose a part of it")

    def prepare(self, place: Place) -> Command:
        """Write configuration and policy."""
        place.write(_CONFIG, yaml.safe_dump(_config(place)))
        place.write(_POLICY, json.dumps(place.options.get("policy") or _everything(place), indent=1))
        (place.directory / _STATE.lstrip("/")).mkdir(mode=0o700, parents=True, exist_ok=True)
        return Command((_PROGRAM, "serve", "--config", _CONFIG))

    async def missing(self, place: Place, runtime: Runtime) -> str:
        """Wait until it answers, then have its user and an API key made once."""
        code, _output, errors = await _ask(runtime, "health")
        if code != 0:
            return f"it does not answer: {last_line(errors)}"
        users = await _users(runtime)
        user = str(place.options.get("user", DEFAULT_USER))
        if user not in users:
            code, _output, errors = await _ask(runtime, "users", "create", user)
            return f"no user {user}: {last_line(errors)}" if code else "its user was just made"
        key = place.directory / "api-key"
        if not key.exists():
            code, output, errors = await _ask(runtime, "apikeys", "create", "--expiration", _API_KEY_LIFETIME)
            if code != 0:
                return f"no API key: {last_line(errors)}"
            write_file(key, f"{json.loads(output)}\n", 0o600)
        return await _keys_for_clients(place, runtime, users[user])

    def published(self, place: Place) -> Mapping[str, str]:
        """Return its URL, the file with an API key, the addresses of the tailnet, the user."""
        return {
            "url": f"https://{place.address}",
            "api_key_file": str(place.directory / "api-key"),
            "prefix": str(place.options.get("prefix", DEFAULT_PREFIX)),
            "user": str(place.options.get("user", DEFAULT_USER)),
        }


async def _ask(runtime: Runtime, *words: str) -> tuple[int, bytes, bytes]:
    return await runtime.run([_PROGRAM, *words, "--config", _CONFIG, "--output", "json"], timeout=10)


async def _users(runtime: Runtime) -> dict[str, str]:
    """Return name -> id."""
    code, output, _errors = await _ask(runtime, "users", "list")
    return {str(user["name"]): str(user["id"]) for user in json.loads(output) or []} if code == 0 else {}


def client_key(directory: Path, client: str) -> Path:
    """Return where the server with that *directory* keeps the key with which a client of the lab joins."""
    return directory / f"key-{client}"


async def _keys_for_clients(place: Place, runtime: Runtime, user: str) -> str:
    """Make a key for each client of the lab that has none; return what is missing."""
    for client in place.services:
        path = client_key(place.directory, client.name)
        if client.kind != "tailnet-client" or path.exists():
            continue
        tags = [f"--tags={tag}" for tag in client.options.get("tags") or ()]
        words = ("preauthkeys", "create", "--user", user, "--expiration", _CLIENT_KEY_LIFETIME, *tags)
        code, output, errors = await _ask(runtime, *words)
        if code != 0:
            return f"no key for {client.name}: {last_line(errors)}"
        write_file(path, f"{json.loads(output)['key']}\n", 0o600)
    return ""


def _everything(place: Place) -> dict[str, Any]:
    """Return the policy without restrictions, in which the user may give away the tag of gateways."""
    owner = f"{place.options.get('user', DEFAULT_USER)}@"
    return {
        "tagOwners": {"tag:gateway": [owner]},
        "acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}],
    }


def _config(place: Place) -> dict[str, Any]:
    options = place.options
    return {
        "server_url": f"https://{place.address}",
        "listen_addr": "0.0.0.0:443",
        "metrics_listen_addr": "127.0.0.1:9090",
        "grpc_listen_addr": "127.0.0.1:50443",
        "noise": {"private_key_path": f"{_STATE}/noise_private.key"},
        "prefixes": {"v4": str(options.get("prefix", DEFAULT_PREFIX)), "allocation": "sequential"},
        "derp": {
            "server": {
                "enabled": True,
                "region_id": 999,
                "region_code": "lab",
                "region_name": "the lab's own relay",
                "verify_clients": True,
                "stun_listen_addr": "0.0.0.0:3478",
                "private_key_path": f"{_STATE}/derp_server_private.key",
                "automatically_add_embedded_derp_region": True,
                "ipv4": place.address,
            },
            "urls": [],
            "paths": [],
            "auto_update_enabled": False,
        },
        "disable_check_updates": True,
        "database": {"type": "sqlite", "sqlite": {"path": f"{_STATE}/db.sqlite", "write_ahead_log": True}},
        "tls_cert_path": CERTIFICATE,
        "tls_key_path": KEY,
        "log": {"level": "info", "format": "text"},
        "policy": {"mode": "file", "path": _POLICY},
        "dns": {
            "magic_dns": True,
            "base_domain": BASE_DOMAIN,
            "override_local_dns": False,
            "nameservers": {
                "global": list(options.get("nameservers") or ()),
                "split": dict(options.get("split_dns") or {}),
            },
        },
        "unix_socket": "/run/headscale/headscale.sock",
        "unix_socket_permission": "0700",
        "logtail": {"enabled": False},
    }
