# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forwarding a call to another node's apid, as control planes do.

Source: siderolabs/talos:internal/app/apid/pkg/backend/apid.go.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from grpclib import GRPCError
from grpclib.client import Channel
from grpclib.exceptions import StreamTerminatedError
from multidict import MultiDict

from ansible_collections.homelab.talos.lab.machined import refusals
from ansible_collections.homelab.talos.lab.machined.call import Call
from ansible_collections.homelab.talos.lab.machined.dial import call_stream, call_unary

TIMEOUT_SECONDS = 30.0


class RemoteNode:
    """Another node, reached with the impersonator certificate."""

    def __init__(self, channel: Channel, own_address: str, target: str) -> None:
        self._channel = channel
        self._own_address = own_address
        self._target = target

    async def unary(self, call: Call) -> Any:
        """Forward a unary call."""
        try:
            return await call_unary(
                self._channel, call.path, call.request, self._metadata(call), timeout=TIMEOUT_SECONDS
            )
        except GRPCError:
            raise
        except (TimeoutError, OSError, StreamTerminatedError) as error:
            raise self._unreachable(error) from None
        finally:
            self._channel.close()

    async def stream(self, call: Call) -> AsyncGenerator[Any, None]:
        """Forward a call with a server stream."""
        try:
            async with aclosing(call_stream(self._channel, call.path, call.request, self._metadata(call))) as replies:
                async for reply in replies:
                    yield reply
        except (TimeoutError, OSError, StreamTerminatedError) as error:
            raise self._unreachable(error) from None
        finally:
            self._channel.close()

    def _metadata(self, call: Call) -> MultiDict[str]:
        roles = [("talos-role", role) for role in sorted(call.roles)]
        return MultiDict([("proxyfrom", self._own_address), *roles])

    def _unreachable(self, error: BaseException) -> GRPCError:
        text = str(error) or type(error).__name__
        return refusals.unavailable(
            f'connection error: desc = "transport: Error while dialing: dial tcp {self._target}:50000: {text}"'
        )
