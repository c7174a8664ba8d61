# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of the Kubernetes side: each names the host and the remedy in one line."""

from __future__ import annotations


class KubernetesError(Exception):
    """A call to a Kubernetes API did not succeed.

    :ivar server: URL of the API server.
    :ivar operation: what was asked, such as ``list nodes``.
    :ivar cause: what went wrong.
    :ivar remedy: what to do.
    """

    def __init__(self, server: str, operation: str, cause: str, remedy: str) -> None:
        self.server = server
        self.operation = operation
        self.cause = cause
        self.remedy = remedy
        super().__init__(f"{operation} at {server} failed: {cause}; {remedy}")


class KubeconfigInvalid(KubernetesError):
    """The kubeconfig cannot be used."""


class KubernetesUnreachable(KubernetesError):
    """Nothing answers at the address of the API server, or not in time."""


class KubernetesRefused(KubernetesError):
    """The API server and the client do not trust each other, or the client may not do this."""


class KubernetesAnswer(KubernetesError):
    """The API server answered with an error.

    :ivar status: HTTP status.
    """

    def __init__(self, server: str, operation: str, cause: str, remedy: str, status: int = 0) -> None:
        self.status = status
        super().__init__(server, operation, cause, remedy)
