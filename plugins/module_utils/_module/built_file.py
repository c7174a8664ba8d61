# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging a file that was just built.

Private to this collection: it may change at any time.
"""

from __future__ import annotations

from pathlib import Path

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.profiles import ImageDefinition
from ansible_collections.homelab.talos.plugins.module_utils.findings.model import errors
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.asset import inspect
from ansible_collections.homelab.talos.plugins.module_utils.rules.image_files import ImageExpectation, judge_file


def seen_in(path: Path, definition: ImageDefinition) -> tuple[str, str]:
    """Return architecture and form that a new file shows.

    :raises BuildError: it is not what was asked for: another architecture, other extensions, or not readable.
    """
    facts = inspect(path)
    # Tags and the extensions' own versions are written in several ways; what was pulled is decided by digest.
    wanted = ImageExpectation(definition.architecture, {reference.name: "" for reference in definition.extensions})
    found = errors(judge_file(facts, path.name, definition.architecture, wanted))
    if found:
        raise BuildError(found[0].path, found[0].message, found[0].fix)
    return facts.architecture, facts.form
