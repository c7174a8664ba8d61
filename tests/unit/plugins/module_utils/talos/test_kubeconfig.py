# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubeconfig is Talos' and tells how long it lasts."""

from __future__ import annotations

import datetime

import pytest
import yaml

from ansible_collections.homelab.talos.plugins.module_utils.talos import kubeconfig, pki

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def text() -> str:
    ca = pki.create_ca("ecdsa", "kubernetes", lambda: NOW)
    admin = pki.issue_kubernetes_admin(ca, clock=lambda: NOW)
    return kubeconfig.render_kubeconfig("garage", "https://198.18.1.11:6443", ca.crt, admin.crt, admin.key)


def test_it_has_the_names_of_talos(text: str) -> None:
    document = yaml.safe_load(text)
    assert document["current-context"] == "admin@garage"
    assert document["contexts"][0]["context"] == {"cluster": "garage", "namespace": "default", "user": "admin@garage"}
    assert document["clusters"][0]["cluster"]["server"] == "https://198.18.1.11:6443"


def test_it_is_renewed_below_a_quarter(text: str) -> None:
    assert not kubeconfig.needs_renewal(text, NOW + datetime.timedelta(hours=17))
    assert kubeconfig.needs_renewal(text, NOW + datetime.timedelta(hours=19))
    assert kubeconfig.remaining_fraction(kubeconfig.client_certificate(text), NOW) > 0.99


@pytest.mark.parametrize("broken", ["", "a: [", "users: []\n", "current-context: x\ncontexts: []\nusers: []\n"])
def test_what_is_no_kubeconfig_is_refused(broken: str) -> None:
    with pytest.raises(kubeconfig.KubeconfigError, match="^kube: holds no client certificate"):
        kubeconfig.needs_renewal(broken, NOW, source="kube")


def test_a_broken_certificate_is_refused(text: str) -> None:
    document = yaml.safe_load(text)
    document["users"][0]["user"]["client-certificate-data"] = "AAAA"
    with pytest.raises(kubeconfig.KubeconfigError, match="not readable PEM"):
        kubeconfig.needs_renewal(yaml.safe_dump(document), NOW)
