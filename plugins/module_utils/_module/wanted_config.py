# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine configuration a task is about: rendered from a definition, read from a file, or given as text.

Private to this collection: it may change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.bundle import read_bundle, throw_away_bundle
from ansible_collections.homelab.talos.plugins.module_utils._module.definition import Definition, read_definition
from ansible_collections.homelab.talos.plugins.module_utils._module.errors import ModuleFailure
from ansible_collections.homelab.talos.plugins.module_utils._module.trusted_files import with_trusted_files
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.render import render


@dataclass(frozen=True)
class WantedConfig:
    """A machine configuration and where it comes from.

    :ivar text: the exact bytes a node shall receive.
    :ivar source: file or other origin, for findings.
    :ivar definition: the cluster, when the configuration was rendered from one.
    """

    config: MachineConfig
    text: str
    source: str
    definition: Definition | None = None


def wanted_config(params: Mapping[str, Any], throw_away_secrets: bool) -> WantedConfig:
    """Return the configuration the parameters ask for.

    :param throw_away_secrets: render with secrets made for this moment instead of those of the bundle.
    :raises ModuleFailure: a file is missing.
    :raises DefinitionError: the definition cannot be used.
    :raises DocumentError: the text is no machine configuration; names file and line.
    """
    if params["definition"]:
        return _rendered(params, throw_away_secrets)
    text, source = params["content"], "content"
    if text is None:
        source = params["src"]
        text = _read(source)
    return WantedConfig(MachineConfig.from_text(text, source), text, source)


def _rendered(params: Mapping[str, Any], throw_away_secrets: bool) -> WantedConfig:
    definition = read_definition(params["definition"])
    node = definition.node(params["name"])
    if throw_away_secrets:
        bundle = throw_away_bundle()
    elif params["secrets_bundle"]:
        bundle = read_bundle(params["secrets_bundle"], params["vault_password_file"])
    else:
        raise ModuleFailure(f"{node.name}: a machine configuration cannot be made without secrets; give secrets_bundle")
    config = render(with_trusted_files(definition.cluster), node, bundle)
    return WantedConfig(config, config.to_text(), f"definition of {node.name}", definition)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ModuleFailure(f"{path}: machine configuration does not exist; render it first") from None
    except UnicodeDecodeError:
        raise ModuleFailure(f"{path}: is not text; render the machine configuration anew") from None
