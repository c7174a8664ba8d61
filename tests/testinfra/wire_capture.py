# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that crosses one interface, told by who sent it to whom.

Runs on a machine of the lab: ``python3 wire_capture.py INTERFACE``. It writes the line ``ready`` once it listens, and
at SIGTERM a JSON list of ``[protocol, source, destination, ports, packets]``. Nothing of the machine has a part in it.
"""

from __future__ import annotations

import collections
import contextlib
import json
import signal
import socket
import struct
import sys
from typing import Any

EVERYTHING = 0x0003
IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86DD
TCP, UDP = 6, 17
NAMES = {ARP: "arp", IPV6: "ipv6"}
PROTOCOLS = {1: "icmp", TCP: "tcp", UDP: "udp"}


def told(kind: int, packet: bytes) -> tuple[str, str, str, str]:
    """Return protocol, source, destination and the two ports (``1>2``) of a packet; *kind* is its Ethernet type."""
    if kind != IPV4:
        return NAMES.get(kind, hex(kind)), "", "", ""
    header = (packet[0] & 0x0F) * 4
    protocol = packet[9]
    source, destination = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
    ports = ""
    if protocol in (TCP, UDP):
        first, second = struct.unpack("!HH", packet[header : header + 4])
        ports = f"{first}>{second}"
    return PROTOCOLS.get(protocol, str(protocol)), source, destination, ports


def main(interface: str) -> int:
    """Listen until SIGTERM; returns the exit status."""
    seen: collections.Counter[tuple[str, str, str, str]] = collections.Counter()
    # Without the header of the link: a tunnel has none.
    listening = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(EVERYTHING))
    listening.bind((interface, 0))

    def keep(packet: bytes, sender: Any) -> None:
        seen[told(sender[1], packet)] += 1

    def end(*_arguments: Any) -> None:
        listening.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:  # what came before the signal
                keep(*listening.recvfrom(65535))
        print(json.dumps([[*key, count] for key, count in sorted(seen.items())]), flush=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    print("ready", flush=True)
    while True:
        keep(*listening.recvfrom(65535))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
