# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches whom, measured from the nodes and from the machine that runs the tests."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

#: The machine that runs the tests, among the names of nodes.
CONTROLLER = "controller"
Pair = tuple[str, str]
Run = Callable[[str, Sequence[str]], subprocess.CompletedProcess[str]]
# Prints those of the addresses given that answer a ping; two tries, because the machine may be busy.
_PING = """
for address in "$@"; do
  (timeout 3 ping -n -q -c 2 -i 0.2 -W 1 "$address" >/dev/null 2>&1 && echo "$address") &
done
wait
"""


def reachable(addresses: Mapping[str, str], run_on: Run) -> set[Pair]:
    """Return (from, to) for each pair of places of which the second answers the first.

    :param addresses: name of a node, or :data:`CONTROLLER` -> address.
    :param run_on: runs a command on a node; not called for the controller. A node where it fails reaches nobody.
    """
    names = {address: name for name, address in addresses.items()}

    def ask(place: str) -> set[Pair]:
        others = [address for name, address in addresses.items() if name != place]
        command = ["sh", "-c", _PING, "ping", *others]
        if place == CONTROLLER:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        else:
            done = run_on(place, command)
        return {(place, names[line]) for line in done.stdout.splitlines()} if done.returncode == 0 else set()

    with ThreadPoolExecutor() as pool:
        return set().union(*pool.map(ask, addresses))


def all_pairs(places: Iterable[str]) -> set[Pair]:
    """Return every ordered pair of different places."""
    places = list(places)
    return {(one, other) for one in places for other in places if one != other}


def between(groups: Sequence[Sequence[str]]) -> set[Pair]:
    """Return the ordered pairs of places that are in different groups."""
    return {(one, other) for a in groups for b in groups if a is not b for one in a for other in b}


def differences(found: set[Pair], wanted: set[Pair]) -> list[str]:
    """Return a line for each pair that should reach and does not, or should not and does."""
    lines = [f"{source} does not reach {target}" for source, target in sorted(wanted - found)]
    return lines + [f"{source} reaches {target}" for source, target in sorted(found - wanted)]
