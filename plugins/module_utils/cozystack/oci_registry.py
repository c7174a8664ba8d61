# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading from a container registry: manifests and small blobs, anonymously.

Source: opencontainers/distribution-spec:spec.md, distribution/distribution:docs/content/spec/auth/token.md.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import re
import tarfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.extension_list import (
    LIST_FILE,
    LIST_REPOSITORY,
    ExtensionList,
    list_image,
    parse_list,
)

_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_BASE_URL = re.compile(r"https?://[^\s/]+(?:/\S*)?")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_LARGEST = 32 << 20
_LARGEST_LIST = 1 << 20
_OFFLINE = "give a saved image-digests file, or a mirror of the registry"


@dataclass
class RegistryReader:
    """Reads from registries.

    :param mirrors: host of a registry to the base URL that is asked instead, such as ``http://192.168.1.5:5000``.
    :param timeout: limit for each request, in seconds.
    :raises BuildError: a mirror is no base URL.
    """

    mirrors: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 30.0
    _tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for host, base in self.mirrors.items():
            if not isinstance(base, str) or not _BASE_URL.fullmatch(base):
                raise BuildError(
                    f"registry_mirrors {host}", f"{base!r} is no base URL", "write it like http://192.168.1.5:5000"
                )

    def manifest(self, repository: str, reference: str) -> tuple[dict[str, Any], str]:
        """Return a manifest or an index, and its digest.

        :param repository: with the registry's host.
        :param reference: tag or digest.
        :raises BuildError: the registry cannot be reached, or has no such image.
        """
        data = self._get(repository, f"manifests/{reference}")
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if reference.startswith("sha256:") and digest != reference:
            raise BuildError(f"{repository}@{reference}", f"the registry sent {digest}", "do not use that registry")
        try:
            content = json.loads(data)
        except (ValueError, RecursionError):
            content = None
        if not _is_manifest(content):
            raise BuildError(f"{repository}:{reference}", "the registry sent no manifest", _OFFLINE)
        return content, digest

    def architectures(self, repository: str, reference: str) -> list[str]:
        """Return the architectures of an image; empty when the manifest does not say."""
        content, _digest = self.manifest(repository, reference)
        platforms = [entry.get("platform") or {} for entry in content.get("manifests") or ()]
        return sorted({str(each.get("architecture")) for each in platforms if each.get("os", "linux") == "linux"})

    def blob(self, repository: str, digest: str) -> bytes:
        """Return a blob whose digest is right.

        :raises BuildError: it cannot be read, or its content is another.
        """
        data = self._get(repository, f"blobs/{digest}")
        found = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if found != digest:
            raise BuildError(f"{repository}@{digest}", f"the registry sent {found}", "do not use that registry")
        return data

    def extension_list(self, talos_version: str) -> ExtensionList:
        """Return the list of extensions of a Talos version.

        :raises BuildError: it cannot be had.
        """
        image = list_image(talos_version)
        content, _digest = self.manifest(LIST_REPOSITORY, talos_version)
        if content.get("manifests"):
            content, _digest = self.manifest(LIST_REPOSITORY, str(content["manifests"][0]["digest"]))
        for layer in content.get("layers") or ():
            text = _file_of(self.blob(LIST_REPOSITORY, str(layer["digest"])), LIST_FILE)
            if text is not None:
                return parse_list(text, image, talos_version)
        raise BuildError(image, f"holds no file {LIST_FILE}", _OFFLINE)

    def _get(self, repository: str, what: str) -> bytes:
        host, _separator, path = repository.partition("/")
        base = self.mirrors.get(host, f"https://{host}").rstrip("/")
        url = f"{base}/v2/{path}/{what}"
        try:
            return self._ask(url, self._tokens.get(repository, ""))
        except urllib.error.HTTPError as error:
            if error.code != 401 or repository in self._tokens:
                raise _refused(repository, what, error) from None
            challenge = error.headers.get("WWW-Authenticate") or ""
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise _unreachable(repository, base, error) from None
        try:
            self._tokens[repository] = self._token(challenge)
            return self._ask(url, self._tokens[repository])
        except urllib.error.HTTPError as error:
            raise _refused(repository, what, error) from None
        except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
            raise _unreachable(repository, base, error) from None

    def _token(self, challenge: str) -> str:
        values = dict(_CHALLENGE.findall(challenge))
        realm = values.pop("realm", "")
        if not realm.startswith(("http://", "https://")):
            raise ValueError("it asks for a way to log in that is not known here")
        answer = json.loads(self._ask(f"{realm}?{urllib.parse.urlencode(values)}", ""))
        if not isinstance(answer, dict):
            raise ValueError("it gives no token")
        return str(answer.get("token") or answer.get("access_token") or "")

    def _ask(self, url: str, token: str) -> bytes:
        request = urllib.request.Request(url, headers={"Accept": ", ".join(_TYPES)})
        if token:
            # Not to where a blob is redirected: storage refuses a second way to log in.
            request.add_unredirected_header("Authorization", f"Bearer {token}")
        with urllib.request.build_opener().open(request, timeout=self.timeout) as response:
            data: bytes = response.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise ValueError("the answer is larger than 32 MiB")
        return data


def _is_manifest(content: Any) -> bool:
    """Return whether everything in it that is used here has its form."""
    if not isinstance(content, dict):
        return False
    for key in ("manifests", "layers"):
        entries = content.get(key) or []
        if not isinstance(entries, list):
            return False
        for entry in entries:
            if not isinstance(entry, dict) or not isinstance(entry.get("digest"), str):
                return False
            if not isinstance(entry.get("platform") or {}, dict):
                return False
    return True


def _file_of(layer: bytes, name: str) -> str | None:
    """Return a file of a layer, None when it has none."""
    try:
        with tarfile.open(fileobj=io.BytesIO(layer), mode="r:*") as archive:
            for member in archive:
                if member.name.removeprefix("./").lstrip("/") == name and member.isfile():
                    stream = archive.extractfile(member)
                    return stream.read(_LARGEST_LIST).decode("utf-8", "replace") if stream else None
    except (tarfile.TarError, OSError, EOFError):
        return None
    return None


def _refused(repository: str, what: str, error: urllib.error.HTTPError) -> BuildError:
    if error.code == 404:
        return BuildError(f"{repository} {what}", "there is no such image", "check the Talos version")
    return BuildError(f"{repository} {what}", f"the registry refuses: {error.code} {error.reason}", _OFFLINE)


def _unreachable(repository: str, base: str, error: Exception) -> BuildError:
    reason = " ".join(str(getattr(error, "reason", None) or error or type(error).__name__).split())
    return BuildError(repository, f"{base} cannot be reached: {reason}", _OFFLINE)
