# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the side effect of the scenario ha sees of a cluster that loses members and its data, and comes back whole."""

from __future__ import annotations

from typing import Any

EVENTS = {"begun": 0, "one-lost": 100, "two-lost": 300, "returning": 400, "returned": 500}
TIMEOUT = "Timeout: request did not complete within the allotted timeout"
# Path of the writes -> when they are acknowledged again after the loss of one member.
MOVED = {"vip": 160, "kubeprism": 110}
STEP_SECONDS = 10


def _status(path: str, begin: int) -> int:
    if EVENTS["two-lost"] <= begin < EVENTS["returning"]:
        return 504
    away = EVENTS["one-lost"] <= begin < MOVED[path] or EVENTS["returning"] <= begin < EVENTS["returning"] + 30
    return 0 if away else 201


def _write(path: str, number: int) -> dict[str, Any]:
    begin = number * STEP_SECONDS
    status = _status(path, begin)
    text = {0: "timed out", 201: "", 504: TIMEOUT}[status]
    return {"name": f"{path}-{number:05d}", "begin": begin, "end": begin + 1, "status": status, "text": text}


def history() -> dict[str, Any]:
    """Return a history without a fault; the n-th write of each path begins n times ten seconds after the first."""
    writes = {path: [_write(path, number) for number in range(50)] for path in MOVED}
    names = [each["name"] for path in writes.values() for each in path if each["status"] == 201]
    planes = ("cp1", "cp2", "cp3")
    return {
        "defects": {
            "kubeprism-stopped": {"broken": ["l3_services::kubeprism_reaches_an_api_server"], "mended": []},
            "shared-address-held-by-nobody": {
                "broken": ["ha::exactly_one_control_plane_holds_the_shared_address"],
                "mended": [],
            },
        },
        "events": dict(EVENTS),
        "holders": {"before": "cp1", "after": ["cp2"]},
        "writes": writes,
        "pod": [{"begin": begin, "end": begin, "text": "200"} for begin in range(0, 500, STEP_SECONDS)],
        "present": {name: list(names) for name in planes},
        "disk": {
            "node": "cp3",
            "said": "",
            "present": {name: [*names, "while-a-disk-is-lost"] for name in planes},
        },
        "foreign": {
            "node": "cp3",
            "said": "cp3 holds the etcd data of another cluster; erase cp3",
        },
        "snapshot": {"present": list(names), "missing": ["after-the-snapshot"]},
        "empty": {"said": "no control plane has etcd data, and node1 joined a cluster before; give recover_from"},
        "recovery": {"said": "", "present": {name: list(names) for name in planes}},
    }
