# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """An application on a cluster; in step with module_utils/_module/spin_options.py."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of a kubeconfig for the cluster.
    type: path
    required: true
  name:
    description:
      - Name of the application and of its objects; at most 52 lower-case letters, digits and dashes.
    type: str
    required: true
  namespace:
    description:
      - Namespace of the application, which has to exist.
    type: str
    default: default
  request_timeout:
    description:
      - Limit for each single call to the Kubernetes API, in seconds.
    type: float
    default: 10.0
"""

    # For modules that wait for pods.
    ROLLOUT = r"""
options:
  wait_timeout:
    description:
      - Limit in seconds for the waiting.
    type: int
    default: 300
"""
