# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Building the components of an application with the commands of its manifest."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.logged_run import last_lines, run_logged
from ansible_collections.homelab.talos.plugins.module_utils.spin.build_command import CommandError, words_of
from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import BuildFailed
from ansible_collections.homelab.talos.plugins.module_utils.spin.manifest import Component, LocalSource, Manifest

Policy = Literal["always", "missing", "never"]
# What tool chains need to find themselves and their caches; credentials in the environment are for others.
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "LANG", "http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True)
class BuildOptions:
    """How components are built.

    :ivar policy: ``missing`` builds those whose WebAssembly is not there.
    :ivar shell: whether a shell may read the commands.
    :ivar limit: for each command, in seconds.
    :ivar environment: further variables.
    """

    policy: Policy = "always"
    shell: bool = False
    limit: float = 600.0
    environment: Mapping[str, str] = field(default_factory=dict)


def to_build(manifest: Manifest, directory: Path, policy: Policy) -> list[Component]:
    """Return the components that the policy wants built, in the order of the manifest."""
    candidates = [each for each in manifest.components.values() if each.build is not None]
    if policy == "never":
        return []
    return [each for each in candidates if policy == "always" or not _is_there(each, directory)]


def build_components(manifest: Manifest, directory: Path, options: BuildOptions) -> list[str]:
    """Build what the options want built; return the ids of the components.

    :raises BuildFailed: a command is not allowed, cannot be started, failed or took too long.
    """
    built = []
    for component in to_build(manifest, directory, options.policy):
        _build(manifest, component, directory, options)
        built.append(component.id)
    return built


def _build(manifest: Manifest, component: Component, directory: Path, options: BuildOptions) -> None:
    if component.build is None:
        return
    where = f"{manifest.file}: component.{component.id}.build"
    workdir = (directory / component.build.workdir).resolve()
    if not workdir.is_dir():
        raise BuildFailed(where, f"workdir {component.build.workdir!r} does not exist", "correct it in the manifest")
    commands = []
    for command in component.build.commands:
        try:
            commands.append(words_of(command, options.shell))
        except CommandError as error:
            remedy = "write a list of plain commands, or set build_shell when you trust it"
            raise BuildFailed(where, f"command {command!r} {error}", remedy) from None
    for words, command in zip(commands, component.build.commands, strict=True):
        _run(words, command, where, workdir, options)


def _run(words: list[str], command: str, where: str, workdir: Path, options: BuildOptions) -> None:
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment = {"PATH": os.defpath, **passed_on, "LC_ALL": "C.UTF-8", **options.environment}
    with tempfile.TemporaryDirectory(prefix="spin-build-") as scratch:
        log = Path(scratch, "log")
        try:
            with log.open("wb") as stream:
                status = run_logged(words, environment, stream, options.limit, workdir)
        except OSError as error:
            cause = f"command {command!r} cannot be started: {error.strerror}"
            raise BuildFailed(where, cause, f"install {words[0]}, or set build to never") from None
        said = " | ".join(last_lines(log)) or "it printed nothing"
    if status is None:
        cause = f"command {command!r} took more than {options.limit:g} s: {said}"
        raise BuildFailed(where, cause, "raise build_timeout, or run it by hand")
    if status != 0:
        cause = f"command {command!r} failed with exit status {status}: {said}"
        raise BuildFailed(where, cause, f"run it by hand in {workdir}")


def _is_there(component: Component, directory: Path) -> bool:
    return not isinstance(component.source, LocalSource) or (directory / component.source.path).is_file()
