# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error for a third-party library that is absent.

Imports of such libraries are guarded: a module must be importable without them to be able to say what is missing.
"""

from __future__ import annotations

import sys


class MissingLibrary(Exception):
    """A Python library is not installed for the interpreter that runs this.

    Attributes: ``library`` (name of the distribution), ``cause`` (the ImportError).
    """

    def __init__(self, library: str, cause: ImportError) -> None:
        self.library = library
        self.cause = cause
        super().__init__(
            f"the Python library {library} is not installed for {sys.executable}; "
            f"remedy: {sys.executable} -m pip install {library}"
        )


def require(library: str, error: ImportError | None) -> None:
    """Raise MissingLibrary for the distribution `library` when its guarded import left an `error`."""
    if error is not None:
        raise MissingLibrary(library, error)
