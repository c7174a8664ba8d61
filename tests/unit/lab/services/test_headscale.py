# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""headscale and its clients: their files, what they wait for, what they make once."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.lab.services.description import ServiceDescription
from ansible_collections.homelab.talos.lab.services.headscale import Headscale
from ansible_collections.homelab.talos.lab.services.kind import Place
from ansible_collections.homelab.talos.lab.services.tailnet_client import TailnetClient

SERVER = ServiceDescription("hs", "headscale", "198.18.9.5", {"split_dns": {"cluster.local": ["10.96.0.10"]}})
CLIENT = ServiceDescription("laptop", "tailnet-client", "198.19.254.10", {"tags": ["tag:me"]})


class FakeRuntime:
    """Answers commands by their first words; what is not known does not answer."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = dict(answers)
        self.asked: list[str] = []

    async def run(self, argv: Sequence[str], timeout: float = 10) -> tuple[int, bytes, bytes]:
        words = " ".join(each for each in argv[1:] if not each.startswith("--socket"))
        self.asked.append(words)
        for start, answer in self.answers.items():
            if words.startswith(start):
                return 0, json.dumps(answer).encode(), b""
        return 1, b"", b"first\nconnection refused\n"


def place(tmp_path: Path, service: ServiceDescription) -> Place:
    return Place(service, tmp_path / service.name, (SERVER, CLIENT))


def missing(kind: Any, where: Place, runtime: FakeRuntime) -> str:
    return str(asyncio.run(kind.missing(where, runtime)))


def test_nothing_of_the_server_points_out_of_the_lab(tmp_path: Path) -> None:
    where = place(tmp_path, SERVER)
    command = Headscale().prepare(where)
    assert command.argv[1:] == ("serve", "--config", "/etc/headscale/config.yaml")
    config = yaml.safe_load((tmp_path / "hs/etc/headscale/config.yaml").read_text())
    assert config["server_url"] == "https://198.18.9.5"
    assert config["prefixes"]["v4"] == "100.96.0.0/16"
    assert (config["derp"]["urls"], config["derp"]["server"]["enabled"]) == ([], True)
    assert (config["disable_check_updates"], config["logtail"]["enabled"]) == (True, False)
    assert config["dns"]["nameservers"] == {"global": [], "split": {"cluster.local": ["10.96.0.10"]}}


def test_the_server_is_ready_with_its_user_and_its_keys(tmp_path: Path) -> None:
    where, kind = place(tmp_path, SERVER), Headscale()
    runtime = FakeRuntime({})
    assert missing(kind, where, runtime) == "it does not answer: connection refused"
    runtime.answers |= {"health": {}, "users create lab": {}, "users list": None}
    assert missing(kind, where, runtime) == "its user was just made"
    runtime.answers["users list"] = [{"id": "1", "name": "lab"}]
    assert missing(kind, where, runtime) == "no API key: connection refused"
    runtime.answers["apikeys create"] = "hskey-api-1"
    assert missing(kind, where, runtime) == "no key for laptop: connection refused"
    runtime.answers["preauthkeys create"] = {"key": "hskey-auth-2"}
    assert missing(kind, where, runtime) == ""
    assert "preauthkeys create --user 1 --expiration 24h --tags=tag:me" in runtime.asked[-1]
    key = Path(kind.published(where)["api_key_file"])
    assert key.read_text() == "hskey-api-1\n"
    for path in (key, where.directory / "key-laptop"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    asked = len(runtime.asked)
    assert missing(kind, where, runtime) == ""
    assert not [words for words in runtime.asked[asked:] if "create" in words], "keys are made once"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({}, "it does not answer: connection refused"),
        ({"status": {"BackendState": "Starting"}}, "its state is Starting"),
        ({"status": {"BackendState": "NeedsLogin"}}, "it cannot join: connection refused"),
        ({"status": {"BackendState": "NeedsLogin"}, "up": ""}, "it has just joined"),
        ({"status": {"BackendState": "Running"}}, ""),
    ],
)
def test_a_client_is_ready_when_it_has_joined(tmp_path: Path, answers: dict[str, Any], expected: str) -> None:
    assert missing(TailnetClient(), place(tmp_path, CLIENT), FakeRuntime(answers)) == expected


def test_a_client_joins_with_its_key_and_takes_routes(tmp_path: Path) -> None:
    server, where = place(tmp_path, SERVER), place(tmp_path, CLIENT)
    server.write("key-laptop", "hskey-auth-2\n", 0o600)
    command = TailnetClient().prepare(where)
    assert "--no-logs-no-support" in command.argv
    key = where.directory / "etc/lab/auth-key"
    assert (key.read_text(), stat.S_IMODE(key.stat().st_mode)) == ("hskey-auth-2\n", 0o600)
    runtime = FakeRuntime({"status": {"BackendState": "NeedsLogin"}})
    missing(TailnetClient(), where, runtime)
    up = runtime.asked[-1].split()
    assert {"--login-server=https://198.18.9.5", "--auth-key=file:/etc/lab/auth-key", "--accept-routes=true"} <= set(up)
