# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubeconfig of a cluster's administrator.

Source: siderolabs/talos:pkg/kubeconfig/generate.go.
"""

from __future__ import annotations

import base64
import datetime
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos import pki, yaml_text
from ansible_collections.homelab.talos.plugins.module_utils.talos.pki import remaining_fraction

__all__ = ["KubeconfigError", "client_certificate", "needs_renewal", "remaining_fraction", "render_kubeconfig"]


class KubeconfigError(Exception):
    """A kubeconfig cannot be read; one line with origin, cause and remedy."""


def render_kubeconfig(cluster: str, endpoint: str, ca: bytes, crt: bytes, key: bytes) -> str:
    """Return a kubeconfig as Talos writes it: user and context ``admin@<cluster>``, namespace ``default``.

    :param cluster: name of the cluster.
    :param endpoint: URL of the Kubernetes API, such as ``https://198.18.1.11:6443``.
    :param ca: PEM certificate of the Kubernetes CA.
    :param crt: PEM client certificate.
    :param key: PEM client key.
    """
    user = f"admin@{cluster}"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {"server": endpoint, "certificate-authority-data": _b64(ca)}}],
        "users": [{"name": user, "user": {"client-certificate-data": _b64(crt), "client-key-data": _b64(key)}}],
        "contexts": [{"context": {"cluster": cluster, "namespace": "default", "user": user}, "name": user}],
        "current-context": user,
    }
    return yaml_text.dump(document)


def client_certificate(text: str, source: str = "kubeconfig") -> bytes:
    """Return the PEM client certificate of the current context.

    :param source: file name or other origin, for the error.
    :raises KubeconfigError: there is none.
    """
    try:
        document = yaml_text.load_all(text, source)[0]
        contexts = {item["name"]: item["context"] for item in document["contexts"]}
        users = {item["name"]: item["user"] for item in document["users"]}
        user: dict[str, Any] = users[contexts[document["current-context"]]["user"]]
        return base64.b64decode(user["client-certificate-data"], validate=True)
    except (yaml_text.YamlError, IndexError, KeyError, TypeError, ValueError):
        cause = "holds no client certificate for its current context"
        raise KubeconfigError(f"{source}: {cause}; create it anew") from None


def needs_renewal(
    text: str, now: datetime.datetime, below: float = pki.RENEW_BELOW, source: str = "kubeconfig"
) -> bool:
    """Return whether less than ``below`` of the client certificate's lifetime is left.

    :raises KubeconfigError: there is no client certificate.
    """
    try:
        return pki.needs_renewal(client_certificate(text, source), now, below)
    except pki.PkiError as error:
        raise KubeconfigError(f"{source}: {error}; create it anew") from None


def _b64(pem: bytes) -> str:
    return base64.b64encode(pem).decode("ascii")
