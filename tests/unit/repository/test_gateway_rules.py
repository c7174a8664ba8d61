# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page about gateways names every rule and every check there is."""

from __future__ import annotations

import re

from ansible_collections.homelab.talos.plugins.module_utils.rules.routing.checks import CHECK_IDS
from ansible_collections.homelab.talos.tests.planted.checks import document_rule_ids
from ansible_collections.homelab.talos.tests.unit.repository.tree import ROOT

PAGE = (ROOT / "docs/reference/gateway-rules.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([a-z0-9.-]+)` \|", re.MULTILINE)


def undocumented(page: str) -> set[str]:
    """Return the rules and checks about gateways that a page does not have."""
    rules = {rule for rule in document_rule_ids() if rule.startswith("tailnet.")}
    return (rules | set(CHECK_IDS)) - set(ROW.findall(page))


def test_every_rule_and_check_has_a_row_and_no_other() -> None:
    assert undocumented(PAGE) == set()
    assert set(ROW.findall(PAGE)) <= document_rule_ids() | set(CHECK_IDS)


def test_a_missing_row_is_seen() -> None:
    assert undocumented(PAGE.replace("| `tailnet.state` |", "| |")) == {"tailnet.state"}
