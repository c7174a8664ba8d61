# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python packages the modules need, and the message when one is missing.

Private to this collection: it may change at any time. Keep in step with the fragment ``requirements``.
"""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Mapping

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

# What is imported -> what is installed.
TALOS: dict[str, str] = {
    "yaml": "PyYAML",
    "cryptography": "cryptography",
    "google.protobuf": "protobuf",
    "grpclib": "grpclib",
}
KUBERNETES: dict[str, str] = {"kubernetes": "kubernetes"}
REQUESTS: dict[str, str] = {"requests": "requests"}
# What asks the coordination server of a tailnet.
TAILNET: dict[str, str] = {"requests": "requests"}
YAML: dict[str, str] = {"yaml": "PyYAML"}
# What looks into built images.
IMAGE_ASSETS: dict[str, str] = {"zstandard": "zstandard", "pycdlib": "pycdlib"}


def require(module: AnsibleModule, packages: Mapping[str, str]) -> None:
    """Fail with Ansible's own message when one of ``packages`` (import name -> package name) is missing."""
    for name, package in packages.items():
        try:
            importlib.import_module(name)
        except ImportError:
            module.fail_json(msg=missing_required_lib(package), exception=traceback.format_exc())
