# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd: a new cluster on Bootstrap, a member of the existing one on other control planes."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from ansible_collections.homelab.talos.lab.machined.etcd_data import RECOVERY_SNAPSHOT
from ansible_collections.homelab.talos.lab.machined.interfaces import (
    Command,
    EtcdError,
    EtcdMember,
    EtcdStatus,
    Facts,
    NotReadyYet,
)
from ansible_collections.homelab.talos.lab.node.runtime import NodeRuntime
from ansible_collections.homelab.talos.lab.programs.etcd_election import ElectProcess
from ansible_collections.homelab.talos.lab.programs.files import PKI_DIRECTORY, authority, write_file, write_leaf
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

DATA_DIRECTORY = "/var/lib/etcd"
_PKI = f"{PKI_DIRECTORY}/etcd"
_LOCAL = "https://127.0.0.1:2379"
_SNAPSHOT = "/var/tmp/etcd-snapshot.db"
_CHUNK_BYTES = 64 * 1024


class Etcd:
    """etcd on one control plane; a :class:`~.machined.interfaces.Program` and its administration."""

    def __init__(self, runtime: NodeRuntime) -> None:
        self._runtime = runtime

    async def prepare(self, config: MachineConfig, facts: Facts) -> Command:
        """Write etcd's certificates and return its command.

        Raises :class:`NotReadyYet` while there is neither data, nor a request to bootstrap, nor a
        member to join.
        """
        self._write_certificates(config, facts)
        member = self._runtime.directory / DATA_DIRECTORY.lstrip("/") / "member"
        if member.is_dir() and any(member.iterdir()):
            return self._command(config, facts, {}, "existing")
        own = {facts.hostname: f"https://{facts.address}:2380"}
        if facts.bootstrap is not None:
            if facts.bootstrap.recover:
                await self._recover(facts, own, facts.bootstrap.skip_hash_check)
            return self._command(config, facts, own, "new")
        return self._command(config, facts, await self._join(facts), "existing")

    async def _recover(self, facts: Facts, own: Mapping[str, str], skip_hash_check: bool) -> None:
        """Make the data of a one-member cluster out of the uploaded snapshot, which is used up with that."""
        snapshot = self._runtime.directory / "var" / RECOVERY_SNAPSHOT
        command = [
            "/opt/engine/etcdutl",
            *("snapshot", "restore", f"/var/{RECOVERY_SNAPSHOT}"),
            f"--name={facts.hostname}",
            f"--data-dir={DATA_DIRECTORY}",
            f"--initial-cluster={_initial_cluster(own)}",
            f"--initial-advertise-peer-urls={own[facts.hostname]}",
            *(("--skip-hash-check",) if skip_hash_check else ()),
        ]
        status, output, errors = await self._runtime.run(command, timeout=120)
        if status != 0:
            shutil.rmtree(self._runtime.directory / DATA_DIRECTORY.lstrip("/"), ignore_errors=True)
            raise RuntimeError(f"error recovering from the snapshot: {_cause(errors) or _cause(output)}")
        snapshot.unlink()

    def _write_certificates(self, config: MachineConfig, facts: Facts) -> None:
        directory = self._runtime.directory / _PKI.lstrip("/")
        ca = authority(config, "cluster", "etcd", "ca")
        write_file(directory / "ca.crt", ca.crt)
        sans = [facts.hostname, "localhost", "127.0.0.1", facts.address]
        write_leaf(directory, "server", ca, ("server", "client"), facts.hostname, sans=sans)
        write_leaf(directory, "peer", ca, ("server", "client"), facts.hostname, sans=sans)
        write_leaf(directory, "admin", ca, ("client",), "talos")
        write_leaf(directory, "kube-apiserver", ca, ("client",), "kube-apiserver")

    def _command(self, config: MachineConfig, facts: Facts, members: dict[str, str], state: str) -> Command:
        client = f"https://{facts.address}:2379"
        arguments = {
            "name": facts.hostname,
            "data-dir": DATA_DIRECTORY,
            "listen-client-urls": f"https://127.0.0.1:2379,{client}",
            "advertise-client-urls": client,
            "listen-peer-urls": f"https://{facts.address}:2380",
            "initial-advertise-peer-urls": f"https://{facts.address}:2380",
            "initial-cluster": _initial_cluster(members),
            "initial-cluster-state": state,
            "client-cert-auth": "true",
            "trusted-ca-file": f"{_PKI}/ca.crt",
            "cert-file": f"{_PKI}/server.crt",
            "key-file": f"{_PKI}/server.key",
            "peer-client-cert-auth": "true",
            "peer-trusted-ca-file": f"{_PKI}/ca.crt",
            "peer-cert-file": f"{_PKI}/peer.crt",
            "peer-key-file": f"{_PKI}/peer.key",
            "auto-compaction-mode": "periodic",
            "auto-compaction-retention": "5h",
            **(config.value("cluster", "etcd", "extraArgs", default={}) or {}),
        }
        return Command(("/opt/engine/etcd", *(f"--{key}={value}" for key, value in arguments.items() if value != "")))

    async def _join(self, facts: Facts) -> dict[str, str]:
        """Become a learner of the cluster that one of the other control planes serves."""
        own_url = f"https://{facts.address}:2380"
        for peer in facts.control_planes:
            endpoint = f"https://{peer.addresses[0]}:2379"
            try:
                members = await self._add_learner(facts.hostname, own_url, endpoint)
            except EtcdError:
                continue
            urls = {member.name: member.peer_urls[0] for member in members if member.peer_urls[0] != own_url}
            return {**urls, facts.hostname: own_url}
        raise NotReadyYet("waiting for bootstrap, or for a control plane that serves etcd")

    async def _add_learner(self, name: str, own_url: str, endpoint: str) -> list[EtcdMember]:
        """Return the members of the cluster once this node, whose disk is empty, is one of them.

        A member of the same name is what this node was before it lost its data, and goes first. A learner that never
        started has no name yet: it is this node after an interrupted attempt.
        """
        members = _members(await self._etcdctl("member", "list", endpoint=endpoint))
        for former in (each for each in members if each.name == name):
            await self._etcdctl("member", "remove", f"{former.id:x}", endpoint=endpoint)
        unnamed = {url for each in members if not each.name and each.is_learner for url in each.peer_urls}
        if own_url not in unnamed:
            await self._etcdctl("member", "add", name, f"--peer-urls={own_url}", "--learner", endpoint=endpoint)
        return _members(await self._etcdctl("member", "list", endpoint=endpoint))

    async def health(self, config: MachineConfig) -> str | None:
        """Return None when the local member answers a linearized read."""
        try:
            await self._etcdctl("endpoint", "health")
        except EtcdError as error:
            return str(error)
        return None

    async def members(self) -> Sequence[EtcdMember]:
        """Return the member list; raises :class:`EtcdError`."""
        return _members(await self._etcdctl("member", "list"))

    async def status(self) -> EtcdStatus:
        """Return the status of the local member; raises :class:`EtcdError`."""
        answer = json.loads(await self._etcdctl("endpoint", "status"))[0]["Status"]
        return EtcdStatus(
            member_id=answer["header"]["member_id"],
            version=answer.get("version", ""),
            storage_version=answer.get("storageVersion", ""),
            db_size=answer.get("dbSize", 0),
            db_size_in_use=answer.get("dbSizeInUse", 0),
            leader=answer.get("leader", 0),
            raft_index=answer.get("raftIndex", 0),
            raft_term=answer.get("raftTerm", 0),
            raft_applied_index=answer.get("raftAppliedIndex", 0),
            errors=tuple(answer.get("errors") or ()),
            is_learner=answer.get("isLearner", False),
        )

    async def snapshot(self) -> AsyncIterator[bytes]:
        """Return an iterator over the bytes of a snapshot of the local member; raises :class:`EtcdError`."""
        await self._etcdctl("snapshot", "save", _SNAPSHOT, timeout=120)
        path = self._runtime.directory / _SNAPSHOT.lstrip("/")

        async def chunks() -> AsyncIterator[bytes]:
            try:
                with path.open("rb") as handle:
                    while chunk := handle.read(_CHUNK_BYTES):
                        yield chunk
            finally:
                path.unlink(missing_ok=True)

        return chunks()

    async def remove_member(self, member_id: int) -> None:
        """Remove a member; raises :class:`EtcdError`."""
        await self._etcdctl("member", "remove", f"{member_id:x}")

    async def forfeit_leadership(self) -> str:
        """Move leadership to another member and return its id in hex, "" when this member does not lead."""
        status = await self.status()
        others = [member.id for member in await self.members() if member.id != status.member_id]
        if status.leader != status.member_id or not others:
            return ""
        await self._etcdctl("move-leader", f"{others[0]:x}")
        return f"{others[0]:x}"

    async def alarms(self) -> Sequence[tuple[int, str]]:
        """Return (member id, alarm name) for each alarm; raises :class:`EtcdError`."""
        return _alarms(await self._etcdctl("alarm", "list"))

    async def disarm(self) -> Sequence[tuple[int, str]]:
        """Disarm all alarms and return them; raises :class:`EtcdError`."""
        return _alarms(await self._etcdctl("alarm", "disarm"))

    async def defragment(self) -> None:
        """Defragment the local member; raises :class:`EtcdError`."""
        await self._etcdctl("defrag", timeout=120)

    async def promote(self, member_id: int, endpoints: Sequence[str]) -> None:
        """Make a learner a voting member; raises :class:`EtcdError` while it has not caught up."""
        await self._etcdctl("member", "promote", f"{member_id:x}", endpoint=",".join(endpoints))

    async def campaign(self, election: str, name: str) -> ElectProcess:
        """Enter *election* as *name*; an earlier leadership of the same name ends first.

        Without that, a node that lost power would wait for the end of its own former session.
        """
        arguments = ("get", f"{election}/", "--prefix", "--sort-by=CREATE", "--order=ASCEND", "--limit=1")
        leaders = json.loads(await self._etcdctl(*arguments)).get("kvs") or []
        if leaders and base64.b64decode(leaders[0]["value"]).decode() == name:
            await self._etcdctl("del", base64.b64decode(leaders[0]["key"]).decode())
        command = self._command_line("elect", election, name, endpoint=_LOCAL)
        return ElectProcess(await self._runtime.spawn("etcd-election", command, read=True))

    @staticmethod
    def _command_line(*arguments: str, endpoint: str) -> list[str]:
        return [
            "/opt/engine/etcdctl",
            *arguments,
            f"--endpoints={endpoint}",
            f"--cacert={_PKI}/ca.crt",
            f"--cert={_PKI}/admin.crt",
            f"--key={_PKI}/admin.key",
            "--dial-timeout=2s",
        ]

    async def _etcdctl(self, *arguments: str, endpoint: str = _LOCAL, timeout: float = 10.0) -> bytes:
        options = ("--write-out=json", "--command-timeout=5s")
        command = self._command_line(*arguments, *options, endpoint=endpoint)
        try:
            status, output, errors = await self._runtime.run(command, timeout=timeout)
        except TimeoutError as error:
            raise EtcdError(str(error), "DeadlineExceeded") from None
        if status != 0:
            text = _cause(errors) or _cause(output) or f"etcdctl ended with status {status}"
            raise EtcdError(text, "NotFound" if "not found" in text else "Unknown")
        return output


def _initial_cluster(members: Mapping[str, str]) -> str:
    return ",".join(f"{name}={url}" for name, url in members.items())


def _cause(text: bytes) -> str:
    """Return the sentence in etcdctl's output that says what is wrong."""
    lines = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    if not lines:
        return ""
    try:
        return str(json.loads(lines[-1]).get("error", lines[-1]))
    except (ValueError, AttributeError):
        return lines[-1]


def _members(output: bytes) -> list[EtcdMember]:
    rows: list[dict[str, Any]] = json.loads(output).get("members") or []
    return [
        EtcdMember(
            row["ID"],
            row.get("name", ""),
            tuple(row.get("peerURLs") or ()),
            tuple(row.get("clientURLs") or ()),
            row.get("isLearner", False),
        )
        for row in rows
    ]


def _alarms(output: bytes) -> list[tuple[int, str]]:
    names = {1: "NOSPACE", 2: "CORRUPT"}
    rows: list[dict[str, int]] = json.loads(output).get("alarms") or [] if output.strip() else []
    return [(row.get("memberID", 0), names.get(row.get("alarm", 0), "NONE")) for row in rows]
