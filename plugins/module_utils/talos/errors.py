# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between a client and a Talos node, as types.

Source: siderolabs/talos:internal/app/machined/internal/server/, internal/app/apid/pkg/director/
"""

from __future__ import annotations


class TalosError(Exception):
    """A call to a node failed.

    Attributes (all str): `node` the endpoint or node asked, `method` for example
    ``machine.MachineService/Bootstrap`` ("" while connecting), `code` the gRPC status name
    (``FAILED_PRECONDITION``), `cause` what the node or the network said (may have several lines),
    `remedy` what the operator can do ("" when nothing general can be said).
    The text of the exception is one line.
    """

    code = "UNKNOWN"
    remedy = ""

    def __init__(
        self, node: str, cause: str, *, method: str = "", code: str | None = None, remedy: str | None = None
    ) -> None:
        self.node = node
        self.cause = cause
        self.method = method.lstrip("/")
        if code is not None:
            self.code = code
        if remedy is not None:
            self.remedy = remedy
        super().__init__(node, cause)

    def __str__(self) -> str:
        what = f"{self.node}: {self.method}" if self.method else self.node
        text = f"{what}: {_one_line(self.cause)} ({self.code})"
        return f"{text}; remedy: {_one_line(self.remedy)}" if self.remedy else text

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (type(self), self.node, self.cause, self.method, self.code, self.remedy)


def _restore(kind: type[TalosError], node: str, cause: str, method: str, code: str, remedy: str) -> TalosError:
    return kind(node, cause, method=method, code=code, remedy=remedy)


def _one_line(text: str) -> str:
    return " ".join(text.split())


class Unreachable(TalosError):
    """No connection, or the connection broke."""

    code = "UNAVAILABLE"
    remedy = "check that the node is powered on and that this port of it can be reached from here"


class DeadlineExceeded(TalosError):
    """The node was reached but did not answer in time."""

    code = "DEADLINE_EXCEEDED"
    remedy = "raise the timeout, or look at the node's console"


class NotAuthorized(TalosError):
    """The roles of the client certificate do not allow the call."""

    code = "PERMISSION_DENIED"
    remedy = "use a talosconfig whose certificate has the role the call needs (os:admin allows all)"


class CertificateRefused(TalosError):
    """One side did not accept the other's certificate."""

    code = "UNAUTHENTICATED"
    remedy = "use the talosconfig of this cluster"


class MaintenanceMode(TalosError):
    """A client with a talosconfig met a node that waits for its first configuration."""

    code = "UNAUTHENTICATED"
    remedy = "apply a machine configuration first (in maintenance mode, with its fingerprint), or check the address"


class NotInMaintenance(TalosError):
    """A client without certificate met a node that has a configuration."""

    code = "UNAUTHENTICATED"
    remedy = "the node has a configuration already: connect with the talosconfig of its cluster"


class FailedPrecondition(TalosError):
    """The node is not in a state that allows the call."""

    code = "FAILED_PRECONDITION"


class AlreadyExists(TalosError):
    """What the call would create exists."""

    code = "ALREADY_EXISTS"


class InvalidArgument(TalosError):
    """The node refused the content of the request."""

    code = "INVALID_ARGUMENT"


class NotFound(TalosError):
    """The file, resource or member does not exist."""

    code = "NOT_FOUND"


class Unimplemented(TalosError):
    """The node (its type, mode or version) does not have this call."""

    code = "UNIMPLEMENTED"


_BY_CODE: dict[str, type[TalosError]] = {
    kind.code: kind
    for kind in (
        Unreachable,
        DeadlineExceeded,
        NotAuthorized,
        FailedPrecondition,
        AlreadyExists,
        InvalidArgument,
        NotFound,
        Unimplemented,
    )
}


def from_status(node: str, method: str, code: str, message: str | None) -> TalosError:
    """Return the typed error for a gRPC status.

    `code` is the status name (``NOT_FOUND``), `message` the text of the status, if any.
    A code without a type of its own (UNKNOWN, INTERNAL, ...) gives a plain TalosError with that code.
    """
    kind = NotAuthorized if code == "UNAUTHENTICATED" else _BY_CODE.get(code, TalosError)
    return kind(node, message or "the node gave no reason", method=method, code=code)
