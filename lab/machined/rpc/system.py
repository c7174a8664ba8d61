# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes, memory, processors, counters: what /proc says.

Memory and processors are those of the machine that runs the lab; processes and network devices are
the node's own. Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_monitoring.go.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.lab.machined import proc_text
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message

PREFIX = "/machine.MachineService/"
PROC = Path("/proc")
# One table per free text: their columns have no fixed width.
_COLUMNS = ("ppid=,state=,nlwp=,cputimes=,vsz=,rss=", "comm=", "exe=", "args=")
_PS = "; echo; ".join(f"ps -ww -eo pid=,{columns}" for columns in _COLUMNS)


class SystemCalls:
    """The calls of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def handlers(self) -> Handlers:
        """Return the handlers."""
        return {
            f"{PREFIX}Processes": self._processes,
            f"{PREFIX}Memory": self._memory,
            f"{PREFIX}LoadAvg": self._load,
            f"{PREFIX}SystemStat": self._stat,
            f"{PREFIX}CPUInfo": self._cpu_info,
            f"{PREFIX}CPUFreqStats": self._cpu_frequency,
            f"{PREFIX}DiskStats": self._disk_stats,
            f"{PREFIX}NetworkDeviceStats": self._devices,
        }

    async def _processes(self, call: Call) -> Any:
        reply = message("machine.ProcessesResponse")()
        element = reply.messages.add()
        _status, output, _errors = await self._node.runtime.run(["sh", "-c", _PS])
        for fields in proc_text.processes(output.decode(errors="replace")):
            element.processes.add(**fields)
        return reply

    async def _memory(self, call: Call) -> Any:
        reply = message("machine.MemoryResponse")()
        element = reply.messages.add()
        known = element.meminfo.DESCRIPTOR.fields_by_name
        for name, value in proc_text.meminfo((PROC / "meminfo").read_text()).items():
            if name in known:
                setattr(element.meminfo, name, value)
        return reply

    async def _load(self, call: Call) -> Any:
        reply = message("machine.LoadAvgResponse")()
        load1, load5, load15 = (float(each) for each in (PROC / "loadavg").read_text().split()[:3])
        reply.messages.add(load1=load1, load5=load5, load15=load15)
        return reply

    async def _stat(self, call: Call) -> Any:
        reply = message("machine.SystemStatResponse")()
        element = reply.messages.add()
        proc_text.fill_stat(element, (PROC / "stat").read_text())
        element.boot_time = self._node.boot_time
        return reply

    async def _cpu_info(self, call: Call) -> Any:
        reply = message("machine.CPUInfoResponse")()
        element = reply.messages.add()
        for fields in proc_text.cpu_info((PROC / "cpuinfo").read_text()):
            proc_text.fill_known(element.cpu_info.add(), fields)
        return reply

    async def _cpu_frequency(self, call: Call) -> Any:
        reply = message("machine.CPUFreqStatsResponse")()
        reply.messages.add()
        return reply

    async def _disk_stats(self, call: Call) -> Any:
        reply = message("machine.DiskStatsResponse")()
        element = reply.messages.add()
        for fields in proc_text.disk_stats((PROC / "diskstats").read_text()):
            element.devices.add(**fields)
            for name, value in fields.items():
                if name != "name":
                    setattr(element.total, name, getattr(element.total, name) + value)
        return reply

    async def _devices(self, call: Call) -> Any:
        reply = message("machine.NetworkDeviceStatsResponse")()
        element = reply.messages.add()
        element.total.name = "total"
        _status, output, _errors = await self._node.runtime.run(["cat", "/proc/net/dev"])
        for fields in proc_text.network_devices(output.decode(errors="replace")):
            element.devices.add(**fields)
            for name, value in fields.items():
                if name != "name":
                    setattr(element.total, name, getattr(element.total, name) + value)
        return reply


def handlers(node: Node) -> Handlers:
    """Return the handlers."""
    return SystemCalls(node).handlers()
