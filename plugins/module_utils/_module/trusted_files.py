# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate authorities that an inventory names by their files.

Private to this collection: it may change at any time.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ansible_collections.homelab.talos.plugins.module_utils._module.errors import ModuleFailure
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import Cluster, TrustedRoot


def with_trusted_files(cluster: Cluster) -> Cluster:
    """Return *cluster* with the text of the files that its ``trusted_roots`` name.

    :raises ModuleFailure: a file cannot be read; names it.
    :raises DefinitionError: a file holds no certificate.
    """
    return replace(cluster, trusted_roots=tuple(_read(cluster.name, root) for root in cluster.trusted_roots))


def _read(cluster: str, root: TrustedRoot) -> TrustedRoot:
    if not root.file:
        return root
    place = f"talos_cluster.trusted_roots ({root.name})"
    try:
        text = Path(root.file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        cause = getattr(error, "strerror", None) or "is not text"
        raise ModuleFailure(
            f"cluster {cluster}: {place}: {root.file}: {cause}; name a readable file with certificates in PEM form"
        ) from None
    loaded = replace(root, certificates=text)
    loaded.check(f"cluster {cluster}", f"{place}: {root.file}")
    return loaded
