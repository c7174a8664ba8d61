# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""containerd's store with the images of the engine already in it, from which every node starts.

Importing the images on each node would write their content once per node. Made once per engine instead, nodes share
it by hard links: containerd never changes a blob or a file of an image, only its databases, of which each node gets a
copy.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ansible_collections.homelab.talos.lab.engine.ensure import Engine, exclusive
from ansible_collections.homelab.talos.lab.engine.pod_images import IMAGES
from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.last_line import last_line

_LIMIT_SECONDS = 120.0
_DATABASE = ".db"
#: Holds the id of one containerd, which each node makes for itself.
_IDENTITY = "io.containerd.grpc.v1.introspection"
_CONFIG = """\
version = 3
root = "{root}"
state = "{state}/state"
disabled_plugins = [
  "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri",
  "io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri",
]

[grpc]
  address = "{state}/containerd.sock"
"""


def store_directory(engine: Engine) -> Path:
    """Return where the store of an engine is, whether it exists or not."""
    return engine.images.with_name(f"{engine.images.name}-store")


def marker(store: Path, archive: Path) -> Path:
    """Return the file in a store that says which state of an archive it holds; see :func:`stamp`."""
    return store / f".imported-{archive.stem}"


def stamp(archive: Path) -> str:
    """Return what tells two states of an archive apart."""
    return f"{archive.stat().st_size}-{archive.stat().st_mtime_ns}"


def holds(store: Path, archive: Path) -> bool:
    """Tell whether a store holds an archive as it is now."""
    path = marker(store, archive)
    return path.is_file() and path.read_text(encoding="utf-8") == stamp(archive)


def ensure_store(engine: Engine, progress: Callable[[str], None]) -> None:
    """Make the store of an engine unless it holds every image; needs root.

    Raises :class:`LabError` with containerd's words.
    """
    store, archives = store_directory(engine), engine.image_archives(*(image.program for image in IMAGES))
    with exclusive(store.with_name(f".{store.name}.lock")):
        if all(holds(store, archive) for archive in archives):
            return
        started = time.monotonic()
        progress(f"engine: putting {len(archives)} images into a store")
        partial = store.with_name(f".{store.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        _fill(engine, partial, archives)
        shutil.rmtree(store, ignore_errors=True)
        partial.rename(store)
        progress(f"engine: put {len(archives)} images into a store in {time.monotonic() - started:.0f} s")


def _fill(engine: Engine, store: Path, archives: Sequence[Path]) -> None:
    store.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="homelab-talos-") as name:
        state = Path(name)
        config, log = state / "containerd.toml", state / "containerd.log"
        config.write_text(_CONFIG.format(root=store, state=state), encoding="utf-8")
        # In a mount namespace of its own, so that no mount is left behind.
        command = ["unshare", "--mount", "--", str(engine.path("containerd")), "--config", str(config)]
        with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as containerd:
            try:
                _wait_for(state / "containerd.sock", containerd, log)
                for archive in archives:
                    _import(engine, state / "containerd.sock", archive)
                    marker(store, archive).write_text(stamp(archive), encoding="utf-8")
            finally:
                containerd.terminate()
    shutil.rmtree(store / _IDENTITY, ignore_errors=True)


def _wait_for(socket: Path, containerd: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _LIMIT_SECONDS
    while not socket.exists():
        if containerd.poll() is not None or time.monotonic() >= end:
            said = last_line(log.read_bytes(), "it said nothing")
            raise LabError(f"containerd does not start: {said}", "run as root")
        # sleep: the poll of a wait with a limit
        time.sleep(0.05)


def _import(engine: Engine, socket: Path, archive: Path) -> None:
    command = [str(engine.path("ctr")), "--address", str(socket), "--namespace", "k8s.io", "images", "import"]
    done = subprocess.run([*command, str(archive)], capture_output=True, text=True, check=False, timeout=_LIMIT_SECONDS)
    if done.returncode != 0:
        cause = f"image {archive.stem} could not be imported: {last_line(done.stderr)}"
        raise LabError(cause, f"remove {archive} and try again")


def seed(store: Path, target: Path) -> None:
    """Give a node the store; one that it has already stays, and without a store there is nothing to give.

    *target* is the directory of containerd in the node. Content is shared by hard links where the file system can.
    """
    if target.exists() or not store.is_dir():
        return
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(store, partial, symlinks=True, copy_function=_link_or_copy)
    partial.rename(target)


def _link_or_copy(source: str, target: str) -> None:
    if not source.endswith(_DATABASE):
        try:
            os.link(source, target, follow_symlinks=False)
            return
        except OSError:
            # Another file system, or one without links: the content is the same, it only takes longer.
            pass
    shutil.copy2(source, target, follow_symlinks=False)
