# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running checks over an observation: a layer waits for those below, a check for what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import CheckResult, Status
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.catalogue import CHECKS, LAYERS, Check
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import Observation
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.verdict import Verdict, check_result

HOLDING_UP: tuple[Status, ...] = ("failed", "blocked")


def evaluate(observation: Observation, selected: Sequence[Check] = CHECKS) -> list[CheckResult]:
    """Return the result of every selected check, in order.

    A selected check is blocked when a selected check of a lower layer failed, or when one it rests on fails, selected
    or not.
    """
    by_id = {check.id: check for check in CHECKS}
    verdicts: dict[str, Verdict] = {}
    results: list[CheckResult] = []
    for check in selected:
        blocker = _failed_layer(results, check.layer) or _failed_support(check, by_id, observation, verdicts)
        if blocker:
            results.append(CheckResult(check.id, check.layer, "blocked", f"blocked by {blocker}"))
        else:
            results.append(check_result(check.id, check.layer, check.condition, _judge(check, observation, verdicts)))
    return results


def is_healthy(results: Iterable[CheckResult]) -> bool:
    """Return whether nothing failed or was blocked."""
    return not any(result.status in HOLDING_UP for result in results)


def awaited(results: Sequence[CheckResult]) -> str:
    """Return in one line what is still awaited, empty when nothing is."""
    failed = [result for result in results if result.status == "failed"]
    return "; ".join(result.message for result in failed)


def summary(results: Sequence[CheckResult]) -> str:
    """Return the number of checks per status, such as ``18 ok, 2 skipped``."""
    counts: dict[str, int] = {}
    for result in results:
        counts[result.status] = counts.get(result.status, 0) + 1
    return ", ".join(f"{number} {status}" for status, number in counts.items()) or "no check was selected"


def _failed_layer(results: Sequence[CheckResult], layer: str) -> str:
    failed = {result.layer for result in results if result.status == "failed"}
    below = LAYERS[: LAYERS.index(layer)]
    return next((name for name in below if name in failed), "")


def _failed_support(
    check: Check, by_id: Mapping[str, Check], observation: Observation, verdicts: dict[str, Verdict]
) -> str:
    for name in check.after:
        support = by_id[name]
        if _failed_support(support, by_id, observation, verdicts) or _judge(support, observation, verdicts).problems:
            return name
    return ""


def _judge(check: Check, observation: Observation, verdicts: dict[str, Verdict]) -> Verdict:
    if check.id not in verdicts:
        verdicts[check.id] = check.judge(observation)
    return verdicts[check.id]
