# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all commands of the lab's command line have in common."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

Run = Callable[[argparse.Namespace], int]


def add_command(commands: Any, name: str, run: Run, text: str) -> argparse.ArgumentParser:
    """Add a command to *commands* (what ``add_subparsers`` returned) that calls *run*; returns its parser."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    parser.add_argument("--json", action="store_true", help="print JSON on standard output")
    return parser


def add_lab(parser: argparse.ArgumentParser) -> None:
    """Let the command take the lab it is about."""
    parser.add_argument("--lab", help="name of the lab; not needed when only one runs")


def show(options: argparse.Namespace, content: Any, text: str) -> int:
    """Print *content* as JSON when it was asked for, else *text*; returns the exit status 0."""
    print(json.dumps(content, indent=1) if options.json else text)
    return 0
