# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: health_report_lines
short_description: The report of a validation as lines for people
version_added: 0.1.0
description:
  - One line for each check, each finding that is more than a remark, and each missing item.
author:
  - homelab.talos contributors (@homelab)
positional: _input
options:
  _input:
    description: The report, as P(homelab.talos.health_report#filter) returns it.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the report
  ansible.builtin.debug:
    msg: "{{ health | homelab.talos.health_report(cluster='home') | homelab.talos.health_report_lines }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.report.health import health_lines


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function."""
        return {"health_report_lines": health_lines}
