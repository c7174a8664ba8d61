# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text encrypted with ansible-vault, read and written without ansible.

A module cannot use Ansible's own vault code, and the lab has no Ansible at all. The format is 1.1, AES256: a header
line, then the hexadecimal form of three hexadecimal lines (salt, HMAC, ciphertext).
Source: ansible/ansible:lib/ansible/parsing/vault/__init__.py (VaultAES256).
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import os
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path

try:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7

    HAS_CRYPTOGRAPHY = True
except ImportError:
    HAS_CRYPTOGRAPHY = False

_MARK = b"$ANSIBLE_VAULT;"
_HEADER = b"$ANSIBLE_VAULT;1.1;AES256"
_BLOCK_BITS = 128
_ITERATIONS = 10000


class VaultError(Exception):
    """Encrypted text cannot be read; one line with path, cause and remedy."""


def is_encrypted(data: bytes) -> bool:
    """Return whether ``data`` is text encrypted with ansible-vault."""
    return data.startswith(_MARK)


def read_password(path: str) -> bytes:
    """Return the password of an ansible-vault password file; an executable file is run and prints it.

    :raises VaultError: the file is missing, empty or the program fails.
    """
    file = Path(path).expanduser()
    try:
        if os.access(file, os.X_OK) and file.is_file():
            done = subprocess.run([str(file.absolute())], check=True, stdout=subprocess.PIPE, timeout=60)
            password = done.stdout.strip()
        else:
            password = file.read_bytes().strip()
    except (OSError, subprocess.SubprocessError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise VaultError(f"{path}: vault password cannot be read: {reason}; check the path") from None
    if not password:
        raise VaultError(f"{path}: vault password is empty; write the password into the file")
    return password


def encrypt(data: bytes, password: bytes, random: Callable[[int], bytes] = os.urandom) -> bytes:
    """Return ``data`` as ansible-vault text.

    :param random: source of the 32 bytes of salt.
    """
    salt = random(32)
    cipher_key, mac_key, counter = _keys(password, salt)
    padder = PKCS7(_BLOCK_BITS).padder()
    encryptor = Cipher(algorithms.AES(cipher_key), modes.CTR(counter)).encryptor()
    ciphertext = encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()
    mac = hmac.new(mac_key, ciphertext, hashlib.sha256).digest()
    inner = b"\n".join(binascii.hexlify(part) for part in (salt, mac, ciphertext))
    body = "\n".join(textwrap.wrap(binascii.hexlify(inner).decode("ascii"), 80))
    return _HEADER + b"\n" + body.encode("ascii") + b"\n"


def decrypt(data: bytes, password: bytes, source: str) -> bytes:
    """Return the plain content of ansible-vault text.

    :param source: path of the file, for the error.
    :raises VaultError: wrong password, damaged text or another format.
    """
    header, separator, body = data.partition(b"\n")
    if not separator or header.split(b";")[2:3] != [b"AES256"]:
        raise VaultError(
            f"{source}: vault format {header[:40].decode('ascii', 'replace')!r} is unknown; encrypt it anew"
        )
    try:
        inner = binascii.unhexlify(b"".join(body.split()))
        salt, mac, ciphertext = (binascii.unhexlify(part) for part in inner.split(b"\n", 2))
    except ValueError:
        raise VaultError(f"{source}: vault text is damaged; restore the file from a backup") from None
    cipher_key, mac_key, counter = _keys(password, salt)
    if not hmac.compare_digest(hmac.new(mac_key, ciphertext, hashlib.sha256).digest(), mac):
        raise VaultError(
            f"{source}: vault password does not fit, or the text was changed; give the password it was encrypted with"
        )
    decryptor = Cipher(algorithms.AES(cipher_key), modes.CTR(counter)).decryptor()
    unpadder = PKCS7(_BLOCK_BITS).unpadder()
    return unpadder.update(decryptor.update(ciphertext) + decryptor.finalize()) + unpadder.finalize()


def _keys(password: bytes, salt: bytes) -> tuple[bytes, bytes, bytes]:
    material = hashlib.pbkdf2_hmac("sha256", password, salt, _ITERATIONS, 80)
    return material[:32], material[32:64], material[64:]
