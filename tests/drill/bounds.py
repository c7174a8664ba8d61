# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long nothing may be written after the loss of a control plane, in seconds, made of what Talos and etcd do.

Sources: etcd-io/etcd:client/v3/concurrency/session.go and server/config/config.go,
siderolabs/talos:pkg/machinery/constants/constants.go, siderolabs/go-loadbalancer:upstream/upstream.go.
"""

from __future__ import annotations

from ansible_collections.homelab.talos.tests.drill.writer import CONNECT_SECONDS, PAUSE_SECONDS

#: The longest attempt of a writer, with the pause before it.
ATTEMPT_SECONDS = PAUSE_SECONDS + CONNECT_SECONDS
#: An attempt may be under way when writing becomes possible; the next one succeeds.
NOTICED_SECONDS = 2 * ATTEMPT_SECONDS

#: A shared address is held by a session of etcd. That of a node which is gone ends so long after it was renewed last.
SESSION_SECONDS = 60.0
#: Where the leader of etcd went as well, no session ends before there is a new one. Members wait for 1 to 2 s before
#: they elect, and again after votes were split.
ELECTION_SECONDS = 10.0
SHARED_ADDRESS_SECONDS = SESSION_SECONDS + ELECTION_SECONDS + NOTICED_SECONDS
SHARED_ADDRESS_REASON = (
    f"the session of the lost node in etcd, {SESSION_SECONDS:g} s; an election, {ELECTION_SECONDS:g} s;"
    f" two attempts to write, {NOTICED_SECONDS:g} s"
)

#: What KubePrism loses with the holder of the shared address: that address, and the node's own.
LOST_UPSTREAMS = 2
#: A score goes from 3, the highest, below 0.
FAILURES = 4
#: KubePrism's limit for one dial. Attempts of a writer end earlier, so only the last one is waited for.
DIAL_SECONDS = 15.0
KUBEPRISM_SECONDS = LOST_UPSTREAMS * FAILURES * ATTEMPT_SECONDS + DIAL_SECONDS + NOTICED_SECONDS
KUBEPRISM_REASON = (
    f"{LOST_UPSTREAMS} upstreams that must fail {FAILURES} times each, an attempt every {ATTEMPT_SECONDS:g} s;"
    f" the limit of the last dial, {DIAL_SECONDS:g} s; two attempts to write, {NOTICED_SECONDS:g} s"
)
#: Who writes by which way -> the bound and its reason.
SILENCE: dict[str, tuple[float, str]] = {
    "vip": (SHARED_ADDRESS_SECONDS, SHARED_ADDRESS_REASON),
    "kubeprism": (KUBEPRISM_SECONDS, KUBEPRISM_REASON),
}
