# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the commands that a page of documentation tells its reader to type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# Fences whose every line is typed, and those whose lines are typed after a prompt and output otherwise.
SCRIPTS = ("bash", "sh", "shell")
SESSION = "console"
PROMPTS = ("$ ", "# ")
_FENCE = re.compile(r"^```(\w*)\s*$")
_ASSIGNMENT = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)", re.DOTALL)
_PLACEHOLDER = re.compile(r"<[^<>]+>")
_REDIRECTION = re.compile(r"[|;<>`]|\$\(")


class UnreadableCommand(Exception):
    """A block or a command that cannot be judged; one line with the page's line and the cause."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the number of its first line, its lines."""

    language: str
    start: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """One command: number of its line, variables set in front of it, its words."""

    line: int
    environment: tuple[tuple[str, str], ...]
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"line {self.line}: {shlex.join(self.words)}"


def blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    language, start, inside = "", 0, False
    collected: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if fence and not inside:
            language, start, inside, collected = fence[1], number + 1, True, []
        elif fence:
            yield Block(language, start, tuple(collected))
            inside = False
        elif inside:
            collected.append(line)
    if inside:
        raise UnreadableCommand(f"line {start - 1}: the block is not closed")


def typed_lines(block: Block) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of a block that are typed, without their prompts.

    A session has one prompt, that of its first line; other lines are output.
    """
    if block.language == SESSION:
        prompt = (block.lines or ("",))[0][:2]
        if prompt not in PROMPTS:
            raise UnreadableCommand(f"line {block.start}: a session begins with a prompt ($ or #)")
    for number, line in enumerate(block.lines, block.start):
        if block.language == SESSION and line.startswith(prompt):
            yield number, line[2:]
        elif block.language in SCRIPTS and line.strip() and not line.startswith("#"):
            yield number, line
        elif block.language not in (SESSION, *SCRIPTS) and line.startswith("$ "):
            raise UnreadableCommand(f"line {number}: a command in a block that is no {SESSION}")


def command(number: int, text: str, values: Mapping[str, str]) -> Command:
    """Return the command in a text; ``values`` are those of its ``<placeholders>``."""
    for placeholder in _PLACEHOLDER.findall(text):
        if placeholder not in values:
            raise UnreadableCommand(f"line {number}: nobody knows a value of {placeholder}")
        text = text.replace(placeholder, shlex.quote(values[placeholder]))
    words = shlex.split(text, comments=True)
    environment = []
    while words and (assignment := _ASSIGNMENT.fullmatch(words[0])):
        environment.append((assignment[1], assignment[2]))
        words.pop(0)
    if not words or any(_REDIRECTION.search(word) for word in words):
        raise UnreadableCommand(f"line {number}: not one simple command: {text}")
    return Command(number, tuple(environment), tuple(words))


def commands(text: str, values: Mapping[str, str]) -> list[Command]:
    """Return the commands in the blocks of a page, in their order; ``A && B`` are two."""
    return [
        command(number, part, values)
        for block in blocks(text)
        for number, line in typed_lines(block)
        for part in line.split(" && ")
    ]


def inline_commands(text: str, programs: tuple[str, ...], values: Mapping[str, str]) -> list[Command]:
    """Return the commands of some programs that a page names within its text."""
    return [
        command(number, span, values)
        for number, line in enumerate(text.splitlines(), 1)
        for span in re.findall(r"`([^`]+)`", line)
        if span.split(" ")[0] in programs and " " in span
    ]
