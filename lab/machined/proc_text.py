# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Readers for the text of /proc and of ps.

Source: proc(5), ps(1); field names are those of siderolabs/talos:api/machine/machine.proto.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

USER_HZ = 100.0
_CPU_FIELDS = ("user", "nice", "system", "idle", "iowait", "irq", "soft_irq", "steal", "guest", "guest_nice")
_SOFT_IRQS = (*("hi", "timer", "net_tx", "net_rx", "block", "block_io_poll", "tasklet", "sched", "hrtimer", "rcu"),)
_DISK_FIELDS = (
    *("read_completed", "read_merged", "read_sectors", "read_time_ms"),
    *("write_completed", "write_merged", "write_sectors", "write_time_ms"),
    *("io_in_progress", "io_time_ms", "io_time_weighted_ms"),
    *("discard_completed", "discard_merged", "discard_sectors", "discard_time_ms"),
)
_DEVICE_FIELDS = (
    *("rx_bytes", "rx_packets", "rx_errors", "rx_dropped", "rx_fifo", "rx_frame", "rx_compressed", "rx_multicast"),
    *("tx_bytes", "tx_packets", "tx_errors", "tx_dropped", "tx_fifo", "tx_collisions", "tx_carrier", "tx_compressed"),
)
# keys of /proc/cpuinfo whose field has another name
_CPU_NAMES = {
    "cpuid_level": "cpu_id_level",
    "cpu_family": "cpu_family",
    "bogomips": "bogo_mips",
    "clflush_size": "cl_flush_size",
}


def processes(text: str) -> Iterator[dict[str, Any]]:
    """Yield the fields of ProcessInfo from four tables of ps, separated by empty lines.

    Their columns: pid ppid state nlwp cputimes vsz rss; pid comm; pid exe; pid args. The sizes of ps
    are KiB, those of the API bytes. Processes that are not in every table are left out.
    """
    tables = [_by_pid(part) for part in text.split("\n\n")]
    if len(tables) != 4:
        return
    numbers, commands, executables, arguments = tables
    for pid, row in numbers.items():
        if pid not in commands or pid not in arguments:
            continue
        ppid, state, threads, seconds, virtual, resident = row.split()
        executable = executables.get(pid, "-")
        yield {
            "pid": pid,
            "ppid": int(ppid),
            "state": state,
            "threads": int(threads),
            "cpu_time": float(seconds),
            "virtual_memory": int(virtual) * 1024,
            "resident_memory": int(resident) * 1024,
            "command": commands[pid],
            "executable": "" if executable == "-" else executable,
            "args": arguments[pid],
        }


def _by_pid(table: str) -> dict[int, str]:
    rows = (line.strip().partition(" ") for line in table.splitlines() if line.strip())
    return {int(pid): rest.strip() for pid, _space, rest in rows}


def meminfo(text: str) -> dict[str, int]:
    """Return the values of /proc/meminfo in kB, keys in lower case without punctuation."""
    found = {}
    for line in text.splitlines():
        name, _colon, value = line.partition(":")
        if value.split():
            found[re.sub(r"[^a-z0-9]", "", name.lower())] = int(value.split()[0])
    return found


def fill_stat(element: Any, text: str) -> None:
    """Fill a SystemStat message from /proc/stat (boot time left out)."""
    for line in text.splitlines():
        name, *values = line.split()
        if name == "cpu":
            _fill_cpu(element.cpu_total, values)
        elif re.fullmatch(r"cpu\d+", name):
            _fill_cpu(element.cpu.add(), values)
        elif name == "intr":
            element.irq_total = int(values[0])
        elif name == "ctxt":
            element.context_switches = int(values[0])
        elif name == "processes":
            element.process_created = int(values[0])
        elif name == "procs_running":
            element.process_running = int(values[0])
        elif name == "procs_blocked":
            element.process_blocked = int(values[0])
        elif name == "softirq":
            element.soft_irq_total = int(values[0])
            for field, value in zip(_SOFT_IRQS, values[1:], strict=False):
                setattr(element.soft_irq, field, int(value))


def _fill_cpu(stat: Any, values: list[str]) -> None:
    for field, value in zip(_CPU_FIELDS, values, strict=False):
        setattr(stat, field, int(value) / USER_HZ)


def cpu_info(text: str) -> Iterator[dict[str, str]]:
    """Yield one mapping per processor of /proc/cpuinfo, keys as the API names them."""
    for block in text.strip().split("\n\n"):
        fields = {}
        for line in block.splitlines():
            name, _colon, value = line.partition(":")
            key = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
            fields[_CPU_NAMES.get(key, key)] = value.strip()
        if "processor" in fields:
            yield fields


def fill_known(target: Any, fields: dict[str, str]) -> None:
    """Set those fields of a message that it has, converting texts to the field's type."""
    for name, field in target.DESCRIPTOR.fields_by_name.items():
        text = fields.get(name)
        if text is None:
            continue
        if name in ("flags", "bugs"):
            getattr(target, name).extend(text.split())
        elif field.cpp_type == field.CPPTYPE_STRING:
            setattr(target, name, text)
        elif field.cpp_type == field.CPPTYPE_DOUBLE:
            setattr(target, name, float(text or 0))
        elif text.isdigit():
            setattr(target, name, int(text))


def disk_stats(text: str) -> Iterator[dict[str, Any]]:
    """Yield the fields of DiskStat from /proc/diskstats."""
    for line in text.splitlines():
        columns = line.split()
        values = dict(zip(_DISK_FIELDS, (int(each) for each in columns[3:]), strict=False))
        yield {"name": columns[2], **values}


def network_devices(text: str) -> Iterator[dict[str, Any]]:
    """Yield the fields of NetDev from /proc/net/dev."""
    for line in text.splitlines():
        name, colon, values = line.partition(":")
        if colon and "|" not in name:
            numbers = (int(each) for each in values.split())
            yield {"name": name.strip(), **dict(zip(_DEVICE_FIELDS, numbers, strict=False))}
