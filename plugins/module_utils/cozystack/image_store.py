# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where built images lie: one directory per image, replaced as a whole, one builder at a time.

Below the root: ``<architecture>/<variant>/`` the images, ``log/`` what builds printed, ``.work/`` what is being built.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_manifest import ImageManifest, read_manifest
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.naming import ARCHITECTURES, ImageName
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.image_directory import MANIFEST_FILE

_LOOK_SECONDS = 0.2


class ImageStore:
    """The built images below one directory.

    :param root: need not exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def directory(self, name: ImageName) -> Path:
        """Return the directory of an image, which need not exist."""
        return self.root / name.key

    def log(self, name: ImageName) -> Path:
        """Return the file that takes what the build of an image prints."""
        return self.root / "log" / f"{name.stem}.log"

    def manifests(self) -> Iterator[ImageManifest]:
        """Yield the manifests of all images, by architecture and name.

        :raises BuildError: one cannot be used.
        """
        for architecture in ARCHITECTURES:
            for path in sorted((self.root / architecture).glob(f"*/{MANIFEST_FILE}")):
                manifest = read_manifest(path.parent)
                if manifest is not None:
                    yield manifest

    @contextlib.contextmanager
    def locked(self, name: ImageName, limit: float, clock: Callable[[], float] = time.monotonic) -> Iterator[Path]:
        """Hold the lock of an image and yield its work directory, empty; both are given back at the end.

        What a build that was killed has left is put in order first.

        :param limit: seconds to wait for another build of the same image.
        :raises BuildError: that one took longer, or the directory cannot be written.
        """
        work = self.root / ".work" / name.stem
        try:
            work.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(work.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise BuildError(
                str(error.filename), error.strerror or "cannot be written", "choose an output that you may write"
            ) from None
        try:
            _wait_for(descriptor, name, limit, clock)
            self._recover(name, work)
            work.mkdir()
            try:
                yield work
            finally:
                shutil.rmtree(work, ignore_errors=True)
        finally:
            os.close(descriptor)

    def replace(self, name: ImageName, new: Path) -> None:
        """Put a finished directory in the place of an image."""
        target = self.directory(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        old = self._aside(name)
        if target.exists():
            target.rename(old)
        new.rename(target)
        shutil.rmtree(old, ignore_errors=True)

    def _aside(self, name: ImageName) -> Path:
        return self.root / ".work" / f"{name.stem}.old"

    def _recover(self, name: ImageName, work: Path) -> None:
        shutil.rmtree(work, ignore_errors=True)
        old, target = self._aside(name), self.directory(name)
        if old.exists() and not target.exists():
            old.rename(target)
        shutil.rmtree(old, ignore_errors=True)


def _wait_for(descriptor: int, name: ImageName, limit: float, clock: Callable[[], float]) -> None:
    end = clock() + limit
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if clock() >= end:
                raise BuildError(
                    name.key, f"is being built by another process for more than {limit:g} s", "wait for it, or end it"
                ) from None
        time.sleep(_LOOK_SECONDS)  # sleep: the poll of a wait with a limit
