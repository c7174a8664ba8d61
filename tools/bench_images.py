# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the parts of an image build that are ours: writing the profiles, and the second run that builds nothing.

Prints row -> seconds as JSON. Upstream is a tree of the tests, the imager a stand-in: how long a real one takes is not
measured here.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from ansible_collections.homelab.talos.plugins.module_utils.cozystack import profile_check
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.committed_profile import (
    image_reference,
    read_profile,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.imager import KINDS
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.profiles import ImageDefinition, render_profile
from ansible_collections.homelab.talos.tests.support.cozystack_tree import SHAPES, SIX, create, digest, tree
from ansible_collections.homelab.talos.tests.support.image_builds import NEWEST, build_with_stand_in

ROUNDS = 10
NAMES = ("drbd:9.3.2-v1.13.6", "zfs:2.4.3-v1.13.6", "spin:v0.25.1", "tailscale:1.98.5")


def profiles() -> float:
    """Return the seconds for writing the six profiles of an image and reading them back; the best of some rounds."""
    references = tuple(image_reference(f"ghcr.io/siderolabs/{name}@{digest(name)}") for name in NAMES)
    definition = ImageDefinition("arm64", "v1.13.6", references)
    best = float("inf")
    for _round in range(ROUNDS):
        # Texts that were read before are not read again; a build reads them once.
        read_profile.cache_clear()
        begin = time.perf_counter()
        for kind in KINDS:
            found = profile_check.check_profile(kind, render_profile(kind, definition), f"{kind}.yaml", definition)
            if found:
                raise RuntimeError(f"a generated profile is wrong: {found[0]}")
        best = min(best, time.perf_counter() - begin)
    return best


def second_run(directory: Path) -> tuple[float, float]:
    """Return the seconds of a first build of six files with the stand-in, and of the second run."""
    clone = create(directory / "cozystack", {NEWEST: tree(SHAPES[NEWEST])})
    seconds = []
    for changed in (True, False):
        begin = time.perf_counter()
        result = build_with_stand_in(clone, directory, "compute", NEWEST, list(SIX), directory / "images")
        seconds.append(time.perf_counter() - begin)
        if result.changed is not changed:
            raise RuntimeError("a second run built something" if result.changed else "a first run built nothing")
    return seconds[0], seconds[1]


def main() -> int:
    """Measure and print; return 0."""
    with tempfile.TemporaryDirectory() as directory:
        first, second = second_run(Path(directory))
    rows = {
        "image: six profiles written and read back": round(profiles(), 4),
        "image: six files with a stand-in for the imager": round(first, 2),
        "image: second run that builds nothing": round(second, 3),
    }
    print(json.dumps(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
