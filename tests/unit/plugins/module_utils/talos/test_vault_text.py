# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text encrypted here is read by ansible-vault, and the reverse."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.homelab.talos.plugins.module_utils.talos.vault_text import (
    VaultError,
    decrypt,
    encrypt,
    is_encrypted,
    read_password,
)

PASSWORD = b"correct horse battery staple"
PLAIN = b"cluster:\n    secret: caf\xc3\xa9\n" * 20


@pytest.fixture
def ansible() -> VaultLib:
    return VaultLib([("default", VaultSecret(PASSWORD))])


def test_ansible_reads_what_is_written_here(ansible: VaultLib) -> None:
    text = encrypt(PLAIN, PASSWORD)
    assert is_encrypted(text)
    assert ansible.decrypt(text) == PLAIN
    assert b"secret" not in text


def test_what_ansible_wrote_is_read_here(ansible: VaultLib) -> None:
    text = ansible.encrypt(PLAIN, ansible.secrets[0][1])
    assert decrypt(text, PASSWORD, "secrets.yaml") == PLAIN


def test_the_form_is_that_of_ansible(ansible: VaultLib) -> None:
    assert encrypt(PLAIN, PASSWORD, lambda number: b"\x01" * number) == ansible.encrypt(
        PLAIN, ansible.secrets[0][1], salt="\x01" * 32
    )


def test_every_encryption_differs() -> None:
    assert encrypt(PLAIN, PASSWORD) != encrypt(PLAIN, PASSWORD)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (encrypt(PLAIN, b"another"), "/s: vault password does not fit"),
        (encrypt(PLAIN, PASSWORD)[:-2], "/s: vault text is damaged"),
        (encrypt(PLAIN, PASSWORD).replace(b"3", b"z"), "/s: vault text is damaged"),
        (b"$ANSIBLE_VAULT;1.0;AES\nabc\n", "/s: vault format '$ANSIBLE_VAULT;1.0;AES' is unknown"),
    ],
)
def test_what_cannot_be_read_is_named(text: bytes, message: str) -> None:
    with pytest.raises(VaultError) as raised:
        decrypt(text, PASSWORD, "/s")
    assert str(raised.value).startswith(message)


def test_password_files(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("  s3cret\n")
    assert read_password(str(file)) == b"s3cret"
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho from-a-program\n")
    program.chmod(0o700)
    assert read_password(str(program)) == b"from-a-program"


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (None, 0o600, "vault password cannot be read: No such file or directory"),
        ("\n", 0o600, "vault password is empty"),
        ("#!/bin/sh\nexit 3\n", 0o700, "vault password cannot be read: CalledProcessError"),
    ],
)
def test_password_files_that_cannot_be_used(tmp_path: Path, content: str | None, mode: int, message: str) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_text(content)
        file.chmod(mode)
    with pytest.raises(VaultError) as raised:
        read_password(str(file))
    assert str(raised.value).startswith(f"{file}: {message}")
