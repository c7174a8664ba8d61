# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identifiers in manifests: words in kebab-case and snake_case.

Source: spinframework/spin:crates/serde/src/id.rs
"""

from __future__ import annotations

import re

VARIABLE_FORM = "use lower case, digits and _, each word with a letter first"

_WORD = r"(?:[a-z][a-z0-9]*|[A-Z][A-Z0-9]*)"
_KEBAB = re.compile(rf"{_WORD}(?:-{_WORD})*")
_SNAKE = re.compile(rf"{_WORD}(?:_{_WORD})*")
_LOWER_SNAKE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)*")


def is_kebab(text: str) -> bool:
    """Tell whether a text consists of words joined by ``-``, each of one case and beginning with a letter."""
    return bool(_KEBAB.fullmatch(text))


def is_label(text: str) -> bool:
    """Tell whether a text may name a store or database: kebab-case or snake_case."""
    return bool(_KEBAB.fullmatch(text) or _SNAKE.fullmatch(text))


def is_variable(text: str) -> bool:
    """Tell whether a text may name a variable: snake_case in lower case."""
    return bool(_LOWER_SNAKE.fullmatch(text))
