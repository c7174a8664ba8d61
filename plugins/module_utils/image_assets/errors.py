# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error of reading an image asset."""

from __future__ import annotations


class UnreadableAsset(Exception):
    """A file is not what it should be; the text is one line that says what was expected and found."""
