# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""L2: nodes exchange traffic. What was tried is given, nothing is sent here."""

from __future__ import annotations

from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import Observation
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.verdict import (
    Problem,
    Verdict,
    count,
    verdict,
)


def pair_traffic(observation: Observation) -> Verdict:
    """Every pair of nodes that was tried exchanged traffic, and every pair was tried."""
    if observation.pairs is None:
        return Verdict(not_run="no traffic between nodes was tried")
    problems = [
        Problem(
            f"does not reach {pair.target}: {pair.observed or 'no answer'}", pair.source, fix="check link and routes"
        )
        for pair in observation.pairs
        if not pair.ok
    ]
    tried = {(pair.source, pair.target) for pair in observation.pairs}
    names = [node.name for node in observation.nodes]
    problems += [
        Problem(f"was not tried with {target}", source, fix="try every pair")
        for source in names
        for target in names
        if source != target and (source, target) not in tried
    ]
    return verdict(problems, f"{count(len(tried), 'pair')} exchange traffic")
