# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bound of KubePrism is that of its choice of upstreams: the worst case comes close to it and stays below."""

from __future__ import annotations

from ansible_collections.homelab.talos.lab.machined.kubeprism_plan import Endpoint
from ansible_collections.homelab.talos.lab.machined.upstreams import Upstreams
from ansible_collections.homelab.talos.tests.drill import bounds

LOST = [Endpoint(name, 6443) for name in ("shared", "holder")]
LEFT = [Endpoint(name, 6443) for name in ("second", "third")]
NEAR_SECONDS, FAR_SECONDS = 0.00005, 0.05
# More checks than a score can grow.
CHECKS = 9


def first_success() -> float:
    """Return when a writer succeeds whose nearest upstreams are lost right after it has begun an attempt.

    Nothing answers, so each dial lasts as long as it may, and the writer gives up before that. No check helps.
    """
    upstreams = Upstreams()
    upstreams.reconcile([*LOST, *LEFT])
    for _check in range(CHECKS):
        for endpoint in LOST:
            upstreams.up(endpoint, NEAR_SECONDS)
        for endpoint in LEFT:
            upstreams.up(endpoint, FAR_SECONDS)
    failing: list[tuple[float, Endpoint]] = []
    now = 0.0
    while True:
        now += bounds.ATTEMPT_SECONDS
        for end, endpoint in [each for each in failing if each[0] <= now]:
            failing.remove((end, endpoint))
            upstreams.down(endpoint)
        chosen = upstreams.pick()
        assert chosen is not None
        if chosen in LEFT:
            return now + bounds.CONNECT_SECONDS
        failing.append((now + bounds.DIAL_SECONDS, chosen))


def test_the_worst_case_stays_within_the_bound_and_needs_most_of_it() -> None:
    assert bounds.KUBEPRISM_SECONDS - bounds.ATTEMPT_SECONDS < first_success() <= bounds.KUBEPRISM_SECONDS


def test_the_bounds_name_all_their_parts() -> None:
    for seconds, reason in bounds.SILENCE.values():
        assert reason.count(" s") >= 3
        assert seconds < 90
