# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping ports of a lab's bridge apart. Rules name ports, so they also hold for a wire that is plugged in again."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.host.nftables import first_complaint, nft


def separate(router: str, name: str, pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> None:
    """Drop every frame between the two groups of ports of each pair, in both directions; repeatable.

    *router* is the namespace with the bridge, *name* a lower-case word for :func:`join`. Raises :class:`LabError`.
    """
    rules = "\n".join(rule for one, other in pairs for rule in (_rule(one, other), _rule(other, one)))
    chain = f"chain forward {{\ntype filter hook forward priority 0;\n{rules}\n}}"
    # One transaction replaces what may be there.
    _nft(router, f"{_removal(name)}table bridge {_table(name)} {{\n{chain}\n}}\n")


def join(router: str, name: str) -> None:
    """Undo :func:`separate`; repeatable."""
    _nft(router, _removal(name))


def _removal(name: str) -> str:
    """Return the lines that delete the table, created just before so that this cannot fail."""
    return f"table bridge {_table(name)} {{}}\ndelete table bridge {_table(name)}\n"


def _rule(source: Sequence[str], target: Sequence[str]) -> str:
    return f"iifname {{ {_listed(source)} }} oifname {{ {_listed(target)} }} drop"


def _listed(ports: Sequence[str]) -> str:
    return ", ".join(f'"{port}"' for port in ports)


def _table(name: str) -> str:
    return f"fault_{name.replace('-', '_')}"


def _nft(router: str, rules: str) -> None:
    done = nft(["-f", "-"], router, rules)
    if done.returncode != 0:
        cause = f"nft in {router}: {first_complaint(done)}"
        raise LabError(cause, "see whether this kernel has nf_tables for bridges")
