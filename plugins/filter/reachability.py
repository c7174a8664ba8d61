# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: reachability
short_description: What was reached behind the routes of a tailnet, from what was tried
version_added: 0.1.0
description:
  - Turns the results of a command that was run for every target of M(homelab.talos.gateway_health) into what the option
    O(homelab.talos.gateway_health#module:reachability) takes.
  - The command ends with status 0 when it reached the target; else it says why not.
author:
  - homelab.talos contributors (@homelab)
positional: _input
options:
  _input:
    description: Registered results of the loop, C(item) being the target.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what was reached
  ansible.builtin.debug:
    msg: "{{ tried.results | homelab.talos.reachability }}"
"""

RETURN = r"""
_value:
  description: One entry for each target, with C(network), C(target), C(ok) and C(observed).
  type: list
  elements: dict
  sample:
    - {network: 10.96.0.0/12, target: "service kubernetes (10.96.0.1:443)", ok: true, observed: ""}
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def reachability(results: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what came of every try.

    :param results: of each try: ``item`` (network, address, port, what), ``rc``, ``stdout``, ``stderr``.
    """
    tried = []
    for result in results:
        item = result["item"]
        ok = result.get("rc") == 0
        said = str(result.get("stderr") or result.get("stdout") or result.get("msg") or "").strip().splitlines()
        tried.append(
            {
                "network": str(item["network"]),
                "target": f"{item['what']} ({item['address']}:{item['port']})",
                "ok": ok,
                "observed": "" if ok or not said else said[-1],
            }
        )
    return tried


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function."""
        return {"reachability": reachability}
