# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reader for the socket tables of /proc/net.

Source: proc(5), torvalds/linux:Documentation/networking/proc_net_tcp.rst; field names are those of
siderolabs/talos:api/machine/machine.proto (ConnectRecord).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

PROTOCOLS = ("tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6")


def sockets(protocol: str, text: str) -> Iterator[dict[str, Any]]:
    """Yield the fields of ConnectRecord from the table of one protocol.

    State and timer keep the numbers of the kernel, which the API uses, too. A line that is cut off is left out.
    """
    for line in text.splitlines():
        columns = line.split()
        if len(columns) < 10 or not columns[0].rstrip(":").isdigit():
            continue  # the header, or the end of a table that changed while it was read
        local, remote = endpoint(columns[1]), endpoint(columns[2])
        transmit, receive = columns[4].split(":")
        timer, when = columns[5].split(":")
        yield {
            "l4proto": protocol,
            "localip": local[0],
            "localport": local[1],
            "remoteip": remote[0],
            "remoteport": remote[1],
            "state": int(columns[3], 16),
            "txqueue": int(transmit, 16),
            "rxqueue": int(receive, 16),
            "tr": int(timer, 16),
            "timerwhen": int(when, 16),
            "retrnsmt": int(columns[6], 16),
            "uid": int(columns[7]),
            "timeout": int(columns[8]),
            "inode": int(columns[9]),
            "ref": int(columns[10]) if len(columns) > 10 else 0,
            "pointer": int(columns[11], 16) if len(columns) > 11 else 0,
        }


def endpoint(text: str) -> tuple[str, int]:
    """Return address and port of ``0100007F:1F90``: words of 32 bits in the byte order of the machine, and a port.

    An IPv4 address inside an IPv6 one is written as IPv4, as Go does.
    """
    words, _colon, port = text.partition(":")
    raw = b"".join(int(words[start : start + 8], 16).to_bytes(4, "little") for start in range(0, len(words), 8))
    address = ipaddress.ip_address(raw)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address), int(port, 16)


def is_listening(record: dict[str, Any]) -> bool:
    """Return whether nobody is at the other end, which is what Talos calls listening."""
    return _unspecified(record["remoteip"]) and record["remoteport"] == 0


def is_connected(record: dict[str, Any]) -> bool:
    """Return whether somebody is at the other end."""
    return not _unspecified(record["remoteip"]) and record["remoteport"] != 0


def _unspecified(address: str) -> bool:
    return ipaddress.ip_address(address).is_unspecified
