# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counting packets that tried to leave a lab; both counters are 0 after every scenario.

The router counts what a node sent it for a destination outside the labs' range. The host counts (and
drops) what it would have sent into that range other than over a lab's own link.
"""

from __future__ import annotations

import json

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.host.links import LAB_RANGE
from ansible_collections.homelab.talos.lab.host.nftables import first_complaint, nft
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.addresses import TAILNET

_TABLE = "homelab_talos"
_HOST_RULES = f"""
table inet {_TABLE} {{
  counter escaped {{ }}
  chain output {{
    type filter hook output priority 0;
    ip daddr {LAB_RANGE} fib daddr type != local oifname != "hlt*" counter name escaped drop
  }}
}}
"""
_ROUTER_RULES = """
table inet {table} {{
  counter escaped {{ }}
  chain prerouting {{
    type filter hook prerouting priority 0;
    meta pkttype host ip daddr != {{ {inside} }} counter name escaped
  }}
}}
"""


def count_on_router(namespace: str, *, tailnet: bool = False) -> None:
    """Start counting in the lab's router namespace.

    With a *tailnet*, its addresses belong to the lab as well: tailscaled looks for its own resolver there before its
    tunnel is up, and nobody routes them on the Internet (RFC 6598).
    """
    inside = ", ".join(str(each) for each in ((LAB_RANGE, TAILNET) if tailnet else (LAB_RANGE,)))
    _nft(["-f", "-"], namespace, _ROUTER_RULES.format(table=_TABLE, inside=inside))


def count_on_host() -> None:
    """Start counting on the host; repeatable."""
    if _counter("") is None:
        _nft(["-f", "-"], "", _HOST_RULES)


def stop_counting_on_host() -> None:
    """Undo :func:`count_on_host`."""
    if _counter("") is not None:
        _nft(["delete", "table", "inet", _TABLE], "")


def escaped_packets(router: str) -> dict[str, int]:
    """Return the packets counted on the lab's *router* (name of its namespace) and on the host."""
    return {"router": _counter(router) or 0, "host": _counter("") or 0}


def _counter(namespace: str) -> int | None:
    """Return the counter's packets, None where nothing is counted."""
    done = nft(["--json", "list", "counter", "inet", _TABLE, "escaped"], namespace)
    if done.returncode != 0:
        return None
    for item in json.loads(done.stdout)["nftables"]:
        if "counter" in item:
            return int(item["counter"]["packets"])
    return None


def _nft(arguments: list[str], namespace: str, rules: str = "") -> None:
    done = nft(arguments, namespace, rules)
    if done.returncode != 0:
        cause = f"nft {' '.join(arguments)}: {first_complaint(done)}"
        raise LabError(cause, "see whether this kernel has nf_tables: nft list ruleset")
