# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of services and DNS, from every node and from a pod on every node, and how answers are kept.

One kind of question is one table: source -> target -> value. A value is what was answered, or the error in words; what
nobody answered is missing, so that a comparison of whole tables misses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

API = "kubernetes"
POD_PORT = 8080
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
SECONDS = 5.0

Table = dict[str, dict[str, Any]]


class Failure(str):
    """Why there was no answer, in words."""


@dataclass(frozen=True)
class Target:
    """A pod with a service of its own: the name of the service, and the addresses of both."""

    name: str
    pod: str
    service: str


@dataclass
class Traffic:
    """What was found.

    :ivar services: target -> address of its service, as the Kubernetes API says.
    :ivar at_pods: ``hostname`` that answered at the address of a pod; ``at_services`` at that of its service,
        ``at_names`` at the name of its service.
    :ivar names: addresses that a name leads to.
    :ivar api_versions: version that the Kubernetes API told at its service address, and at its name.
    """

    services: dict[str, str] = field(default_factory=dict)
    at_pods: Table = field(default_factory=dict)
    at_services: Table = field(default_factory=dict)
    at_names: Table = field(default_factory=dict)
    names: Table = field(default_factory=dict)
    api_versions: Table = field(default_factory=dict)

    @property
    def failures(self) -> dict[str, str]:
        """What was not answered: ``source>target`` -> why."""
        tables = (self.at_pods, self.at_services, self.at_names, self.names, self.api_versions)
        return {
            f"{source}>{target}": str(value)
            for table in tables
            for source, row in table.items()
            for target, value in row.items()
            if isinstance(value, Failure)
        }


@dataclass(frozen=True)
class Question:
    """One question: the table and the row it is for, and what the program ``probe`` is asked."""

    table: str
    target: str
    asked: Mapping[str, Any]


def node_source(node: str) -> str:
    """Return how the node itself is called as a source."""
    return f"node {node}"


def pod_source(node: str) -> str:
    """Return how the pod on a node is called as a source."""
    return f"pod on {node}"


def questions(
    targets: Mapping[str, Target], cluster: Mapping[str, str], namespace: str, of_node: bool
) -> list[Question]:
    """Return what one source asks.

    A pod uses short names and the resolver that the kubelet gave it. A node of Talos does not resolve names of the
    cluster by itself, so it asks the DNS service by its address, for full names.

    :param targets: node -> its target.
    :param cluster: ``api`` and ``dns``, the addresses of both services, and ``domain``.
    :param of_node: whether the source is a node.
    """
    resolver = {"resolver": cluster["dns"]} if of_node else {}
    end = f".{namespace}.svc.{cluster['domain']}" if of_node else ""
    api = f"kubernetes.default.svc{'.' + cluster['domain'] if of_node else ''}"
    found = []
    for node, target in targets.items():
        name = f"{target.name}{end}"
        found += [
            Question("at_pods", node, {"get": f"http://{target.pod}:{POD_PORT}/hostname"}),
            Question("at_services", node, {"get": f"http://{target.service}/hostname"}),
            Question("at_names", node, {"get": f"http://{name}/hostname", **resolver}),
            Question("names", node, {"resolve": name, **resolver}),
        ]
    trust = {"ca": f"{ACCOUNT}/ca.crt", "token": f"{ACCOUNT}/token"}
    found += [
        Question("names", API, {"resolve": api, **resolver}),
        Question("api_versions", "address", {"get": f"https://{cluster['api']}/version", **trust}),
        Question("api_versions", "name", {"get": f"https://{api}/version", **trust, **resolver}),
    ]
    return [Question(each.table, each.target, {**each.asked, "seconds": SECONDS}) for each in found]


def keep(traffic: Traffic, source: str, asked: Sequence[Question], answers: Iterable[Mapping[str, Any]]) -> None:
    """Put the answers of one source into the tables."""
    for question, answer in zip(asked, answers, strict=True):
        table: Table = getattr(traffic, question.table)
        table.setdefault(source, {})[question.target] = value_of(question.table, answer)


def value_of(table: str, answer: Mapping[str, Any]) -> Any:
    """Return what an answer of ``probe`` says in a table."""
    if "error" in answer:
        return Failure(answer["error"])
    if table == "names":
        return answer.get("addresses", [])
    if answer["status"] != 200:
        return Failure(f"status {answer['status']}: {answer.get('body', '')}")
    return json.loads(answer["body"])["gitVersion"] if table == "api_versions" else answer.get("body", "")
