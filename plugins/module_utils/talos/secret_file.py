# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that hold secrets: private from the first byte, replaced in one step."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


class SecretFileError(Exception):
    """A secret file cannot be written; the text is one line with path, cause and remedy."""


def write_secret(path: str | Path, data: bytes, mode: int = 0o600) -> None:
    """Write ``data`` to ``path`` so that no other user could read it at any moment.

    A temporary file is created with its final mode in the directory of ``path`` (never following a link that lies
    there), flushed to disk and renamed over ``path``.

    :param path: the file; its directory must exist.
    :param data: the whole content.
    :param mode: permissions of the file, applied when it is created.
    :raises SecretFileError: the directory is missing, not writable or full.
    """
    with open_secret(path, mode) as (stream, dummy_temporary):
        stream.write(data)


@contextlib.contextmanager
def open_secret(path: str | Path, mode: int = 0o600) -> Iterator[tuple[BinaryIO, Path]]:
    """Yield a stream to write, and where it goes until it becomes ``path`` at the end of the context.

    After an exception ``path`` is what it was. For the parameters and errors see :func:`write_secret`.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except OSError as error:
        raise SecretFileError(_line(target, error)) from error
    try:
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            yield stream, temporary
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise SecretFileError(_line(target, error)) from error
    finally:
        _remove(temporary)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _line(path: Path, error: OSError) -> str:
    reason = error.strerror or type(error).__name__
    return f"{path}: cannot be written: {reason}; check that {path.parent} exists and belongs to you"
