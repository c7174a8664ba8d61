# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why the pods of an application do not come up: what Kubernetes says, in the words that an operator would look for.

A trouble is *final* when waiting does not mend it: somebody has to change the application or the cluster. What may pass
by itself (a registry that is away, memory that is in use) is not.

Source: kubernetes/kubernetes:pkg/kubelet/images/types.go, pkg/kubelet/container/sync_result.go,
containerd/containerd:internal/cri/config/config.go (the text about runtimes)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.spin.names import NODE_LABEL

Object = Mapping[str, Any]

_PULL = frozenset({"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "InvalidImageName", "RegistryUnavailable"})
_PASSING = re.compile(
    r"connection refused|no route to host|no such host|i/o timeout|timeout|unexpected eof|connection reset|"
    r"network is unreachable|temporary failure|server misbehaving|status:? 50[0-4]|429|: eof",
    re.IGNORECASE,
)
_NO_RUNTIME = re.compile(r'no runtime for "([^"]*)" is configured')
_NOT_FOUND = re.compile(r'(secret|configmap|persistentvolumeclaim) "([^"]+)" not found', re.IGNORECASE)
_LONGEST = 400


@dataclass(frozen=True)
class Trouble:
    """One reason.

    :ivar reason: short and stable, such as ``image-pull``.
    :ivar message: one line with the object and what is said about it.
    :ivar remedy: what to do.
    :ivar final: whether waiting does not mend it.
    """

    reason: str
    message: str
    remedy: str
    final: bool = True

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}"


def creation_trouble(message: str) -> Trouble:
    """Return why a controller cannot make pods, from the message of its event or condition."""
    text = _line(message)
    if "RuntimeClass" in text and "not found" in text:
        return Trouble("runtime-class-missing", text, "make the RuntimeClass with the role homelab.talos.spin_runtime")
    if "exceeded quota" in text:
        return Trouble("quota", text, "raise the quota of the namespace, or ask for less")
    if "usage per" in text:
        return Trouble("limit-range", text, "ask for resources within the LimitRange of the namespace")
    if "conflict" in text and "nodeSelector" in text:
        return Trouble("placement", text, "select nodes by the RuntimeClass only")
    if "serviceaccount" in text.lower() and "not found" in text:
        return Trouble("service-account-missing", text, "make the service account, or leave it out")
    return Trouble("create", text, "change what the API server refuses")


def pod_trouble(pod: Object, events: Sequence[Object], log: str = "") -> Trouble | None:
    """Return why a pod does not come up, None when nothing says so.

    :param events: all of the namespace.
    :param log: what its container wrote before it ended.
    """
    name = pod["metadata"]["name"]
    status = pod.get("status") or {}
    said = list(_about(pod, events))
    found = _unscheduled(name, status)
    if found is None:
        for container in status.get("containerStatuses") or ():
            found = found or _container_trouble(name, container, said, log)
    if found is None and status.get("phase") == "Failed":
        text = _line(f"pod {name}: {status.get('reason') or 'Failed'}: {status.get('message') or 'no message'}")
        found = Trouble("pod-failed", text, "look at the node", final=False)
    if found is None:
        found = _event_trouble(name, pod, said)
    return found


def _about(item: Object, events: Iterable[Object]) -> Iterator[tuple[str, str]]:
    """Yield reason and message of the events about an object, the latest first."""
    uid = item["metadata"].get("uid")
    own = [event for event in events if (event.get("involvedObject") or {}).get("uid") == uid]
    for event in sorted(own, key=_time_of, reverse=True):
        yield str(event.get("reason") or ""), str(event.get("message") or "")


def _time_of(event: Object) -> str:
    times = [event.get("lastTimestamp"), (event.get("series") or {}).get("lastObservedTime"), event.get("eventTime")]
    return str(next((time for time in times if time), ""))


def _unscheduled(name: str, status: Object) -> Trouble | None:
    for condition in status.get("conditions") or ():
        if condition.get("type") != "PodScheduled" or condition.get("status") != "False":
            continue
        text = _line(f"pod {name} finds no node: {condition.get('message') or condition.get('reason')}")
        if _NOT_FOUND.search(text):
            return _missing(text)
        match = re.search(r"0/(\d+) nodes are available: (\d+) node\(s\) didn't match Pod's node affinity", text)
        if match:
            remedy = f"label nodes that have the spin extension with {NODE_LABEL} (role homelab.talos.spin_runtime)"
            # Some node could match once there is room on it; none will when none has the label.
            return Trouble("no-node", text, remedy, final=match[1] == match[2])
        return Trouble("no-node", text, "make room on a node, or ask for less", final=False)
    return None


def _container_trouble(name: str, container: Object, said: Sequence[tuple[str, str]], log: str) -> Trouble | None:
    state = container.get("state") or {}
    waiting = state.get("waiting") or {}
    reason, message = str(waiting.get("reason") or ""), str(waiting.get("message") or "")
    if reason in _PULL:
        return _pull_trouble(name, str(container.get("image") or ""), message, said)
    if reason == "CreateContainerConfigError":
        return _missing(_line(f"pod {name}: {message}"))
    if reason in ("CreateContainerError", "RunContainerError"):
        return Trouble("container", _line(f"pod {name}: {message}"), "look at the application and at its command")
    ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated")
    if ended and (reason == "CrashLoopBackOff" or "terminated" in state):
        return _crash(name, ended, log, again=reason == "CrashLoopBackOff")
    return None


def _crash(name: str, ended: Object, log: str, again: bool) -> Trouble:
    lines = [line.strip() for line in (ended.get("message") or log).splitlines() if line.strip()]
    # Engines print the cause and then a trace below it; what begins with "Error" or names a trap is the cause.
    told = next((line for line in lines if re.match(r"(?i)error|.*\btrap\b", line)), lines[-1] if lines else "")
    reason = str(ended.get("reason") or "Error")
    if reason == "OOMKilled":
        text = f"pod {name}: its memory was not enough (OOMKilled)"
        return Trouble("out-of-memory", text, "raise resources.limits.memory; the first start needs most", final=again)
    text = _line(f"pod {name} ends with exit code {ended.get('exitCode')}: {told or 'it said nothing'}")
    return Trouble("crash", text, "look at the application, its variables and its runtime configuration", final=again)


def _pull_trouble(name: str, image: str, message: str, said: Sequence[tuple[str, str]]) -> Trouble:
    # "Back-off pulling image" says nothing; the event of the try before says why.
    told = next((text for reason, text in said if reason == "Failed" and "Failed to pull" in text), "")
    text = _line(f"pod {name}: image {image}: {told or message}")
    if re.search(r"x509|certificate|tls: ", text):
        return Trouble("registry-tls", text, "let the nodes trust the registry's authority (TrustedRootsConfig)")
    if re.search(r"unauthorized|authorization failed|denied|40[13]", text, re.IGNORECASE):
        return Trouble("registry-login", text, "give image_pull_secrets with the credentials of the registry")
    if re.search(r"digest|failed size validation|failed precondition", text) and "not found" not in text:
        return Trouble("image-digest", text, "push the application again")
    if _PASSING.search(text):
        return Trouble("registry-away", text, "check that the registry runs; the pod waits for it", final=False)
    return Trouble("image-pull", text, "check the reference, and push the application")


def _event_trouble(name: str, pod: Object, said: Sequence[tuple[str, str]]) -> Trouble | None:
    for reason, message in said:
        if reason == "FailedCreatePodSandBox":
            match = _NO_RUNTIME.search(message)
            if match:
                node = (pod.get("spec") or {}).get("nodeName", "")
                text = _line(f"pod {name} on node {node}: {match[0]}")
                return Trouble("no-runtime", text, "give the node the spin extension, or take its label away")
            return Trouble("sandbox", _line(f"pod {name}: {message}"), "look at the node", final=False)
        if reason in ("FailedMount", "FailedAttachVolume"):
            text = _line(f"pod {name}: {message}")
            return (
                _missing(text) if _NOT_FOUND.search(text) else Trouble("volume", text, "look at the claim", final=False)
            )
        if reason == "Unhealthy":
            text = _line(f"pod {name} runs and is not ready: {message}")
            return Trouble("not-ready", text, "look at what the application answers, and at its log", final=False)
    return None


def _missing(text: str) -> Trouble:
    match = _NOT_FOUND.search(text)
    what = f"{match[1].lower()} {match[2]}" if match else "what is missing"
    return Trouble("reference-missing", text, f"make {what}, or correct its name")


def _line(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST else f"{flat[:_LONGEST]}..."
