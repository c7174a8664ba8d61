# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build commands of manifests as words of a program call.

Spin hands them to a shell. Here a program is called with words, and what only a shell would understand is refused
unless the operator asks for a shell: a command from a repository then does what can be read in it.
"""

from __future__ import annotations

import re
import shlex

_MEANS_SOMETHING = frozenset("|&;<>()$`*?[]{}~#\n")
_IN_QUOTES = frozenset("$`")
_ASSIGNMENT = re.compile(r"\w+=")
SHELL = ("/bin/sh", "-ec")


class CommandError(ValueError):
    """A command cannot be called as it is; the message is the cause."""


def words_of(command: str, shell: bool) -> list[str]:
    """Return what is called for a command.

    :param shell: whether a shell may read it.
    :raises CommandError: it needs a shell and may not have one, or a quote is not closed.
    """
    if shell:
        return [*SHELL, command]
    found = _for_a_shell(command)
    if found:
        raise CommandError(f"holds {found!r}, which only a shell understands")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise CommandError(f"cannot be read: {error}") from None
    if _ASSIGNMENT.match(words[0]):
        raise CommandError(f"begins with {words[0]!r}, which only a shell understands")
    return words


def _for_a_shell(command: str) -> str:
    """Return the first character that a shell would do something with, empty when there is none."""
    quote = ""
    escaped = False
    for character in command:
        if escaped:
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif quote:
            if character == quote:
                quote = ""
            elif quote == '"' and character in _IN_QUOTES:
                return character
        elif character in "'\"":
            quote = character
        elif character in _MEANS_SOMETHING:
            return character
    return ""
