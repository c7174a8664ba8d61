# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure how long it takes to look into large image files, and how much memory: an initramfs and a disk image.

Prints row -> seconds and row -> MiB as JSON. The files are made of random bytes, which is as bad as it gets for
whoever has to read them; each is looked into by a process of its own, the median of some rounds is told.
"""

from __future__ import annotations

import json
import lzma
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ansible_collections.homelab.talos.tests.support import bootable_media as media

ROUNDS = 3
MEBIBYTE = 1 << 20
INITRAMFS_MEBIBYTES = 150
DISK_BYTES = 1306525696
LOOK = """
import re, sys
from pathlib import Path
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.asset import inspect
facts = inspect(Path(sys.argv[1]))
if facts.problems or not facts.architecture:
    sys.exit(f"{facts.problems or 'nothing seen'}")
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def write_files(directory: Path) -> dict[str, Path]:
    """Write the files and return row -> path."""
    root = os.urandom(INITRAMFS_MEBIBYTES * MEBIBYTE)
    initramfs = media.initramfs("arm64", {"drbd": "9.3.2-v1.13.9"}, root=root)
    paths = {
        f"image_info: initramfs of {INITRAMFS_MEBIBYTES} MiB": directory / "initramfs-metal-arm64.xz",
        "image_info: disk image of 1.3 GB": directory / "metal-arm64.raw",
        "image_info: the same disk image, xz": directory / "nocloud-arm64.raw.xz",
    }
    plain, raw, packed = paths.values()
    plain.write_bytes(initramfs)
    disk = media.disk(media.boot_partition("arm64", media.uki(media.kernel(), initramfs)))
    raw.write_bytes(disk)
    os.truncate(raw, DISK_BYTES)
    compressor = lzma.LZMACompressor(preset=0)
    with raw.open("rb") as source, packed.open("wb") as target:
        while block := source.read(16 * MEBIBYTE):
            target.write(compressor.compress(block))
        target.write(compressor.flush())
    return paths


def look(path: Path) -> tuple[float, int]:
    """Look into a file in a process of its own; return the seconds and the most memory it held, in MiB.

    Raises RuntimeError when it is not what it should be.
    """
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", LOOK, str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{path.name}: {done.stderr.strip()}")
    return time.perf_counter() - begin, int(done.stdout) // 1024


def main() -> int:
    """Measure and print; return 0."""
    rows: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="homelab-bench-") as directory:
        for row, path in write_files(Path(directory)).items():
            looks = [look(path) for _round in range(ROUNDS)]
            rows[row] = round(statistics.median(seconds for seconds, _mebibytes in looks), 2)
            rows[f"{row}, MiB of memory"] = max(mebibytes for _seconds, mebibytes in looks)
    print(json.dumps(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
