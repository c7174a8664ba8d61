# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""containerd, the container runtime (Talos service ``cri``)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from ansible_collections.homelab.talos.lab.engine import image_store
from ansible_collections.homelab.talos.lab.engine.pod_images import PAUSE
from ansible_collections.homelab.talos.lab.last_line import last_line
from ansible_collections.homelab.talos.lab.machined.interfaces import Command, Facts
from ansible_collections.homelab.talos.lab.node.runtime import NodeRuntime
from ansible_collections.homelab.talos.lab.programs.files import write_file
from ansible_collections.homelab.talos.lab.spin import handler
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

SOCKET = "/run/containerd/containerd.sock"
_ROOT = "/var/lib/containerd"
_CONFIG_FILE = "/etc/cri/containerd.toml"
HOSTS_DIRECTORY = "/etc/cri/conf.d/hosts"

_CONFIG = f"""\
version = 3
root = "{_ROOT}"
state = "/run/containerd"
oom_score = 0

[grpc]
  address = "{SOCKET}"

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "{PAUSE.reference}"
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = "{HOSTS_DIRECTORY}"

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/opt/cni/bin"]
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""


class Containerd:
    """containerd on one node; a :class:`~.machined.interfaces.Program`."""

    def __init__(self, runtime: NodeRuntime) -> None:
        self._runtime = runtime

    async def prepare(self, config: MachineConfig, facts: Facts) -> Command:
        """Write containerd's configuration and the registry mirrors, and give a new node the images of the engine."""
        store = image_store.store_directory(self._runtime.engine)
        await asyncio.to_thread(image_store.seed, store, self._runtime.directory / _ROOT.lstrip("/"))
        etc = self._runtime.directory / "etc"
        config_text = _CONFIG
        if handler.EXTENSION in facts.extensions:
            config_text += handler.CONTAINERD_PART
            write_file(etc / handler.RUNTIME_FILE.removeprefix("/etc/"), handler.runtime_program(), 0o755)
        write_file(etc / _CONFIG_FILE.removeprefix("/etc/"), config_text)
        for host, endpoints in _mirrors(config).items():
            folder = "_default" if host == "*" else host
            path = etc / HOSTS_DIRECTORY.removeprefix("/etc/") / folder / "hosts.toml"
            write_file(path, _hosts_file(endpoints))
        return Command(("/opt/engine/containerd", "--config", _CONFIG_FILE))

    async def health(self, config: MachineConfig) -> str | None:
        """Return None when containerd answers on its socket."""
        status, dummy_output, errors = await self.ctr("version", timeout=10)
        return None if status == 0 else last_line(errors)

    async def ctr(self, *arguments: str, timeout: float = 10.0) -> tuple[int, bytes, bytes]:
        """Run ``ctr`` in the namespace of Kubernetes: exit status, standard output, standard error."""
        command = ["/opt/engine/ctr", "--address", SOCKET, "--namespace", "k8s.io", *arguments]
        return await self._runtime.run(command, timeout=timeout)

    async def import_images(self, archives: Iterable[Path]) -> None:
        """Import image archives of the engine that the node does not hold yet.

        Raises ``RuntimeError`` with containerd's words when one cannot be imported.
        """
        for archive in archives:
            root = self._runtime.directory / _ROOT.lstrip("/")
            if image_store.holds(root, archive):
                continue
            status, dummy_output, errors = await self.ctr(
                "images", "import", f"/opt/images/{archive.name}", timeout=120
            )
            if status != 0:
                raise RuntimeError(f"image {archive.stem} could not be imported: {last_line(errors)}")
            write_file(image_store.marker(root, archive), image_store.stamp(archive))


def _mirrors(config: MachineConfig) -> dict[str, list[tuple[str, bool]]]:
    """Return registry host -> its mirrors (URL, whether the path is used as it stands).

    Both forms count: ``machine.registries.mirrors`` and RegistryMirrorConfig documents.
    """
    mirrors = {}
    for host, mirror in (config.value("machine", "registries", "mirrors", default={}) or {}).items():
        content = mirror or {}
        override = bool(content.get("overridePath"))
        mirrors[host] = [(str(url), override) for url in content.get("endpoints") or []]
    for document in config.documents_of("RegistryMirrorConfig"):
        endpoints = document.get("endpoints") or []
        mirrors[str(document["name"])] = [(str(each["url"]), bool(each.get("overridePath"))) for each in endpoints]
    return mirrors


def _hosts_file(endpoints: Iterable[tuple[str, bool]]) -> str:
    """Return containerd's ``hosts.toml`` for the mirrors of one registry host."""
    lines = []
    for url, override in endpoints:
        lines += [f'[host."{url}"]', '  capabilities = ["pull", "resolve"]']
        if override:
            lines.append("  override_path = true")
    return "\n".join(lines) + "\n"
