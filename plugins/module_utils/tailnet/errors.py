# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error of everything that asks a coordination server."""

from __future__ import annotations


class TailnetError(Exception):
    """Something of the tailnet cannot be used; one line with server or object, cause and remedy.

    :ivar subject: the server or the object that is meant.
    :ivar cause: what is wrong.
    :ivar remedy: what to do.
    :ivar status: status code of the HTTP answer, 0 when there was none.
    """

    def __init__(self, subject: str, cause: str, remedy: str, status: int = 0) -> None:
        self.subject = subject
        self.cause = cause
        self.remedy = remedy
        self.status = status
        super().__init__(f"{subject}: {cause}; {remedy}")
