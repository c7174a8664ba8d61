# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module wrapper: an ``AnsibleModule`` inside, errors turned into results in one place.

Private to this collection: it may change at any time.
"""

from __future__ import annotations

import asyncio
import datetime
import inspect
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.dependencies import TALOS, require
from ansible_collections.homelab.talos.plugins.module_utils._module.errors import (
    ModuleFailure,
    failure,
    is_expected,
    named,
)
from ansible_collections.homelab.talos.plugins.module_utils._module.secrets import hide_only_secrets, hide_secrets

Result = dict[str, Any]


class TalosModule:
    """One run of a module.

    :param spec: options and their rules.
    :param packages: what the module cannot do without, import name -> package name; by default what speaks Talos' API.

    An option ``definition`` is declared ``no_log``, which keeps it out of the controller's log; in results only the
    secrets within are censored, not every word of it.
    """

    def __init__(self, spec: ArgumentSpec, packages: Mapping[str, str] | None = None) -> None:
        self._ansible = spec.create_module()
        self.params: dict[str, Any] = self._ansible.params
        self.check_mode: bool = self._ansible.check_mode
        require(self._ansible, TALOS if packages is None else packages)
        hide_only_secrets(self._ansible, self.params.get("definition"))

    def now(self) -> datetime.datetime:
        """Return the current time in UTC; tests replace it."""
        return datetime.datetime.now(datetime.UTC)

    @property
    def wants_diff(self) -> bool:
        """Whether the operator asked for differences."""
        return bool(self._ansible._diff)

    def require(self, packages: Mapping[str, str]) -> None:
        """End the module when one of the packages (import name -> package name) is missing."""
        require(self._ansible, packages)

    def warn(self, text: str) -> None:
        """Show a warning to the operator."""
        self._ansible.warn(text)

    def hide(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Censor the secrets of machine configuration documents in results."""
        hide_secrets(self._ansible, documents)

    def fail(self, message: str, **details: Any) -> NoReturn:
        """End the module as failed with a one-line message; ``details`` become return values.

        :raises ModuleFailure: always.
        """
        raise ModuleFailure(message, **details)

    def run(self, work: Callable[[TalosModule], Any]) -> NoReturn:
        """Run ``work`` (plain or async) with this module and end the process with its result.

        ``work`` returns the dict of return values; ``changed`` is false unless it says otherwise. Expected errors
        end as one line in ``msg``; anything else is a defect of this collection and says so.
        """
        try:
            result = work(self)
            if inspect.isawaitable(result):
                result = asyncio.run(_finish(result))
        except Exception as error:
            if is_expected(error):
                self._ansible.fail_json(**named(failure(error), self.params.get("name")))
            self._ansible.fail_json(
                msg=f"unexpected {type(error).__name__}: this is a defect of homelab.talos; run again with -vvv",
                exception=traceback.format_exc(),
            )
        self._ansible.exit_json(**{"changed": False, **result})


async def _finish(work: Any) -> Result:
    return await work
