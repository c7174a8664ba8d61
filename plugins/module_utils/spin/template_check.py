# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging the templates of a manifest: what they name must be a variable of the application.

Source: spinframework/spin:crates/expressions/src/lib.rs, crates/outbound-networking-config/src/allowed_hosts.rs
"""

from __future__ import annotations

from ansible_collections.homelab.talos.plugins.module_utils.findings.suggestion import did_you_mean
from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import ManifestInvalid
from ansible_collections.homelab.talos.plugins.module_utils.spin.manifest import Manifest
from ansible_collections.homelab.talos.plugins.module_utils.spin.outbound_hosts import HostError, check_outbound_host
from ansible_collections.homelab.talos.plugins.module_utils.spin.templates import TemplateError, template_variables


def check_templates(manifest: Manifest) -> None:
    """Check every template of a manifest.

    :raises ManifestInvalid: one is malformed, or names a variable that the application does not have.
    """
    for component in manifest.components.values():
        path = f"component.{component.id}"
        for name, text in component.variables.items():
            _check(manifest, f"{path}.variables.{name}", text)
        for entry in component.allowed_outbound_hosts:
            where = f"{path}.allowed_outbound_hosts"
            if _check(manifest, where, entry):
                continue
            try:
                check_outbound_host(entry)
            except HostError as error:
                cause, remedy = f"{entry!r} {error}", "write it like https://example.org or http://*.lab:8080"
                raise ManifestInvalid(f"{manifest.file}: {where}", cause, remedy) from None


def _check(manifest: Manifest, where: str, text: str) -> bool:
    """Check one template and return whether anything in it is replaced."""
    place = f"{manifest.file}: {where}"
    try:
        names = template_variables(text)
    except TemplateError as error:
        raise ManifestInvalid(place, f"{text!r} {error}", "write {{ name_of_a_variable }}") from None
    for name in names:
        if name not in manifest.variables:
            hint = did_you_mean(name, manifest.variables) or f"add it as [variables] {name} = {{ required = true }}"
            raise ManifestInvalid(place, f"names the variable {name!r}, which the application does not have", hint)
    return bool(names)
