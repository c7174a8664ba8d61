# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calling a module as Ansible does: arguments in, one JSON object out."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

from ansible_collections.homelab.talos.plugins.module_utils._module import connection, talos_module
from ansible_collections.homelab.talos.plugins.module_utils.talos import secrets_bundle, waiting
from ansible_collections.homelab.talos.plugins.module_utils.talos.talosconfig import Credentials, render_talosconfig
from ansible_collections.homelab.talos.plugins.modules import spin_app
from ansible_collections.homelab.talos.tests.support import stand_in_tailnet
from ansible_collections.homelab.talos.tests.support.kubernetes_objects import IMAGE, FakeCluster, serve
from ansible_collections.homelab.talos.tests.support.stand_in_tailnet import (
    TOKEN,
    HeadscaleApi,
    StandInDevice,
    StandInServer,
    TailscaleApi,
)
from ansible_collections.homelab.talos.tests.unit.plugins.fake_node import FakeNode, FakeWorld

RunModule = Callable[..., dict[str, Any]]
REAL_PACE = waiting.Pace
# What Ansible adds to a result, and what the one place for errors adds to a failure.
OF_ANSIBLE = ("changed", "diff", "invocation", "uid", "gid", "owner", "group", "mode", "size", "state", "secontext")
OF_FAILURES = ("msg", "failed", "node", "method", "code", "cause", "remedy", "path", "awaited", "last")


def undocumented(module: ModuleType, result: dict[str, Any]) -> list[str]:
    """Return how a result differs from the documented return values."""
    documented = yaml.safe_load(module.RETURN)
    failed = "msg" in result
    allowed = {*documented, *OF_ANSIBLE, *(OF_FAILURES if failed else ())}
    problems = [f"{key} is returned but not documented" for key in result if key not in allowed]
    for key, entry in documented.items():
        if not failed and entry["returned"] == "success" and key not in result:
            problems.append(f"{key} is documented but not returned")
        if key in result:
            problems.extend(wrong_type(key, entry, result[key]))
    return problems


def wrong_type(key: str, entry: dict[str, Any], value: Any) -> list[str]:
    """Return how a value differs from its documented type; keys of a list of dicts must be documented too."""
    kinds: dict[str, type[Any]] = {"str": str, "int": int, "bool": bool, "float": float, "list": list, "dict": dict}
    if not isinstance(value, kinds[entry["type"]]):
        return [f"{key} is {type(value).__name__}, documented as {entry['type']}"]
    names = {name for item in value if isinstance(item, dict) for name in item} if "contains" in entry else set()
    return [f"{key}[].{name} is not documented" for name in sorted(names - set(entry.get("contains", ())))]


@pytest.fixture
def run_module(capsys: pytest.CaptureFixture[str]) -> RunModule:
    """Return a function that runs ``main()`` of a module; the result has ``exit_status`` besides what was printed."""

    def run(module: ModuleType, check_mode: bool = False, diff: bool = False, **params: Any) -> dict[str, Any]:
        arguments = {**params, "_ansible_check_mode": check_mode, "_ansible_diff": diff}
        with patch_module_args(arguments), pytest.raises(SystemExit) as ended:
            module.main()
        printed = capsys.readouterr()
        result: dict[str, Any] = json.loads(printed.out)
        assert printed.err == ""
        if "msg" in result:
            assert "\n" not in result["msg"], "messages are one line"
        assert undocumented(module, result) == []
        return {**result, "exit_status": ended.value.code or 0}

    return run


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime.datetime], None]:
    """Return a function that sets the clock of the modules."""

    def set_clock(moment: datetime.datetime) -> None:
        monkeypatch.setattr(talos_module.TalosModule, "now", lambda self: moment)

    return set_clock


@pytest.fixture(scope="session")
def bundle() -> dict[str, Any]:
    """Return the secrets bundle of one cluster (a short service account key keeps it quick)."""
    return secrets_bundle.generate(service_account_bits=2048)


@pytest.fixture(scope="session")
def other_bundle() -> dict[str, Any]:
    """Return the secrets bundle of another cluster."""
    return secrets_bundle.generate(service_account_bits=2048)


@pytest.fixture
def bundle_path(tmp_path: Path, bundle: dict[str, Any]) -> Path:
    """Return the path of a bundle on disk."""
    path = tmp_path / "secrets.yaml"
    path.write_text(secrets_bundle.dump(bundle))
    path.chmod(0o600)
    return path


@pytest.fixture
def talosconfig(tmp_path: Path, bundle: dict[str, Any]) -> Path:
    """Return the path of an administrator's client configuration."""
    path = tmp_path / "talosconfig"
    pair = secrets_bundle.issue_client(bundle)
    ca = secrets_bundle.authority(bundle, "os").crt
    path.write_text(render_talosconfig("home", "os:admin", ["198.18.1.11"], [], Credentials(ca, pair.crt, pair.key)))
    return path


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    """Return a network of fake nodes that modules reach instead of the real one; time passes only in name."""
    made = FakeWorld()
    monkeypatch.setattr(connection, "Client", made.client)
    now = [0.0]

    async def pause(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(waiting, "Pace", lambda: REAL_PACE(clock=lambda: now[0], pause=pause))
    return made


@pytest.fixture(params=["headscale", "tailscale"])
def tailnet(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StandInServer]:
    """Yield a coordination server of each kind in turn, in whose tailnet gw1 advertises the networks of a cluster."""
    api = HeadscaleApi() if request.param == "headscale" else TailscaleApi()
    with stand_in_tailnet.serve(api, tmp_path) as running:
        running.tailnet.devices.append(StandInDevice("7", "gw1", advertised=["10.96.0.0/12", "10.244.0.0/16"]))
        yield running


@pytest.fixture
def reach(tailnet: StandInServer) -> dict[str, Any]:
    """Return the options with which modules reach that server."""
    kind = "headscale" if "HeadscaleApi" in tailnet.ca_file.name else "tailscale"
    return {"server": kind, "url": tailnet.url, "token": TOKEN, "ca_file": str(tailnet.ca_file)}


def snapshot(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Return mode and content of every file below a directory, to prove that nothing was written."""
    return {
        str(path.relative_to(directory)): (path.stat().st_mode, path.read_bytes())
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def files_in() -> Callable[[Path], dict[str, tuple[int, bytes]]]:
    """Return the function that takes a snapshot of a directory."""
    return snapshot


@pytest.fixture
def node(world: FakeWorld) -> FakeNode:
    """Return the worker w1, which the options lead to."""
    made = FakeNode("198.18.1.12")
    world.nodes[made.address] = made
    return made


@pytest.fixture
def options(talosconfig: Path) -> dict[str, Any]:
    """Return the options of a module that acts on w1."""
    return {"endpoint": "198.18.1.12", "name": "w1", "talosconfig": str(talosconfig), "wait_timeout": 20}


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    """Return a Kubernetes cluster that plays its controllers."""
    with serve(FakeCluster()) as running:
        yield running


@pytest.fixture
def call(run_module: RunModule, cluster: FakeCluster, tmp_path: Path) -> RunModule:
    """Return a function that runs a module for the Spin application nonce, ``spin_app`` unless another is given."""
    path = tmp_path / "kubeconfig"

    def run(
        module: ModuleType = spin_app, check_mode: bool = False, diff: bool = False, **params: Any
    ) -> dict[str, Any]:
        path.write_text(cluster.kubeconfig())
        given = {"kubeconfig": str(path), "name": "nonce", **params}
        return run_module(module, check_mode=check_mode, diff=diff, **given)

    return run


@pytest.fixture
def deploy(call: RunModule) -> RunModule:
    """Return a function that deploys it."""
    return lambda **params: call(**{"image": IMAGE, **params})
