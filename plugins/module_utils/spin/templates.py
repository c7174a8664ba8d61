# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates in manifests: texts with ``{{ variable }}`` in them.

Source: spinframework/spin:crates/expressions/src/template.rs
"""

from __future__ import annotations

import re

_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)*")


class TemplateError(ValueError):
    """A text is no template; the message is the cause."""


def template_variables(text: str) -> list[str]:
    """Return the names of the variables in a template, in their order.

    :raises TemplateError: a brace is not closed, or what is between them is no name of a variable.
    """
    names = []
    rest = text
    while "{{" in rest:
        _before, rest = rest.split("{{", 1)
        if "}}" not in rest:
            raise TemplateError("has {{ without }}")
        name, rest = rest.split("}}", 1)
        name = name.strip()
        if not _NAME.fullmatch(name):
            raise TemplateError(f"has {{{{ {name} }}}}, which is no name of a variable")
        names.append(name)
    if "}}" in rest:
        raise TemplateError("has }} without {{")
    return names
