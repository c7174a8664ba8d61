# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CozyStack release that images are built from unless another one is asked for."""

from __future__ import annotations

REF = "v1.6.2"
COMMIT = "bfde94fd26d35c5f0281a1285f194e7ca3041b6a"
TALOS_VERSION = "v1.13.6"
