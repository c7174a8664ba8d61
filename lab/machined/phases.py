# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Phases that have nothing to do in the lab, and the tasks of all phases by name: what the events tell.

Source: siderolabs/talos:internal/app/machined/pkg/runtime/v1alpha1/v1alpha1_sequencer.go,
v1alpha1_sequencer_tasks.go.
"""

from __future__ import annotations

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.versions import parse_version

_TASKS: dict[str, tuple[str, ...]] = {
    # initialize
    "systemRequirements": ("enforceKSPPRequirements",),
    "earlyServices": (*("startMachined", "startUdevd", "startApid", "startAuditd", "startSyslogd", "startContainerd"),),
    "usb": ("waitForUSB",),
    "meta": ("reloadMeta",),
    "dashboard": ("startDashboard",),
    # install
    "saveMeta": ("flushMeta",),
    # boot
    "memorySizeCheck": ("memorySizeCheck",),
    "diskSizeCheck": ("diskSizeCheck",),
    "ephemeral": ("mountEphemeralPartition",),
    "promotableVolumes": ("mountPromotableSystemPartitions",),
    "udevSetup": ("writeUdevRules",),
    "userDisks": ("mountUserDisks",),
    "userSetup": ("writeUserFiles",),
    # what the sequences that end a boot have in common
    "denyNewServices": ("denyNewServices",),
    "umount": ("unmountPodMounts",),
    "unmount": ("unmountPodMounts",),
    "unmountBind": ("unmountSystemDiskBindMounts",),
    "unmountPromotable": ("unmountPromotableSystemPartitions",),
    "unmountSystem": ("unmountEphemeralPartition",),
    "volumeFinalize": ("teardownLifecycle",),
    "kexec": ("kexecPrepare",),
    # one of them each
    "storeShutdown": ("storeShutdownEmergency",),
    "preReset": ("sendResetSignal",),
    "forceCleanup": ("forceCleanup",),
}
# Phases of the same name that do different things at the start and at the end of a boot.
_STARTING: dict[str, tuple[str, ...]] = {"env": ("setUserEnvVars", "waitForCARoots"), "dbus": ("startDBus",)}
_ENDING: dict[str, tuple[str, ...]] = {"dbus": ("stopDBus",)}
_STARTS = ("initialize", "install", "boot")
# The line in which volumes of the system disk became promotable, and services are denied before they are stopped.
PROMOTABLE = (1, 14)


def tasks_of(sequence: str, phase: str) -> tuple[str, ...]:
    """Return the names of the tasks that an idle phase of a sequence has."""
    special = _STARTING if sequence in _STARTS else _ENDING
    return special.get(phase) or _TASKS.get(phase, ())


def before_services(talos_version: str) -> tuple[str, ...]:
    """Return the phases of a boot before it starts services."""
    volumes = "promotableVolumes" if _is_promotable(talos_version) else "udevSetup"
    return ("memorySizeCheck", "diskSizeCheck", "env", "dbus", "ephemeral", volumes, "userDisks", "userSetup")


def before_stopping(talos_version: str) -> tuple[str, ...]:
    """Return the phases of an ending boot before its services stop; those of an upgrade before anything else."""
    return ("denyNewServices",) if _is_promotable(talos_version) else ()


def unmounting(talos_version: str, first: str = "umount") -> tuple[str, ...]:
    """Return the phases of an ending boot between its last workload and its last service.

    :param first: name of the first one, which an upgrade spells differently.
    """
    promotable = ("unmountPromotable",) if _is_promotable(talos_version) else ()
    return (first, "unmountBind", *promotable, "unmountSystem", "volumeFinalize")


def prepares_kexec_last(talos_version: str) -> bool:
    """Return whether kexec is prepared after all services stopped, not before."""
    return _is_promotable(talos_version)


def _is_promotable(talos_version: str) -> bool:
    return parse_version(talos_version).line >= PROMOTABLE
