# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of Kubernetes as they can be compared and shown: without what the server writes, and without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.spin.names import PREVIOUS_ANNOTATION, SUBMITTED_ANNOTATION

HIDDEN = "(hidden)"
_OF_THE_SERVER = frozenset({"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"})
# Written by controllers, and by us for each change.
_NOTED = frozenset({"deployment.kubernetes.io/revision", SUBMITTED_ANNOTATION, PREVIOUS_ANNOTATION})


def stable(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object without what changes by itself."""
    metadata = {key: value for key, value in item["metadata"].items() if key not in _OF_THE_SERVER}
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key not in _NOTED}
    metadata["annotations"] = annotations
    return {**{key: value for key, value in item.items() if key != "status"}, "metadata": metadata}


def shown(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object for a difference; a Secret of another content has another name, its values stay hidden."""
    content = stable(item)
    if item.get("kind") == "Secret":
        content["data"] = dict.fromkeys(content.get("data") or {}, HIDDEN)
    return content
