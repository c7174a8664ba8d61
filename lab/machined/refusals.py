# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node answers when it refuses: gRPC status and text.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1, internal/app/apid.
"""

from __future__ import annotations

from grpclib import GRPCError, Status

NOT_AUTHORIZED = "not authorized"


def unknown(text: str) -> GRPCError:
    """Return Unknown: what every plain Go error becomes."""
    return GRPCError(Status.UNKNOWN, text)


def invalid_argument(text: str) -> GRPCError:
    """Return InvalidArgument."""
    return GRPCError(Status.INVALID_ARGUMENT, text)


def failed_precondition(text: str) -> GRPCError:
    """Return FailedPrecondition."""
    return GRPCError(Status.FAILED_PRECONDITION, text)


def not_found(text: str) -> GRPCError:
    """Return NotFound."""
    return GRPCError(Status.NOT_FOUND, text)


def already_exists(text: str) -> GRPCError:
    """Return AlreadyExists."""
    return GRPCError(Status.ALREADY_EXISTS, text)


def permission_denied(text: str = NOT_AUTHORIZED) -> GRPCError:
    """Return PermissionDenied."""
    return GRPCError(Status.PERMISSION_DENIED, text)


def unimplemented(text: str) -> GRPCError:
    """Return Unimplemented."""
    return GRPCError(Status.UNIMPLEMENTED, text)


def unavailable(text: str) -> GRPCError:
    """Return Unavailable."""
    return GRPCError(Status.UNAVAILABLE, text)


def resource_exhausted(text: str) -> GRPCError:
    """Return ResourceExhausted."""
    return GRPCError(Status.RESOURCE_EXHAUSTED, text)


def internal(text: str) -> GRPCError:
    """Return Internal."""
    return GRPCError(Status.INTERNAL, text)


def control_plane_only(what: str) -> GRPCError:
    """Return the refusal of a worker for an API of control planes."""
    return unimplemented(f"{what} is only available on control plane nodes")
