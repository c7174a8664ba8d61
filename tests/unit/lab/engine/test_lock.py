# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's pins are read from the Go modules, and nowhere else."""

from __future__ import annotations

import re

import pytest

from ansible_collections.homelab.talos.lab.engine import lock


def test_every_program_knows_its_version() -> None:
    versions = {program.name: program.version for program in lock.PROGRAMS if program.pin}
    assert versions.keys() == {program.name for program in lock.PROGRAMS} - {"pause", "probe"}
    assert all(re.fullmatch(r"v\d+\.\d+\.\d+", version) for version in versions.values())


def test_kubernetes_programs_are_stamped_with_their_version() -> None:
    kubelet = next(program for program in lock.PROGRAMS if program.name == "kubelet")
    assert f"-X k8s.io/component-base/version.gitVersion={kubelet.version}" in kubelet.linker_flags()


def test_staging_modules_follow_the_version_of_kubernetes() -> None:
    text = (lock.MODULES / "kubernetes" / "go.mod").read_text(encoding="utf-8")
    replaced = set(re.findall(r"^\tk8s\.io/\S+ => k8s\.io/\S+ (v\S+)$", text, re.MULTILINE))
    assert replaced == {lock.pinned_version("kubernetes", "k8s.io/kubernetes").replace("v1.", "v0.")}


def test_an_unknown_pin_is_refused() -> None:
    with pytest.raises(ValueError, match="requires no example.com/none"):
        lock.pinned_version("etcd", "example.com/none")


def test_the_toolchain_is_at_least_what_the_modules_demand() -> None:
    assert tuple(int(part) for part in lock.GO_TOOLCHAIN.split(".")) >= lock.demanded_go_version()


def test_the_digest_is_stable() -> None:
    assert lock.lock_digest() == lock.lock_digest()
