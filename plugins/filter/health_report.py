# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: health_report
short_description: The report of a validation, from the result of the health checks
version_added: 0.1.0
description:
  - Derives the overall status from the results of M(homelab.talos.cluster_health).
  - A check that was not run is never a pass.
author:
  - homelab.talos contributors (@homelab)
positional: _input
options:
  _input:
    description: The registered result of M(homelab.talos.cluster_health), or an empty dict when it was not run.
    type: dict
    required: true
  cluster:
    description: Name of the cluster.
    type: str
    default: ""
  provider:
    description: Where the nodes come from.
    type: str
    default: ""
  blocked_by:
    description: What kept the checks from being run, one line each.
    type: list
    elements: str
    default: []
  images:
    description: Built images that nodes stand for without executing them, one line each.
    type: list
    elements: str
    default: []
  routing:
    description: The registered result of M(homelab.talos.gateway_health), or an empty dict when it was not run.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show the overall status
  ansible.builtin.debug:
    msg: "{{ (health | homelab.talos.health_report(cluster='home', provider='hardware')).status }}"
"""

RETURN = r"""
_value:
  description: The report. C(status) is V(passed), V(failed) or V(blocked); C(stand_ins) names services that are not
    what their name says.
  type: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.report.health import health_document


def health_report(
    result: Mapping[str, Any],
    cluster: str = "",
    provider: str = "",
    blocked_by: Sequence[str] = (),
    images: Sequence[str] = (),
    routing: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the report document for a registered result of the module ``cluster_health``.

    :param routing: that of ``gateway_health``, None or empty when it was not run.
    """
    results = result.get("checks") or result.get("results") or []
    routes = (routing or {}).get("checks") or []
    errors = [str(each.get("msg", "")) for each, found in ((result, results), (routing or {}, routes)) if not found]
    return health_document(
        [*results, *routes],
        cluster=str(cluster),
        provider=str(provider),
        blocked_by=[str(i) for i in blocked_by],
        error="; ".join(error for error in errors if error),
        stand_ins=result.get("stand_ins") or (),
        images=[str(line) for line in images],
    )


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function."""
        return {"health_report": health_report}
