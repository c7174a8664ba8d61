# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What survives a reboot and a power-off: STATE, META, EPHEMERAL and the fact of being installed.

Source: siderolabs/talos:pkg/machinery/constants/constants.go, internal/pkg/meta.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from ansible_collections.homelab.talos.lab.machined.boot_slots import BootImage, BootSlots
from ansible_collections.homelab.talos.plugins.module_utils.talos.secret_file import write_secret

STATE, EPHEMERAL, META = "STATE", "EPHEMERAL", "META"
CONFIG_NAME = "config.yaml"
IDENTITY_NAME = "node-identity.yaml"


class Partitions:
    """The persistent directory of a node; ``state`` is what Talos mounts at /system/state, ``slots`` are bootable."""

    def __init__(self, directory: Path) -> None:
        self.state = directory / "state"
        self.ephemeral = directory / "var"
        self._meta = directory / "meta" / "meta.json"
        self._installed = directory / "meta" / "installed.json"
        self.slots = BootSlots(directory / "meta" / "boot.json")

    def prepare(self) -> None:
        """Create what is missing, private to root."""
        for path in (self.state, self.ephemeral, self._meta.parent):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def installed(self) -> bool:
        """Whether Talos is on the system disk."""
        return self._installed.exists()

    @property
    def system_disk(self) -> str:
        """The device path Talos was installed on, empty when not installed."""
        return str(json.loads(self._installed.read_text())["disk"]) if self.installed else ""

    def install(self, disk: str, image: BootImage) -> None:
        """Remember that *image* was installed on *disk*."""
        self.prepare()
        self.slots.install(image)
        self._write_json(self._installed, {"disk": disk})

    def load_config(self) -> bytes | None:
        """Return the stored machine configuration, None when STATE is empty."""
        path = self.state / CONFIG_NAME
        return path.read_bytes() if path.exists() else None

    def save_config(self, data: bytes) -> None:
        """Store the machine configuration as received, mode 0600."""
        self.prepare()
        write_secret(self.state / CONFIG_NAME, data)

    def wipe(self, label: str) -> None:
        """Erase the contents of STATE, EPHEMERAL or META."""
        target = {STATE: self.state, EPHEMERAL: self.ephemeral}.get(label)
        if label == META:
            self._meta.unlink(missing_ok=True)
        elif target is not None:
            shutil.rmtree(target, ignore_errors=True)
            self.prepare()

    def wipe_system_disk(self) -> None:
        """Erase everything Talos wrote, the installation included."""
        for label in (STATE, EPHEMERAL, META):
            self.wipe(label)
        self._installed.unlink(missing_ok=True)
        self.slots.wipe()

    def meta(self) -> dict[int, str]:
        """Return the META key/value pairs."""
        if not self._meta.exists():
            return {}
        return {int(tag): value for tag, value in json.loads(self._meta.read_text()).items()}

    def set_meta(self, tag: int, value: str | None) -> None:
        """Set a META value; None deletes it, and raises ``KeyError`` when there is none."""
        values = self.meta()
        if value is None:
            del values[tag]
        else:
            values[tag] = value
        self.prepare()
        self._write_json(self._meta, {str(each): text for each, text in values.items()})

    @staticmethod
    def _write_json(path: Path, value: object) -> None:
        new = path.with_suffix(".new")
        new.write_text(json.dumps(value, indent=1))
        os.replace(new, path)
