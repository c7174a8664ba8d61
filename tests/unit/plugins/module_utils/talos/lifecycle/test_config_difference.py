# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where configurations differ: paths, no values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.config_difference import differing_paths
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

BASE = """machine:
  type: worker
  token: abcdef.0123456789abcdef
  certSANs: [a, b]
---
apiVersion: v1alpha1
kind: LinkConfig
name: eth0
mtu: 1500
"""


def paths(old: str, new: str) -> list[str]:
    return differing_paths(MachineConfig.from_text(old), MachineConfig.from_text(new))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("type: worker", "type: controlplane"), ["machine.type"]),
        (("token: abcdef", "token: ghijkl"), ["machine.token"]),
        (("certSANs: [a, b]", "certSANs: [b, a]"), ["machine.certSANs"]),
        (("  type: worker\n", ""), ["machine.type"]),
        (("  type: worker\n", "  type: worker\n  install: {disk: /dev/vda}\n"), ["machine.install"]),
        (("mtu: 1500", "mtu: 9000"), ["LinkConfig/eth0: mtu"]),
        (("mtu: 1500", 'mtu: "1500"'), ["LinkConfig/eth0: mtu"]),
        (("name: eth0", "name: eth1"), ["LinkConfig/eth0", "LinkConfig/eth1"]),
        (("machine:", "# by hand\nmachine:"), []),
    ],
)
def test_paths(change: tuple[str, str], expected: list[str]) -> None:
    changed = BASE.replace(*change)
    assert paths(BASE, changed) == expected
    assert paths(changed, BASE) == expected


def test_the_order_of_documents_does_not_count() -> None:
    first, second = BASE.split("---\n")
    assert paths(BASE, f"{second}---\n{first}") == []


def test_no_configuration_differs_everywhere() -> None:
    assert differing_paths(MachineConfig([]), MachineConfig.from_text(BASE)) == ["LinkConfig/eth0", "v1alpha1"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=3), inner, max_size=3),
    max_leaves=12,
)
CONFIGS = st.dictionaries(st.sampled_from(["machine", "cluster", "debug"]), VALUES).map(
    lambda one: MachineConfig([one])
)


@given(CONFIGS, CONFIGS)
def test_differences_are_symmetric_and_empty_only_for_equals(one: MachineConfig, other: MachineConfig) -> None:
    assert differing_paths(one, other) == differing_paths(other, one)
    assert differing_paths(one, one.copy()) == []
    if one.to_text() != other.to_text() and differing_paths(one, other) == []:
        # Only the order of keys may differ then.
        assert one.documents == other.documents
