# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection talos:// on a node that is made of plain data."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import testinfra.backend
import testinfra.host

from ansible_collections.homelab.talos.plugins.module_utils.talos.resource import Resource
from ansible_collections.homelab.talos.plugins.plugin_utils import testinfra_talos
from ansible_collections.homelab.talos.plugins.plugin_utils.testinfra_talos import TalosBackend, register

DIRECTORY, SYMLINK = 1 << 31, 1 << 27


class FakeApi:
    """A node as TalosApi shows it; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.running: dict[str, dict[str, Any]] = {
            "kubelet": {"state": "Running", "healthy": True, "message": "ok"},
            "ext-tailscale": {"state": "Waiting", "healthy": None, "message": "Waiting for configuration"},
        }
        self.stored: dict[tuple[str, str], dict[str, Any]] = {
            ("runtime", "MachineStatuses.runtime.talos.dev"): {
                "machine": {
                    "stage": "booting",
                    "status": {"ready": False, "unmetConditions": [{"name": "nodeReady", "reason": "not ready"}]},
                }
            },
            ("config", "MachineTypes.config.talos.dev"): {"machine-type": "worker"},
            ("runtime", "ExtensionStatuses.runtime.talos.dev"): {
                "0": {"metadata": {"name": "drbd", "version": "9.3.2-v1.13.9"}},
                "1": {"metadata": {"name": "schematic", "version": "abc"}},
            },
            ("cluster", "Members.cluster.talos.dev"): {
                "cp1": {"addresses": ["198.18.1.11"], "machineType": "controlplane"}
            },
            ("network", "LinkStatuses.net.talos.dev"): {
                "lo": {"mtu": 65536},
                "eth0": {"mtu": 1500, "speedMbit": 10000},
            },
            ("network", "AddressStatuses.net.talos.dev"): {
                "eth0/198.18.1.11/24": {"address": "198.18.1.11/24", "linkName": "eth0", "family": "inet4"},
                "eth0/fe80::1/64": {"address": "fe80::1/64", "linkName": "eth0", "family": "inet6"},
                "lo/127.0.0.1/8": {"address": "127.0.0.1/8", "linkName": "lo", "family": "inet4"},
            },
            ("network", "RouteStatuses.net.talos.dev"): {
                "a": {
                    "dst": "",
                    "gateway": "198.18.1.1",
                    "family": "inet4",
                    "outLinkName": "eth0",
                    "table": "main",
                    "priority": 1024,
                    "scope": "global",
                    "protocol": "static",
                },
                "b": {
                    "dst": "198.18.1.11/32",
                    "gateway": "",
                    "family": "inet4",
                    "outLinkName": "eth0",
                    "table": "local",
                    "scope": "host",
                },
            },
        }

    def services(self) -> dict[str, Any]:
        self.asked += 1
        return self.running

    def version(self) -> dict[str, str]:
        return {"tag": "v1.13.9", "os": "linux", "arch": "amd64"}

    def resources(self, namespace: str, kind: str) -> list[Resource]:
        return [
            Resource(namespace, kind, key, spec=spec) for key, spec in self.stored.get((namespace, kind), {}).items()
        ]

    def resource(self, namespace: str, kind: str, id: str) -> Resource:
        return Resource(namespace, kind, id, spec=self.stored[namespace, kind][id])

    def files(self, path: str, depth: int = 0) -> list[dict[str, Any]]:
        base = {"size": 5, "modified": 1700000000, "link": "", "uid": 0, "gid": 0, "error": "", "is_dir": False}
        if path == "/etc/hosts":
            return [{**base, "name": path, "relative_name": ".", "mode": 0o644}]
        if path == "/etc":
            own = {**base, "name": path, "relative_name": ".", "mode": DIRECTORY | 0o755}
            return [own, {**base, "name": "/etc/hosts", "relative_name": "hosts", "mode": 0o644}]
        if path == "/bin":
            return [{**base, "name": path, "relative_name": ".", "mode": SYMLINK | 0o777, "link": "usr/bin"}]
        return []

    def read(self, path: str) -> bytes:
        return b"one\ntwo\n"

    def processes(self) -> list[dict[str, Any]]:
        one = {"state": "S", "threads": 3, "executable": "/usr/bin/kubelet", "resident_memory": 2048}
        return [
            {**one, "pid": 7, "ppid": 1, "command": "kubelet", "args": "kubelet --v 2"},
            {**one, "pid": 8, "ppid": 1, "command": "apid", "args": "apid"},
        ]

    def mounts(self) -> list[dict[str, Any]]:
        return [{"filesystem": "/dev/vda6", "mounted_on": "/var", "size": 10, "available": 4}]

    def listening(self) -> list[dict[str, Any]]:
        return [{"protocol": "tcp6", "address": "::", "port": 50000}]


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def host(api: FakeApi) -> Any:
    return host_of("node1", api)


def host_of(name: str, api: Any) -> Any:
    """Return a testinfra host whose backend reads from ``api``, made as testinfra makes it."""
    backend = TalosBackend(name)
    backend.api = api
    host = testinfra.host.Host(backend)
    backend.set_host(host)
    return host


def test_registration_is_where_testinfra_looks() -> None:
    register()
    assert testinfra.backend.get_backend_class("talos") is TalosBackend


def test_a_host_without_inventory_is_an_address() -> None:
    register()
    backend = testinfra.backend.get_backend("talos://198.18.1.11")
    assert backend.get_pytest_id() == "talos://198.18.1.11"
    assert backend.api.endpoint == "198.18.1.11"  # type: ignore[attr-defined]


def test_missing_testinfra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testinfra_talos, "TESTINFRA_IMPORT_ERROR", ImportError("no"))
    with pytest.raises(Exception, match="pytest-testinfra is not installed"):
        register()


def inventory(path: Path, address: str) -> str:
    file = path / "hosts.yml"
    file.write_text(
        f"all: {{children: {{compute: {{hosts: {{node1: {{talos_address: '{address}'}}, node2: {{}}}}}}}}}}"
    )
    return str(file)


def test_hosts_and_addresses_come_from_the_inventory(tmp_path: Path) -> None:
    register()
    path = inventory(tmp_path, "198.18.1.12")
    backends = testinfra.backend.get_backends([None], connection="talos", ansible_inventory=path)  # type: ignore[list-item]
    assert {backend.get_hostname(): backend.api.endpoint for backend in backends} == {  # type: ignore[attr-defined]
        "node1": "198.18.1.12",
        "node2": "node2",
    }


def test_a_template_as_address_is_refused(tmp_path: Path) -> None:
    register()
    path = inventory(tmp_path, "{{ subnet }}.12")
    with pytest.raises(RuntimeError, match="node1: talos_address is a template"):
        testinfra.backend.get_backends(["node1"], connection="talos", ansible_inventory=path)


def test_no_hosts_at_all_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="needs hosts"):
        TalosBackend.get_hosts(None)


def test_there_is_no_shell(host: Any) -> None:
    with pytest.raises(NotImplementedError, match="talos://node1 is a Talos node: it has no shell"):
        host.run("true")
    with pytest.raises(NotImplementedError):
        assert host.user("root").exists


def test_service(host: Any) -> None:
    assert host.service("kubelet").is_running
    assert host.service("kubelet").is_healthy
    assert not host.service("ext-tailscale").is_running
    assert host.service("ext-tailscale").is_healthy is None
    assert host.service("ext-tailscale").message == "Waiting for configuration"
    assert host.service.names() == ["ext-tailscale", "kubelet"]


def test_a_service_that_is_not_there(host: Any) -> None:
    assert not host.service("nope").exists
    assert not host.service("nope").is_running
    with pytest.raises(KeyError, match="node1: no service nope"):
        assert host.service("nope").message


def test_nothing_is_remembered(host: Any, api: FakeApi) -> None:
    service = host.service("kubelet")
    assert service.is_running
    api.running["kubelet"]["state"] = "Finished"
    assert not service.is_running
    assert api.asked == 2


def test_file(host: Any) -> None:
    file = host.file("/etc/hosts")
    assert file.exists
    assert file.is_file
    assert not file.is_directory
    assert (file.mode, file.size, file.uid, file.gid) == (0o644, 5, 0, 0)
    assert file.content_string == "one\ntwo\n"
    assert file.contains("^two$")
    assert not file.contains("three")
    assert file.sha256sum == hashlib.sha256(b"one\ntwo\n").hexdigest()


def test_directory_and_link(host: Any) -> None:
    assert host.file("/etc").is_directory
    assert not host.file("/etc").is_file
    assert host.file("/etc").listdir() == ["hosts"]
    assert host.file("/bin").is_symlink
    assert host.file("/bin").linked_to == "usr/bin"


def test_a_missing_file(host: Any) -> None:
    assert not host.file("/nope").exists
    assert not host.file("/nope").is_file
    with pytest.raises(FileNotFoundError, match="node1: /nope does not exist"):
        assert host.file("/nope").size


def test_interface(host: Any) -> None:
    eth0 = host.interface("eth0")
    assert eth0.exists
    assert not host.interface("eth1").exists
    assert host.interface.names() == ["eth0", "lo"]
    assert eth0.addresses == ["198.18.1.11", "fe80::1"]
    assert host.interface("eth0", "inet").prefixes == ["198.18.1.11/24"]
    assert eth0.speed == 10000
    assert host.interface.default().name == "eth0"
    assert host.interface.default("inet6") is None


def test_routes_are_those_of_the_main_table(host: Any) -> None:
    wanted = {"dst": "default", "gateway": "198.18.1.1", "metric": 1024, "scope": "global", "protocol": "static"}
    assert host.interface("eth0").routes() == [wanted]
    assert host.interface("eth0").routes("link") == []
    assert host.interface("lo").routes() == []


def test_process(host: Any) -> None:
    assert host.process.get(comm="kubelet").pid == 7
    assert [process.args for process in host.process.filter(ppid=1)] == ["kubelet --v 2", "apid"]
    with pytest.raises(RuntimeError, match="No process found"):
        host.process.get(comm="nope")


def test_mount_point(host: Any) -> None:
    assert host.mount_point("/var").exists
    assert host.mount_point("/var").device == "/dev/vda6"
    assert not host.mount_point("/nope").exists
    with pytest.raises(NotImplementedError, match="does not tell the type"):
        assert host.mount_point("/var").filesystem


def test_socket(host: Any) -> None:
    assert host.socket("tcp://50000").is_listening
    assert not host.socket("tcp://22").is_listening
    with pytest.raises(NotImplementedError, match="tells only its listening"):
        assert host.socket("unix:///run/x").is_listening


def test_package_is_an_extension(host: Any) -> None:
    assert host.package("drbd").is_installed
    assert host.package("drbd").version == "9.3.2-v1.13.9"
    assert not host.package("schematic").is_installed


def test_system_info(host: Any) -> None:
    info = host.system_info
    assert (info.type, info.distribution, info.release, info.arch) == ("linux", "talos", "v1.13.9", "amd64")


def test_talos(host: Any) -> None:
    talos = host.talos
    assert talos.stage == "booting"
    assert not talos.ready
    assert talos.unmet_conditions == {"nodeReady": "not ready"}
    assert talos.machine_type == "worker"
    assert talos.extensions == {"drbd": "9.3.2-v1.13.9"}
    assert talos.services == {"kubelet": "Running", "ext-tailscale": "Waiting"}
    assert set(talos.members) == {"cp1"}
    assert talos.resource("network", "LinkStatuses.net.talos.dev", "lo").spec == {"mtu": 65536}
    assert talos.resources("network", "Nope.net.talos.dev") == []


def test_modules_do_not_leak_between_hosts() -> None:
    first = host_of("a", SimpleNamespace(services=lambda: {"x": {"state": "Running"}}))
    second = host_of("b", SimpleNamespace(services=dict))
    assert first.service("x").exists
    assert not second.service("x").exists
