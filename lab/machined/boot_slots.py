# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two slots of the boot loader: an upgrade fills the other one, a failed boot or a rollback goes back.

Source: siderolabs/talos:internal/app/machined/pkg/runtime/v1alpha1/bootloader/grub.
"""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.lab.machined.description import Extension, NodeDescription

A, B = "A", "B"
# META tag with the slot to go back to while an upgrade has not proved itself.
# Source: siderolabs/talos:internal/pkg/meta (constants).
UPGRADE_TAG = 6


class NoOtherSlot(Exception):
    """There is nothing to go back to; the text is that of Talos."""


@dataclass(frozen=True)
class BootImage:
    """What a slot holds: a version of Talos (``v1.13.9``) with its extensions."""

    talos_version: str
    extensions: tuple[Extension, ...]

    @classmethod
    def of(cls, description: NodeDescription) -> BootImage:
        """Return the image a machine has booted."""
        return cls(description.talos_version, description.extensions)


class BootSlots:
    """The slots of one machine, kept in a file; without it the machine boots from its medium."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def booted(self, medium: NodeDescription) -> NodeDescription:
        """Return the machine as it boots: with the image of the default slot, else with that of its medium."""
        content = self._read()
        if content is None:
            return medium
        image = content["slots"][content["default"]]
        extensions = tuple(Extension(**each) for each in image["extensions"])
        return dataclasses.replace(medium, talos_version=image["talos_version"], extensions=extensions)

    @property
    def default(self) -> str:
        """The slot that boots next, empty when nothing is installed."""
        content = self._read()
        return "" if content is None else str(content["default"])

    def install(self, image: BootImage) -> None:
        """Fill the first slot of an empty disk."""
        self._write({"default": A, "slots": {A: dataclasses.asdict(image)}})

    def upgrade(self, image: BootImage) -> str:
        """Fill the other slot and make it the default; return the slot to go back to."""
        content = self._read() or {"default": B, "slots": {}}
        previous = str(content["default"])
        other = B if previous == A else A
        self._write({"default": other, "slots": {**content["slots"], other: dataclasses.asdict(image)}})
        return previous

    def revert(self) -> None:
        """Make the other slot the default; raises :class:`NoOtherSlot`."""
        content = self._read() or {"default": A, "slots": {}}
        other = B if content["default"] == A else A
        if other not in content["slots"]:
            raise NoOtherSlot('cannot rollback to "", label does not exist')
        self._write({**content, "default": other})

    def wipe(self) -> None:
        """Forget both slots."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any] | None:
        return json.loads(self._path.read_text()) if self._path.exists() else None

    def _write(self, content: object) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(content, indent=1))
        os.replace(new, self._path)
