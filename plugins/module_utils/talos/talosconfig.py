# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client configuration files (talosconfig): where the nodes are and who the client is.

Source: siderolabs/talos:pkg/machinery/client/config/
"""

from __future__ import annotations

import base64
import binascii
import datetime
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos import yaml_text
from ansible_collections.homelab.talos.plugins.module_utils.talos.libraries import require

CRYPTOGRAPHY_IMPORT_ERROR: ImportError | None = None
try:
    from cryptography import x509
except ImportError as error:
    CRYPTOGRAPHY_IMPORT_ERROR = error

SERVICE_ACCOUNT_PATH = "/var/run/secrets/talos.dev/config"
RENEW = "create it anew with the client_config module or talosctl config new"


class TalosconfigError(Exception):
    """A talosconfig cannot be used. Attributes: `path`, `cause`, `remedy`. One line, never a secret."""

    def __init__(self, path: str, cause: str, remedy: str = "") -> None:
        self.path = path
        self.cause = cause
        self.remedy = remedy
        text = f"{path}: {' '.join(cause.split())}"
        super().__init__(f"{text}; remedy: {remedy}" if remedy else text)


@dataclass(frozen=True)
class Credentials:
    """Who the client is: the CA of the Talos API, the client certificate and its key, each as PEM bytes."""

    ca: bytes
    crt: bytes
    key: bytes = field(repr=False)

    @property
    def not_after(self) -> datetime.datetime:
        """End of the client certificate's validity (UTC). Raises ValueError when it is not a certificate."""
        return self._certificate().not_valid_after_utc

    @property
    def not_before(self) -> datetime.datetime:
        """Start of the client certificate's validity (UTC). Raises ValueError when it is not a certificate."""
        return self._certificate().not_valid_before_utc

    @property
    def roles(self) -> tuple[str, ...]:
        """The organizations of the client certificate's subject, which Talos takes as roles."""
        names = self._certificate().subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
        return tuple(str(name.value) for name in names)

    def validity_problem(self, now: datetime.datetime) -> str | None:
        """Return why the client certificate cannot be used at `now` (aware datetime), or None when it can."""
        try:
            self._certificate()
        except ValueError:
            return "the client certificate cannot be decoded"
        if now >= self.not_after:
            return f"the client certificate expired at {_utc(self.not_after)}"
        if now < self.not_before:
            return f"the client certificate is valid only from {_utc(self.not_before)}, now is {_utc(now)}"
        return None

    def _certificate(self) -> Any:
        require("cryptography", CRYPTOGRAPHY_IMPORT_ERROR)
        return x509.load_pem_x509_certificate(self.crt)


@dataclass(frozen=True)
class TalosContext:
    """One context of a talosconfig. `endpoints` are as written (host, host:port, https://host)."""

    name: str
    endpoints: tuple[str, ...]
    nodes: tuple[str, ...]
    credentials: Credentials


def utc_now() -> datetime.datetime:
    """Return the current time as an aware datetime in UTC."""
    return datetime.datetime.now(datetime.UTC)


def _utc(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def default_path(environment: Mapping[str, str] | None = None) -> Path:
    """Return the talosconfig that talosctl would read: $TALOSCONFIG, $TALOS_HOME/config, ~/.talos/config, or,
    when that does not exist, the one mounted into pods."""
    environment = os.environ if environment is None else environment
    if environment.get("TALOSCONFIG"):
        return Path(environment["TALOSCONFIG"]).expanduser()
    home = environment.get("TALOS_HOME") or "~/.talos"
    path = Path(home).expanduser() / "config"
    if not path.exists() and Path(SERVICE_ACCOUNT_PATH).exists():
        return Path(SERVICE_ACCOUNT_PATH)
    return path


def load_talosconfig(
    path: str | os.PathLike[str] | None,
    context: str | None = None,
    clock: Callable[[], datetime.datetime] = utc_now,
) -> TalosContext:
    """Read a talosconfig and return one of its contexts, for use at once.

    Without `path` the file of `default_path()`; without `context` the file's current one.
    Raises TalosconfigError: the file is missing or broken, has no such context, or its client certificate
    is not valid at `clock()`.
    """
    file = Path(path).expanduser() if path else default_path()
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise TalosconfigError(str(file), f"cannot be read: {reason}", "give the path of the talosconfig") from None
    loaded = parse_talosconfig(text, str(file), context)
    problem = loaded.credentials.validity_problem(clock())
    if problem:
        raise TalosconfigError(str(file), f"context {loaded.name}: {problem}", RENEW)
    return loaded


def parse_talosconfig(text: str, source: str, context: str | None = None) -> TalosContext:
    """Return one context of the talosconfig `text`; `source` is the name used in errors. Raises TalosconfigError."""
    document = _mapping(_load(text, source), source, "the file")
    contexts = _mapping(document.get("contexts") or {}, source, "contexts")
    if not contexts:
        raise TalosconfigError(source, "has no contexts", RENEW)
    name = context or document.get("context")
    if not name:
        raise TalosconfigError(source, "names no current context", f"choose one of: {_names(contexts)}")
    if name not in contexts:
        raise TalosconfigError(source, f"has no context {name!r}", f"choose one of: {_names(contexts)}")
    entry = _mapping(contexts[name], source, f"context {name}")
    endpoints = entry.get("endpoints") or ([entry["target"]] if entry.get("target") else [])
    return TalosContext(
        name=str(name),
        endpoints=_strings(endpoints, source, f"context {name}: endpoints"),
        nodes=_strings(entry.get("nodes") or [], source, f"context {name}: nodes"),
        credentials=Credentials(
            **{key: _pem(entry.get(key), source, f"context {name}: {key}") for key in ("ca", "crt", "key")}
        ),
    )


def _load(text: str, source: str) -> object:
    try:
        documents = yaml_text.load_all(text, source)
    except yaml_text.YamlError as error:
        line = f" in line {error.line}" if error.line else ""
        raise TalosconfigError(source, f"{error.cause}{line}", RENEW) from None
    if len(documents) != 1:
        raise TalosconfigError(source, f"has {len(documents)} YAML documents, expected one", RENEW)
    return documents[0]


def _mapping(value: object, source: str, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TalosconfigError(source, f"{what} is not a mapping", RENEW)
    return value


def _names(contexts: Mapping[str, object]) -> str:
    return ", ".join(sorted(str(name) for name in contexts))


def _strings(value: object, source: str, what: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TalosconfigError(source, f"{what} is not a list of strings")
    return tuple(value)


def _pem(value: object, source: str, what: str) -> bytes:
    if not isinstance(value, str) or not value:
        raise TalosconfigError(source, f"{what} is missing", "the context needs ca, crt and key")
    try:
        pem = base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        raise TalosconfigError(source, f"{what} is not base64", RENEW) from None
    if not pem.lstrip().startswith(b"-----BEGIN "):
        raise TalosconfigError(source, f"{what} is not PEM", RENEW)
    return pem


def render_talosconfig(
    cluster: str, role: str, endpoints: Sequence[str], nodes: Sequence[str], credentials: Credentials
) -> str:
    """Return a talosconfig with one context, the current one.

    The context has the cluster's name for the role os:admin and ``<role>@<cluster>`` for any other, as talosctl
    and the GenerateClientConfiguration call name them. The key must have the label Talos writes. The text holds a
    private key: write it with write_secret.
    """
    name = cluster if role in ("", "os:admin") else f"{role}@{cluster}"
    entry = {
        "endpoints": list(endpoints),
        "nodes": list(nodes),
        "ca": base64.b64encode(credentials.ca).decode(),
        "crt": base64.b64encode(credentials.crt).decode(),
        "key": base64.b64encode(credentials.key).decode(),
    }
    document = {"context": name, "contexts": {name: entry}}
    return yaml_text.dump(document)
