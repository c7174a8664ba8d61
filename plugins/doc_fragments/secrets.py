# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Where the cluster's secrets come from."""

    DOCUMENTATION = r"""
options:
  secrets_bundle:
    description:
      - Path of the secrets bundle of the cluster, as M(homelab.talos.secrets_bundle) or C(talosctl gen secrets)
        writes it.
      - A file encrypted with ansible-vault is decrypted with O(vault_password_file).
    type: path
  vault_password_file:
    description:
      - File that holds the ansible-vault password of O(secrets_bundle).
      - When the environment variable E(ANSIBLE_VAULT_PASSWORD_FILE) is set, that file is the default.
    type: path
"""
