# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets that belong to a node's network namespace.

A socket belongs to the namespace of the thread that creates it, whichever thread uses it later. So a
short-lived thread enters the namespace, creates the socket and ends.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_ETHERTYPE_ARP, _ETHERTYPE_IPV4 = 0x0806, 0x0800
_libc = ctypes.CDLL(None, use_errno=True)


def in_network_namespace(namespace: str, create: Callable[[], socket.socket]) -> socket.socket:
    """Call *create* in a thread inside the named network namespace and return its socket.

    Raises ``OSError`` when there is no such namespace, and whatever *create* raises.
    """
    outcome: list[socket.socket | BaseException] = []

    def enter_and_create() -> None:
        try:
            descriptor = os.open(Path("/run/netns") / namespace, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
                    number = ctypes.get_errno()
                    raise OSError(number, os.strerror(number), f"/run/netns/{namespace}")
            finally:
                os.close(descriptor)
            outcome.append(create())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=enter_and_create, name=f"netns-{namespace}", daemon=True)
    thread.start()
    thread.join()
    result = outcome[0]
    if isinstance(result, BaseException):
        raise result
    return result


def listen(namespace: str, host: str, port: int) -> socket.socket:
    """Return a listening TCP socket on *host*:*port* of the namespace; raises ``OSError``."""

    def create() -> socket.socket:
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((host, port))
            server.listen(128)
        except BaseException:
            server.close()
            raise
        server.setblocking(False)
        return server

    return in_network_namespace(namespace, create)


def connect(namespace: str, host: str, port: int, timeout: float) -> socket.socket:
    """Return a TCP socket connected to *host*:*port* from the namespace in *timeout* seconds; raises ``OSError``."""
    return in_network_namespace(namespace, lambda: socket.create_connection((host, port), timeout=timeout))


async def dial(namespace: str, host: str, port: int) -> socket.socket:
    """Return a non-blocking TCP socket connected to *host*:*port* from the namespace; raises ``OSError``."""

    def create() -> socket.socket:
        created = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        created.setblocking(False)
        return created

    connection = in_network_namespace(namespace, create)
    try:
        await asyncio.get_running_loop().sock_connect(connection, (host, port))
    except BaseException:
        connection.close()
        raise
    return connection


def announce(namespace: str, link: str, address: str) -> None:
    """Broadcast an ARP announcement (RFC 5227) of *address* on *link* of the namespace; raises ``OSError``."""

    def create() -> socket.socket:
        created = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETHERTYPE_ARP))
        created.bind((link, 0))
        return created

    with in_network_namespace(namespace, create) as sender:
        own, everybody, ip = sender.getsockname()[4], b"\xff" * 6, socket.inet_aton(address)
        ethernet = everybody + own + struct.pack("!H", _ETHERTYPE_ARP)
        request = struct.pack("!HHBBH", 1, _ETHERTYPE_IPV4, 6, 4, 1)
        sender.send(ethernet + request + own + ip + b"\0" * 6 + ip)
