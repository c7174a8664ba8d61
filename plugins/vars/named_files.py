# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
name: named_files
short_description: Names file and line of broken YAML in group_vars and host_vars
version_added: 0.1.0
description:
  - Gives no variables. Reads the files that P(ansible.builtin.host_group_vars#vars) reads, and fails with file, line
    and cause where one is no YAML; ansible-core itself only says that there is such a file somewhere.
  - Has to be named before it, with C(vars_plugins_enabled = homelab.talos.named_files, host_group_vars) in ansible.cfg.
author:
  - homelab.talos contributors (@homelab)
options: {}
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.inventory.group import Group
from ansible.plugins.vars import BaseVarsPlugin

YAML_IMPORT_ERROR: ImportError | None = None
try:
    import yaml
except ImportError as error:
    YAML_IMPORT_ERROR = error

ENCRYPTED = "$ANSIBLE_VAULT"


class VarsModule(BaseVarsPlugin):
    """Looks at the files of variables before they are read."""

    def get_vars(self, loader: Any, path: str, entities: Any, cache: bool = True) -> dict[str, Any]:
        """Return no variables.

        :param path: directory of an inventory or of the playbook, ``entities`` the hosts and groups that are asked for.
        :raises AnsibleParserError: a file is no YAML; one line with file, line and cause.
        """
        super().get_vars(loader, path, entities)
        if YAML_IMPORT_ERROR is None:
            for entity in entities if isinstance(entities, list) else [entities]:
                directory = "group_vars" if isinstance(entity, Group) else "host_vars"
                for file in _files(loader, Path(self._basedir) / directory, str(entity.name)):
                    problem = yaml_problem(file)
                    if problem:
                        raise AnsibleParserError(problem)
        return {}


def _files(loader: Any, directory: Path, name: str) -> Iterator[Path]:
    if directory.is_dir() and "/" not in name:
        for found in loader.find_vars_files(str(directory), name):
            yield Path(found.decode() if isinstance(found, bytes) else found)


def yaml_problem(file: Path) -> str:
    """Return what is wrong with a file of variables (file, line, cause, remedy), empty when it is readable YAML."""
    try:
        text = file.read_text(encoding="utf-8")
        if not text.startswith(ENCRYPTED):
            yaml.compose(text, yaml.SafeLoader)
    except OSError as error:
        return f"{file}: cannot be read: {error.strerror}; correct its permissions"
    except UnicodeDecodeError:
        return f"{file}: is no text; write it as YAML in UTF-8"
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else str(file)
        return f"{where}: is no YAML: {getattr(error, 'problem', None) or error}; correct it there or just before"
    return ""
