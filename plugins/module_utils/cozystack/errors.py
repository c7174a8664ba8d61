# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong while CozyStack's tree is read, as types."""

from __future__ import annotations


class UpstreamError(Exception):
    """The upstream repository cannot be read as asked; the text is one line: repository or ref, cause, remedy.

    Attributes (str): ``path`` the repository, ``cause``, ``remedy``.
    """

    def __init__(self, path: str, cause: str, remedy: str) -> None:
        self.path = path
        self.cause = cause
        self.remedy = remedy
        super().__init__(f"{path}: {cause}; {remedy}")


class UnknownLayout(UpstreamError):
    """No directory of the commit holds a Talos package as we know it."""


class FileTooLarge(UnknownLayout):
    """A file is larger than any that CozyStack has had in its place."""


class ProfilesPerArchitecture(UnknownLayout):
    """The profiles are ``<kind>-<arch>.yaml``: recognised, and not handled."""
