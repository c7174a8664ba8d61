# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of a node, with and without the role that may read all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from grpclib import GRPCError, Status

from ansible_collections.homelab.talos.plugins.module_utils.talos import errors, node_state
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message
from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.tests.support.certificates import Authority
from ansible_collections.homelab.talos.tests.support.talos_api import Answer, ApiServer
from ansible_collections.homelab.talos.tests.unit.plugins.module_utils.talos.test_client import with_client

StartNode = Callable[..., ApiServer]

RESOURCES: dict[tuple[str, str], dict[str, str]] = {
    ("runtime", "MachineStatuses.runtime.talos.dev"): {
        "machine": "stage: booting\nstatus:\n  ready: false\n  unmetConditions:\n"
        "    - name: services\n      reason: etcd not running\n"
    },
    ("runtime", "ExtensionStatuses.runtime.talos.dev"): {
        "000.ghcr.io-siderolabs-tailscale-1.102.2": "image: 0\nmetadata:\n  name: tailscale\n  version: 1.102.2\n",
        "001.ghcr.io-siderolabs-spin-v0.25.1": "image: 001.sqsh\nmetadata:\n  name: spin\n  version: v0.25.1\n",
        "002": "image: 002.sqsh\nmetadata:\n  name: schematic\n  version: 0011aa\n",
    },
    ("cluster", "Members.cluster.talos.dev"): {
        "cp1": "nodeId: a\nhostname: cp1\nmachineType: controlplane\noperatingSystem: Talos (v1.13.9)\n"
        "addresses:\n  - 198.18.1.11\n"
    },
    ("network", "LinkStatuses.net.talos.dev"): {
        "eth0": "type: ether\nmtu: 1500\nhardwareAddr: 02:00:00:00:00:01\noperationalState: up\nlinkState: true\n"
    },
    ("network", "AddressStatuses.net.talos.dev"): {
        "eth0/198.18.1.11/24": "address: 198.18.1.11/24\nlinkName: eth0\nfamily: inet4\nscope: global\n"
    },
    ("network", "RouteStatuses.net.talos.dev"): {
        "inet4/198.18.1.1//1024": 'family: inet4\ndst: ""\ngateway: 198.18.1.1\noutLinkName: eth0\npriority: 1024\n'
    },
    ("network", "HostnameStatuses.net.talos.dev"): {"hostname": 'hostname: cp1\ndomainname: ""\n'},
    ("runtime", "Disks.block.talos.dev"): {
        "vda": "dev_path: /dev/vda\nsize: 10737418240\nrotational: false\n",
        "vdb": "dev_path: /dev/vdb\nsize: 1073741824\n",
    },
    ("runtime", "SystemDisks.block.talos.dev"): {"system-disk": "diskID: vda\ndevPath: /dev/vda\n"},
    ("k8s", "Nodenames.kubernetes.talos.dev"): {"nodename": "nodename: cp1\n"},
    ("k8s", "NodeStatuses.kubernetes.talos.dev"): {"cp1": "nodename: cp1\nnodeReady: true\nunschedulable: false\n"},
    ("config", "MachineTypes.config.talos.dev"): {"machine-type": "controlplane\n"},
}
SENSITIVE = ("LinkStatuses.net.talos.dev",)


def _resource(request: Any, resource_id: str, text: str) -> Any:
    made = message("cosi.resource.Resource")()
    made.metadata.namespace, made.metadata.type, made.metadata.id = request.namespace, request.type, resource_id
    made.spec.yaml_spec = text
    return made


def answers(admin: bool = True, without: tuple[str, ...] = ()) -> dict[str, Answer]:
    """Return the answers of a node; `without` names types of which it has no resource."""

    def find(request: Any) -> dict[str, str]:
        if request.type in SENSITIVE and not admin:
            raise GRPCError(Status.PERMISSION_DENIED, "not authorized")
        return {} if request.type in without else RESOURCES[request.namespace, request.type]

    async def get(stream: Any) -> None:
        request = await stream.recv_message()
        found = find(request)
        if request.id not in found:
            raise GRPCError(Status.NOT_FOUND, "resource doesn't exist")
        reply = message("cosi.resource.GetResponse")(resource=_resource(request, request.id, found[request.id]))
        await stream.send_message(reply)

    async def list_(stream: Any) -> None:
        request = await stream.recv_message()
        for resource_id, text in find(request).items():
            reply = message("cosi.resource.ListResponse")(resource=_resource(request, resource_id, text))
            await stream.send_message(reply)

    async def services(stream: Any) -> None:
        await stream.recv_message()
        reply = message("machine.ServiceListResponse")()
        element = reply.messages.add()
        kubelet = element.services.add(id="kubelet", state="Running")
        kubelet.health.healthy = True
        kubelet.events.events.add(msg="Started task", state="Running").ts.FromJsonString("2026-01-02T03:04:05Z")
        waiting = element.services.add(id="ext-tailscale", state="Waiting")
        waiting.health.unknown = True
        failed = element.services.add(id="etcd", state="Running")
        failed.health.last_message = "connection refused"
        await stream.send_message(reply)

    async def read(stream: Any) -> None:
        request = await stream.recv_message()
        if not admin:
            raise GRPCError(Status.PERMISSION_DENIED, "not authorized")
        assert request.path == "/proc/sys/kernel/random/boot_id"
        await stream.send_message(message("common.Data")(bytes=b"5e1f2a\n"))

    return {
        "cosi.resource.State/Get": get,
        "cosi.resource.State/List": list_,
        "machine.MachineService/ServiceList": services,
        "machine.MachineService/Read": read,
    }


def read(server: ApiServer, authority: Authority, sections: list[str] | None = None) -> dict[str, Any]:
    async def work(client: Client) -> dict[str, Any]:
        return await node_state.read_node(client, sections)

    state: dict[str, Any] = with_client(server, authority, work)
    return state


def test_all_sections(node: StartNode, authority: Authority) -> None:
    state = read(node(answers()), authority)
    assert state["notes"] == []
    assert state["version"]["tag"] == "v1.13.9"
    assert (state["stage"], state["ready"]) == ("booting", False)
    assert state["unmet_conditions"] == [{"name": "services", "reason": "etcd not running"}]
    assert [item["name"] for item in state["extensions"]] == ["tailscale", "spin"]
    assert state["extensions"][1]["version"] == "v0.25.1"
    assert state["schematic"] == "0011aa"
    assert state["members"][0]["addresses"] == ["198.18.1.11"]
    assert state["members"][0]["machine_type"] == "controlplane"
    assert (state["links"][0]["name"], state["links"][0]["mtu"]) == ("eth0", 1500)
    assert state["addresses"][0]["address"] == "198.18.1.11/24"
    assert state["routes"][0]["gateway"] == "198.18.1.1"
    assert [(disk["name"], disk["system_disk"]) for disk in state["disks"]] == [("vda", True), ("vdb", False)]
    assert state["disks"][0]["size"] == 10737418240
    assert (state["hostname"], state["nodename"], state["machine_type"]) == ("cp1", "cp1", "controlplane")
    assert state["kubernetes"] == {"ready": True, "unschedulable": False}
    assert state["boot_id"] == "5e1f2a"


def test_services(node: StartNode, authority: Authority) -> None:
    kubelet, waiting, failed = read(node(answers()), authority, ["services"])["services"]
    assert kubelet == {
        "id": "kubelet",
        "state": "Running",
        "healthy": True,
        "message": "",
        "events": [{"state": "Running", "message": "Started task", "time": "2026-01-02T03:04:05Z"}],
    }
    assert (waiting["state"], waiting["healthy"]) == ("Waiting", None)
    assert (failed["healthy"], failed["message"]) == (False, "connection refused")


def test_a_reader_gets_notes_in_place_of_what_is_sensitive(node: StartNode, authority: Authority) -> None:
    state = read(node(answers(admin=False)), authority)
    assert state["notes"] == [
        {"section": "links", "reason": "not authorized"},
        {"section": "boot_id", "reason": "not authorized"},
    ]
    assert state["links"] is None
    assert state["boot_id"] is None
    assert state["addresses"]


def test_a_node_without_configuration(node: StartNode, authority: Authority) -> None:
    absent = ("Nodenames.kubernetes.talos.dev", "NodeStatuses.kubernetes.talos.dev", "Members.cluster.talos.dev")
    state = read(node(answers(without=absent)), authority)
    assert state["notes"] == [{"section": "kubernetes", "reason": "resource doesn't exist"}]
    assert (state["nodename"], state["kubernetes"], state["members"]) == (None, None, [])


def test_a_node_kubernetes_does_not_know(node: StartNode, authority: Authority) -> None:
    state = read(node(answers(without=("NodeStatuses.kubernetes.talos.dev",))), authority, ["kubernetes"])
    assert state["kubernetes"] == {"ready": None, "unschedulable": None}


def test_only_what_is_wanted_is_asked(node: StartNode, authority: Authority) -> None:
    server = node(answers())
    assert read(server, authority, ["hostname"]) == {"hostname": "cp1", "domainname": "", "notes": []}
    assert [path for path, metadata in server.calls] == ["cosi.resource.State/Get"]


def test_every_section_documents_its_keys(node: StartNode, authority: Authority) -> None:
    server = node(answers())
    assert set(node_state.EMPTY) == set(node_state.SECTIONS)
    for section in node_state.SECTIONS:
        assert set(read(server, authority, [section])) == {*node_state.EMPTY[section], "notes"}


def test_an_unknown_section(node: StartNode, authority: Authority) -> None:
    with pytest.raises(ValueError, match="unknown section nope; there are version, status"):
        read(node(answers()), authority, ["nope"])


def test_a_failure_is_no_note(node: StartNode, authority: Authority) -> None:
    async def broken(stream: Any) -> None:
        await stream.recv_message()
        raise GRPCError(Status.UNAVAILABLE, "machined is restarting")

    server = node({**answers(), "machine.MachineService/ServiceList": broken})
    with pytest.raises(errors.Unreachable, match="machined is restarting"):
        read(server, authority)
