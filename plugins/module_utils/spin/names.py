# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that Spin has on a cluster: one home for what runtime, operator and this collection agree on.

Source: spinframework/spin-operator:pkg/spinapp/spinapp.go, config/samples/spin-runtime-class.yaml,
siderolabs/extensions:container-runtime/spin
"""

from __future__ import annotations

# The system extension whose nodes can run Spin applications, and the handler that it gives to containerd.
EXTENSION = "spin"
HANDLER = "spin"
RUNTIME_CLASS = "wasmtime-spin-v2"
NODE_LABEL = "homelab.talos/spin"
NODE_LABEL_VALUE = "true"

GROUP = "core.spinkube.dev"
API_VERSION = f"{GROUP}/v1alpha1"
EXECUTOR = "containerd-shim-spin"
APP_LABEL = f"{GROUP}/app-name"
HTTP_PORT = 80
HTTP_PORT_NAME = "http-app"
RUNTIME_CONFIG_KEY = "runtime-config.toml"
VARIABLE_PREFIX = "SPIN_VARIABLE_"

# Who the API server notes for fields that this collection is in charge of.
MANAGER = "homelab.talos"
OWNER_ANNOTATION = "homelab.talos/spin-app"
SUBMITTED_ANNOTATION = "homelab.talos/submitted-at"
PREVIOUS_ANNOTATION = "homelab.talos/previous-spec"

# The name is within the key of a label, which has at most 63 characters: app.<name>.status.
LONGEST_APP_NAME = 52


def status_label(app: str) -> str:
    """Return the key of the label that the pods of an application carry and its service looks for."""
    return f"{GROUP}/app.{app}.status"
