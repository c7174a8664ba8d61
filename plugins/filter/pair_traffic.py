# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: pair_traffic
short_description: Which nodes reached which, from what was tried on each
version_added: 0.1.0
description:
  - Turns the results of a command that was run on every node into what the option
    O(homelab.talos.cluster_health#module:pair_traffic) takes.
  - The command prints one line for each other node, its name and, when it was not reached, why.
author:
  - homelab.talos contributors (@homelab)
positional: _input, nodes
options:
  _input:
    description: Registered results of the loop, C(item) being the name of the node that sent.
    type: list
    elements: dict
    required: true
  nodes:
    description: Names of all nodes; a pair without a line was not reached.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show who reached whom
  ansible.builtin.debug:
    msg: "{{ tried.results | homelab.talos.pair_traffic(['cp1', 'gw1']) }}"
"""

RETURN = r"""
_value:
  description: One entry for each ordered pair, with C(source), C(target), C(ok) and C(observed).
  type: list
  elements: dict
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def pair_traffic(results: Iterable[Mapping[str, Any]], nodes: Iterable[str]) -> list[dict[str, Any]]:
    """Return what came of every ordered pair of nodes.

    :param results: of each sending node: ``item`` (its name), ``stdout`` (lines ``<target> <why not>``), ``stderr``.
    """
    names = [str(name) for name in nodes]
    said = {str(result["item"]): _lines(result) for result in results}
    failed = {str(result["item"]): _failure(result) for result in results}
    pairs = []
    for source in names:
        for target in names:
            if source == target:
                continue
            message = said.get(source, {}).get(target, failed.get(source) or "was not tried")
            pairs.append({"source": source, "target": target, "ok": not message, "observed": message})
    return pairs


def _lines(result: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for line in str(result.get("stdout") or "").splitlines():
        target, _separator, reason = line.partition(" ")
        found[target] = reason.strip()
    return found


def _failure(result: Mapping[str, Any]) -> str:
    lines = str(result.get("stderr") or result.get("msg") or "").strip().splitlines()
    return lines[-1] if lines else ""


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function."""
        return {"pair_traffic": pair_traffic}
