# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A powered machine without an operating system: namespaces, a wire, a disk.

Network namespace (named, below /run/netns), mount, UTS, IPC and PID namespaces, and a control group.
Killing the first process of the PID namespace is the power switch: the kernel ends all others with it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path

from ansible_collections.homelab.talos.lab.engine.ensure import Engine
from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.host import cgroups, links
from ansible_collections.homelab.talos.lab.host.processes import first_process, wait_until
from ansible_collections.homelab.talos.lab.node import filesystem, sockets
from ansible_collections.homelab.talos.lab.node.output import pieces
from ansible_collections.homelab.talos.lab.node.process import NodeProcess, inner_pid, only_child

_PATH = "/opt/engine:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NAMESPACE_OPTIONS = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")
_UNSHARE_OPTIONS = ("--mount", "--uts", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child")


class NodeRuntime:
    """The machine under one emulated Talos.

    Parameters: *lab* and *name*; *address* of its lease in *subnet* (CIDR); *directory* that outlives
    power-off; *router* namespace; *engine*; *new_boot_id* returns a fresh UUID string; *wire_is_cut* tells
    whether the wire of the machine is cut while it is switched on; *shared* place below /opt -> directory of the host.
    """

    def __init__(
        self,
        lab: str,
        name: str,
        address: str,
        subnet: str,
        directory: Path,
        router: str,
        engine: Engine,
        new_boot_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        wire_is_cut: Callable[[], bool] = lambda: False,
        shared: Mapping[str, Path] | None = None,
    ) -> None:
        self.lab = lab
        self.name = name
        self.address = address
        self.directory = directory
        self.boot_id = ""
        self.namespace = f"{lab}-{name}"
        self.engine = engine
        self._subnet = subnet
        self._router = router
        self._new_boot_id = new_boot_id
        self._wire_is_cut = wire_is_cut
        self._shared = shared or {}
        self._unshare: asyncio.subprocess.Process | None = None
        self.init_pid = 0

    @property
    def port(self) -> str:
        """Name of the bridge's end of the node's wire (at most 15 characters)."""
        return links.port_name(self.address)

    @property
    def is_powered(self) -> bool:
        """Tell whether the machine is on."""
        return self._unshare is not None and self._unshare.returncode is None

    async def power_on(self) -> None:
        """Create the namespaces with the lease address on ``eth0`` and a new boot id.

        Raises :class:`LabError` when the kernel refuses.
        """
        if self.is_powered:
            return
        self.boot_id = self._new_boot_id()
        filesystem.lay_out(self.directory)
        cgroups.create_node_group(self.lab, self.name)
        place = (self.namespace, self._router, self.port, self.address, self._subnet)
        await asyncio.to_thread(links.create_node, *place, cut=self._wire_is_cut())
        await self._start_first_process()
        await self.run(["sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.default.forwarding=1"])

    async def _start_first_process(self) -> None:
        group = cgroups.node_group(self.lab, self.name)
        boot = ["sh", "-c", filesystem.BOOT_SCRIPT, "boot", group, str(self.directory), str(self.engine.programs)]
        boot += [str(self.engine.images), str(self.engine.cni_plugins), self.boot_id, self.name]
        boot += [text for place, directory in self._shared.items() for text in (place, str(directory))]
        self._unshare = await asyncio.create_subprocess_exec(
            *("nsenter", f"--net=/run/netns/{self.namespace}"),
            *("sh", "-c", filesystem.JOIN_SCRIPT, "join", group),
            *_UNSHARE_OPTIONS,
            *boot,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        output, errors = self._unshare.stdout, self._unshare.stderr
        if output is None or errors is None:
            raise LabError(f"node {self.name}: no pipes to its first process", "report this as a defect")
        async with asyncio.timeout(30):
            line = await output.readline()
        if line.strip() != b"ready":
            text = (await errors.read()).decode(errors="replace").strip().replace("\n", " / ")
            raise LabError(f"node {self.name}: its namespaces could not be made: {text}", "run as root on Linux")
        self.init_pid = await only_child(self._unshare.pid, self._unshare)

    async def power_off(self) -> None:
        """Kill every process of the node at once; the directory stays."""
        if self._unshare is not None:
            if self._unshare.returncode is None and self.init_pid:
                os.kill(self.init_pid, signal.SIGKILL)
            await self._unshare.wait()
            self._unshare = None
            self.init_pid = 0
        await asyncio.to_thread(links.remove_node, self.namespace, self._router, self.port)
        await asyncio.to_thread(cgroups.remove_node_groups, self.lab, self.name, _wait_for_group)

    def _enter(self, argv: Sequence[str]) -> list[str]:
        if not self.is_powered:
            raise LabError(f"node {self.name} is powered off", f"start {self.name} first")
        return entering(self.init_pid, argv)

    async def spawn(
        self, id: str, argv: Sequence[str], env: Mapping[str, str] | None = None, read: bool = False
    ) -> NodeProcess:
        """Start *argv* inside the node; output is appended to ``directory/log/<id>.log``.

        With *read*, standard output is kept for :meth:`NodeProcess.read_line` instead.
        """
        with (self.directory / "log" / f"{id}.log").open("ab") as log:
            outside = await asyncio.create_subprocess_exec(
                *self._enter(["sh", "-c", filesystem.SERVICE_SCRIPT, "service", *argv]),
                env=self._environment(env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if read else log,
                stderr=log,
                start_new_session=True,
            )
        host_pid = await only_child(outside.pid, outside)
        return NodeProcess(outside, host_pid, inner_pid(host_pid))

    async def run(
        self, argv: Sequence[str], timeout: float = 10.0, input: bytes | None = None
    ) -> tuple[int, bytes, bytes]:
        """Run *argv* inside the node to its end: exit status, standard output, standard error.

        Raises ``TimeoutError`` after *timeout* seconds (the process is killed) and
        ``FileNotFoundError`` when the program does not exist.
        """
        process = await asyncio.create_subprocess_exec(
            *self._enter(argv),
            env=self._environment(None),
            stdin=asyncio.subprocess.PIPE if input is not None else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(timeout):
                output, errors = await process.communicate(input)
        except TimeoutError:
            await self._kill_inner(process)
            await process.wait()
            raise TimeoutError(f"{argv[0]} on {self.name} did not end within {timeout:g} s") from None
        if process.returncode == 127 and b"failed to execute" in errors:
            raise FileNotFoundError(f"{argv[0]} does not exist on node {self.name}")
        return process.returncode or 0, output, errors

    async def stream(self, argv: Sequence[str]) -> AsyncGenerator[bytes, None]:
        """Run *argv* inside the node and yield its standard output as it comes; closing the iterator kills it.

        Raises ``CommandFailed`` behind the last piece when the status is not 0.
        """
        process = await asyncio.create_subprocess_exec(
            *self._enter(argv),
            env=self._environment(None),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with aclosing(pieces(process, lambda: self._kill_inner(process))) as output:
            async for piece in output:
                yield piece

    async def _kill_inner(self, process: asyncio.subprocess.Process) -> None:
        """Kill what ``nsenter`` started: a signal to nsenter itself does not reach it."""
        child = await only_child(process.pid, process)
        if child:
            os.kill(child, signal.SIGKILL)

    def listen(self, host: str, port: int) -> socket.socket:
        """Return a bound, listening TCP socket of the node's network namespace; raises ``OSError``."""
        return sockets.listen(self.namespace, host, port)

    def connect(self, host: str, port: int, timeout: float = 10.0) -> socket.socket:
        """Return a TCP socket connected from the node's network namespace; raises ``OSError``."""
        return sockets.connect(self.namespace, host, port, timeout)

    async def dial(self, host: str, port: int) -> socket.socket:
        """Return a non-blocking TCP socket connected from the node's network namespace; raises ``OSError``."""
        return await sockets.dial(self.namespace, host, port)

    def announce(self, link: str, address: str) -> None:
        """Tell the network of *link* by gratuitous ARP that *address* is here now; raises ``OSError``."""
        sockets.announce(self.namespace, link, address)

    @staticmethod
    def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
        return {"PATH": _PATH, "HOME": "/root", **(extra or {})}


def entering(init_pid: int, argv: Sequence[str]) -> list[str]:
    """Return the command that runs *argv*, from the host, in the namespaces of the node with that first process."""
    return ["nsenter", "--target", str(init_pid), *_NAMESPACE_OPTIONS, "--wd=/", "--", *argv]


def command_inside(namespace: str, name: str, argv: Sequence[str]) -> list[str]:
    """Return the command that runs *argv*, from the host, inside node *name* with that network *namespace*.

    The lab's supervisor is not asked, so that one can look into a lab without one. Raises :class:`LabError` when the
    node is off.
    """
    init_pid = first_process(namespace)
    if not init_pid:
        raise LabError(f"node {name} is powered off", f"start {name} first")
    return entering(init_pid, ["env", f"PATH={_PATH}", *argv])


def _wait_for_group(condition: Callable[[], bool]) -> None:
    wait_until(condition, "a control group to empty")
