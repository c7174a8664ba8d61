# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/reference/health-checks.md from the catalogue of health checks.

PYTHONPATH=.collections tools/run python tools/generate_health_checks_page.py > docs/reference/health-checks.md
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from ansible_collections.homelab.talos.plugins.module_utils.rules.health.catalogue import CHECKS, LAYERS, Check

INTRODUCTION = """\
# The health checks

<!-- Written by tools/generate_health_checks_page.py from plugins/module_utils/rules/health. Do not edit. -->

`homelab.talos.cluster_health` runs these checks, and so do the role `validate` and `playbooks/validate.yml`. They read
through the machine API and the Kubernetes API: nothing is run on a node, in a lab or on machines of yours.

A failed layer blocks those above it, and a failed check blocks those that rest on it. Besides `ok`, `failed` and
`blocked`, a check is `skipped` when it does not apply, because the cluster has no kube-proxy, no CoreDNS or no
KubePrism, and `not run` when something it needs is missing, such as a kubeconfig. `spin-runtime` is only run when it is
asked for by name, as the role `spin_runtime` does: a cluster need not have a runtime for Spin applications.
"""

TITLES = {
    "L1": "a node boots and its API answers",
    "L2": "two nodes exchange traffic",
    "L3": "services and extensions run on a node",
    "L4": "the cluster forms and works",
}
HEAD = "| check | holds when | rests on | kubeconfig |\n|---|---|---|---|"


def page(checks: Sequence[Check] = CHECKS) -> str:
    """Return the text of the page."""
    parts = [INTRODUCTION]
    for layer in LAYERS:
        rows = [_row(check) for check in checks if check.layer == layer]
        parts.append("\n".join((f"## {layer}: {TITLES[layer]}\n", HEAD, *rows)))
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _row(check: Check) -> str:
    meaning = " ".join((inspect.getdoc(check.judge) or "").partition("\n\n")[0].replace("``", "`").split())
    after = ", ".join(f"`{name}`" for name in check.after)
    return f"| `{check.id}` | {meaning} | {after} | {'needed' if check.asks_kubernetes else ''} |"


if __name__ == "__main__":
    print(page(), end="")
