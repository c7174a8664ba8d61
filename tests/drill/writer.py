# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes numbered ConfigMaps until its standard input ends, and prints a line of JSON about each attempt.

It runs where the writes shall come from, so it needs nothing but Python: its text is given to ``python3 -c``. The
credentials come as the first line of standard input: JSON with ``ca``, ``crt`` and ``key`` (PEM).
"""

from __future__ import annotations

import http.client
import json
import os
import select
import ssl
import sys
import tempfile
import time
from typing import Any
from urllib.parse import urlsplit

PAUSE_SECONDS = 0.25
# What the API server may take for a request; more than this it answers with an error of its own.
SERVER_SECONDS = 2
CONNECT_SECONDS = 6.0


def context(credentials: dict[str, str]) -> ssl.SSLContext:
    """Return the TLS settings of a client; the key is in a file only as long as it is read."""
    made = ssl.create_default_context(cadata=credentials["ca"])
    descriptor, path = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "w") as handle:
            handle.write(credentials["crt"] + credentials["key"])
        made.load_cert_chain(path)
    finally:
        os.unlink(path)
    return made


def write(server: str, tls: ssl.SSLContext, namespace: str, name: str) -> dict[str, Any]:
    """Create one ConfigMap and return what came of it; status 0 when nobody answered."""
    parts = urlsplit(server)
    begin = time.time()
    connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=CONNECT_SECONDS, context=tls)
    body = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
    try:
        path = f"/api/v1/namespaces/{namespace}/configmaps?timeout={SERVER_SECONDS}s"
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        status = answer.status
    except (OSError, http.client.HTTPException) as error:
        status, text = 0, f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return {"name": name, "begin": begin, "end": time.time(), "status": status, "text": "" if status == 201 else text}


def main(server: str, namespace: str, prefix: str) -> None:
    """Write until standard input ends."""
    tls = context(json.loads(sys.stdin.readline()))
    number = 0
    while not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
        number += 1
        print(json.dumps(write(server, tls, namespace, f"{prefix}-{number:05d}")), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
