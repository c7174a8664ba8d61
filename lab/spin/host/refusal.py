# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an app does not start, or a request is not served."""

from __future__ import annotations


class Refusal(Exception):
    """An app cannot be run; one line that names the app's part, the cause and the remedy."""


class Trap(Exception):
    """Raised by a function of the host to end the guest that called it; one line."""
