# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry serves over TLS with the lab's certificate, keeps its content below /var, and takes no options."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.services.description import ServiceDescription
from ansible_collections.homelab.talos.lab.services.kind import CERTIFICATE, KEY, Place
from ansible_collections.homelab.talos.lab.services.registry import Registry

SERVICE = ServiceDescription("registry", "registry", "198.18.9.5")


def test_it_serves_over_tls_and_keeps_its_content(tmp_path: Path) -> None:
    command = Registry().prepare(Place(SERVICE, tmp_path, (SERVICE,)))
    assert command.argv == ("/opt/engine/registry", "serve", "/etc/registry/config.yml")
    config = yaml.safe_load((tmp_path / "etc/registry/config.yml").read_text(encoding="utf-8"))
    assert config["http"]["tls"] == {"certificate": CERTIFICATE, "key": KEY}
    assert config["http"]["addr"] == "0.0.0.0:443"
    assert config["storage"]["filesystem"] == {"rootdirectory": "/var/lib/registry"}
    assert "proxy" not in config
    assert (tmp_path / "var/lib/registry").is_dir()


def test_its_name_is_published(tmp_path: Path) -> None:
    published = Registry().published(Place(SERVICE, tmp_path, (SERVICE,)))
    assert published == {"registry": "198.18.9.5", "url": "https://198.18.9.5"}


def test_options_are_refused() -> None:
    service = ServiceDescription("registry", "registry", "198.18.9.5", {"users": ["me"]})
    with pytest.raises(LabError, match="service registry: option 'users' is not known"):
        Registry().check(service, (service,))
