# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ApplyConfiguration, with the semantics of Talos up to 1.13 and of 1.14.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go (ApplyConfiguration).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.homelab.talos.lab.machined import refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.configuration import Configurator
from ansible_collections.homelab.talos.lab.machined.decoding import ConfigurationError, read
from ansible_collections.homelab.talos.lab.machined.go_duration import go_duration
from ansible_collections.homelab.talos.lab.machined.immediate import NeedsReboot, check_immediate, unified_diff
from ansible_collections.homelab.talos.lab.machined.lifecycle import Request
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.validation import ValidationFailed, several, validate
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, message
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import versions
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

MODES = enum("machine.ApplyConfigurationRequest.Mode")
WITH_REBOOT = "Applied configuration with a reboot"
WITHOUT_REBOOT = "Applied configuration without a reboot"
STAGED = "Staged configuration to be applied after the next reboot"
NO_REBOOT_MODE = "the REBOOT mode is not supported, please use AUTO or NO_REBOOT modes instead"
LAST_WITH_REBOOT = (1, 13)
DEFAULT_TRY_SECONDS = 60.0
REBOOTING = (
    "configuration was already applied and node is rebooting, cannot apply more configuration changes until next reboot"
)
NO_V1ALPHA1 = (
    "the applied machine configuration doesn't contain v1alpha1 config, "
    "did you mean to patch the machine config instead?"
)


class ApplyCalls:
    """The call of one node."""

    def __init__(self, node: Node, configurator: Configurator, request: Callable[[Request], None]) -> None:
        self._node = node
        self._configurator = configurator
        self._request = request
        self._in_progress = False
        self._rebooted = ""  # the boot that a configuration ended

    @property
    def _may_reboot(self) -> bool:
        """Whether this Talos reboots by itself for changes it cannot take over at once (up to 1.13)."""
        return versions.talos_line(self._node.description.talos_version).minor <= LAST_WITH_REBOOT

    async def apply(self, call: Call) -> Any:
        """Answer ApplyConfiguration."""
        if self._rebooted == self._node.runtime.boot_id:
            raise refusals.failed_precondition(REBOOTING)
        if self._in_progress or self._node.busy:
            raise refusals.failed_precondition("another apply configuration is already in progress")
        self._in_progress = True
        try:
            return await self._apply(call.request)
        finally:
            self._in_progress = False

    async def _apply(self, request: Any) -> Any:
        asked = MODES.Name(request.mode)
        if asked != "TRY":  # even when nothing comes of this request, as in Talos
            self._configurator.keep()
        config, warnings = self._accept(request.data)
        mode, details, reason = self._mode(asked, config)
        if request.dry_run:
            return _reply(mode, f"Dry run summary:\n{details} (skipped in dry-run).\n{self._diff(config)}", [])
        shown = f"{asked}({mode})" if asked == "AUTO" else mode
        self._node.journal.talos(f"apply config request: mode {shown.lower()}")
        if mode != "TRY" and self._node.config is not None:
            self._node.partitions.save_config(request.data)
        if mode in ("NO_REBOOT", "TRY"):
            await self._configurator.change(request.data)
        if mode == "TRY":
            seconds = _seconds(request)
            self._configurator.roll_back_after(seconds)
            limit = go_duration(seconds)
            details += f"\nThe config is applied in 'try' mode and will be automatically reverted back in {limit}"
        if mode == "REBOOT":
            self._rebooted = self._node.runtime.boot_id
            self._request(Request("reboot"))
        return _reply(mode, details + reason, warnings)

    def _accept(self, data: bytes) -> tuple[MachineConfig, list[str]]:
        version = self._node.description.talos_version
        try:
            config = read(data, version)
            if not config.v1alpha1:
                raise refusals.invalid_argument(NO_V1ALPHA1)
            warnings = validate(config, version)
            if not self._node.partitions.installed:
                self._configurator.install_disk(config)
        except (ConfigurationError, ValidationFailed) as error:
            raise refusals.invalid_argument(str(error)) from None
        except LookupError as error:
            raise refusals.invalid_argument(several([str(error)])) from None
        return config, warnings

    def _mode(self, mode: str, config: MachineConfig) -> tuple[str, str, str]:
        """Return the effective mode, what the node says about it, and why it has to reboot (else empty)."""
        old = self._node.config
        if old is None:  # maintenance: installing and rebooting is up to the sequencer
            if mode not in ("AUTO", "NO_REBOOT", "REBOOT"):
                text = f"apply configuration --mode='{mode.lower()}' is not supported in maintenance mode"
                raise refusals.unimplemented(text)
            return "NO_REBOOT", WITHOUT_REBOOT, ""
        if mode == "STAGED":
            return mode, STAGED, ""
        if not self._may_reboot:
            if mode == "REBOOT":
                raise refusals.unimplemented(NO_REBOOT_MODE)
            return ("NO_REBOOT" if mode == "AUTO" else mode), WITHOUT_REBOOT, ""
        if mode == "REBOOT":
            return mode, WITH_REBOOT, ""
        try:
            check_immediate(old, config)
        except NeedsReboot as reason:
            if mode != "AUTO":
                raise refusals.invalid_argument(str(reason)) from None
            return "REBOOT", WITH_REBOOT, f": {reason}"
        return ("NO_REBOOT" if mode == "AUTO" else mode), WITHOUT_REBOOT, ""

    def _diff(self, config: MachineConfig) -> str:
        old = "" if self._node.config is None else self._node.config.to_text()
        return "Config diff:\n\n" + (unified_diff(old, config.to_text()) or "No changes.")


def _seconds(request: Any) -> float:
    if not request.HasField("try_mode_timeout"):
        return DEFAULT_TRY_SECONDS
    return float(request.try_mode_timeout.ToTimedelta().total_seconds())


def _reply(mode: str, details: str, warnings: list[str]) -> Any:
    reply = message("machine.ApplyConfigurationResponse")()
    reply.messages.add(mode=MODES.Value(mode), mode_details=details, warnings=warnings)
    return reply


def handlers(node: Node, configurator: Configurator, request: Callable[[Request], None]) -> Handlers:
    """Return the handler."""
    return {"/machine.MachineService/ApplyConfiguration": ApplyCalls(node, configurator, request).apply}
