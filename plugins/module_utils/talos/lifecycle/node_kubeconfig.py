# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubeconfig a control plane hands out.

The node answers with a tar.gz that holds one file, ``kubeconfig``; each call mints a new certificate.
Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go (Kubeconfig).
"""

from __future__ import annotations

import io
import tarfile
from typing import Any


class KubeconfigArchiveError(Exception):
    """A node's answer holds no kubeconfig; one line with node, cause and remedy."""


async def fetch_kubeconfig(client: Any, node: str) -> str:
    """Return the kubeconfig as text.

    :param client: a connected client of a control plane with role os:admin.
    :param node: name of the node, for the error.
    :raises TalosError: the call failed.
    :raises KubeconfigArchiveError: the answer is no archive with a kubeconfig.
    """
    chunks = [data.bytes async for data in client.stream("machine.MachineService/Kubeconfig", None)]
    return unpack_kubeconfig(b"".join(chunks), node)


def unpack_kubeconfig(archive: bytes, node: str) -> str:
    """Return the text of the file ``kubeconfig`` in a tar.gz.

    :raises KubeconfigArchiveError: there is none.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
            member = files.extractfile("kubeconfig")
            if member is not None:
                return member.read().decode("utf-8")
    except (tarfile.TarError, EOFError, OSError, KeyError, UnicodeDecodeError):
        pass
    raise KubeconfigArchiveError(f"{node}: answered with {len(archive)} bytes that hold no kubeconfig; ask again")
