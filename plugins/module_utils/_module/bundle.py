# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets bundle as an option of modules: a path, possibly encrypted with ansible-vault.

Private to this collection: it may change at any time. Keep in step with the fragment ``secrets``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import env_fallback

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.errors import ModuleFailure
from ansible_collections.homelab.talos.plugins.module_utils._module.kept_file import KeptFile
from ansible_collections.homelab.talos.plugins.module_utils.talos import secrets_bundle, vault_text

# A throw-away bundle is only judged, never used; a short key is made quickly.
_THROW_AWAY_KEY_BITS = 2048
NO_BUNDLE_YET = "it would be issued from the secrets bundle, which does not exist yet"

VAULT_OPTION: dict[str, Any] = {
    "type": "path",
    "fallback": (env_fallback, ["ANSIBLE_VAULT_PASSWORD_FILE"]),
    "no_log": False,
}


def bundle_spec(required: bool) -> ArgumentSpec:
    """Return the options ``secrets_bundle`` and ``vault_password_file``."""
    bundle: dict[str, Any] = {"type": "path", "no_log": False}
    if required:
        bundle["required"] = True
    return ArgumentSpec({"secrets_bundle": bundle, "vault_password_file": VAULT_OPTION})


def read_bundle(path: str, password_file: str | None) -> secrets_bundle.Bundle:
    """Return the bundle of a file.

    :raises ModuleFailure: there is no such file, or it is encrypted and no password was given.
    :raises SecretsBundleError: it is not a valid bundle.
    :raises VaultError: it cannot be decrypted.
    """
    kept = KeptFile(path)
    if kept.data is None:
        raise ModuleFailure(f"{path}: secrets bundle does not exist; create it with homelab.talos.secrets_bundle")
    return secrets_bundle.load(plain_text(kept.data, path, password_file), path)


def throw_away_bundle() -> secrets_bundle.Bundle:
    """Return secrets made for this moment, to know what would be made of real ones."""
    return secrets_bundle.generate(service_account_bits=_THROW_AWAY_KEY_BITS)


def is_still_missing(path: str, check_mode: bool) -> bool:
    """Return whether a run in check mode has to do without the bundle, since nothing has created it."""
    return check_mode and KeptFile(path).data is None


def plain_text(data: bytes, path: str, password_file: str | None) -> str:
    """Return the decrypted text of a bundle file's content."""
    if vault_text.is_encrypted(data):
        if not password_file:
            raise ModuleFailure(
                f"{path}: is encrypted with ansible-vault and no password is known; set vault_password_file"
                " or ANSIBLE_VAULT_PASSWORD_FILE"
            )
        data = vault_text.decrypt(data, vault_text.read_password(password_file), path)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ModuleFailure(f"{path}: is not text; restore the secrets bundle from a backup") from None


def cluster_id(bundle: Mapping[str, Any]) -> str:
    """Return the discovery id of the cluster, which is no secret."""
    return str(bundle["cluster"]["id"])
