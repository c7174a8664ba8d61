# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Misspelt words get a suggestion, foreign ones do not."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.findings.suggestion import closest, did_you_mean

KNOWN = ("talos_version", "hostname", "kubelet")


@pytest.mark.parametrize(
    ("word", "match"),
    [("talos_verison", "talos_version"), ("talosVersion", "talos_version"), ("hostnam", "hostname"), ("zebra", "")],
)
def test_closest(word: str, match: str) -> None:
    assert closest(word, KNOWN) == match


def test_the_sentence_names_the_match_or_all() -> None:
    assert did_you_mean("kubelt", KNOWN) == 'did you mean "kubelet"?'
    assert did_you_mean("zebra", KNOWN) == "known are hostname, kubelet, talos_version"
    assert did_you_mean("zebra", ()) == ""
