# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The Python packages on the controller; in step with module_utils/_module/dependencies.py."""

    DOCUMENTATION = r"""
options: {}
requirements:
  - Python 3.11 or newer
  - PyYAML
  - cryptography
  - protobuf
  - grpclib
"""

    KUBERNETES = r"""
options: {}
requirements:
  - kubernetes
"""

    # For modules that read CozyStack's tree and talk to no node.
    YAML = r"""
options: {}
requirements:
  - Python 3.11 or newer
  - PyYAML
  - git
"""

    # For modules that talk to a registry, and to no node.
    REGISTRY = r"""
options: {}
requirements:
  - Python 3.11 or newer
  - PyYAML
  - requests
"""

    # For modules that talk to Kubernetes only.
    CLUSTER = r"""
options: {}
requirements:
  - Python 3.11 or newer
  - PyYAML
  - kubernetes
"""
