# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write down what the health checks found: one document for machines, lines for people.

Only a writer: it judges nothing, except that the overall status is derived from the counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import STATUSES

SCHEMA = 1


def health_document(
    results: Sequence[Mapping[str, Any]],
    *,
    cluster: str,
    provider: str,
    blocked_by: Sequence[str] = (),
    error: str = "",
    stand_ins: Sequence[Mapping[str, str]] = (),
    images: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the report of one validation as plain data.

    :param results: check results as ``CheckResult.to_dict`` gives them, in the order they ran.
    :param cluster: name of the cluster, may be empty when the inventory names none.
    :param provider: where the nodes come from; reports of emulated nodes are never those of hardware.
    :param blocked_by: what kept the checks from being run, one line each.
    :param error: one line when the checks could not be run at all.
    :param stand_ins: services that stand in for something else, each with ``node``, ``service`` and ``note``.
    :param images: built images that nodes stand for without executing them, one line each.
    :returns: ``schema``, ``cluster``, ``provider``, ``status`` (``passed``, ``failed`` or ``blocked``), ``reason``,
        ``missing``, ``counts`` (status -> number), ``checks``, ``findings``, ``stand_ins`` and ``images``.
    """
    counts = Counter(str(result["status"]) for result in results)
    status, reason = _overall(counts, blocked_by, error)
    return {
        "schema": SCHEMA,
        "cluster": cluster,
        "provider": provider,
        "status": status,
        "reason": reason,
        "missing": [str(item) for item in blocked_by],
        "counts": {name: counts.get(name, 0) for name in STATUSES},
        "checks": [{key: value for key, value in result.items() if key != "findings"} for result in results],
        "findings": [finding for result in results for finding in result.get("findings") or ()],
        "stand_ins": [dict(item) for item in stand_ins],
        "images": list(images),
    }


def health_lines(document: Mapping[str, Any]) -> list[str]:
    """Return the report of :func:`health_document` as lines for people."""
    head = f"{document['status'].upper()}: cluster {document['cluster'] or '(none)'} on {document['provider']} nodes"
    lines = [head]
    lines += [f"  missing: {item}" for item in document["missing"]]
    lines += [_check_line(check) for check in document["checks"]]
    lines += [_finding_line(finding) for finding in document["findings"] if finding["severity"] != "info"]
    lines += [f"  stand-in: {item['node']} {item['service']}: {item['note']}" for item in document["stand_ins"]]
    lines += [f"  image: {line}" for line in document["images"]]
    lines.append(document["reason"])
    return lines


def _overall(counts: Mapping[str, int], blocked_by: Sequence[str], error: str) -> tuple[str, str]:
    if blocked_by:
        return "blocked", f"nothing was checked; missing: {len(blocked_by)}"
    if error:
        return "failed", error
    ran = ", ".join(f"{number} {name}" for name in STATUSES if (number := counts.get(name, 0)))
    if not counts.get("ok"):
        return "failed", f"no check passed ({ran or 'none was run'})"
    # What was not run is no success; what does not apply here is no failure.
    if any(counts.get(name) for name in ("failed", "blocked", "not run")):
        return "failed", f"not every check passed: {ran}"
    return "passed", f"every check passed: {ran}"


def _check_line(check: Mapping[str, Any]) -> str:
    where = f" {check['host']}" if check.get("host") else ""
    message = f": {check['message']}" if check.get("message") else ""
    return f"  {check['status']:<8} {check['layer']:<4}{where} {check['id']}{message} ({check.get('seconds', 0):.1f} s)"


def _finding_line(finding: Mapping[str, Any]) -> str:
    where = ": ".join(part for part in (finding.get("host"), finding.get("path")) if part)
    text = f"{where}: {finding['message']}" if where else finding["message"]
    fix = f"; {finding['fix']}" if finding.get("fix") else ""
    return f"  {finding['severity']}: {text}{fix} [{finding['id']}]"
