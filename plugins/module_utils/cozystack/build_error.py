# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an image cannot be built, as one line for an operator."""

from __future__ import annotations


class BuildError(Exception):
    """An image cannot be built.

    :ivar where: file, reference or image that is meant.
    :ivar cause: what is wrong.
    :ivar remedy: what the operator can do.
    """

    def __init__(self, where: str, cause: str, remedy: str = "") -> None:
        self.where = where
        self.cause = cause
        self.remedy = remedy
        text = f"{where}: {cause}" if where else cause
        super().__init__(" ".join((f"{text}; {remedy}" if remedy else text).split()))
